// SPDX-License-Identifier: Apache-2.0
/** What a user is told of a recording, in 80 columns; and that wrong options are refused before anything is run. */
import { existsSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import { build, refzero } from '../../test/helpers/command.js';
import type { RecordResult } from '../app/record.js';
import { renderRecord } from './record-render.js';
import { screenOf } from './terminal.js';

const MIB = 1 << 20;
const RESULT: RecordResult = {
  ended: { code: 0 },
  file: 'refzero.dat',
  bytes: 20 * MIB,
  records: 90_000,
  settings: { buffers: 64 * MIB, capacity: 32 * MIB, pageSize: 4096, clock: 'local' },
  lost: { overrun: 0, dropped: 0, missed: 0 },
  probes: [],
  held: undefined,
  failure: undefined,
  notUndone: [],
};

const told = (change: Partial<RecordResult>): string => {
  const text = renderRecord({ ...RESULT, ...change }, screenOf({}, {}));
  for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  return text.replaceAll('\n  ', ' ');
};

it('what is in the file, and what to do next', () => {
  expect(told({})).toBe(
    'refzero: 90,000 records (events, stacks, marks), 20 MB in refzero.dat; ring buffers of 64 MB, clock local\n' +
      'refzero: nothing was lost\nrefzero: next: refzero trace refzero.dat\n',
  );
});

it('what was lost, and the size that would have held it', () => {
  const text = told({ lost: { overrun: 810_000, dropped: 90_000, missed: 0 } });
  expect(text).toContain('LOST 900,000 records, 90.9 %: 810,000 overwritten before they were saved, 90,000 dropped;');
  // 20 MiB and ten times as much again, and half of that to spare
  expect(text).toContain('to lose nothing: --buffer 384M, or record less:');
  expect(text).not.toContain('nothing was lost');
  const missed = told({ lost: { overrun: 0, dropped: 0, missed: 11 } });
  expect(missed).toContain('LOST 11 hits of probes');
  expect(missed).not.toContain('nothing was lost');
});

it('which pages of devices are held at the end', () => {
  const page = { pfn: 0x40605, kind: 'fsdax', count: 3, idle: 1, mapped: 1 } as const;
  const held = { looked: 65536, of: 65536, count: 1, more: false, pages: [page] };
  const all = 'of 65,536 pages of device memory';
  expect(told({ held })).toContain(`HELD at the end: 1 ${all}: 0x40605 (fsdax) counts 3, idle 1, mapped 1\n`);
  expect(told({ held: { ...held, count: 0, pages: [] } })).toContain(`${all}, none counts more at the end than`);
  const many = { ...held, of: 1 << 30, count: 900, more: true, pages: new Array(32).fill(page) };
  expect(told({ held: many })).toMatch(/at least 900 of the first 65,536 pages .*mapped 1; \.\.\.\n/s);
});

it('why there is no file, or only its beginning, and what was left behind', () => {
  expect(told({ file: undefined, failure: 'EIO' })).toBe('refzero: the recording failed: EIO; there is no file\n');
  expect(told({ failure: 'the disk is full' })).toMatch(/^refzero: the recording is not complete: the disk is full\n/);
  const ended = { code: 127, failure: 'x: there is no such command' };
  expect(told({ file: undefined, ended })).toBe('refzero: x: there is no such command; nothing was recorded\n');
  expect(told({ notUndone: ['a is still there: EBUSY'] })).toContain('refzero: not undone: a is still there: EBUSY\n');
});

beforeAll(build);

it.each([
  [['record'], "missing required argument 'command'"],
  [['record', '--zone', 'normal', '--', 'touch', 'ran'], '--zone takes device, not "normal"'],
  [['record', '--after', 'soon', '--', 'touch', 'ran'], '--after takes seconds, not "soon"'],
  [['record', '--pfn', '9', '-o', '/nowhere/x', 'touch', '--nothing', 'ran'], "unknown option '--nothing'"],
])('%s is refused', async (args, message) => {
  const { exit, stdout, stderr } = await refzero(args);
  expect([exit, stdout, stderr]).toEqual([2, '', expect.stringContaining(message)]);
  expect(existsSync('ran')).toBe(false);
});

// SPDX-License-Identifier: Apache-2.0
/** `refzero trace` as a user sees it: what it prints, in which width, with which exit code; and what docs say that it prints. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { unpackContainer } from '../src/app/trace-unpack.js';
import { clean } from '../src/cli/trace-render.js';
import { exitCode, trace } from './helpers/trace-command.js';

const folder = mkdtempSync(join(tmpdir(), 'refzero-trace-'));
afterAll(() => rmSync(folder, { recursive: true }));
const LEAK = ['recordings/5.10-leaks-fsdax.dat.xz', '--meta', 'recordings/5.10-leaks-fsdax.meta.json'];

function file(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

test('a recording', async () => {
  const printed = await trace(...LEAK);
  expect(printed).toContain('kernel   5.10.223-kernlab, as recorded\n');
  expect(printed).toContain('lost     nothing: no gap, none overwritten, none dropped\n');
  expect(printed).toMatch(/^fsdax +1 +32 +0 +45 +44 +1$/m);
  expect(printed).toContain('  fsdax: open: 0x41005\n');
  expect(printed).toMatch(/^ {2}page_ref_mod_and_test +1,926 {3}/m);
});

test('whoever contradicts the recording is told', async () => {
  const asGiven = (await trace(...LEAK, '--kernel', '7.3')).replace(/\s+/g, ' ');
  expect(asGiven).toContain('kernel 7.3, as given');
  expect(asGiven).toContain('RZ3018');
  expect(asGiven).toContain(
    'the recording is of Linux 5.10.223-kernlab, and is read by the rules of 7.3, as --kernel says',
  );
  const foreign = await trace(LEAK[0], '--meta', 'recordings/7.3-fsdax.meta.json');
  expect(foreign.replace(/\s+/g, ' ')).toContain(
    'the recording is of Linux 5.10.223-kernlab, the meta.json of Linux 7.3',
  );
  expect(await trace(...LEAK, '--kernel', '5.10')).not.toContain('RZ3018');
});

test('what is asked for and not there, or never ends, is refused', async () => {
  expect(await trace(LEAK[0], '--buffer', 'mmb')).toBe('RZ3007');
  expect(await trace(LEAK[0], '--zone-device', '')).toBe('RZ3012');
  expect(await trace(LEAK[0], '--page', '0x41005', '--event', 'page_ref_mod')).toBe('RZ4000');
  expect(await trace('/dev/zero')).toBe('RZ3000');
});

test('somebody is accused: the verdict and exit code 1', async () => {
  const printed = await trace(...LEAK);
  expect(exitCode()).toBe(1);
  const verdict = printed.slice(printed.indexOf('\nverdict: 1 page with one story\n'));
  expect(verdict).toContain('likely: one reference to a fsdax page taken by refleak_get_user_leak [refleak]');
  expect(verdict).toContain('  page 0x41005\n');
  expect(verdict).toContain('page_ref_mod +1               1 -> 2\n');
  await trace(...LEAK, '--json');
  expect(exitCode()).toBe(1);
  await trace(...LEAK, '--page', '0x41005');
  expect(exitCode()).toBe(0);
});

test('nobody is accused: exit code 0', async () => {
  const printed = await trace('recordings/7.3-fsdax.dat.xz', '--meta', 'recordings/7.3-fsdax.meta.json');
  expect(exitCode()).toBe(0);
  expect(printed).toContain('\nverdict: nobody is accused\n\nnot judged\n');
});

test('one page, with stacks', async () => {
  const printed = await trace(...LEAK, '--page', '0x41005');
  expect(printed).toMatch(/^page 0x41005: fsdax, idle at 1 on 5.10.223-kernlab$/m);
  expect(printed).toMatch(/^ {4}17.800333 {3}0 wl-302 {11}page_ref_mod \+1 {15}2 -> 3$/m);
  expect(printed).toContain('refleak_get_user_leak [refleak] < refleak_ioctl [refleak] <');
  expect(printed).not.toContain('trace_event_raw_event');
});

test('80 columns, no colours, no control characters', async () => {
  for (const args of [LEAK, [...LEAK, '--page', '0x41005'], [...LEAK, '--event', 'dax_pte_fault']]) {
    for (const line of (await trace(...args)).split('\n')) {
      expect(line.length, line).toBeLessThanOrEqual(80);
      expect(line).toBe(clean(line));
    }
  }
  const hostile = file(
    'hostile.txt',
    '     \u001b[31mred\u001b-7       [000] d..1.     1.000000: e\u001bv: x\u001b]0;t\u0007\n',
  );
  const printed = (await trace(hostile)) + (await trace(hostile, '--event', 'e\u001bv'));
  expect(printed).toContain('e?v');
  expect(printed.includes('\u001b') || printed.includes('\u0007')).toBe(false);
});

test('the same as data', async () => {
  const report = JSON.parse(await trace(...LEAK, '--json'));
  expect(report).toMatchObject({ format: 'trace.dat 6', kernel: '5.10.223-kernlab', events: 4612, container: 'xz' });
  expect(report.pages.find((page: { kind: string }) => page.kind === 'fsdax')).toMatchObject({
    open: 1,
    openPages: [0x41005],
  });
  const page = JSON.parse(await trace(...LEAK, '--page', '266245', '--json'));
  expect(page.events.at(-1)).toMatchObject({
    event: 'page_ref_mod_and_return',
    before: 3,
    after: 2,
    cpu: 0,
    comm: 'wl',
  });
  expect(Math.round(page.events[0].time / 1000)).toBe(17155080);
  const [event] = JSON.parse(await trace(...LEAK, '--event', 'print', '--limit', '1', '--json'));
  expect(event.fields).toMatch(/^ip=0x[0-9a-f]+ buf=/);
  const [fault] = JSON.parse(await trace(...LEAK, '--event', 'dax_pte_fault', '--limit', '1', '--json'));
  expect(fault.stack).toEqual(expect.arrayContaining(['handle_mm_fault']));
});

test('ranges and kernel by hand', async () => {
  const text = 'recordings/6.12-p2pdma.trace.txt.xz';
  const printed = await trace(text, '--zone-device', '0xfd000-0xfdfff=p2pdma', '--kernel', 'v6.12');
  expect(printed).toMatch(/^p2pdma +1, 0\* +16 +0 +64 +64 +0$/m);
  const unknown = await trace(text, '--zone-device', '0xfd000-0xfdfff=p2pdma');
  expect(unknown).toContain('kernel   6.10 or later, inferred (mapcount=-1 of freed pages)');
  expect(unknown).toContain('warning[RZ3010]');
  expect(await trace(text, '--zone-device', '0x1-0x2=coherent', '--kernel', '5.10')).toContain('warning[RZ3013]');
});

test('wrong input is told by its code', async () => {
  expect(await trace(join(folder, 'missing'))).toBe('RZ3000');
  expect(await trace(folder)).toBe('RZ3000');
  expect(await trace('package.json')).toBe('RZ3001');
  expect(await trace(file('empty', ''))).toBe('RZ3001');
  expect(await trace(file('broken.gz', Uint8Array.of(0x1f, 0x8b, 8, 0, 1, 2, 3)))).toBe('RZ3008');
  expect(await trace(LEAK[0], '--kernel', 'new')).toBe('RZ3011');
  expect(await trace(LEAK[0], '--zone-device', '5-1=fsdax')).toBe('RZ3012');
  expect(await trace(LEAK[0], '--zone-device', '1-5=ordinal')).toBe('RZ3012');
  expect(await trace(LEAK[0], '--page', 'x')).toBe('RZ3014');
  expect(await trace(LEAK[0], '--page', '0x99')).toBe('RZ3015');
  expect(await trace(LEAK[0], '--event', 'nothing')).toBe('RZ3016');
  expect(await trace(LEAK[0], '--event', 'print', '--limit', '-1')).toBe('RZ4000');
  expect(await trace(LEAK[0], '--meta', 'package.json')).toBe('RZ3017');
  expect(await trace(LEAK[0], '--meta', file('meta.json', '{"zone_device_ranges":[{"first_pfn":"x"}]}'))).toBe(
    'RZ3017',
  );
});

test('a cut file is read as far as it goes, and says so', async () => {
  const { bytes } = await unpackContainer(new Uint8Array(readFileSync(LEAK[0])));
  const printed = await trace(file('cut.dat', bytes.slice(0, bytes.length - 200_000)));
  expect(printed).toMatch(/^events {3}\d,\d{3} on 1 CPU /m);
  expect(printed).toContain('statements across such a gap');
  expect(printed).toMatch(/warning\[RZ3004\]: CPU 0: the file ends after \d+ of \d+ bytes of its data/);
  expect(printed).toContain('warning[RZ3004]: CPU 1: its data lies behind the end of the file\n');
  expect(await trace(file('head.dat', bytes.slice(0, 1000)))).toContain('RZ3002');
  const packed = readFileSync('recordings/6.12-leaks-fsdax.trace.txt.gz');
  const part = await trace(file('cut.txt.gz', packed.subarray(0, packed.length >>> 1)), '--kernel', '6.12');
  expect(part).toContain('warning[RZ3008]: the gzip container is damaged or cut');
  expect(part).toMatch(/^events {3}\d,\d{3} on 2 CPUs/m);
});

describe.each(['docs/recordings.md', 'docs/recording.md'])('%s', (name) => {
  const text = readFileSync(name, 'utf8');
  const blocks = [...text.matchAll(/```console\n\$ npx refzero trace (.+)\n([\s\S]*?)```/g)];

  test.each(blocks.map(([, args, printed]) => [args, printed]))('%s', async (args, printed) => {
    expect(await trace(...args.split(' '))).toBe(printed);
  });

  test('has them', () => expect(blocks.length).toBeGreaterThan(0));
});

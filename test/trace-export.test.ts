// SPDX-License-Identifier: Apache-2.0
/** What `refzero trace` writes for other programs: CSV, folded stacks, a timeline, a mail; and that it overwrites nothing. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { exitCode, trace } from './helpers/trace-command.js';

const folder = mkdtempSync(join(tmpdir(), 'refzero-export-'));
afterAll(() => rmSync(folder, { recursive: true }));
const LEAK = ['recordings/5.10-leaks-fsdax.dat.xz', '--meta', 'recordings/5.10-leaks-fsdax.meta.json'];

describe('--csv', () => {
  test('a line for each event, all with the same columns, ended as RFC 4180 has it', async () => {
    const printed = await trace(...LEAK, '--csv');
    const [head, ...rows] = parseCsv(printed);
    expect(head.join()).toBe(
      'time,cpu,task,pid,pfn,kind,life,event,val,ret,order,before,after,count,mapcount,flags,marks,stack',
    );
    // all events of pages but mm_page_free_batched, which says nothing
    expect(rows.length).toBe(1926 + 1568 + 218 + 197 + 197 + 189 + 46);
    for (const row of rows) expect(row.length).toBe(head.length);
    const leaked = rows.filter((row) => row[4] === '0x41005').map((row) => [row[0], row[6], row[8], row[11], row[12]]);
    expect(leaked.at(-1)).toEqual(['17.800345131', '3', '-1', '3', '2']);
    expect(new Set(leaked.map((row) => row[1]))).toEqual(new Set(['1', '2', '3']));
  });

  test('quotes where it must', async () => {
    const hostile = join(folder, 'hostile.txt');
    writeFileSync(hostile, '     a,"b"-7       [000] d..1.     1.000000: page_ref_mod: pfn=0x5 count=2 val=1\n');
    const [, row] = parseCsv(await trace(hostile, '--csv'));
    expect(row.slice(2, 5)).toEqual(['a,"b"', '7', '0x5']);
  });
});

test('--folded: stacks of what leaks, root first, and how many references', async () => {
  const printed = await trace(...LEAK, '--folded');
  expect(exitCode()).toBe(1);
  const lines = printed.trimEnd().split('\n');
  expect(lines.length).toBe(1);
  // as flamegraph.pl and speedscope read a line
  const [, stack, count] = /^(.+) (\d+)$/.exec(lines[0])!;
  expect(count).toBe('1');
  expect(stack.split(';')[0]).toBe('entry_SYSCALL_64_after_hwframe');
  expect(stack.split(';').at(-1)).toBe('try_grab_page');
  expect(await trace(...LEAK, '--folded', '--kind', 'ordinary')).toBe('');
});

describe('--perfetto', () => {
  interface Event {
    ph: string;
    name: string;
    pid: number;
    tid: number;
    ts?: number;
    dur?: number;
    s?: string;
    args?: Record<string, unknown>;
  }

  test('a document of the Trace Event Format', async () => {
    const { traceEvents } = JSON.parse(await trace(...LEAK, '--perfetto', '--kind', 'fsdax')) as {
      traceEvents: Event[];
    };
    const named = new Set<string>();
    for (const { ph, name, pid, tid, ts, dur, s, args } of traceEvents) {
      expect(['M', 'X', 'i', 'C']).toContain(ph);
      expect(Number.isInteger(pid) && Number.isInteger(tid) && name.length > 0).toBe(true);
      if (ph === 'M') named.add(`${name} ${tid}`);
      else expect(ts).toBeGreaterThan(17e6);
      if (ph === 'X') expect(dur).toBeGreaterThanOrEqual(0);
      if (ph === 'X' || ph === 'i') expect(named).toContain(`thread_name ${tid}`);
      if (ph === 'i') expect(s).toBe('t');
      if (ph === 'C') for (const value of Object.values(args!)) expect(typeof value).toBe('number');
    }
    const lanes = traceEvents.filter(({ name }) => name === 'thread_name');
    expect(lanes.length).toBe(32);
    expect(new Set(lanes.map(({ tid }) => tid)).size).toBe(32);
  });

  test('as Perfetto imports it: threads of one process, microseconds, slices that nest', async () => {
    const text = await trace(...LEAK, '--perfetto', '--limit', '200');
    const document = JSON.parse(text) as { traceEvents: Event[] };
    expect(Object.keys(document)).toEqual(['otherData', 'traceEvents']);
    // strings without \\u, which its reader of keys and values refuses
    expect(text).not.toMatch(/\\u/);
    const processOf = new Map<number, number>();
    const opened = new Map<number, number[]>();
    const cut = (micros: number) => Math.trunc(micros * 1000);
    const slices = document.traceEvents.filter(({ ph }) => ph === 'X' || ph === 'i');
    for (const { pid, tid } of document.traceEvents) {
      expect(tid).toBeGreaterThan(0);
      expect(processOf.get(tid) ?? pid).toBe(pid);
      processOf.set(tid, pid);
    }
    for (const { tid, ts, dur } of slices.sort((a, b) => cut(a.ts!) - cut(b.ts!))) {
      const [begin, end] = [cut(ts!), cut(ts!) + cut(dur ?? 0)];
      const ends = (opened.get(tid) ?? []).filter((other) => other > begin);
      expect(
        ends.every((other) => other >= end),
        `${tid} ${begin}`,
      ).toBe(true);
      opened.set(tid, [...ends, end]);
    }
  });

  test('slices of a lane follow one another, and the counter is the count', async () => {
    const text = await trace(...LEAK, '--perfetto', '--page', '0x41005');
    const { traceEvents } = JSON.parse(text) as { traceEvents: Event[] };
    const lives = traceEvents.filter(({ ph }) => ph === 'X');
    expect(lives.map(({ name }) => name)).toEqual(['life 1', 'life 2', 'life 3, open at the end']);
    for (const [at, life] of lives.slice(1).entries())
      expect(life.ts).toBeGreaterThanOrEqual(lives[at].ts! + lives[at].dur!);
    const counts = traceEvents.filter(({ ph }) => ph === 'C').map(({ args }) => args!.count);
    expect(counts).toEqual([2, 1, 2, 1, 2, 3, 2]);
    expect(lives[2].ts! + lives[2].dur!).toBeCloseTo(17808232.2, 0);
  });

  test('of too many pages those that are suspected come first, and the rest is said to be left out', async () => {
    const said = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
    const { traceEvents } = JSON.parse(await trace(...LEAK, '--perfetto', '--limit', '3')) as { traceEvents: Event[] };
    expect(String(said.mock.calls[0][0])).toContain('3 pages of 535 pages');
    said.mockRestore();
    const lanes = traceEvents.filter(({ name }) => name === 'thread_name').map(({ args }) => args!.name);
    expect(lanes.length).toBe(3);
    expect(lanes[0]).toBe('0x41005 fsdax');
  });
});

test('--mail: 75 columns of ASCII, and the events as the kernel prints them', async () => {
  const printed = await trace(...LEAK, '--mail');
  expect(exitCode()).toBe(1);
  for (const line of printed.split('\n')) {
    expect(line.length, line).toBeLessThanOrEqual(75);
    expect(line).toMatch(/^[\x20-\x7e]*$/);
  }
  const flat = printed.replace(/\s+/g, ' ');
  expect(flat).toContain(
    'wl-302 [000] 17.800309: page_ref_mod: pfn=0x41005 flags=referenced|reserved count=2 mapcount=0 val=1 (1 -> 2)',
  );
  expect(printed).toContain('\n => try_grab_page\n => follow_page_pte\n');
});

describe('--output', () => {
  test('writes a file, and never over one that is there', async () => {
    const path = join(folder, 'out.csv');
    expect(await trace(...LEAK, '--csv', '--output', path)).toBe('');
    const text = readFileSync(path, 'utf8');
    expect(text).toBe(await trace(...LEAK, '--csv'));
    expect(await trace(...LEAK, '--mail', '-o', path)).toBe('RZ3030');
    expect(readFileSync(path, 'utf8')).toBe(text);
    await trace(...LEAK, '--mail', '-o', path, '--force');
    expect(readFileSync(path, 'utf8')).toContain('page_ref tracepoints');
    expect(await trace(...LEAK, '--json', '-o', join(folder, 'none', 'out'))).toBe('RZ3031');
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });

  test('one form at a time', async () => {
    expect(await trace(...LEAK, '--csv', '--mail')).toBe('RZ4000');
    expect(await trace(...LEAK, '--csv', '--event', 'print')).toBe('RZ4000');
  });
});

/** RFC 4180, strictly: CRLF between records, quotes doubled within quotes. */
function parseCsv(text: string): string[][] {
  expect(text.endsWith('\r\n')).toBe(true);
  return text
    .slice(0, -2)
    .split('\r\n')
    .map((line) => {
      const cells = [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)];
      return cells.map(([, quoted, plain]) => (quoted === undefined ? plain : quoted.replaceAll('""', '"')));
    });
}

// SPDX-License-Identifier: Apache-2.0
/** `refzero trace FILE` narrowed to pages, call sites, tasks, times and kinds; and pages of equal lives as one line. */
import { describe, expect, test } from 'vitest';
import type { TraceReport } from '../src/app/trace.js';
import { exitCode, trace } from './helpers/trace-command.js';

const LEAK = ['recordings/5.10-leaks-fsdax.dat.xz', '--meta', 'recordings/5.10-leaks-fsdax.meta.json'];
const TEXT = ['recordings/5.10-leaks-fsdax.trace.txt.xz', '--meta', 'recordings/5.10-leaks-fsdax.meta.json'];
const report = async (...args: string[]): Promise<TraceReport> => JSON.parse(await trace(...LEAK, ...args, '--json'));

test('the verdict comes before the numbers', async () => {
  const printed = await trace(...LEAK);
  const order = ['verdict: ', 'not judged', 'pages of equal lives', 'lives of ', 'events by kind'];
  const places = order.map((text) => printed.indexOf(text));
  expect(places).toEqual(places.slice().sort((a, b) => a - b));
  expect(places[0]).toBeGreaterThan(0);
});

test('pages of equal lives are one story, and every page is in one', async () => {
  const { stories, pages } = await report();
  for (const { kind, pages: wanted } of pages) {
    const told = stories.filter((story) => story.kind === kind);
    expect(told.reduce((sum, story) => sum + story.pages, 0)).toBe(wanted);
  }
  const printed = await trace(...LEAK);
  expect(printed.replace(/\s+/g, ' ')).toContain(
    '27 fsdax pages, same story: +1 iov_iter_get_pages, -1 bio_release_pages (repeated)',
  );
  // the one that leaked is like no other
  const [leaked] = stories.filter((story) => story.kind === 'fsdax' && story.open);
  expect(leaked).toMatchObject({ pages: 1, first: [0x41005], count: 2 });
});

test('a site: its events, its pages and nobody else', async () => {
  const { narrowed, verdict, stories } = await report('--site', 'refleak_get_user_leak');
  expect(narrowed).toMatchObject({ pages: 1, events: 3 });
  expect(verdict.suspects.map(({ pages }) => pages)).toEqual([[0x41005]]);
  expect(stories.length).toBe(1);
  for (const { path } of narrowed!.paths) expect(path).toContain('refleak_get_user_leak');
  expect(narrowed!.paths.reduce((sum, { open }) => sum + open, 0)).toBe(1);
});

test('who is not asked about is not accused', async () => {
  const { verdict, narrowed } = await report('--kind', 'ordinary');
  expect(verdict.suspects).toEqual([]);
  expect(narrowed!.pages).toBe(503);
  expect(exitCode()).toBe(0);
  await report('--kind', 'fsdax');
  expect(exitCode()).toBe(1);
});

test('they compose: each takes away, and a page is shown where all of them fit', async () => {
  const all = (await report('--kind', 'fsdax')).narrowed!;
  const task = (await report('--kind', 'fsdax', '--task', 'wl')).narrowed!;
  const pid = (await report('--kind', 'device-dax', '--kind', 'fsdax', '--task', 'wl-302')).narrowed!;
  const late = (await report('--kind', 'fsdax', '--task', '302', '--time', '17.8..')).narrowed!;
  expect(pid).toEqual(task);
  expect(task.events).toBeLessThan(all.events);
  expect(late.events).toBeLessThan(task.events);
  expect(late.events).toBeGreaterThan(0);
  const relative = (await report('--kind', 'fsdax', '--task', '302', '--time', '+0.705234..')).narrowed!;
  expect(relative.events).toBe(late.events);
});

test('a page by its struct page pointer, wherever the memory map lies', async () => {
  const life = await trace(...LEAK, '--page', '0x41005');
  for (const base of [0xffffea0000000000n, 0xffffd4abc0000000n]) {
    expect(await trace(...LEAK, '--page', `0x${(base + 0x41005n * 64n).toString(16)}`)).toBe(life);
  }
  expect(await trace(...LEAK, '--page', (0xffffea0000000000n + 0x41005n * 64n).toString(16))).toBe(life);
  expect(await trace(...LEAK, '--page', '0xffffea0001040141')).toBe('RZ3015');
});

test("one page's life, of which only some is asked for", async () => {
  const printed = await trace(...LEAK, '--page', '0x41005', '--site', 'refleak_get_user_leak');
  expect(printed).toContain('7 events; lives: 0 under way at the start, 3 began, 2 ended, 1 open\n4 events left out');
  expect(printed.match(/page_ref_mod/g)).toHaveLength(3);
});

describe('what fits nothing is said with what is there instead', () => {
  test.each([
    ['RZ3024', '--site', 'iov_iter_get_page', 'did you mean iov_iter_get_pages?'],
    ['RZ3025', '--task', 'wk', 'did you mean wl?'],
    ['RZ3022', '--time', '17.9..18', 'it lasts from 17.094766 to 17.808232'],
    ['RZ3022', '--time', '17.5', 'FROM..TO as printed'],
    ['RZ3023', '--kind', 'fsdac', 'did you mean fsdax?'],
    ['RZ3023', '--kind', 'p2pdma', 'it has ordinary, fsdax'],
    ['RZ3015', '--page', '0x41ffe', 'the nearest page with one is 0x4121f'],
    ['RZ3014', '--page', 'wl', 'a page number such as'],
  ])('%s %s %s', async (code, option, value, hint) => {
    const error = await trace(...LEAK, option, value, '--json', '--limit', '3').catch(String);
    expect(error).toBe(code);
    expect(await hintOf(option, value)).toContain(hint);
  });

  test('all of them together', async () => {
    const asked = ['--page', '0x41009', '--site', 'iov_iter_get_pages', '--time', '+0.5..'];
    expect(await trace(...LEAK, ...asked)).toBe('RZ3026');
  });

  test('a recording without stacks', async () => {
    const plain = ['recordings/6.12-leaks-fsdax.trace.txt.gz', '--site', 'get_page'];
    expect(await trace(...plain)).toBe('RZ3024');
  });
});

test('a text says the same as the trace.dat', async () => {
  const dat = await report('--kind', 'fsdax');
  const text: TraceReport = JSON.parse(await trace(...TEXT, '--kind', 'fsdax', '--json'));
  const uses = ({ narrowed }: TraceReport) => narrowed!.paths.map(({ taken, given, open }) => [taken, given, open]);
  expect(uses(text)).toEqual(uses(dat));
  expect(text.narrowed!.events).toBe(dat.narrowed!.events);
});

async function hintOf(option: string, value: string): Promise<string> {
  const { InputError } = await import('../src/base/diagnostic.js');
  const { openTrace } = await import('../src/app/trace.js');
  const { narrowOf } = await import('../src/app/trace-narrow.js');
  const open = await openTrace(LEAK[0], { meta: LEAK[2] });
  try {
    narrowOf(open, option === '--time' ? { time: value } : { [option.slice(2)]: [value] });
  } catch (error) {
    if (error instanceof InputError) return error.diagnostics.map(({ hint }) => hint).join();
    throw error;
  }
  return '';
}

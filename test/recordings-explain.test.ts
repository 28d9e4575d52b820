// SPDX-License-Identifier: Apache-2.0
/** The story of a page: kept recordings, and expected against actual count at moments of made ones. */
import { describe, expect, test } from 'vitest';
import { openTrace } from '../src/app/trace.js';
import { explainPage } from '../src/app/trace-explain.js';
import { PLAIN } from '../src/cli/terminal.js';
import { renderExplanation } from '../src/cli/trace-explain.js';
import { expectedAt } from '../src/conform/expected-at.js';
import { Ledger } from '../src/conform/ledger.js';
import { parseRange, RangeMap } from '../src/conform/ranges.js';
import { purposesOf, referencesOf } from '../src/conform/references.js';
import { Sites } from '../src/conform/sites.js';
import { summarize } from '../src/conform/summary.js';
import { parseKernelVersion } from '../src/spec/kernel-version.js';
import { type PageKind, restRule } from '../src/spec/rest.js';
import { readText } from '../src/trace/read-text.js';
import { Notes } from '../src/trace/recording.js';

const kept = (name: string) => new URL(`../recordings/${name}`, import.meta.url).pathname;
const SCREEN = { width: 80, style: PLAIN };

async function story(name: string, page: string) {
  const trace = await openTrace(kept(name), { meta: kept(name.replace(/\.(dat|trace).*$/, '.meta.json')) });
  const explanation = explainPage(trace, page);
  return { explanation, text: renderExplanation(explanation, trace, SCREEN) };
}

describe('kept recordings', () => {
  test('a leak: who took, what is unexplained, who is accused', async () => {
    const { explanation, text } = await story('5.10-leaks-fsdax.dat.xz', '0x41005');
    expect(explanation.atEnd).toMatchObject({ actual: 2, expected: 1, unexplained: 1 });
    expect(explanation.holders).toMatchObject([
      { task: 'wl-302', by: 'refleak_get_user_leak [refleak]', purpose: 'get_user_pages', amount: 1, sure: 'certain' },
    ]);
    expect(explanation.lives.map(({ open, strength }) => [open, strength])).toEqual([
      [false, 'certain'],
      [false, 'certain'],
      [true, 'certain'],
    ]);
    expect(text).toContain('likely: one reference to a fsdax page taken by refleak_get_user_leak [refleak]');
    expect(text).toContain('1  unexplained');
  });

  test('without stacks: what the count of mappings and the size tell', async () => {
    const { explanation, text } = await story('7.3-fsdax.dat.xz', '263689');
    expect(explanation.pfn).toBe(0x40609);
    expect(explanation.acts.map(({ purpose }) => purpose)).toContain('mapping');
    expect(explanation.acts.filter(({ purpose }) => purpose === 'pin').map(({ amount }) => amount)).toEqual([
      1, 1023, 1024,
    ]);
    expect(text).toContain('parked at 0 at the end');
    expect(text).toContain('nobody is accused');
  });

  test.each(['5.10-leaks-fsdax.dat.xz', '7.3-fsdax.dat.xz', '6.12-p2pdma.trace.txt.xz'])(
    '%s: every page has a story that fits the screen',
    async (name) => {
      const trace = await openTrace(kept(name), { meta: kept(name.replace(/\.(dat|trace).*$/, '.meta.json')) });
      const { index } = summarize(trace.recording, trace.ranges, trace.kernel);
      for (let page = 0; page < index.pages.length; page += 97) {
        const explanation = explainPage(trace, String(index.pages[page]));
        const text = renderExplanation(explanation, trace, SCREEN);
        expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
        const told = explanation.folds.reduce((sum, { length, times }) => sum + length * times, 0);
        expect(told).toBe(explanation.acts.length);
      }
    },
  );
});

type Line = [name: string, fields: string, stack?: string[]];

/** A page of the kernel at 0x100, an event each millisecond; what is expected of it after event `at`. */
function expectation(lines: Line[], at: number, kind: PageKind = 'ordinary', release = '6.12') {
  const text = lines.flatMap(([name, fields, stack = []], ms) => {
    const head = `  task-7 [000] d..1. 1.${String(ms * 1000).padStart(6, '0')}: `;
    const trace = stack.length > 0 ? [`${head}<stack trace>`, ...stack.map((frame) => ` => ${frame}`)] : [];
    return [`${head}${name}: pfn=0x100 ${fields}`, ...trace];
  });
  const recording = readText(new TextEncoder().encode(`${text.join('\n')}\n`), new Notes(), {});
  const kernel = parseKernelVersion(release)!;
  const ranges = new RangeMap(kind === 'ordinary' ? [] : [parseRange(`0x100-0x100=${kind}`)!]);
  const { index, counts } = summarize(recording, ranges, kernel);
  const sites = new Sites(recording);
  const ledger = new Ledger(recording, index, counts, sites);
  const rule = restRule(kind, kernel)!;
  const references = referencesOf(index, ledger, 0, rule, purposesOf(recording, index, sites, 0, kernel));
  const found = expectedAt({ recording, index, counts, kernel }, 0, kind, references, recording.events.time[at]);
  const shares = Object.fromEntries(found?.shares.map(({ part, references: held }) => [part, held]) ?? []);
  return { ...found, shares };
}

const FILE = 'flags=uptodate|lru mapping=ffff888100001000';
const ANON = 'flags=uptodate|lru|swapbacked mapping=ffff888100001001';
const GUP = ['try_grab_folio', 'gup_fast_fallback', 'drv_take', 'do_syscall_64'];

describe('expected against actual', () => {
  const anon: Line[] = [
    ['page_ref_set', `${ANON} count=1 mapcount=-1 val=1`, ['prep_new_page', 'handle_mm_fault']],
    ['page_ref_mod', `${ANON} count=2 mapcount=0 val=1`, GUP],
    ['page_ref_mod', `${ANON} count=1026 mapcount=0 val=1024`, ['try_grab_folio', 'pin_user_pages', 'drv_pin']],
    ['page_ref_mod_and_test', `${ANON} count=2 mapcount=0 val=-1024 ret=0`, ['unpin_user_page', 'drv_pin_done']],
    ['page_ref_mod', `${ANON} count=3 mapcount=0 val=1`, ['folio_isolate_lru', 'migrate_pages']],
    ['page_ref_mod_and_test', `${ANON} count=2 mapcount=0 val=-1 ret=0`, ['folio_putback_lru', 'migrate_pages']],
    ['page_ref_mod_and_test', `${ANON} count=1 mapcount=-1 val=-1 ret=0`, ['tlb_finish_mmu', 'exit_mmap']],
  ];

  test('mappings, pins, isolation; what nothing explains', () => {
    expect(expectation(anon, 1)).toMatchObject({ actual: 2, shares: { mappings: 1 }, unexplained: 1 });
    expect(expectation(anon, 2)).toMatchObject({ actual: 1026, shares: { mappings: 1, pins: 1024 }, unexplained: 1 });
    expect(expectation(anon, 4)).toMatchObject({ actual: 3, shares: { mappings: 1, isolation: 1 }, unexplained: 1 });
    expect(expectation(anon, 6)).toMatchObject({ actual: 1, expected: 0, shares: {}, unexplained: 1 });
    expect(expectation(anon, 6).kept).toMatchObject([{ purpose: 'get_user_pages', amount: 1, given: -1 }]);
  });

  test('what is given back later is temporary', () => {
    const later: Line[] = [
      ...anon.slice(0, 2),
      ['page_ref_mod_and_test', `${ANON} count=1 mapcount=0 val=-1 ret=0`, ['drv_done']],
    ];
    expect(expectation(later, 1)).toMatchObject({ shares: { mappings: 1, temporary: 1 }, unexplained: 0 });
  });

  test('page cache and buffer heads hold one each, swap cache too', () => {
    const cached: Line[] = [
      ['page_ref_set', `${FILE} count=1 mapcount=-1 val=1`],
      ['page_ref_mod', `${FILE.replace('lru', 'lru|private')} count=2 mapcount=-1 val=1`],
    ];
    expect(expectation(cached, 1)).toMatchObject({ shares: { 'page cache': 1, buffers: 1 }, unexplained: 0 });
    const swapped: Line[] = [['page_ref_set', `${ANON.replace('lru', 'lru|owner_priv_1')} count=1 mapcount=-1 val=1`]];
    expect(expectation(swapped, 0)).toMatchObject({ shares: { 'swap cache': 1 }, unexplained: 0 });
  });

  test('an idle page of device memory keeps one before kernels count from zero, and mappings count since', () => {
    const pinned: Line[] = [['page_ref_mod_and_return', 'flags=reserved count=2 mapcount=0 val=1 ret=2']];
    expect(expectation(pinned, 0, 'fsdax', '5.10')).toMatchObject({ shares: { idle: 1 }, unexplained: 1 });
    const mapped: Line[] = [['page_ref_mod_and_return', 'flags=reserved count=2 mapcount=1 val=1 ret=2']];
    expect(expectation(mapped, 0, 'fsdax', '7.3')).toMatchObject({ shares: { mappings: 2 }, unexplained: 0 });
  });

  test('of a large folio the count of mappings is not known; before the first event nothing is', () => {
    const head: Line[] = [['page_ref_set', 'flags=head|lru count=3 mapcount=-1 val=3']];
    expect(expectation(head, 0)).toMatchObject({ mappingsUnknown: true });
    expect(expectation([['mm_page_alloc', 'order=0'], ...head], 0).actual).toBeUndefined();
  });
});

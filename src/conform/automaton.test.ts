// SPDX-License-Identifier: Apache-2.0
/** What the table says of a page is what the rules say. */
import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openTrace } from '../app/trace.js';
import { parseKernelVersion } from '../spec/kernel-version.js';
import { PAGE_KINDS, type PageKind, restRule } from '../spec/rest.js';
import { readText } from '../trace/read-text.js';
import { Notes, type Recording } from '../trace/recording.js';
import { Broken } from './broken.js';
import { LifeFinder } from './life-finder.js';
import { Walk } from './life-walk.js';
import { Lives, type PageFacts } from './lives.js';
import { indexPages } from './page-index.js';
import { Counts } from './rebuild.js';

const KERNEL = parseKernelVersion('6.12')!;
const nothing = (): PageFacts => {
  return { basis: 'unknown', swapped: 0, jumps: 0, jumped: -1, late: 0, made: 0, gone: 0, underflows: 0 };
};

/** All that is found on the pages of a recording, by the finder and by the rules alone. */
function both(recording: Recording, kindOf: (pfn: number) => PageKind) {
  const index = indexPages(recording);
  const finder = new LifeFinder(recording, index);
  const found: PageFacts[] = [];
  for (const [page, pfn] of index.pages.entries()) {
    const kind = kindOf(pfn);
    if (restRule(kind, KERNEL)) found.push(finder.page(page, kind, PAGE_KINDS.indexOf(kind), KERNEL));
  }
  const plain = indexPages(recording);
  const counts = new Counts(recording, plain);
  const walk = new Walk(recording, plain, counts, new Lives(), new Broken());
  const wanted: PageFacts[] = [];
  for (const [page, pfn] of plain.pages.entries()) {
    const kind = kindOf(pfn);
    const rule = restRule(kind, KERNEL);
    if (!rule) continue;
    Object.assign(walk, { rule, ordinary: kind === 'ordinary' });
    const facts = nothing();
    counts.page(page, facts, false);
    walk.run(page, PAGE_KINDS.indexOf(kind), facts);
    if (facts.jumped >= 0) walk.broken.add(page, facts.jumped, 'adrift');
    wanted.push(facts);
  }
  const all = (
    { rows }: { rows: Uint32Array },
    { before, after }: Counts,
    { length, begin, end, kind }: Lives,
    broken: Broken,
    facts: PageFacts[],
  ) => ({
    ...{ rows, before, after, facts },
    lives: [begin, end, kind].map((column) => column.slice(0, length)),
    broken: [broken.page, broken.at, broken.rule].map((column) => column.slice(0, broken.length)),
  });
  return {
    table: all(index, finder.counts, finder.lives, finder.broken, found),
    rules: all(plain, counts, walk.lives, walk.broken, wanted),
  };
}

const folder = new URL('../../recordings', import.meta.url).pathname;

describe('the table', () => {
  it.each(readdirSync(folder).filter((name) => /\.dat\.xz$/.test(name)))(
    'says of %s what the rules say',
    async (name) => {
      const { recording, ranges } = await openTrace(`${folder}/${name}`);
      const { table, rules } = both(recording, (pfn) => ranges.kindOf(pfn));
      expect(rules.lives[0].length).toBeGreaterThan(0);
      expect(table).toEqual(rules);
    },
  );

  it('says it of any events', () => {
    const event = fc.record({
      page: fc.integer({ min: 0, max: 3 }),
      cpu: fc.integer({ min: 0, max: 1 }),
      name: fc.constantFrom('set', 'mod', 'mod_and_test', 'mod_and_return', 'mod_unless', 'freeze', 'unfreeze'),
      page_alloc: fc.option(fc.constantFrom('mm_page_alloc', 'mm_page_free'), { freq: 5 }),
      count: fc.integer({ min: -1, max: 3 }),
      val: fc.integer({ min: -2, max: 2 }),
      ret: fc.integer({ min: -1, max: 2 }),
    });
    const kinds: PageKind[] = ['ordinary', 'ordinary', 'fsdax', 'private'];
    let told = 0;
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 60 }), fc.boolean(), (events, withCount) => {
        const lines = events.map(({ page, cpu, name, page_alloc, count, val, ret }, at) => {
          const head = `            task-7${cpu}      [00${cpu}] d..1.     1.${String(at).padStart(6, '0')}:`;
          const pfn = `pfn=0x${(0x100 + page).toString(16)}`;
          if (page_alloc !== null) return `${head} ${page_alloc}: page=0000000012345678 ${pfn} order=0`;
          const shown = withCount ? ` flags=lru count=${count} mapcount=0 mapping=0000000012345678 mt=1` : '';
          return `${head} page_ref_${name}: ${pfn}${shown} val=${val} ret=${ret}`;
        });
        const recording = readText(new TextEncoder().encode(`${lines.join('\n')}\n`), new Notes(), {});
        const { table, rules } = both(recording, (pfn) => kinds[pfn - 0x100]);
        told += rules.lives[0].length;
        expect(table).toEqual(rules);
      }),
      { numRuns: 300 },
    );
    expect(told).toBeGreaterThan(100);
  });
});

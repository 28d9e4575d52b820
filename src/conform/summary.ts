// SPDX-License-Identifier: Apache-2.0
/** The lives of a whole recording, counted per kind of page. */
import type { KernelVersion } from '../spec/kernel-version.js';
import { UNKNOWN } from '../spec/ops.js';
import { PAGE_KINDS, type PageKind, type RestRule, restRule } from '../spec/rest.js';
import type { Recording } from '../trace/recording.js';
import { Broken } from './broken.js';
import { LifeFinder } from './life-finder.js';
import { LIFE, type LifeColumns, Lives, type PageFacts } from './lives.js';
import type { Countable } from './order.js';
import { indexPages, type PageIndex } from './page-index.js';
import type { RangeMap } from './ranges.js';
import { Counts } from './rebuild.js';
import { strengthOfMarks } from './strength.js';
import { type Trust, trustOf } from './trust.js';

/** One kind of page. The lives obey `underWay + began === ended + endUnseen + open`. */
export interface KindSummary {
  kind: PageKind;
  /** distinct pages with events */
  pages: number;
  rule: RestRule;
  /** lives already under way at the first event, or whose begin leaves no trace */
  underWay: number;
  began: number;
  ended: number;
  /** another life began on the page although this end was not recorded */
  endUnseen: number;
  open: number;
  /** pages whose memory map was initialised while recording */
  made: number;
  /** idle pages that lost their base reference: torn down, or put once too often */
  gone: number;
  /** operations that took a count below zero */
  underflows: number;
  /** pages at their idle count at the end: 1 before kernels counted device memory from zero, 0 since */
  parked: number;
  /** lives by how strong the statements about them are (strength.ts) */
  strengths: { certain: number; likely: number; ifNothingWasLost: number };
  /** lives about which the recording is less sure, by reason */
  weak: { loss: number; jump: number; evidence: number; inferred: number };
  /** events that stood in the wrong order, and `count=` fields read late: races of the tracepoints, not of the pages */
  swapped: number;
  late: number;
  /** page numbers of the first open lives */
  openPages: number[];
}

/** Bits of `LivesOf.facts`. */
export const FACT = {
  /** the count follows from what operations returned */
  returned: 1,
  /** the events do not add up */
  jump: 2,
  underflow: 4,
} as const;

export interface LivesOf {
  index: PageIndex;
  lives: Lives;
  /** the count before and after each event of the index */
  counts: Counts;
  /** by page of the index: a bit set of `FACT` */
  facts: Uint8Array;
  /** lives of page `p` are `[firstLife[p], firstLife[p + 1])` */
  firstLife: Uint32Array;
  /** where invariants were broken */
  broken: Broken;
  trust: Trust;
  kinds: KindSummary[];
  /** ZONE_DEVICE kinds that were left out because their rule is not known, with the number of pages */
  skipped: ReadonlyMap<PageKind, number>;
}

const OPEN_SHOWN = 16;
/** only for ordinary pages, whose rule is the same in every kernel */
const ANY_KERNEL: KernelVersion = { name: '', major: 0, minor: 0, seed: false };

/** Counts lives. Without a kernel only ordinary pages can be judged: the idle counts of the others are not known. */
export function summarize(recording: Recording, ranges: RangeMap, kernel: KernelVersion | undefined): LivesOf {
  const index = indexPages(recording);
  const counts = new Counts(recording, index);
  return summaryOf(recording, index, counts, [findLives(recording, index, counts, ranges, kernel)]);
}

/** What was found on the pages `[from, to)`: data that another thread can be given. Arrays are by page, from the first of them on. */
export interface LivesPart {
  from: number;
  to: number;
  lives: LifeColumns;
  broken: Pick<Broken, 'length' | 'page' | 'at' | 'rule'>;
  facts: Uint8Array;
  /** counted from the part's first life; one more for the end */
  firstLife: Uint32Array;
  byKind: Map<PageKind, KindSummary>;
  /** of the lives, by kind, end and marks (`tallied`) */
  tally: Uint32Array;
  skipped: Map<PageKind, number>;
}

/** Walks pages `[from, to)` one after the other. */
export function findLives(
  recording: Countable,
  index: PageIndex,
  counts: Counts,
  ranges: RangeMap,
  kernel: KernelVersion | undefined,
  from = 0,
  to = index.pages.length,
): LivesPart {
  return new LifeSearch(recording, index, counts, ranges, kernel).part(from, to);
}

/** Walks one part of the pages after the other: what the walks of the first have taught serves the later ones. */
export class LifeSearch {
  private readonly finder: LifeFinder;

  constructor(
    recording: Countable,
    private readonly index: PageIndex,
    counts: Counts,
    private readonly ranges: RangeMap,
    private readonly kernel: KernelVersion | undefined,
  ) {
    this.finder = new LifeFinder(recording, index, counts);
  }

  part(from: number, to: number): LivesPart {
    const { finder, index, ranges, kernel } = this;
    finder.renew();
    const { lives, broken } = finder;
    const byKind = new Map<PageKind, KindSummary>();
    const skipped = new Map<PageKind, number>();
    const bits = new Uint8Array(to - from);
    const firstLife = new Uint32Array(to - from + 1);
    for (let page = from; page < to; page++) {
      const kind = ranges.kindOf(index.pages[page]);
      const first = lives.length;
      firstLife[page - from + 1] = first;
      const rule = restRule(kind, kernel);
      if (!rule) {
        skipped.set(kind, (skipped.get(kind) ?? 0) + 1);
        continue;
      }
      let summary = byKind.get(kind);
      if (!summary) byKind.set(kind, (summary = empty(kind, rule)));
      const facts = finder.page(page, kind, PAGE_KINDS.indexOf(kind), kernel ?? ANY_KERNEL);
      firstLife[page - from + 1] = lives.length;
      if (kind !== 'ordinary' && ranges.isInferred(index.pages[page])) {
        for (let life = first; life < lives.length; life++) lives.marks[life] |= LIFE.inferred;
      }
      if (!isOpen(lives, lives.length - 1, first)) summary.parked++;
      bits[page - from] = factBits(facts);
      summary.pages++;
      summary.made += facts.made;
      summary.gone += facts.gone;
      summary.underflows += facts.underflows;
      summary.swapped += facts.swapped;
      summary.late += facts.late;
    }
    return { from, to, lives, broken, facts: bits, firstLife, byKind, tally: tallied(lives, byKind), skipped };
  }
}

/** what is counted page by page, and adds up */
const PAGE_COUNTS = ['pages', 'parked', 'made', 'gone', 'underflows', 'swapped', 'late'] as const;

/** What was found on all pages, from its parts in the order of the pages. */
export function summaryOf(
  recording: Recording,
  index: PageIndex,
  counts: Counts,
  parts: readonly LivesPart[],
): LivesOf {
  const { lives, broken, facts, firstLife, byKind, tally, skipped } = joined(parts, index.pages.length);
  const kinds = PAGE_KINDS.flatMap((kind) => byKind.get(kind) ?? []);
  const trust = trustOf(recording, index, adrift(facts, broken, counts, index), hasOneBased(lives, byKind));
  addTally(tally, byKind, trust.incomplete);
  return { index, lives, counts, facts, firstLife, broken, trust, kinds, skipped };
}

function joined(parts: readonly LivesPart[], pages: number) {
  const lives = new Lives();
  const broken = new Broken();
  const facts = new Uint8Array(pages);
  const firstLife = new Uint32Array(pages + 1);
  const byKind = new Map<PageKind, KindSummary>();
  const tally = new Uint32Array(TALLIES);
  const skipped = new Map<PageKind, number>();
  lives.reserve(parts.reduce((sum, part) => sum + part.lives.length, 0));
  for (const part of parts) {
    const before = lives.length;
    lives.append(part.lives);
    broken.append(part.broken);
    facts.set(part.facts, part.from);
    for (let page = part.from; page < part.to; page++) {
      firstLife[page + 1] = before + part.firstLife[page - part.from + 1];
    }
    for (const [kind, pages] of part.skipped) skipped.set(kind, (skipped.get(kind) ?? 0) + pages);
    for (const [kind, found] of part.byKind) {
      const known = byKind.get(kind);
      if (!known) {
        byKind.set(kind, found);
        continue;
      }
      for (const count of PAGE_COUNTS) known[count] += found[count];
      known.openPages.push(...found.openPages.slice(0, OPEN_SHOWN - known.openPages.length));
    }
    for (let place = 0; place < TALLIES; place++) tally[place] += part.tally[place];
  }
  return { lives, broken, facts, firstLife, byKind, tally, skipped };
}

/** Pages whose events do not add up, or that broke an invariant in a way that `count=` belies. */
function adrift(facts: Uint8Array, broken: Broken, counts: Counts, { shapes, effects }: PageIndex): number {
  let pages = 0;
  for (let page = 0; page < facts.length; page++) if (facts[page] & FACT.jump) pages++;
  let last = -1;
  for (let breach = 0; breach < broken.length; breach++) {
    const [page, at] = [broken.page[breach], broken.at[breach]];
    const seen = effects.seen[shapes[at]];
    if (page === last || facts[page] & FACT.jump || seen === UNKNOWN || seen === counts.after[at]) continue;
    last = page;
    pages++;
  }
  return pages;
}

/** Was a page in use whose last put is page_ref_dec_return (put_devmap_managed_page, to v6.14)? */
function hasOneBased(lives: Lives, byKind: ReadonlyMap<PageKind, KindSummary>): boolean {
  const managed = (['fsdax', 'private', 'coherent'] as const).filter((kind) => byKind.get(kind)?.rule.over === 1);
  const numbers = new Set(managed.map((kind) => PAGE_KINDS.indexOf(kind)));
  return numbers.size > 0 && lives.kind.subarray(0, lives.length).some((kind) => numbers.has(kind));
}

function factBits({ basis, jumps, underflows }: PageFacts): number {
  return (
    (basis === 'returned' ? FACT.returned : 0) | (jumps > 0 ? FACT.jump : 0) | (underflows > 0 ? FACT.underflow : 0)
  );
}

function empty(kind: PageKind, rule: RestRule): KindSummary {
  return {
    kind,
    pages: 0,
    rule,
    underWay: 0,
    began: 0,
    ended: 0,
    endUnseen: 0,
    open: 0,
    parked: 0,
    strengths: { certain: 0, likely: 0, ifNothingWasLost: 0 },
    made: 0,
    gone: 0,
    underflows: 0,
    weak: { loss: 0, jump: 0, evidence: 0, inferred: 0 },
    swapped: 0,
    late: 0,
    openPages: [],
  };
}

/** Is life `last`, if it is one of the page's (from `first` on), open at the end? */
function isOpen({ end, marks }: Lives, last: number, first: number): boolean {
  return last >= first && end[last] < 0 && !(marks[last] & LIFE.endUnseen);
}

/** in a tally of the lives of a kind: those with an end, by their marks, come behind those without */
const ENDED = 64;
const TALLY = 2 * ENDED;
const TALLIES = PAGE_KINDS.length * TALLY;

/** Tallies all lives, and shows some that are open. */
function tallied({ length, kind, end, marks, pfn }: Lives, byKind: ReadonlyMap<PageKind, KindSummary>): Uint32Array {
  const tally = new Uint32Array(TALLIES);
  for (let life = 0; life < length; life++) {
    const ended = end[life] >= 0;
    tally[kind[life] * TALLY + (ended ? ENDED : 0) + marks[life]]++;
    if (ended || marks[life] & LIFE.endUnseen) continue;
    const shown = byKind.get(PAGE_KINDS[kind[life]])?.openPages;
    if (shown && shown.length < OPEN_SHOWN) shown.push(pfn[life]);
  }
  return tally;
}

function addTally(tally: Uint32Array, byKind: ReadonlyMap<PageKind, KindSummary>, missing: boolean): void {
  for (const [number, name] of PAGE_KINDS.entries()) {
    const summary = byKind.get(name);
    if (!summary) continue;
    for (let place = 0; place < TALLY; place++) addLives(summary, place, tally[number * TALLY + place], missing);
  }
}

function addLives(summary: KindSummary, place: number, count: number, missing: boolean): void {
  const marks = place % ENDED;
  if (marks & LIFE.beginUnseen) summary.underWay += count;
  else summary.began += count;
  if (place >= ENDED) summary.ended += count;
  else if (marks & LIFE.endUnseen) summary.endUnseen += count;
  else summary.open += count;
  const strength = strengthOfMarks(marks, missing);
  summary.strengths[strength === 'if nothing was lost' ? 'ifNothingWasLost' : strength] += count;
  if (marks & LIFE.loss) summary.weak.loss += count;
  if (marks & LIFE.jump) summary.weak.jump += count;
  if (marks & LIFE.evidence) summary.weak.evidence += count;
  if (marks & LIFE.inferred) summary.weak.inferred += count;
}

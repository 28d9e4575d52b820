// SPDX-License-Identifier: Apache-2.0
/**
 * Pages with equal lives as one story: the same functions moved the count by the same amounts in the same order. What repeats
 * counts once, within a life and of whole lives, so that a page used three times like another used five times has the same
 * story. Times, tasks and which of two tracepoints told of a move are no part of it.
 */
import { OP, type Op, UNKNOWN } from '../spec/ops.js';
import { PAGE_KINDS, type PageKind } from '../spec/rest.js';
import { WordInterner } from '../trace/intern.js';
import type { Recording } from '../trace/recording.js';
import { LIFE, type LifeColumns } from './lives.js';
import type { RangeMap } from './ranges.js';
import { CODES, FIRST_SEED, SECOND_SEED, Sequence, Sequences } from './sequence.js';
import type { Sites } from './sites.js';
import type { LivesOf } from './summary.js';

/** One operation of a story. */
export interface StoryStep {
  /** `move` by `val`; a store of `val`; `alloc` and `free` of the page allocator, which say no count */
  op: 'move' | 'set' | 'freeze' | 'unfreeze' | 'alloc' | 'free';
  val: number;
  /** of a conditional operation: it did nothing */
  failed: boolean;
  /** the first function that is no wrapper, empty without a stack */
  by: string;
  /** it, or what it is the last step of, was done again and again */
  repeated: boolean;
}

export interface Story {
  kind: PageKind;
  /** how many pages have it, the first of them, and their events */
  pages: number;
  first: number[];
  events: number;
  /** lives of all its pages */
  lives: number;
  /** is the last life of each of its pages open at the end? */
  open: boolean;
  /** references at the end, where `open` and known */
  count: number | null;
  /** of the first page, what repeats once; at most a few, `more` says how many are left out */
  steps: StoryStep[];
  more: number;
}

const FIRST_SHOWN = 8;
const STEPS_SHOWN = 12;

/** Pages of one story. */
export interface StoryGroup {
  /** equal for pages of one story alone: kind, count at the end, two hashes */
  key: Int32Array;
  page: number;
  pages: number[];
  count: number;
  events: number;
  lives: number;
}

/** Of lives, what stories are told from. */
export type Lived = Pick<LivesOf, 'index' | 'counts'> & LivedPages;

/** Lives of some pages, from one on. */
export interface LivedPages {
  /** the first of the pages, 0 where it is not there */
  from?: number;
  lives: LifeColumns;
  /** by page, counted from that one */
  firstLife: Uint32Array;
}

/** Groups pages by story; device memory first, then what most pages have. */
export class Stories {
  private readonly stretch = new Sequence();
  private readonly stretches = new Sequences();
  private readonly whole = new Sequence();
  private readonly other = new Sequence();
  /** by shape, 0 for one not yet met; and a small number for each word, `CODES` before that */
  private readonly words: Int32Array;
  private readonly codes: Int32Array;
  private readonly codeOf = new Map<number, number>();
  /** of the page at hand: the life that ends next, the one behind its last, and the position behind its last event */
  private life = 0;
  private lastLife = 0;
  private end = 0;

  constructor(
    private readonly recording: Pick<Recording, 'events'>,
    private lives: Lived,
    private readonly ranges: RangeMap,
    private readonly sites: Sites,
  ) {
    this.words = new Int32Array(recording.events.shapes.size);
    this.codes = new Int32Array(recording.events.shapes.size).fill(CODES);
  }

  /**
   * @param chosen by page of the index: 1 for those to be grouped; without it all are
   * @param found all pages, where they are grouped already
   */
  group(chosen?: Uint8Array, found?: StoryGroup[]): Story[] {
    const groups = found ?? this.groups(0, this.lives.index.pages.length, chosen);
    const device = ({ pages: [pfn] }: StoryGroup) => (this.ranges.kindOf(pfn) === 'ordinary' ? 0 : 1);
    const sorted = groups.sort(
      (a, b) => device(b) - device(a) || b.count - a.count || b.events - a.events || a.page - b.page,
    );
    return sorted.map((group) => this.tell(group));
  }

  /** The pages `[from, to)` by story, whose lives are given. */
  groupsOf(from: number, to: number, lived: LivedPages): StoryGroup[] {
    const { index, counts } = this.lives;
    this.lives = { index, counts, ...lived };
    return this.groups(from, to);
  }

  private groups(first: number, to: number, chosen?: Uint8Array): StoryGroup[] {
    const { index, firstLife, from = 0 } = this.lives;
    const known = new WordInterner();
    const groups: StoryGroup[] = [];
    const key = new Int32Array(5);
    for (let page = first; page < to; page++) {
      if (chosen && chosen[page] === 0) continue;
      const count = this.countAtEnd(page);
      key[0] = PAGE_KINDS.indexOf(this.ranges.kindOf(index.pages[page]));
      key[1] = count === undefined ? 0 : count === null ? 1 : 2;
      key[2] = count ?? 0;
      this.sign(page, key, 3);
      const number = known.intern(key, 0, key.length);
      if (number === groups.length) groups.push({ key: key.slice(), page, pages: [], count: 0, events: 0, lives: 0 });
      const group = groups[number];
      if (group.pages.length < FIRST_SHOWN) group.pages.push(index.pages[page]);
      group.count++;
      group.events += index.starts[page + 1] - index.starts[page];
      group.lives += firstLife[page - from + 1] - firstLife[page - from];
    }
    return groups;
  }

  private tell({ page, pages, count, events, lives }: StoryGroup): Story {
    const steps = this.steps(page);
    const atEnd = this.countAtEnd(page);
    return {
      kind: this.ranges.kindOf(pages[0]),
      pages: count,
      first: pages,
      events,
      lives,
      open: atEnd !== undefined,
      count: atEnd ?? null,
      steps: steps.slice(0, STEPS_SHOWN),
      more: Math.max(0, steps.length - STEPS_SHOWN),
    };
  }

  /** The count after the last event of a page whose last life is open; undefined for others, null where nothing tells. */
  private countAtEnd(page: number): number | null | undefined {
    const { lives, firstLife, counts, index, from = 0 } = this.lives;
    const last = firstLife[page - from + 1] - 1;
    if (last < firstLife[page - from] || lives.end[last] >= 0 || lives.marks[last] & LIFE.endUnseen) return undefined;
    const count = counts.after[index.starts[page + 1] - 1];
    return count === UNKNOWN ? null : count;
  }

  private op(at: number): Op {
    const { effects, shapes } = this.lives.index;
    return effects.op[shapes[at]] as Op;
  }

  /** Begins with a page; `stretchFrom` then goes from stretch to stretch. */
  private begin(page: number): void {
    const { index, firstLife, from = 0 } = this.lives;
    this.life = firstLife[page - from];
    this.lastLife = firstLife[page - from + 1];
    this.end = index.starts[page + 1];
  }

  /** The events of the page from position `from` on that are compared as one, to the end of a life or of the page: where they end. */
  private stretchFrom(from: number): number {
    const { end, lastLife } = this;
    const { rows, shapes, effects } = this.lives.index;
    const { op } = effects;
    const ends = this.lives.lives.end;
    while (this.life < lastLife && ends[this.life] < 0) this.life++;
    if (this.life === lastLife) return end;
    const last = ends[this.life];
    let at = from;
    while (at < end && rows[at] !== last) at++;
    if (at === end) return end;
    this.life++;
    // mm_page_free follows the put that ended the life
    do at++;
    while (at < end && op[shapes[at]] === OP.free);
    return at;
  }

  private fill(from: number, to: number): void {
    this.stretch.reset();
    for (let at = from; at < to; at++) this.stretch.push(this.word(at));
  }

  /** The same as it was met before, as far as it was. */
  private recall(from: number, to: number): void {
    const { stretches, sites, codes } = this;
    stretches.reset();
    const at = sites.areNone ? stretches.follow(codes, this.lives.index.shapes, from, to) : from;
    if (at < to) this.recallEach(at, to);
  }

  private recallEach(from: number, to: number): void {
    const { stretches, words, codes, sites } = this;
    const { rows, shapes } = this.lives.index;
    for (let at = from; at < to; at++) {
      if (sites.of(rows[at]) !== 0) stretches.push(this.word(at), -1);
      else stretches.push(words[shapes[at]] || this.learn(at), codes[shapes[at]]);
    }
  }

  /** A step as a number: equal for equal steps, and hardly ever for others. */
  private word(at: number): number {
    const { rows, shapes } = this.lives.index;
    const word = this.words[shapes[at]] || this.learn(at);
    const site = this.sites.of(rows[at]);
    return site === 0 ? word : word ^ Math.imul(this.sites.holders[site], 0x85ebca6b);
  }

  private learn(at: number): number {
    const { rows, shapes } = this.lives.index;
    const { events } = this.recording;
    const word = wordOf(this.op(at), events.val(rows[at]), events.ret(rows[at]));
    const code = this.codeOf.get(word) ?? this.codeOf.size;
    this.codeOf.set(word, code);
    this.words[shapes[at]] = word;
    this.codes[shapes[at]] = code;
    return word;
  }

  /** Two independent 32-bit hashes of the story of a page. */
  private sign(page: number, into: Int32Array, at: number): void {
    this.whole.reset();
    this.other.reset();
    this.begin(page);
    const { stretch, stretches } = this;
    for (let from = this.lives.index.starts[page], to = from; from < this.end; from = to) {
      to = this.stretchFrom(from);
      this.recall(from, to);
      const known = stretches.number >= 0;
      if (!known) this.fill(from, to);
      this.whole.push(known ? stretches.first : stretch.hash(FIRST_SEED));
      this.other.push(known ? stretches.second : stretch.hash(SECOND_SEED));
    }
    into[at] = this.whole.hash(1);
    into[at + 1] = this.other.hash(2);
  }

  /** The page's story, what repeats once. */
  private steps(page: number): StoryStep[] {
    const lives: StoryStep[][] = [];
    this.whole.reset();
    this.begin(page);
    for (let from = this.lives.index.starts[page], to = from; from < this.end; from = to) {
      to = this.stretchFrom(from);
      this.fill(from, to);
      const steps = this.stretchSteps(from, to);
      this.whole.push(this.stretch.hash(FIRST_SEED));
      lives[this.whole.length - 1] = steps;
    }
    return lives.slice(0, this.whole.length).flatMap((steps, at) => {
      if (this.whole.repeated[at] === 0) return steps;
      return steps.map((step, n) => (n === steps.length - 1 ? { ...step, repeated: true } : step));
    });
  }

  /** The steps that `stretch` holds the words of. */
  private stretchSteps(from: number, to: number): StoryStep[] {
    const byWord = new Map<number, StoryStep>();
    for (let at = from; at < to; at++) {
      const word = this.word(at);
      if (!byWord.has(word)) byWord.set(word, this.step(at));
    }
    const { words, repeated, length } = this.stretch;
    return Array.from(words.subarray(0, length), (word, at) => ({
      ...byWord.get(word)!,
      repeated: repeated[at] === 1,
    }));
  }

  private step(at: number): StoryStep {
    const row = this.lives.index.rows[at];
    const { events } = this.recording;
    const op = this.op(at);
    const by = this.sites.paths[this.sites.of(row)].holder;
    return {
      op: MEANINGS[MEANING[op]],
      val: events.val(row),
      failed: isFailed(op, events.ret(row)),
      by,
      repeated: false,
    };
  }
}

/** Groups of several portions of the pages, in the order of the pages, as one. */
export function joinGroups(portions: readonly StoryGroup[][]): StoryGroup[] {
  const known = new WordInterner();
  const all: StoryGroup[] = [];
  for (const group of portions.flat()) {
    const number = known.intern(group.key, 0, group.key.length);
    if (number === all.length) {
      all.push(group);
      continue;
    }
    const first = all[number];
    first.pages.push(...group.pages.slice(0, FIRST_SHOWN - first.pages.length));
    first.count += group.count;
    first.events += group.events;
    first.lives += group.lives;
  }
  return all;
}

/** What an operation is in a story, by `OP`: which of the tracepoints told of a move does not matter. */
const MEANINGS: readonly StoryStep['op'][] = ['move', 'set', 'freeze', 'unfreeze', 'alloc', 'free'];
const ALLOC = MEANINGS.indexOf('alloc');
const MEANING = Uint8Array.from(Object.values(OP), (op) => {
  const [name] = Object.entries(OP).find(([, value]) => value === op) ?? ['none'];
  return Math.max(0, (MEANINGS as readonly string[]).indexOf(name));
});

/** What an operation says without who did it, never 0. */
function wordOf(op: Op, val: number, ret: number): number {
  const meaning = MEANING[op];
  const value = meaning >= ALLOC ? 0 : val;
  return Math.imul((value << 4) ^ meaning, 0x9e3779b1) ^ (isFailed(op, ret) ? 1 : 0) || 1;
}

const isFailed = (op: Op, ret: number): boolean => (op === OP.modUnless || op === OP.freeze) && ret === 0;

// SPDX-License-Identifier: Apache-2.0
/**
 * Walks pages by what was learnt from those before. Where nothing is odd about an event, what it does depends on its content, on the
 * count and on what the walk remembers, and of all these a recording has few: what the rules make of a combination is worked out once
 * and kept in a table, by running the rules themselves. An event that only moves the count is then one look-up.
 *
 * Not here: any rule (rebuild.ts, life-walk.ts). A page with an odd event is refused, and walked by them from its beginning.
 */
import { grown } from '../trace/intern.js';
import { FIELD, SHAPE_WORDS } from '../trace/shapes.js';
import type { Walk } from './life-walk.js';
import type { PageFacts } from './lives.js';
import type { Countable } from './order.js';
import type { PageIndex } from './page-index.js';
import type { Counts } from './rebuild.js';

/** An entry of the table is the next state above what the event does, 0 for what was not met yet, or ODD. */
const NEXT = 3;
const DOES = 7;
const ODD = -1;
/** all that it does is to begin a life, to end the one that is open, or to freeze the page */
const OPENS = 1;
const CLOSES = 2;
const FREEZES = 3;
/** lives, findings or facts change otherwise: the walk itself has to do it */
const TELLS = 4;
/** states begin at 1, so that no entry is 0 */
const FIRST = 1;
/** entries at most: a recording with more combinations is walked without */
const ENTRIES = 1 << 20;
/** in a memory: no event of the page was walked yet */
const FRESH = 128;
const MEMORIES = 256;

export class Automaton {
  /** by shape (Classes) */
  private readonly classes: Int32Array;
  private readonly width: number;
  /** by state and class */
  private table: Int32Array;
  /** by state: count and memory */
  private countOf = new Int32Array(64);
  private memoryOf = new Int32Array(64);
  private readonly states = new Map<number, number>();

  constructor(
    { classes, size }: Classes,
    private readonly index: PageIndex,
    private readonly counts: Counts,
    private readonly walk: Walk,
  ) {
    this.classes = classes;
    this.width = Math.max(1, size);
    this.table = new Int32Array(64 * this.width);
  }

  /** Walks one page; false where it cannot: then nothing was told of it. */
  page(page: number, kind: number, facts: PageFacts): boolean {
    const { walk, counts, width, classes } = this;
    const { before, after } = counts;
    const { shapes, starts, rows } = this.index;
    const { lives, broken } = walk;
    const [firstLife, firstBroken] = [lives.length, broken.length];
    const to = starts[page + 1];
    let count = counts.begin(page, facts, walk.firstByGet);
    walk.begin(page, kind, count);
    let state = this.stateOf(count, walk.memory | FRESH);
    let { table, countOf } = this;
    for (let at = starts[page]; at < to; at++) {
      let entry = state < 0 ? ODD : table[state * width + classes[shapes[at]]];
      if (entry === 0) {
        entry = this.learn(state, at, to, facts);
        ({ table, countOf } = this);
      } else if (entry > 0) {
        before[at] = count;
        after[at] = countOf[entry >> NEXT];
        const does = entry & DOES;
        if (does === OPENS) walk.open(rows[at]);
        else if (does === CLOSES) walk.close(rows[at], 0);
        else if (does === FREEZES) walk.frozenAt = rows[at];
        else if (does === TELLS) {
          walk.recall(this.memoryOf[state]);
          walk.event(at, to, facts);
        }
      }
      if (entry < 0) {
        lives.length = firstLife;
        broken.length = firstBroken;
        facts.made = facts.gone = facts.underflows = 0;
        facts.basis = 'unknown';
        return false;
      }
      state = entry >> NEXT;
      count = countOf[state];
    }
    return true;
  }

  /** Has the rules themselves do a combination of state and event, and keeps what came out. Returns the entry. */
  private learn(state: number, at: number, to: number, facts: PageFacts): number {
    const { walk, counts } = this;
    const { lives, broken } = walk;
    const place = state * this.width + this.classes[this.index.shapes[at]];
    const count = walk.looksAhead(at) ? undefined : counts.regular(at, this.countOf[state]);
    if (count === undefined) return (this.table[place] = ODD);
    walk.recall(this.memoryOf[state]);
    const [life, length, findings] = [walk.life, lives.length, broken.length];
    const marks = life < 0 ? 0 : lives.marks[life];
    const told = facts.made + facts.gone + facts.underflows;
    walk.event(at, to, facts);
    const next = this.stateOf(count, walk.memory);
    if (next < 0) return ODD;
    const row = this.index.rows[at];
    let does = TELLS;
    if (broken.length === findings && facts.made + facts.gone + facts.underflows === told) {
      // which row froze the page is no part of a state
      if (lives.length === length && walk.life === life) does = walk.frozenAt === row ? FREEZES : 0;
      else if (lives.length === length && lives.end[life] === row && lives.marks[life] === marks) does = CLOSES;
      else if (life < 0 && lives.length === length + 1 && lives.begin[length] === row && walk.life === length)
        does = OPENS;
    }
    return (this.table[place] = (next << NEXT) | does);
  }

  /** The number of a state, -1 where there are too many. */
  private stateOf(count: number, memory: number): number {
    const key = count * MEMORIES + memory;
    const known = this.states.get(key);
    if (known !== undefined) return known;
    const state = FIRST + this.states.size;
    if ((state + 1) * this.width > ENTRIES) return -1;
    if (state >= this.countOf.length) {
      this.countOf = grown(this.countOf, state + 1);
      this.memoryOf = grown(this.memoryOf, state + 1);
    }
    if ((state + 1) * this.width > this.table.length) this.table = grown(this.table, (state + 1) * this.width);
    this.countOf[state] = count;
    this.memoryOf[state] = memory;
    this.states.set(key, state);
    return state;
  }
}

/** By shape a number for all that counts and lives depend on of it, and how many there are. */
export interface Classes {
  classes: Int32Array;
  size: number;
}

/** The same for all kinds of pages. */
export function classesOf({ events }: Countable, { effects }: PageIndex): Classes {
  const { words } = events.shapes;
  const { op, delta, before, after, seen, never, closer } = effects;
  const numbers = new Map<string, number>();
  const classes = Int32Array.from(op, (operation, shape) => {
    const at = shape * SHAPE_WORDS;
    const content = [operation, words[at + FIELD.val], words[at + FIELD.ret]];
    const key = [
      ...content,
      delta[shape],
      before[shape],
      after[shape],
      seen[shape],
      never[shape],
      closer[shape],
    ].join();
    let number = numbers.get(key);
    if (number === undefined) numbers.set(key, (number = numbers.size));
    return number;
  });
  return { classes, size: numbers.size };
}

// SPDX-License-Identifier: Apache-2.0
/**
 * The reference count of a page before and after each of its events, rebuilt from `val` and `ret`. Tracepoints fire after the
 * atomic operation, so two events of different CPUs can stand in the wrong order; where a returned count proves that, they are
 * put right. What is left unexplained moves the base and is counted, so that a report can say how sure it is.
 */
import { isStore, OP, type Op, UNKNOWN } from '../spec/ops.js';
import type { Recording } from '../trace/recording.js';
import type { PageIndex } from './page-index.js';

/** How the first count of a page is known. */
export type Basis = 'returned' | 'evidence' | 'unknown';

/** What was found on the way through one page's events. */
export interface Rebuilt {
  basis: Basis;
  /** pairs of events that a returned count proved to be in the wrong order */
  swapped: number;
  /** places where the count does not follow from the events: some are missing */
  jumps: number;
  /** events whose `count=` is another value: read late, while another CPU went on */
  late: number;
}

/** How many events of the page later one that was recorded late is looked for. */
const REACH = 64;
/** events of one page that are put in order at most; more is no race */
const MAX_SWAPS = 256;
/** so many events in a row must have a `count=` that is off by the same before that is believed */
const EVIDENCE = 3;

/** Rebuilds counts page by page into two arrays that are as long as the index. */
export class Counts {
  /** by position in `index.rows`; UNKNOWN where nothing tells */
  readonly before: Int32Array;
  readonly after: Int32Array;
  /** rows that may still be looked at to see whether a task was silent: a bound on the time that odd files take */
  private budget: number;

  constructor(
    private readonly recording: Recording,
    private readonly index: PageIndex,
  ) {
    this.budget = 1e6 + 8 * recording.events.length;
    this.before = new Int32Array(index.rows.length);
    this.after = new Int32Array(index.rows.length);
  }

  /** Works out one page and adds to `result`; may exchange rows of the index that were in the wrong order. */
  page(page: number, result: Rebuilt): void {
    const from = this.index.starts[page];
    const to = this.index.starts[page + 1];
    let count = this.base(from, to, result);
    for (let at = from; at < to; at++) {
      const plain = count === UNKNOWN ? UNKNOWN : this.plain(at, count);
      if (plain !== UNKNOWN) {
        count = plain;
        continue;
      }
      count = this.step(at, to, count, result);
      const late = this.lateFrom(at, from, count, result);
      if (late < 0) continue;
      // three events in a row show the same other count: either one was recorded later than it happened, or some are missing
      const off = this.evidence(at) - count;
      if (this.exchange(late, at + 1, to, off)) {
        result.swapped++;
        count = this.before[late];
        at = late - 1;
      } else if (!this.agreesLater(at, to, count)) {
        result.jumps++;
        count += this.shift(late, at, off);
      }
    }
  }

  /** The event that fits in every way, as nearly all do: returns the count after it, UNKNOWN for any other. */
  private plain(at: number, count: number): number {
    const { effects, shapes } = this.index;
    const shape = shapes[at];
    const after = count + effects.delta[shape];
    const told = effects.after[shape];
    const seen = effects.seen[shape];
    if (effects.store[shape] !== 0 || (told !== after && told !== UNKNOWN)) return UNKNOWN;
    if ((seen !== after && seen !== UNKNOWN) || (after === 0 && effects.notZero[shape] !== 0)) return UNKNOWN;
    this.before[at] = count;
    this.after[at] = after;
    return after;
  }

  private op(at: number): Op {
    return this.index.effects.op[this.index.shapes[at]] as Op;
  }

  private delta(at: number): number {
    return this.index.effects.delta[this.index.shapes[at]];
  }

  /** The count that the operation itself says, UNKNOWN where it does not. */
  private told(at: number): number {
    return this.index.effects.after[this.index.shapes[at]];
  }

  /** Does the put at `at` say that it did not reach zero, although it would have? */
  private contradicts(at: number, after: number): boolean {
    return after === 0 && this.index.effects.notZero[this.index.shapes[at]] !== 0;
  }

  /** `count=` of an event, UNKNOWN without one. */
  private evidence(at: number): number {
    return this.index.effects.seen[this.index.shapes[at]];
  }

  /** The count before the first event: from the first returned count, else from what most of the `count=` agree on. */
  private base(from: number, to: number, result: Rebuilt): number {
    let sum = 0;
    let best = UNKNOWN;
    let weight = 0;
    for (let at = from; at < to; at++) {
      const op = this.op(at);
      const known = this.index.effects.before[this.index.shapes[at]];
      if (known !== UNKNOWN) {
        result.basis = 'returned';
        return known - sum;
      }
      if (isStore(op)) break;
      sum += this.delta(at);
      const seen = this.evidence(at);
      if (seen === UNKNOWN) continue;
      // the majority, without counting every candidate (Boyer and Moore)
      if (weight === 0) best = seen - sum;
      weight += seen - sum === best ? 1 : -1;
    }
    if (best !== UNKNOWN) result.basis = 'evidence';
    else if (from < to && isStore(this.op(from))) result.basis = 'returned';
    return best;
  }

  /** One event: returns the count after it. */
  private step(at: number, to: number, count: number, result: Rebuilt, exchanged = false): number {
    const op = this.op(at);
    const told = this.told(at);
    this.before[at] = count;
    if (isStore(op)) return this.store(at, op, told, count, result);
    let after = count === UNKNOWN ? UNKNOWN : count + this.delta(at);
    const wrong = told !== UNKNOWN ? after !== told : this.contradicts(at, after);
    if (wrong && after !== UNKNOWN) {
      if (
        !exchanged &&
        result.swapped < MAX_SWAPS &&
        this.exchange(at, at + 1, to, told === UNKNOWN ? UNKNOWN : told - after)
      ) {
        result.swapped++;
        return this.step(at, to, count, result, true);
      }
      if (told !== UNKNOWN) {
        result.jumps++;
        this.before[at] = told - this.delta(at);
      }
    }
    if (told !== UNKNOWN) {
      after = told;
      if (count === UNKNOWN) this.before[at] = told - this.delta(at);
    }
    this.after[at] = after;
    return after;
  }

  private store(at: number, op: Op, told: number, count: number, result: Rebuilt): number {
    // a page is freed with a count of zero, and unfrozen from zero: anything else means that events are missing
    if (op !== OP.set && count !== UNKNOWN && count !== 0) result.jumps++;
    if (op !== OP.set) this.before[at] = 0;
    this.after[at] = told;
    return told;
  }

  /**
   * Finds an event that happened before position `at` although it was recorded at `from` or later, because its CPU was slow
   * to trace it, and puts it there. It must explain the difference, and its task must have been silent in between: a task
   * traces an operation before it does anything else.
   */
  private exchange(at: number, from: number, to: number, missing: number): boolean {
    const { rows, shapes } = this.index;
    const { events } = this.recording;
    for (let other = from; other < Math.min(to, at + 1 + REACH); other++) {
      const op = this.op(other);
      const delta = this.delta(other);
      if (delta === 0 || isStore(op) || (missing !== UNKNOWN && delta !== missing)) continue;
      if (events.cpu(rows[other]) === events.cpu(rows[at])) continue;
      // the one in front must itself be possible there
      const there = this.before[at] + delta;
      const told = this.told(other);
      if ((told !== UNKNOWN && told !== there) || this.contradicts(other, there)) continue;
      if (!this.silent(rows[at], rows[other])) continue;
      const row = rows[other];
      const shape = shapes[other];
      rows.copyWithin(at + 1, at, other);
      shapes.copyWithin(at + 1, at, other);
      rows[at] = row;
      shapes[at] = shape;
      return true;
    }
    return false;
  }

  /** Has the task of row `later` no event on its CPU after row `earlier`? */
  private silent(earlier: number, later: number): boolean {
    const { events } = this.recording;
    const [cpu, pid] = [events.cpu(later), events.pid(later)];
    for (let row = later - 1; row > earlier; row--) {
      if (this.budget-- <= 0 || (events.cpu(row) === cpu && events.pid(row) === pid)) return false;
    }
    return true;
  }

  /** Where the last three `count=` began to be off by the same, -1 where they did not. */
  private lateFrom(at: number, from: number, count: number, result: Rebuilt): number {
    const seen = this.evidence(at);
    if (seen === UNKNOWN || count === UNKNOWN || seen === count) return -1;
    result.late++;
    if (result.swapped >= MAX_SWAPS) return -1;
    const off = seen - count;
    for (let back = 1; back < EVIDENCE; back++) {
      const earlier = at - back;
      if (earlier < from || isStore(this.op(earlier + 1))) return -1;
      if (this.told(earlier + 1) !== UNKNOWN) return -1;
      const was = this.evidence(earlier);
      if (was === UNKNOWN || was - this.after[earlier] !== off) return -1;
    }
    return at - EVIDENCE + 1;
  }

  /** Does what an operation soon returns confirm the count at `at`, so that only the reading of `count=` was late? */
  private agreesLater(at: number, to: number, count: number): boolean {
    let later = count;
    for (let next = at + 1; next < Math.min(to, at + 1 + REACH); next++) {
      const op = this.op(next);
      const told = this.told(next);
      if (op === OP.set) return false;
      if (isStore(op)) return later === 0;
      later += this.delta(next);
      if (told !== UNKNOWN) return later === told;
    }
    return false;
  }

  /** Moves the counts of `[first, last]` by `off`, which it returns. */
  private shift(first: number, last: number, off: number): number {
    for (let at = first; at <= last; at++) {
      if (at > first) this.before[at] += off;
      this.after[at] += off;
    }
    return off;
  }
}

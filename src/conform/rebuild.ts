// SPDX-License-Identifier: Apache-2.0
/**
 * The reference count of a page before and after each of its events, rebuilt from `val` and `ret`. Tracepoints fire after the
 * atomic operation, so two events of different CPUs can stand in the wrong order; where a returned count proves that, they are
 * put right. What is left unexplained moves the base and is counted, so that a report can say how sure it is.
 */
import { contradicts, countAfter, countBefore, deltaOf, isStore, OP, type Op, UNKNOWN } from '../spec/ops.js';
import { HAS } from '../trace/columns.js';
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

/** How far apart two events in the wrong order can stand. */
const REACH = 8;
/** so many events in a row must have a `count=` that is off by the same before that is believed */
const EVIDENCE = 3;

/** Rebuilds counts page by page into two arrays that are as long as the index. */
export class Counts {
  /** by position in `index.rows`; UNKNOWN where nothing tells */
  readonly before: Int32Array;
  readonly after: Int32Array;

  constructor(
    private readonly recording: Recording,
    private readonly index: PageIndex,
  ) {
    this.before = new Int32Array(index.rows.length);
    this.after = new Int32Array(index.rows.length);
  }

  /** Works out one page and adds to `result`; may exchange rows of the index that were in the wrong order. */
  page(page: number, result: Rebuilt): void {
    const from = this.index.starts[page];
    const to = this.index.starts[page + 1];
    let count = this.base(from, to, result);
    for (let at = from; at < to; at++) {
      count = this.step(at, to, count, result);
      count = this.weigh(at, from, count, result);
    }
  }

  private op(at: number): Op {
    return this.index.ops[this.recording.events.kind[this.index.rows[at]]] as Op;
  }

  private val(at: number): number {
    return this.recording.events.val[this.index.rows[at]];
  }

  private ret(at: number): number {
    return this.recording.events.ret[this.index.rows[at]];
  }

  private delta(at: number): number {
    return deltaOf(this.op(at), this.val(at), this.ret(at));
  }

  /** `count=` of an event, UNKNOWN without one. */
  private evidence(at: number): number {
    const { events, kinds } = this.recording;
    const row = this.index.rows[at];
    return kinds[events.kind[row]].has & HAS.count ? events.count[row] : UNKNOWN;
  }

  /** The count before the first event: from the first returned count, else from what most of the `count=` agree on. */
  private base(from: number, to: number, result: Rebuilt): number {
    let sum = 0;
    let best = UNKNOWN;
    let weight = 0;
    for (let at = from; at < to; at++) {
      const op = this.op(at);
      const known = countBefore(op, this.val(at), this.ret(at));
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
    const told = countAfter(op, this.val(at), this.ret(at));
    this.before[at] = count;
    if (isStore(op)) return this.store(at, op, told, count, result);
    let after = count === UNKNOWN ? UNKNOWN : count + this.delta(at);
    const wrong = told !== UNKNOWN ? after !== told : contradicts(op, this.ret(at), after);
    if (wrong && after !== UNKNOWN) {
      if (!exchanged && this.exchange(at, to, told === UNKNOWN ? UNKNOWN : told - after)) {
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

  /** Finds a later event of another CPU that explains the difference, and puts it before this one. */
  private exchange(at: number, to: number, missing: number): boolean {
    const { rows } = this.index;
    const { events } = this.recording;
    for (let other = at + 1; other < Math.min(to, at + 1 + REACH); other++) {
      if (isStore(this.op(other))) return false;
      if (events.cpu[rows[other]] === events.cpu[rows[at]]) continue;
      const delta = this.delta(other);
      if (delta === 0 || (missing !== UNKNOWN && delta !== missing)) continue;
      // the one in front must itself be possible there
      const told = countAfter(this.op(other), this.val(other), this.ret(other));
      if (told !== UNKNOWN && told !== this.before[at] + delta) continue;
      const row = rows[other];
      rows.copyWithin(at + 1, at, other);
      rows[at] = row;
      return true;
    }
    return false;
  }

  /** Compares with `count=`; believes it when several events in a row are off by the same. */
  private weigh(at: number, from: number, count: number, result: Rebuilt): number {
    const seen = this.evidence(at);
    if (seen === UNKNOWN || count === UNKNOWN || seen === count) return count;
    result.late++;
    const off = seen - count;
    for (let back = 1; back < EVIDENCE; back++) {
      const earlier = at - back;
      if (earlier < from || isStore(this.op(earlier + 1))) return count;
      if (countAfter(this.op(earlier + 1), this.val(earlier + 1), this.ret(earlier + 1)) !== UNKNOWN) return count;
      const was = this.evidence(earlier);
      if (was === UNKNOWN || was - this.after[earlier] !== off) return count;
    }
    for (let fixed = at - EVIDENCE + 1; fixed <= at; fixed++) {
      if (fixed > at - EVIDENCE + 1) this.before[fixed] += off;
      this.after[fixed] += off;
    }
    result.jumps++;
    return count + off;
  }
}

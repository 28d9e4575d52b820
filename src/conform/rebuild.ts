// SPDX-License-Identifier: Apache-2.0
/**
 * The reference count of a page before and after each of its events, rebuilt from `val` and `ret`. Tracepoints fire after the
 * atomic operation, so two events of different CPUs can stand in the wrong order; where what was returned proves that, they are
 * put right (order.ts). What is left unexplained moves the base and is counted, so that a report can say how sure it is.
 *
 * `count=` was read after the operation, when another CPU may have gone on: it never contradicts. It is the base where nothing was
 * returned, and three in a row that are off by the same are a sign of a late or a missing event.
 */
import { isLawful } from '../spec/invariants.js';
import { isStore, OP, type Op, possible, UNKNOWN } from '../spec/ops.js';
import { roomFor } from '../trace/columns.js';
import { type Countable, NEAR, Orderer, PORTION, type Wish } from './order.js';
import type { PageIndex } from './page-index.js';

/** How the first count of a page is known. */
export type Basis = 'returned' | 'evidence' | 'unknown';

/** What was found on the way through one page's events. */
export interface Rebuilt {
  basis: Basis;
  /** events that what was returned proved to be recorded too late */
  swapped: number;
  /** places where the count does not follow from the events: some are missing */
  jumps: number;
  /** position of the first of them, -1 for none */
  jumped: number;
  /** events whose `count=` is another value: read late, while another CPU went on */
  late: number;
}

/** How far ahead an operation is looked for whose result confirms a count. */
const REACH = 64;
/** events of one page that are put in order at most, and searches that may find nothing; more is no race */
const MAX_SWAPS = 256;
const MAX_MISSES = 32;
/** so many events in a row must have a `count=` that is off by the same, for longer than it takes to trace; or so many more */
const EVIDENCE = 3;
const LONG = 8;
/** counts that a page may have had before the first that was returned */
const STARTS = 24;

/** Does a portion of the pages begin with this one? Threads share pages by portions. */
export function beginsPortion({ starts }: PageIndex, page: number): boolean {
  return page === 0 || portionOf(starts[page]) !== portionOf(starts[page - 1]);
}

const portionOf = (position: number): number => Math.floor(position / PORTION);

/** Rebuilds counts page by page into two arrays that are as long as the index. */
export class Counts {
  /** by position in `index.rows`; UNKNOWN where nothing tells */
  readonly before: Int32Array;
  readonly after: Int32Array;
  private readonly orderer: Orderer;
  // of the page at hand
  private from = 0;
  private to = 0;
  private firstByGet = false;
  private misses = 0;
  /** no operation has returned or stored a count yet: what is known was read */
  private resting = false;

  constructor(
    private readonly recording: Countable,
    private readonly index: PageIndex,
    given?: { before: Int32Array; after: Int32Array },
  ) {
    this.orderer = new Orderer(recording, index);
    const bytes = index.rows.length * 4;
    this.before = given?.before ?? new Int32Array(roomFor(bytes, recording.events.shared));
    this.after = given?.after ?? new Int32Array(roomFor(bytes, recording.events.shared));
  }

  /**
   * Works out one page and adds to `result`; may exchange rows of the index that were in the wrong order.
   * @param firstByGet a plain get may be the first reference to a page of this kind
   */
  page(page: number, result: Rebuilt, firstByGet: boolean): void {
    let count = this.begin(page, result, firstByGet);
    for (let at = this.from; at < this.to; at++) {
      const plain = count === UNKNOWN ? UNKNOWN : this.plain(at, count);
      if (plain !== UNKNOWN) {
        count = plain;
        continue;
      }
      this.before[at] = count;
      if (count !== UNKNOWN && !this.fits(at, count)) {
        const again = this.reorder(at, this.wish(true, 0, 0), result);
        if (again >= 0) {
          count = this.before[again];
          at = again - 1;
          continue;
        }
      }
      count = this.step(at, count, result);
      const late = this.lateFrom(at, count, result);
      if (late < 0) continue;
      // the first of them may really have been read late, the others are right
      let again = -1;
      for (let from = late; again < 0 && from <= at; from++)
        again = this.reorder(late, this.wish(false, from, at + 1), result);
      if (again >= 0) {
        count = this.before[again];
        at = again - 1;
      } else if (!this.agreesLater(at, count)) {
        this.jump(late, result);
        count += this.shift(late, at, this.evidence(at) - count);
      }
    }
  }

  /** Begins with a page: the count before its first event, UNKNOWN where nothing tells. */
  begin(page: number, result: Rebuilt, firstByGet: boolean): number {
    this.from = this.index.starts[page];
    this.to = this.index.starts[page + 1];
    if (beginsPortion(this.index, page)) this.orderer.renew(portionOf(this.from));
    this.firstByGet = firstByGet;
    this.misses = 0;
    const count = this.base(result);
    this.resting = result.basis === 'evidence';
    return count;
  }

  /**
   * One event of the page begun last, where it fits and nothing about it is odd: what `page` makes of it depends on `count` and the
   * event's content alone then. Returns the count after it, undefined for any other event.
   */
  regular(at: number, count: number): number | undefined {
    const plain = count === UNKNOWN ? UNKNOWN : this.plain(at, count);
    if (plain !== UNKNOWN) return plain;
    if (count !== UNKNOWN && !(this.possible(at, count) && this.fitsAlone(at, count))) return undefined;
    const op = this.op(at);
    const told = this.told(at);
    if (count === UNKNOWN && told !== UNKNOWN && !isStore(op)) return undefined;
    const after = told !== UNKNOWN ? told : count === UNKNOWN ? UNKNOWN : count + this.delta(at);
    const seen = this.evidence(at);
    if (seen !== UNKNOWN && after !== UNKNOWN && seen !== after) return undefined;
    this.before[at] = count;
    this.after[at] = after;
    return after;
  }

  private jump(at: number, result: Rebuilt): void {
    result.jumps++;
    if (result.jumped < 0) result.jumped = at;
  }

  private wish(lawful: boolean, shownFrom: number, shownTo: number): Wish {
    return { lawful, firstByGet: this.firstByGet, shownFrom, shownTo };
  }

  /** The event that fits in every way, as nearly all do: returns the count after it, UNKNOWN for any other. */
  private plain(at: number, count: number): number {
    const { effects, shapes } = this.index;
    const shape = shapes[at];
    const after = count + effects.delta[shape];
    const told = effects.after[shape];
    const seen = effects.seen[shape];
    if (effects.closer[shape] !== 0 || (told !== after && told !== UNKNOWN) || effects.never[shape] === count)
      return UNKNOWN;
    if (seen !== after && (seen !== UNKNOWN || after <= 0 || count <= 0)) return UNKNOWN;
    if (told !== UNKNOWN) this.resting = false;
    this.before[at] = count;
    this.after[at] = after;
    return after;
  }

  private op(at: number): Op {
    return this.index.effects.op[this.index.shapes[at]] as Op;
  }

  private val(at: number): number {
    return this.recording.events.val(this.index.rows[at]);
  }

  private delta(at: number): number {
    return this.index.effects.delta[this.index.shapes[at]];
  }

  /** The count that the operation itself says, UNKNOWN where it does not. */
  private told(at: number): number {
    return this.index.effects.after[this.index.shapes[at]];
  }

  /** The count before it that the operation itself says. */
  private known(at: number): number {
    return this.index.effects.before[this.index.shapes[at]];
  }

  private possible(at: number, count: number): boolean {
    return possible(this.op(at), this.val(at), this.recording.events.ret(this.index.rows[at]), count);
  }

  /** `count=` of an event, UNKNOWN without one. */
  private evidence(at: number): number {
    return this.index.effects.seen[this.index.shapes[at]];
  }

  /** Is event `at` possible after `count`, and lawful? What breaks a law and is confirmed by its `count=` needs no other order. */
  private fits(at: number, count: number): boolean {
    const op = this.op(at);
    if (op !== OP.mod && !this.possible(at, count)) return false;
    if (this.fitsAlone(at, count)) return true;
    return count === 0 && isLawful(op, count, count + this.val(at), this.orderer.isFrozen(this.from, at));
  }

  /** Is event `at` lawful after `count`, whatever came before? */
  private fitsAlone(at: number, count: number): boolean {
    const op = this.op(at);
    if (op !== OP.mod && op !== OP.modAndTest) return true;
    const after = count + this.val(at);
    return isLawful(op, count, after, this.firstByGet) || this.evidence(at) === after;
  }

  /** The count before the first event: from the first returned count, else from what most of the `count=` agree on. */
  private base(result: Rebuilt): number {
    const { from, to } = this;
    const { shapes, effects } = this.index;
    let sum = 0;
    let best = UNKNOWN;
    let weight = 0;
    for (let at = from; at < to; at++) {
      const shape = shapes[at];
      const known = effects.before[shape];
      if (known !== UNKNOWN) {
        result.basis = 'returned';
        return known - sum;
      }
      if (isStore(effects.op[shape] as Op)) break;
      sum += effects.delta[shape];
      const seen = effects.seen[shape];
      if (seen === UNKNOWN) continue;
      // the majority, without counting every candidate (Boyer and Moore)
      if (weight === 0) best = seen - sum;
      weight += seen - sum === best ? 1 : -1;
    }
    if (best !== UNKNOWN) result.basis = 'evidence';
    else {
      // 7.3 tells that a page is handed out before its count is set (mm/page_alloc.c, __alloc_pages)
      let first = from;
      while (first < to && (this.op(first) === OP.alloc || this.op(first) === OP.free)) first++;
      if (first < to && isStore(this.op(first))) result.basis = 'returned';
    }
    return best;
  }

  /** One event: returns the count after it. */
  private step(at: number, count: number, result: Rebuilt): number {
    const op = this.op(at);
    const told = this.told(at);
    if (count !== UNKNOWN && !this.possible(at, count)) {
      // what was only read proves nothing
      if (!this.resting) this.jump(at, result);
      this.before[at] = this.mended(at, told);
    } else if (told !== UNKNOWN && !isStore(op) && count === UNKNOWN) this.before[at] = told - this.delta(at);
    if (told !== UNKNOWN) this.resting = false;
    const start = this.before[at];
    const after = told !== UNKNOWN ? told : start === UNKNOWN ? UNKNOWN : start + this.delta(at);
    this.after[at] = after;
    return after;
  }

  /** A count before position `at` with which its result is possible, events being missing. */
  private mended(at: number, told: number): number {
    const known = this.known(at);
    if (known !== UNKNOWN) return known;
    if (told !== UNKNOWN) return 0;
    const shown = this.evidence(at);
    const before = shown - this.delta(at);
    return shown !== UNKNOWN && this.possible(at, before) ? before : UNKNOWN;
  }

  /** Looks for an order in which position `at` is as wished; returns where to go on from, -1 where there is none. */
  private reorder(at: number, wish: Wish, result: Rebuilt): number {
    if (result.swapped >= MAX_SWAPS || this.misses >= MAX_MISSES) return -1;
    const impossible = wish.lawful && !this.possible(at, this.before[at]);
    const starts = (first: number) => this.starts(first);
    let found = this.orderer.find(this.from, at, this.to, starts, wish);
    // what cannot have been as recorded was in some order, even if that breaks a law
    if (!found && impossible) found = this.orderer.find(this.from, at, this.to, starts, { ...wish, lawful: false });
    if (!found) {
      this.misses++;
      return -1;
    }
    result.swapped += Math.max(1, found.moved);
    const { from } = found;
    // the counts before the window hang on the first that was returned, which is in it
    const off = found.before - this.before[from];
    for (let back = this.from; off !== 0 && back < from; back++) {
      this.before[back] += off;
      this.after[back] += off;
    }
    this.before[from] = found.before;
    return from;
  }

  /**
   * Counts that the page may have had before position `first`: the one worked out; and where nothing before it was returned, so
   * that it hangs on what comes later, also those that other orders of the events around `first` lead to.
   */
  private starts(first: number): number[] {
    const now = this.before[first];
    const starts = [now];
    if (now === UNKNOWN) return starts;
    for (let at = this.from; at < first; at++) {
      const known = this.known(at);
      if (known !== UNKNOWN || isStore(this.op(at))) return starts;
    }
    const sums = new Set([0]);
    for (let at = first; at < Math.min(this.to, first + REACH) && sums.size < STARTS; at++) {
      const delta = this.delta(at);
      for (const sum of [...sums]) sums.add(sum - delta).add(sum + delta);
    }
    const near = [...sums].sort((a, b) => Math.abs(a) - Math.abs(b));
    for (const off of near) if (off !== 0 && this.canHaveBegun(first, off)) starts.push(now + off);
    return starts;
  }

  /** Are all events before position `first` possible with counts that are off by `off`? */
  private canHaveBegun(first: number, off: number): boolean {
    for (let at = this.from; at < first; at++) {
      const before = this.before[at] + off;
      if (before < 0 || !this.possible(at, before)) return false;
    }
    return this.before[first] + off >= 0;
  }

  /**
   * Where the last `count=` began to be off by the same, -1 where they are not, or are so for no longer than a late reading
   * explains. Only plain gets and puts tell: what returns or stores a count is right, whatever it shows.
   */
  private lateFrom(at: number, count: number, result: Rebuilt): number {
    const seen = this.evidence(at);
    if (seen === UNKNOWN || count === UNKNOWN || seen === count) return -1;
    result.late++;
    if (result.swapped >= MAX_SWAPS) return -1;
    let first = at + 1;
    while (first > this.from && at - first < LONG && this.isOff(first - 1, seen - count)) first--;
    const { time } = this.recording.events;
    const { rows } = this.index;
    const run = at + 1 - first;
    const lasting = this.recording.unit === 'ns' && time[rows[at]] - time[rows[Math.min(first, at)]] > NEAR;
    return run > LONG || (run >= EVIDENCE && lasting) ? first : -1;
  }

  private isOff(at: number, off: number): boolean {
    const op = this.op(at);
    const seen = this.evidence(at);
    if (seen === UNKNOWN || isStore(op) || this.told(at) !== UNKNOWN) return false;
    return seen - this.after[at] === off;
  }

  /** Does what an operation soon returns confirm the count at `at`, so that only the reading of `count=` was late? */
  private agreesLater(at: number, count: number): boolean {
    let later = count;
    for (let next = at + 1; next < Math.min(this.to, at + 1 + REACH); next++) {
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

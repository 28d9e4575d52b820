// SPDX-License-Identifier: Apache-2.0
/**
 * Puts events of one page that several CPUs recorded almost together into an order that is possible. An operation happened
 * between the event that its task recorded before and its own event; the recorded order need not be the order of the
 * operations. The search runs over the linear extensions of what must hold: each CPU's own order, and no event earlier than its
 * task allows. The recorded order is tried first, so what is found departs from it only where it must.
 */
import { isLawful } from '../spec/invariants.js';
import { isStore, OP, type Op, possible, UNKNOWN } from '../spec/ops.js';
import type { Recording } from '../trace/recording.js';
import type { Whos } from '../trace/shapes.js';
import type { PageIndex } from './page-index.js';

/** Clocks of CPUs that run apart differ by so much at most (ns; kernel/sched/clock.c keeps "local" within a tick, TSCs far closer). */
const JITTER = 10_000;
/** clocks that are one for all CPUs */
const ONE_CLOCK = /^(?:global|counter|mono|mono_raw|boot|tai|x86-tsc|tsc2nsec)$/;
/** an operation is traced within so much (ns), unless its CPU was held up */
export const NEAR = 50_000;
/** events on either side of a contradiction that may take part, tried in turn */
const REACHES = [3, 12, 40] as const;
/** states that one search may visit, and rows that it may look through to learn what tasks did meanwhile */
const STATES = 5_000;
const ROWS = 300_000;
/** events after the window that must agree with what it leads to */
const AHEAD = 64;

/** events of a portion of the pages */
export const PORTION = 1 << 18;

/** What counts are worked out from. */
export type Countable = Pick<Recording, 'events' | 'kinds' | 'unit' | 'clock' | 'losses'>;

const IMPOSSIBLE = 0x7fffffff;

/** What was found: positions `[from, to)` of the index are rewritten, the count before the first is `before`. */
export interface Ordered {
  from: number;
  to: number;
  before: number;
  /** events that came out earlier than they were recorded */
  moved: number;
}

/** What a search is to respect beside what is possible at all. */
export interface Wish {
  /** no count below zero, nothing taken from a free page */
  lawful: boolean;
  /** a plain get may be a page's first reference */
  firstByGet: boolean;
  /** positions whose `count=` must be right, as a range; empty for none */
  shownFrom: number;
  shownTo: number;
}

export class Orderer {
  /** how far two clocks may be apart, in the recording's unit */
  readonly jitter: number;
  /** bounds on the time that odd files take */
  private states = 0;
  private looked = 0;
  /** how much later than it happened an operation may have been traced */
  private near = 0;
  // the window
  private first = 0;
  private size = 0;
  private end = 0;
  private readonly prevRow = new Int32Array(2 * 40 + 1);
  private readonly prevTime = new Float64Array(2 * 40 + 1);
  /** the window's events, CPU by CPU, and how many of each are taken */
  private readonly queues: number[][] = [];
  private readonly heads: number[] = [];
  private readonly taken: number[] = [];
  private readonly failed = new Set<string>();
  /** by `Columns.who`: its task, and by that the last row that was looked at */
  private readonly tasks: Int32Array;
  private readonly lasts: Int32Array;
  private nodes = 0;

  constructor(
    private readonly recording: Countable,
    private readonly index: PageIndex,
  ) {
    const { unit, clock } = recording;
    this.jitter = unit !== 'ns' || ONE_CLOCK.test(clock) ? 0 : JITTER;
    this.tasks = tasksOf(recording.events.whos);
    this.lasts = new Int32Array(this.tasks.length);
    this.renew(0);
  }

  /** Sets the bounds anew for a portion of the pages: what is found does not depend on which thread walks which portion. */
  renew(portion: number): void {
    const events = Math.min(this.recording.events.length, PORTION);
    this.states = (portion === 0 ? 1e6 : 2.5e5) + events;
    this.looked = (portion === 0 ? 4e6 : 1e6) + 8 * events;
  }

  /**
   * Looks for an order in which position `at` of a page's events `[from, to)` is possible. `starts` are counts that the page may
   * have had before position `p`, in the order of preference.
   */
  find(from: number, at: number, to: number, starts: (p: number) => number[], wish: Wish): Ordered | undefined {
    // a CPU that stood still explains much: only where nothing nearer does
    for (this.near of this.recording.unit === 'ns' ? [NEAR, Number.POSITIVE_INFINITY] : [Number.POSITIVE_INFINITY]) {
      let before = -1;
      for (const reach of REACHES) {
        if (this.states <= 0 || this.looked <= 0) return undefined;
        const first = Math.max(from, at - reach);
        const end = Math.min(to, at + reach + 1);
        if (end - first === before) break;
        before = end - first;
        if (!this.prepare(first, end, to)) continue;
        const frozen = this.isFrozen(from, first);
        for (const start of starts(first)) {
          this.failed.clear();
          this.nodes = 0;
          if (this.search(start, frozen && start === 0, wish, true)) return this.rewrite(start);
        }
      }
    }
    return undefined;
  }

  /** Lays out the window; false where only one CPU is in it, or too much lies between its events. */
  private prepare(first: number, end: number, to: number): boolean {
    const { rows } = this.index;
    const { events } = this.recording;
    this.first = first;
    this.size = end - first;
    this.end = to;
    const cpus: number[] = [];
    this.queues.length = 0;
    for (let at = first; at < end; at++) {
      const number = events.cpu(rows[at]);
      let queue = cpus.indexOf(number);
      if (queue < 0) {
        queue = cpus.push(number) - 1;
        this.queues.push([]);
      }
      this.queues[queue].push(at - first);
    }
    if (cpus.length < 2) return false;
    let low = rows[first];
    let high = rows[first];
    for (let at = first + 1; at < end; at++) {
      low = Math.min(low, rows[at]);
      high = Math.max(high, rows[at]);
    }
    if (high - low > ROWS) return false;
    this.looked -= high - low;
    this.lookBack(low, high);
    return true;
  }

  /** Finds, for each event of the window, what its task recorded before, from row `low` on. */
  private lookBack(low: number, high: number): void {
    const { rows } = this.index;
    const { who, time } = this.recording.events;
    const { tasks, lasts } = this;
    const places = Array.from({ length: this.size }, (_, place) => place);
    places.sort((a, b) => rows[this.first + a] - rows[this.first + b]);
    lasts.fill(-1);
    for (let row = low, next = 0; row <= high; row++) {
      const task = tasks[who[row]];
      if (row === rows[this.first + places[next]]) {
        const previous = lasts[task];
        this.prevRow[places[next]] = previous;
        this.prevTime[places[next]] = previous < 0 ? Number.NEGATIVE_INFINITY : time[previous];
        next++;
      }
      lasts[task] = row;
    }
  }

  /** May the window's event `later` have happened before `earlier`, perhaps although another CPU recorded that first? */
  private mayPrecede(later: number, earlier: number): boolean {
    const { rows } = this.index;
    const { time } = this.recording.events;
    const [row, other] = [rows[this.first + earlier], rows[this.first + later]];
    if (row >= other) return true;
    if (time[other] - time[row] > this.near) return false;
    return this.prevRow[later] < row || this.prevTime[later] - this.jitter <= time[row];
  }

  /** Depth first from the empty order; true where `taken` has become a whole one. */
  private search(count: number, frozen: boolean, wish: Wish, root: boolean): boolean {
    if (root) {
      this.taken.length = 0;
      this.heads.length = 0;
      for (let queue = 0; queue < this.queues.length; queue++) this.heads.push(0);
    }
    if (this.taken.length === this.size) return this.agreesAhead(count);
    if (this.nodes++ > STATES || this.states-- <= 0) return false;
    const key = `${String.fromCharCode(...this.heads)}${count}${frozen}`;
    if (this.failed.has(key)) return false;
    for (const queue of this.candidates()) {
      const event = this.queues[queue][this.heads[queue]];
      const after = this.after(this.first + event, count, frozen, wish);
      if (after === IMPOSSIBLE) continue;
      this.heads[queue]++;
      this.taken.push(event);
      const freezes = after === 0 && count > 0 && this.opAt(this.first + event) === OP.freeze;
      if (this.search(after, freezes || (frozen && after === 0), wish, false)) return true;
      this.taken.pop();
      this.heads[queue]--;
    }
    this.failed.add(key);
    return false;
  }

  /** CPUs whose next event may come next, in the order in which those were recorded. */
  private candidates(): number[] {
    const found: number[] = [];
    for (let queue = 0; queue < this.queues.length; queue++) {
      const event = this.queues[queue][this.heads[queue]];
      if (event === undefined) continue;
      let free = true;
      for (let other = 0; other < this.queues.length && free; other++) {
        const waiting = this.queues[other][this.heads[other]];
        free = waiting === undefined || this.mayPrecede(event, waiting);
      }
      if (free) found.push(queue);
    }
    return found.sort((a, b) => this.queues[a][this.heads[a]] - this.queues[b][this.heads[b]]);
  }

  /** Is the page, whose events begin at `from`, frozen and not unfrozen before position `at`? */
  isFrozen(from: number, at: number): boolean {
    const { effects, shapes } = this.index;
    for (let back = at - 1; back >= from; back--) {
      const op = this.opAt(back);
      if (isStore(op)) return false;
      if (effects.delta[shapes[back]] !== 0) return op === OP.freeze;
    }
    return false;
  }

  private opAt(at: number): Op {
    return this.index.effects.op[this.index.shapes[at]] as Op;
  }

  /** The count after position `at`, IMPOSSIBLE where it cannot follow on `count`. */
  private after(at: number, count: number, frozen: boolean, wish: Wish): number {
    const { effects, shapes, rows } = this.index;
    const { events } = this.recording;
    const shape = shapes[at];
    const op = this.opAt(at);
    const told = effects.after[shape];
    if (count === UNKNOWN) return told;
    if (!possible(op, events.val(rows[at]), events.ret(rows[at]), count)) return IMPOSSIBLE;
    const after = told !== UNKNOWN ? told : count + effects.delta[shape];
    const seen = effects.seen[shape] === after;
    if (at >= wish.shownFrom && at < wish.shownTo && !seen) return IMPOSSIBLE;
    if (!wish.lawful || isLawful(op, count, after, frozen || wish.firstByGet)) return after;
    // what was returned, or was seen, did break the law
    return op === OP.modAndReturn || seen ? after : IMPOSSIBLE;
  }

  /** Does what the next operations after the window return agree with `count`? */
  private agreesAhead(count: number): boolean {
    const { effects, shapes } = this.index;
    const from = this.first + this.size;
    let now = count;
    for (let at = from; at < Math.min(this.end, from + AHEAD); at++) {
      if (this.opAt(at) === OP.set) return true;
      const told = effects.before[shapes[at]];
      if (told !== UNKNOWN) return told === now || now === UNKNOWN;
      if (now !== UNKNOWN) now += effects.delta[shapes[at]];
    }
    return true;
  }

  private rewrite(before: number): Ordered {
    const { rows, shapes } = this.index;
    const oldRows = rows.slice(this.first, this.first + this.size);
    const oldShapes = shapes.slice(this.first, this.first + this.size);
    let moved = 0;
    let least = 0;
    const done = new Uint8Array(this.size);
    for (const [place, event] of this.taken.entries()) {
      rows[this.first + place] = oldRows[event];
      shapes[this.first + place] = oldShapes[event];
      done[event] = 1;
      while (done[least]) least++;
      if (least < event) moved++;
    }
    return { from: this.first, to: this.first + this.size, before, moved };
  }
}

/** Numbers the tasks; the idle task is one for each CPU. */
function tasksOf({ size, pid, cpu }: Pick<Whos, 'size' | 'pid' | 'cpu'>): Int32Array {
  const numbers = new Map<number, number>();
  return Int32Array.from({ length: size }, (_, who) => {
    const task = pid[who] > 0 ? pid[who] : -1 - cpu[who];
    const number = numbers.get(task) ?? numbers.size;
    numbers.set(task, number);
    return number;
  });
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Part of the graph of states, whole and exact: every state that can be reached from a given one, with who moves along each
 * edge and which tasks can move. For questions about runs that a search, which keeps less, cannot answer (progress.ts,
 * inevitable.ts). Never reduced: what is asked of runs depends on which task moves.
 */
import { nextAlternative } from './code.js';
import { BLOCKED, OK } from './emit.js';
import type { Model } from './model.js';
import { pcOf } from './state.js';

/** What a state is. */
export const INNER = 0;
/** all tasks have ended, and no store waits in a buffer */
export const END = 1;
/** tasks are left, and none can go on */
export const STUCK = 2;
/** what the caller's `judge` says of a state, of which no steps are taken then */
export const VIOLATING = 3;

export interface Limits {
  statesMax: number;
  bytesMax: number;
  /** asked now and then; an answer ends the exploration */
  shouldStop?(): 'time' | 'interrupt' | undefined;
}

/** What ended an exploration early. */
export type Stop = 'states' | 'memory' | 'time' | 'interrupt';

/** A step that cannot be ended properly leads to no state. */
export interface Failure {
  state: number;
  site: number;
}

const LOOK_UP_EVERY = 1 << 12;

export class Graph {
  count = 0;
  edges = 0;
  /** per state INNER, END, STUCK or VIOLATING */
  readonly kind: Growing<Uint8Array> = new Growing((n) => new Uint8Array(n));
  /** per state the tasks that can move, a bit each */
  readonly enabled: Growing<Int32Array> = new Growing((n) => new Int32Array(n));
  readonly target: Growing<Int32Array> = new Growing((n) => new Int32Array(n));
  /** per edge its task and alternative, packed */
  readonly #move: Growing<Int32Array> = new Growing((n) => new Int32Array(n));
  /** steps that end in a violation */
  readonly failures: Failure[] = [];
  /** states before this one have their edges */
  expanded = 0;
  readonly #first: Growing<Float64Array> = new Growing((n) => new Float64Array(n));
  readonly #model: Model;
  readonly #words: number;
  readonly #arena: Growing<Int32Array> = new Growing((n) => new Int32Array(n));
  readonly #judge: (state: Int32Array) => boolean;
  readonly #next: Int32Array;
  /** 1 + index of a state, 0: free; open addressing, at most half full */
  #table = new Int32Array(1 << 11);

  /** @param judge whether a state is one whose steps are not of interest */
  constructor(model: Model, judge: (state: Int32Array) => boolean = () => false) {
    this.#model = model;
    this.#words = model.encoding.words;
    this.#judge = judge;
    this.#next = new Int32Array(this.#words);
  }

  get bytes(): number {
    return this.count * (this.#words * 4 + 8 + 8 + 1 + 4) + this.edges * 8;
  }

  /** The words of a state, a view. */
  state(index: number): Int32Array {
    return this.#arena.of.subarray(index * this.#words, (index + 1) * this.#words);
  }

  /** @returns position of a state's first edge; its last is before that of the next state */
  first(state: number): number {
    return this.#first.of[state];
  }

  end(state: number): number {
    return state + 1 < this.expanded ? this.#first.of[state + 1] : this.edges;
  }

  task(edge: number): number {
    return this.#move.of[edge] & 0xff;
  }

  alternative(edge: number): number {
    return this.#move.of[edge] >>> 8;
  }

  /** @returns the index of a state, which is there from now on */
  add(state: Int32Array): number {
    const mask = this.#table.length - 1;
    let slot = hash(state) & mask;
    for (let entry = this.#table[slot]; entry !== 0; entry = this.#table[slot]) {
      if (this.#isSame(state, (entry - 1) * this.#words)) return entry - 1;
      slot = (slot + 1) & mask;
    }
    const index = this.count++;
    this.#table[slot] = index + 1;
    this.#arena.reserve(this.count * this.#words).set(state, index * this.#words);
    if (this.count * 2 > this.#table.length) this.#grow();
    return index;
  }

  /** Takes every step of every state that is there and has not taken its own. @returns what ended it early, if anything */
  explore({ statesMax, bytesMax, shouldStop }: Limits): Stop | undefined {
    for (; this.expanded < this.count; ) {
      if (this.count > statesMax) return 'states';
      if (this.bytes > bytesMax) return 'memory';
      const stop = this.expanded % LOOK_UP_EVERY === 0 ? shouldStop?.() : undefined;
      if (stop) return stop;
      this.expandNext();
    }
    return undefined;
  }

  /** Takes every step of the first state that has not taken its own. */
  expandNext(): void {
    const at = this.expanded++;
    this.#first.reserve(this.expanded)[at] = this.edges;
    const from = Int32Array.from(this.state(at));
    let enabled = 0;
    let hasEnded = true;
    const isViolating = this.#judge(from);
    for (let task = 0; task < this.#model.encoding.tasks.length && !isViolating; task++) {
      const pc = pcOf(from, this.#model.encoding, task);
      if (pc === 0) continue;
      hasEnded &&= this.#model.encoding.tasks[task].isBuffer;
      if (this.#steps(at, from, task, pc)) enabled |= 1 << task;
    }
    this.enabled.reserve(this.expanded)[at] = enabled;
    const last = hasEnded ? END : STUCK;
    this.kind.reserve(this.expanded)[at] = isViolating ? VIOLATING : enabled === 0 ? last : INNER;
  }

  /** @returns whether the task can move */
  #steps(at: number, from: Int32Array, task: number, pc: number): boolean {
    const { code } = this.#model;
    const run = code.steps[task][pc];
    const canChoose = code.chooses[task][pc];
    let isEnabled = false;
    code.choice.fill(0);
    for (let alternative = 0; ; alternative++) {
      this.#next.set(from);
      const outcome = run(this.#next);
      if (outcome < BLOCKED) isEnabled = true;
      if (outcome === OK) this.#edge(this.add(this.#next), task | (alternative << 8));
      else if (outcome < BLOCKED) this.failures.push({ state: at, site: code.side[0] });
      if (!canChoose || !nextAlternative(code)) return isEnabled;
    }
  }

  #edge(target: number, move: number): void {
    const edge = this.edges++;
    this.target.reserve(this.edges)[edge] = target;
    this.#move.reserve(this.edges)[edge] = move;
  }

  #isSame(state: Int32Array, at: number): boolean {
    const arena = this.#arena.of;
    for (let i = 0; i < this.#words; i++) if (arena[at + i] !== state[i]) return false;
    return true;
  }

  #grow(): void {
    const table = new Int32Array(this.#table.length * 4);
    const mask = table.length - 1;
    for (let index = 0; index < this.count; index++) {
      let slot = hash(this.state(index)) & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = index + 1;
    }
    this.#table = table;
  }
}

function hash(state: Int32Array): number {
  let h = 0;
  for (let i = 0; i < state.length; i++) {
    h = Math.imul(h ^ state[i], 0x9e3779b1);
    h ^= h >>> 15;
  }
  h = Math.imul(h, 0x85ebca6b);
  return h ^ (h >>> 13);
}

type Numbers = Uint8Array | Int32Array | Float64Array;

/** A typed array that grows by doubling. */
class Growing<A extends Numbers> {
  of: A;
  readonly #make: (length: number) => A;

  constructor(make: (length: number) => A) {
    this.#make = make;
    this.of = make(1 << 10);
  }

  /** @returns the array, which is at least so long now */
  reserve(length: number): A {
    if (length > this.of.length) {
      const old = this.of;
      this.of = this.#make(Math.max(length, old.length * 2));
      this.of.set(old);
    }
    return this.of;
  }
}

// SPDX-License-Identifier: Apache-2.0
/**
 * The search: breadth first over every interleaving, so that the first violation has the shortest path. Deterministic: tasks
 * in their order, choices counting up.
 *
 * Not here: what a finding is called and shown as (check.ts, path.ts).
 */
import { assert } from '../base/assert.js';
import { BLOCKED, OK, VIOLATION } from './emit.js';
import type { Model } from './model.js';
import { Edges, Store } from './store.js';

export interface Progress {
  states: number;
  /** states found but not yet looked at */
  frontier: number;
  depth: number;
  transitions: number;
}

export interface SearchOptions {
  /** no more states than this are stored */
  statesMax?: number;
  /** the search ends before its arrays hold more bytes than this */
  memoryMax?: number;
  /** asked now and then; true ends the search */
  shouldStop?(): boolean;
  onProgress?(progress: Progress): void;
}

/** A step that a task took: which alternative of its choices, counted in the order of enumeration. */
export interface Move {
  task: number;
  alternative: number;
}

export type Found =
  /** a step that could not be ended properly: `moves` ends with it */
  | { kind: 'site'; site: number }
  | { kind: 'never' | 'finally'; property: number }
  | { kind: 'terminal'; waitsForLock: boolean }
  | { kind: 'cannot end' };

export interface SearchResult {
  found?: Found;
  /** from the first state to the finding */
  moves: Move[];
  stopped?: 'states' | 'memory' | 'interrupt';
  /** per `sometimes` predicate whether some state met it */
  met: boolean[];
  states: number;
  transitions: number;
  depth: number;
  /** all states, in the order in which they were found */
  store: Store;
}

/** Most tasks that a move can tell apart. */
const TASK_BITS = 5;
const LOOK_UP_EVERY = 1 << 12;
const LOCK = BLOCKED;

export function search(model: Model, options: SearchOptions = {}): SearchResult {
  return new Search(model, options).run();
}

class Search {
  readonly #model: Model;
  readonly #options: SearchOptions;
  readonly #store: Store;
  readonly #edges = new Edges();
  readonly #state: Int32Array;
  readonly #met: boolean[];
  readonly #pcWord: number[];
  readonly #pcMask: number[];
  readonly #statesMax: number;
  readonly #memoryMax: number;
  #unmet: number;
  #transitions = 0;
  #depth = 0;
  #found: { finding: Found; moves: Move[] } | undefined;
  #stopped: SearchResult['stopped'];
  /** set while states are only asked whether they can go on */
  #onlyLooking = false;

  constructor(model: Model, options: SearchOptions) {
    const { encoding, whole, code } = model;
    assert(encoding.tasks.length < 1 << TASK_BITS, 'too many tasks');
    this.#model = model;
    this.#options = options;
    this.#statesMax = options.statesMax ?? Number.POSITIVE_INFINITY;
    this.#memoryMax = options.memoryMax ?? Number.POSITIVE_INFINITY;
    this.#store = new Store(encoding.words, whole);
    this.#state = new Int32Array(encoding.words);
    this.#met = code.sometimes.map(() => false);
    this.#unmet = this.#met.length;
    this.#pcWord = encoding.tasks.map(({ word }) => word);
    this.#pcMask = encoding.tasks.map(({ pcBits }) => 2 ** pcBits - 1);
  }

  run(): SearchResult {
    this.#state.set(this.#model.initial);
    this.#model.canonical?.apply(this.#state, 0);
    this.#arrive(-1, 0);
    let levelEnd = this.#store.count;
    for (let at = 0; at < this.#store.count && !this.#found && !this.#stopped; at++) {
      if (at === levelEnd) {
        this.#depth++;
        levelEnd = this.#store.count;
      }
      if (at % LOOK_UP_EVERY === 0) this.#lookUp(at);
      if (this.#stopped) break;
      this.#edges.begin(at);
      this.#expand(at);
      if (this.#found) this.#findShorter(at + 1, levelEnd);
    }
    if (!this.#found && !this.#stopped) this.#findEndless();
    return {
      ...(this.#found && { found: this.#found.finding }),
      moves: this.#found?.moves ?? [],
      ...(this.#stopped && { stopped: this.#stopped }),
      met: this.#met,
      states: Math.min(this.#store.count, this.#statesMax),
      transitions: this.#transitions,
      depth: this.#depth,
      store: this.#store,
    };
  }

  #lookUp(at: number): void {
    const { shouldStop, onProgress } = this.#options;
    const states = this.#store.count;
    onProgress?.({ states, frontier: states - at, depth: this.#depth, transitions: this.#transitions });
    if (shouldStop?.()) this.#stopped = 'interrupt';
  }

  /** Takes every step that state `at` allows. */
  #expand(at: number): void {
    const { steps, chooses } = this.#model.code;
    const base = at * this.#store.words;
    let canGoOn = false;
    let hasEnded = true;
    let waitsForLock = false;
    for (let task = 0; task < steps.length; task++) {
      const pc = this.#store.arena[base + this.#pcWord[task]] & this.#pcMask[task];
      if (pc === 0) continue;
      hasEnded = false;
      const outcome = chooses[task][pc] ? this.#alternatives(at, task, pc) : this.#take(at, task, pc, 0);
      if (outcome < BLOCKED) canGoOn = true;
      else if (outcome === LOCK) waitsForLock = true;
    }
    if (canGoOn || hasEnded) return;
    this.#found = { finding: { kind: 'terminal', waitsForLock }, moves: this.#movesTo(at) };
  }

  /** @returns OK where any alternative could be taken */
  #alternatives(at: number, task: number, pc: number): number {
    const { choice } = this.#model.code;
    choice.fill(0);
    let outcome = 0;
    for (let alternative = 0; ; alternative++) {
      const one = this.#take(at, task, pc, alternative);
      if (outcome === 0 || one < outcome) outcome = one;
      if (!nextAlternative(this.#model)) return outcome;
    }
  }

  #take(at: number, task: number, pc: number, alternative: number): number {
    const { steps, side } = this.#model.code;
    const store = this.#store;
    this.#model.whole.load(this.#state, store.arena, at * store.words);
    const outcome = steps[task][pc](this.#state);
    if (outcome >= BLOCKED || this.#onlyLooking) return outcome;
    this.#transitions++;
    const move = task | (alternative << TASK_BITS);
    if (outcome === OK) {
      this.#model.canonical?.apply(this.#state, 0);
      this.#arrive(at, move);
    } else if (!this.#found) {
      assert(outcome === VIOLATION, `a step returns ${outcome}`);
      const moves = [...this.#movesTo(at), toMove(move)];
      this.#found = { finding: { kind: 'site', site: side[0] }, moves };
    }
    return outcome;
  }

  /** Stores the state that a move led to, and asks the properties about it if it is new. */
  #arrive(from: number, move: number): void {
    const store = this.#store;
    if (this.#stopped) return;
    if (store.bytesNeeded + this.#edges.bytesNeeded > this.#memoryMax) {
      this.#stopped = 'memory';
      return;
    }
    const index = store.add(this.#state, from, move);
    if (from >= 0) this.#edges.add(from, index);
    if (!store.isNew || this.#found) return;
    if (store.count > this.#statesMax) {
      this.#stopped = 'states';
      return;
    }
    const { never, sometimes, finally: last } = this.#model.code;
    for (let i = 0; i < never.length; i++) {
      if (!never[i](this.#state)) continue;
      this.#report({ kind: 'never', property: i }, index);
      return;
    }
    if (this.#unmet > 0) {
      for (let i = 0; i < sometimes.length; i++) {
        if (this.#met[i] || !sometimes[i](this.#state)) continue;
        this.#met[i] = true;
        this.#unmet--;
      }
    }
    if (last.length === 0 || !this.#hasEnded()) return;
    for (let i = 0; i < last.length; i++) {
      if (last[i](this.#state)) continue;
      this.#report({ kind: 'finally', property: i }, index);
      return;
    }
  }

  #hasEnded(): boolean {
    for (let task = 0; task < this.#pcWord.length; task++) {
      if ((this.#state[this.#pcWord[task]] & this.#pcMask[task]) !== 0) return false;
    }
    return true;
  }

  #report(finding: Found, state: number): void {
    this.#found = { finding, moves: this.#movesTo(state) };
  }

  #movesTo(state: number): Move[] {
    const moves: Move[] = [];
    for (let at = state; this.#store.parent[at] >= 0; at = this.#store.parent[at]) {
      moves.push(toMove(this.#store.move[at]));
    }
    return moves.reverse();
  }

  /** A finding one step on from this level: a state of the level itself that cannot go on has the shorter path. */
  #findShorter(from: number, levelEnd: number): void {
    const first = this.#found;
    if (first?.finding.kind === 'terminal') return;
    this.#onlyLooking = true;
    for (let at = from; at < levelEnd && this.#found === first; at++) this.#expand(at);
    this.#onlyLooking = false;
  }

  #findEndless(): void {
    const state = this.#edges.firstWithoutEnd(this.#store.count);
    if (state >= 0) this.#report({ kind: 'cannot end' }, state);
  }
}

function toMove(move: number): Move {
  return { task: move & ((1 << TASK_BITS) - 1), alternative: move >>> TASK_BITS };
}

/** Sets the choices to the alternative after the one just taken. @returns false where that was the last */
export function nextAlternative({ code: { choice, counts, side } }: Pick<Model, 'code'>): boolean {
  for (let i = side[1] - 1; i >= 0; i--) {
    if (++choice[i] < counts[i]) return true;
    choice[i] = 0;
  }
  return false;
}

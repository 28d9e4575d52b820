// SPDX-License-Identifier: Apache-2.0
/**
 * The search: breadth first over every interleaving, so that the first violation has the shortest path. Deterministic: tasks
 * in their order, choices counting up. A level in which something is found is walked to its end: what is counted does not
 * depend on the order within it.
 *
 * Not here: taking steps (expand.ts), storing states (store.ts), what a finding is called and shown as (check.ts, path.ts).
 */
import { assert } from '../base/assert.js';
import { type Batch, BLOCK, CAN_GO_ON, type Move, NOT_ENDED, toMove, WAITS_FOR_LOCK } from './batch.js';
import { Edges } from './edges.js';
import { Expander } from './expand.js';
import { Judge } from './judge.js';
import type { Model } from './model.js';
import { type Storage, Store } from './store.js';
import type { Bound } from './verdict.js';

export interface Progress {
  states: number;
  /** states found but not yet looked at */
  frontier: number;
  depth: number;
  transitions: number;
  /** that the arrays hold */
  bytes: number;
}

export interface SearchOptions {
  /** no more states than this are stored */
  statesMax?: number;
  /** the search ends before its arrays hold more bytes than this */
  memoryMax?: number;
  /** `exact` if absent */
  storage?: Storage;
  /** asked now and then; an answer ends the search */
  shouldStop?(): 'time' | 'interrupt' | undefined;
  /** what 'time' is said to be */
  secondsMax?: number;
  onProgress?(progress: Progress): void;
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
  stopped?: Bound;
  /** all states up to so many steps from the first were looked at; -1 if none was */
  finishedDepth: number;
  /** whether it was asked of every state if it can reach an end */
  endsChecked: boolean;
  /** per `sometimes` predicate whether some state met it */
  met: boolean[];
  states: number;
  transitions: number;
  depth: number;
  /** all states, in the order in which they were found */
  store: Store;
}

/** A finding and where: after the way to `state`, and `move` if that is what fails. */
interface Finding {
  found: Found;
  state: number;
  move?: number;
}

const LOOK_UP_EVERY = 1 << 12;

export function search(model: Model, options: SearchOptions = {}): SearchResult {
  return new Search(model, options).run();
}

class Search {
  readonly #model: Model;
  readonly #options: SearchOptions;
  readonly #store: Store;
  readonly #edges: Edges | undefined;
  readonly #expander: Expander;
  readonly #judge: Judge;
  readonly #statesMax: number;
  readonly #memoryMax: number;
  #transitions = 0;
  #depth = 0;
  #first: Finding | undefined;
  #stopped: SearchResult['stopped'];

  constructor(model: Model, options: SearchOptions) {
    const { encoding, code, canonical } = model;
    const storage = options.storage ?? 'exact';
    this.#model = model;
    this.#options = options;
    this.#statesMax = options.statesMax ?? Number.POSITIVE_INFINITY;
    this.#memoryMax = options.memoryMax ?? Number.POSITIVE_INFINITY;
    this.#store = new Store(encoding.words, storage);
    this.#edges = storage === 'exact' ? new Edges() : undefined;
    this.#expander = new Expander(encoding, code, canonical);
    this.#judge = new Judge(code, encoding, this.#expander.batch);
  }

  run(): SearchResult {
    const { batch } = this.#expander;
    if (this.#hasRoom(1)) {
      this.#expander.only(this.#model.initial);
      this.#arrive(batch, -1);
    }
    let at = 0;
    let finishedDepth = -1;
    for (; at < this.#store.count && !this.#first && !this.#stopped; this.#depth++) {
      at = this.#level(at);
      if (!this.#stopped) finishedDepth = this.#depth;
    }
    // the last level leads nowhere new
    if (!this.#first && !this.#stopped) this.#findEndless();
    return {
      ...(this.#first && { found: this.#first.found }),
      moves: this.#first ? this.#movesTo(this.#first) : [],
      ...(this.#stopped && { stopped: this.#stopped }),
      finishedDepth,
      endsChecked: this.#edges !== undefined && !this.#stopped,
      met: this.#judge.met,
      states: this.#store.count,
      transitions: this.#transitions,
      depth: Math.max(0, this.#depth - 1),
      store: this.#store,
    };
  }

  /** Looks at all states from `begin` on that are there by now. @returns where the next level begins */
  #level(begin: number): number {
    const end = this.#store.count;
    for (let at = begin; at < end && !this.#stopped; ) {
      if (at === begin || at % LOOK_UP_EVERY < BLOCK) this.#lookUp(at);
      const count = Math.min(BLOCK, end - at, this.#store.leftInSegment(at));
      if (this.#stopped) break;
      this.#block(at, count);
      at += count;
      this.#store.release(at);
    }
    return end;
  }

  #lookUp(at: number): void {
    const { shouldStop, onProgress } = this.#options;
    const states = this.#store.count;
    const bytes = this.#store.bytes + (this.#edges?.bytes ?? 0);
    onProgress?.({ states, frontier: states - at, depth: this.#depth, transitions: this.#transitions, bytes });
    this.#stopped ??= shouldStop?.();
  }

  #block(at: number, count: number): void {
    const { batch } = this.#expander;
    this.#expander.begin(this.#store.segment(at), this.#store.offset(at), count);
    for (let isLeft = true; isLeft && !this.#stopped; ) {
      isLeft = this.#expander.next();
      this.#transitions += batch.count + batch.violations;
      if (!this.#hasRoom(batch.count)) break;
      this.#arrive(batch, at);
    }
    if (this.#stopped) return;
    this.#edges?.begin(at + count - 1);
    for (let i = 0; i < count; i++) {
      const status = batch.status[i];
      if ((status & (CAN_GO_ON | NOT_ENDED)) !== NOT_ENDED) continue;
      this.#report({ found: { kind: 'terminal', waitsForLock: (status & WAITS_FOR_LOCK) !== 0 }, state: at + i });
    }
  }

  /** Stores what a batch led to, and asks the properties about what is new. */
  #arrive(batch: Batch, block: number): void {
    const store = this.#store;
    const { violation } = batch;
    const done = store.insert(batch, block, this.#statesMax);
    if (done < batch.count) this.#stopped = 'states';
    if (block >= 0) this.#edges?.addAll(block, batch.source, store.index, done);
    const judged = this.#judge.judge(store.fresh, store.freshCount);
    if (violation && !(judged && judged.at < violation.before)) {
      const { source, move, site } = violation;
      this.#report({ found: { kind: 'site', site }, state: block + source, move });
    } else if (judged) {
      this.#report({ found: judged.found, state: store.index[judged.at] });
    }
  }

  /** Keeps the first finding; but a state that cannot go on is one step nearer than what else its level leads to. */
  #report(finding: Finding): void {
    const isNearer = finding.found.kind === 'terminal' && this.#first?.found.kind !== 'terminal';
    if (!this.#first || isNearer) this.#first = finding;
  }

  #hasRoom(more: number): boolean {
    if (this.#store.bytesWith(more) + (this.#edges?.bytesWith(more) ?? 0) <= this.#memoryMax) return true;
    this.#stopped = 'memory';
    return false;
  }

  /** The moves from the first state: each state on the way is made anew from the one before. */
  #movesTo({ state: last, move }: Finding): Move[] {
    const way: number[] = [];
    for (let at = last; this.#store.parent(at) >= 0; at = this.#store.parent(at)) way.push(this.#store.ordinal(at));
    const moves: Move[] = [];
    const { batch } = this.#expander;
    this.#expander.only(this.#model.initial);
    let state = batch.words.slice(0, this.#store.words);
    for (const ordinal of way.reverse()) {
      const k = this.#successor(state, ordinal);
      moves.push(toMove(batch.move[k]));
      state = batch.words.slice(k * batch.stride, k * batch.stride + this.#store.words);
    }
    if (move !== undefined) moves.push(toMove(move));
    return moves;
  }

  /** @returns where in the batch the successor is */
  #successor(state: Int32Array, ordinal: number): number {
    const { batch } = this.#expander;
    this.#expander.begin(state, 0, 1);
    for (let isLeft = true; isLeft; ) {
      isLeft = this.#expander.next();
      const k = ordinal - batch.ordinal[0];
      if (k < batch.count) return k;
    }
    assert(false, 'a path cannot be found again');
  }

  #findEndless(): void {
    const state = this.#edges?.firstWithoutEnd(this.#store.count) ?? -1;
    if (state >= 0) this.#first = { found: { kind: 'cannot end' }, state };
  }
}

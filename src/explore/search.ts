// SPDX-License-Identifier: Apache-2.0
/**
 * The search: breadth first over every interleaving, so that the first violation has the shortest path. A level in which
 * something is found is walked to its end: what is counted does not depend on the order within it, nor on how many threads
 * work on it, and neither does the path (finding.ts).
 *
 * Not here: the work on a level (team.ts, member.ts), what a finding is called and shown as (check.ts, path.ts).
 */
import { assert } from '../base/assert.js';
import { BATCH, BLOCK, type Move, toMove } from './batch.js';
import { type Border, restore, type Sink, type Source, save } from './checkpoint.js';
import type { EdgeLog } from './edge-log.js';
import type { Expectation } from './encode.js';
import type { Expander } from './expand.js';
import { canNarrow, expectationOf, widened } from './expect.js';
import { type Finding, type Found, firstWithoutEnd, settle } from './finding.js';
import type { Ground } from './generate.js';
import type { Model } from './model.js';
import { type Spill, SpillError } from './spill.js';
import type { Storage, Store } from './store.js';
import { type Helper, Team, type TeamOptions } from './team.js';
import type { Bound } from './verdict.js';

export type { Found };

export interface Progress {
  states: number;
  /** states found but not yet looked at */
  frontier: number;
  depth: number;
  transitions: number;
  /** that the arrays hold */
  bytes: number;
  /** that work on the larger levels */
  threads: number;
}

export interface SearchOptions {
  /** no more states than this are stored */
  statesMax?: number;
  /** the search ends before its arrays hold more bytes than this */
  memoryMax?: number;
  /** if absent `exact`, and where memory ends anew by `fingerprints` */
  storage?: Storage;
  /** where that goes which is written once and read in order; absent: it takes memory */
  spill?: Spill;
  /** asked now and then; an answer ends the search */
  shouldStop?(): 'time' | 'interrupt' | undefined;
  /** what 'time' is said to be */
  secondsMax?: number;
  onProgress?(progress: Progress): void;
  /** takes a search up where it was put down, instead of at its first state; whole states only */
  resume?: { border: Border; source: Source };
  /** gets what it takes to go on another time, where the search is stopped; `write` fills a sink */
  save?(border: Border, write: (sink: Sink) => void): void;
  /** @returns the threads that help, but for the first `known`; they stay when a search begins anew */
  helpers?(known: number): Helper[];
  /** only levels of so many states are worked on together */
  meetFrom?: number;
  /** whether the search waits for helpers to get ready; else it goes on without them for so long */
  isPatient?: boolean;
  /** what an earlier search of the same model with other states has said */
  steps?: readonly number[];
  /** from so many states on the search ends to begin anew with smaller ones, if they can be (narrow.ts); never if absent */
  narrowFrom?: number;
  /** but only where the level that was found last is such a part of all: then many more will come. Or where memory is scarce */
  narrowShare?: number;
}

export interface SearchResult {
  /** nothing is said yet: the search is to begin anew, with states that have room for these values */
  expectation?: Expectation;
  /** with it: which steps there are to generate (Generated.slotsOf) */
  steps?: number[];
  found?: Found;
  /** from the first state to the finding */
  moves: Move[];
  stopped?: Bound;
  /** of `stopped: 'disk'`: what was wrong with it */
  problem?: string;
  /** all states up to so many steps from the first were looked at; -1 if none was */
  finishedDepth: number;
  /** per `sometimes` predicate whether some state met it */
  met: boolean[];
  states: number;
  transitions: number;
  depth: number;
  /** where memory ended before: how many whole states it held. Then all was searched anew by fingerprints */
  wholeStates?: number;
  /** that are still held: states, table and edges */
  bytes: number;
  /** all states, in the order in which they were found */
  store: Store;
}

/** Rooms that are made at once: for a 16th more states than there are, and for these many at least. */
const ROOM_SHARE = 16;
const ROOM_LEAST = 1 << 14;
/** Edges that a state is taken to have before any is known. */
const EDGES_LIKELY = 4;
const LOOK_UP_EVERY = 1 << 6;
/** Memory is scarce where one part of so many is used. */
const SCARCE = 8;

/**
 * Searches as `options` say. Whole states are kept as far as memory goes. Then the search begins anew by fingerprints, in the
 * same memory, which holds several times as many: what was done before is a small part of what is to be done.
 */
export function search(model: Model, options: SearchOptions = {}): SearchResult {
  const one = new Search(model, options);
  const exact = one.run();
  if (exact.stopped !== 'memory' || exact.found || options.storage !== undefined) return exact;
  const { resume: _, ...anew } = options;
  const result = new Search(model, { ...anew, storage: 'fingerprints' }, one.handOver()).run();
  // where memory is too little for either
  if (result.stopped && result.states <= exact.states) return exact;
  return { ...result, wholeStates: exact.states };
}

class Search {
  readonly #model: Model;
  readonly #options: SearchOptions;
  readonly #team: Team;
  readonly #store: Store;
  readonly #edges: EdgeLog;
  readonly #expander: Expander;
  readonly #statesMax: number;
  readonly #memoryMax: number;
  /** level -> its first state */
  readonly #levels: number[] = [];
  #finding: Finding | undefined;
  #stopped: Bound | undefined;
  #expectation: Expectation | undefined;
  #problem: string | undefined;
  /** the level that is being looked at, before that began */
  #border: Border | undefined;

  /** @param before what one that is over has handed over */
  constructor(model: Model, options: SearchOptions, before?: Ground) {
    const { storage = 'exact', spill, helpers, meetFrom, isPatient, steps } = options;
    this.#model = model;
    this.#options = options;
    this.#statesMax = options.statesMax ?? Number.POSITIVE_INFINITY;
    this.#memoryMax = options.memoryMax ?? Number.POSITIVE_INFINITY;
    const teamOptions: TeamOptions = {
      storage,
      statesMax: this.#statesMax,
      memoryMax: this.#memoryMax,
      ...(spill && { spill }),
      ...(helpers && { helpers }),
      ...(meetFrom !== undefined && { meetFrom }),
      ...(isPatient && { isPatient }),
      ...(steps && { steps }),
    };
    this.#team = new Team(model, teamOptions, before);
    this.#store = this.#team.store;
    this.#edges = this.#team.edges;
    this.#expander = this.#team.owner.expander;
  }

  /** @returns the memory, for another search of the model */
  handOver(): Ground {
    return this.#team.handOver();
  }

  run(): SearchResult {
    try {
      return this.#run();
    } finally {
      this.#team.disband();
    }
  }

  #run(): SearchResult {
    let at = this.#begin();
    let finishedDepth = this.#levels.length - 1;
    while (at < this.#store.count && !this.#finding && !this.#stopped && !this.#expectation) {
      const end = this.#store.count;
      if (this.#isWide(at, end)) {
        this.#expectation = expectationOf(this.#model, this.#store, this.#expander);
        break;
      }
      this.#level(at, end);
      if (!this.#stopped) finishedDepth++;
      at = end;
    }
    this.#save();
    this.#model.code.hits.set(this.#team.shared.hits);
    const { endless } = this.#model.linked.compiled.scenario;
    if (!this.#finding && !this.#stopped && !this.#expectation && !endless) {
      this.#finding = this.#onDisk(() => firstWithoutEnd(this.#team, this.#levels));
    }
    return {
      ...(this.#expectation && { expectation: this.#expectation, steps: this.#team.steps }),
      ...(this.#finding && { found: this.#finding.found }),
      moves: this.#finding ? this.#movesTo(this.#finding) : [],
      ...(this.#stopped && { stopped: this.#stopped }),
      ...(this.#problem !== undefined && { problem: this.#problem }),
      finishedDepth,
      met: this.#team.owner.judge.met,
      states: Math.min(this.#store.count, this.#statesMax),
      transitions: this.#team.transitions,
      depth: Math.max(0, this.#levels.length - 1),
      bytes: this.#store.bytes + this.#edges.bytes,
      store: this.#store,
    };
  }

  /** @returns the first state that is to be looked at */
  #begin(): number {
    const { resume } = this.#options;
    if (!this.#onDisk(() => this.#makeRoom(1))) return 0;
    if (!resume) {
      this.#team.owner.first(this.#model.initial);
      this.#finding = settle(this.#team, this.#levels, 1);
      return 0;
    }
    const { levels, transitions, met, hits } = resume.border;
    const { shared, owner } = this.#team;
    this.#levels.push(...levels);
    restore(this.#team, resume.border, resume.source, () => this.#makeRoom(1));
    shared.transitions[0] = transitions;
    met.forEach((isMet, i) => {
      shared.met[i] = isMet ? 1 : 0;
    });
    for (const line of hits) shared.hits[line] = 1;
    owner.judge.share(shared.met);
    return this.#levels.pop() ?? 0;
  }

  /** What the disk refuses ends the search. @returns undefined then */
  #onDisk<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof SpillError)) throw error;
      this.#problem ??= error.message;
      this.#stop('disk');
      return undefined;
    }
  }

  /** A violation is a result; but what was stopped can go on, unless it goes on by itself. */
  #save(): void {
    const { save: keep, storage } = this.#options;
    if (this.#stopped === 'memory' && storage === undefined) return;
    const border = this.#border;
    if (keep && border && this.#stopped && !this.#finding) keep(border, (sink) => save(this.#team, border, sink));
  }

  /** Looks at all states of a level, and settles what was found. */
  #level(begin: number, end: number): void {
    this.#levels.push(begin);
    if (this.#options.save) this.#border = this.#borderAt(end);
    let blocks = 0;
    const lookUp = (): void => {
      if (blocks++ % LOOK_UP_EVERY === 0) this.#lookUp();
    };
    this.#onDisk(() => this.#team.level(begin, end, { makeRoom: (members) => this.#makeRoom(members), lookUp }));
    if (this.#team.isStopped) this.#stopped ??= 'states';
    const misfits = this.#misfits();
    if (misfits.length > 0) {
      // steps are missing: nothing can be said of this level
      const { expectation, encoding } = this.#model;
      assert(expectation !== undefined, 'a value does not fit where there is room for all');
      if (!this.#stopped || this.#stopped === 'states') this.#expectation = widened(expectation, encoding, misfits);
      return;
    }
    this.#finding = this.#onDisk(() => settle(this.#team, this.#levels, end));
    this.#team.owner.judge.share(this.#team.shared.met);
  }

  /** Whether the search should have smaller states; it has found those from `level` to `states` last. */
  #isWide(level: number, states: number): boolean {
    const { narrowFrom = Number.POSITIVE_INFINITY, narrowShare = 0, resume } = this.#options;
    if (states < narrowFrom || this.#model.expectation || resume) return false;
    const isScarce = this.#store.storage === 'exact' && this.#store.bytes * SCARCE > this.#memoryMax;
    return (isScarce || states - level >= states * narrowShare) && canNarrow(this.#model);
  }

  /** What was expected, and does not fit: positions in Encoding.expected. */
  #misfits(): number[] {
    const { notes, expected } = this.#model.encoding;
    const { hits } = this.#team.shared;
    return [...expected.keys()].filter((i) => hits[notes - expected.length + i] !== 0);
  }

  #borderAt(states: number): Border {
    const { transitions, owner, shared } = this.#team;
    const hits = [...shared.hits.keys()].filter((line) => shared.hits[line] !== 0);
    const { words } = this.#store;
    const { expectation } = this.#model;
    const packing = { words, ...(expectation && { expectation }) };
    // every transition so far has led to a state: none was a violation
    const { storage } = this.#store;
    return {
      storage,
      levels: [...this.#levels],
      states,
      ...packing,
      edges: transitions,
      transitions,
      met: [...owner.judge.met],
      hits,
    };
  }

  #lookUp(): void {
    const { shouldStop, onProgress } = this.#options;
    const { frontier, transitions } = this.#team;
    const bytes = this.#store.bytes + this.#edges.bytes;
    const threads = this.#team.members;
    onProgress?.({ states: this.#store.count, frontier, depth: this.#levels.length - 1, transitions, bytes, threads });
    this.#stop(shouldStop?.());
  }

  #stop(bound: Bound | undefined): void {
    if (bound === undefined) return;
    this.#stopped ??= bound;
    this.#team.stop();
  }

  /** @returns whether so many members may each insert a batch. @throws SpillError */
  #makeRoom(members: number): boolean {
    const states = this.#store.count;
    const least = members * BATCH;
    const more = Math.max(
      least,
      Math.min(this.#store.roomLikely, Math.max(ROOM_LEAST, Math.floor(states / ROOM_SHARE))),
    );
    const perState = 1 + Math.max(EDGES_LIKELY, this.#team.transitions / Math.max(1, states));
    for (const room of [more, least]) {
      const words = room * perState + members * BLOCK;
      const bytes = this.#store.bytesFor(states + room) + this.#edges.bytesFor(words, members);
      // when all is known, it is asked of each state whether it can end: a bit each
      if (bytes + (states + room) / 8 > this.#memoryMax) continue;
      if (!this.#store.makeRoom(states + room)) continue;
      if (!this.#edges.makeRoom(words, members)) continue;
      return true;
    }
    this.#stop('memory');
    return false;
  }

  /** The moves from the first state: each state on the way is made anew from the one before. */
  #movesTo({ way, move }: Finding): Move[] {
    const moves: Move[] = [];
    const { batch } = this.#expander;
    this.#expander.only(this.#model.initial);
    let state = batch.words.slice(0, this.#store.words);
    for (const ordinal of way) {
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
}

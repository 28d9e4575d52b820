// SPDX-License-Identifier: Apache-2.0
/**
 * Several threads on one search: the owner, who runs it, and helpers, who may come at any time. They meet in rounds: the owner
 * hands out what memory is new, all take blocks until the level is done or room is used up, and the owner goes on once all
 * have ended their round. What is found does not depend on how many they are.
 *
 * Not here: the work (member.ts); threads and messages, which src/app lends.
 */

import type { BufferDepth } from '../compiler/link.js';
import type { Bits } from './bits.js';
import { JOB, MEMBER_BITS, MEMBERS_MAX, makeShared, OVER, type Shared, WORD } from './control.js';
import { EdgeLog } from './edge-log.js';
import { EdgeWriter } from './edges.js';
import type { Expectation } from './encode.js';
import type { Roots } from './ending.js';
import { fail, failureOf } from './failure.js';
import { Frontier } from './frontier.js';
import { type Generated, type Ground, generate, makeGround } from './generate.js';
import { Member, type Report, roomOfRoots, takeReport } from './member.js';
import { type Model, narrowed } from './model.js';
import { MemorySpill, type Spill } from './spill.js';
import { type Storage, Store } from './store.js';

/** What a helper is told before a round; its arrays are shared, the rest may be copied. */
export interface Invitation {
  /** segments of the store and arrays for edges that it does not have yet */
  far: Int32Array[];
  pool: Int32Array[];
  /** with the first */
  welcome?: Welcome;
}

interface Welcome {
  /** how many stores a store buffer holds in the model that is searched */
  depth: BufferDepth;
  /** what values its states have room for */
  expectation?: Expectation;
  /** whether steps that nobody can see are taken at once in it */
  isCollapsed: boolean;
  shared: Shared;
  ground: Ground;
  number: number;
  statesMax: number;
}

/** The way to a helper's thread. */
export interface Helper {
  send(invitation: Invitation): void;
}

export interface TeamOptions {
  storage: Storage;
  statesMax: number;
  memoryMax: number;
  /** where that goes which is written once; absent: nowhere */
  spill?: Spill;
  /** @returns the threads that help, but for the first `known` */
  helpers?(known: number): Helper[];
  /** levels with fewer states than this are not worth a meeting */
  meetFrom?: number;
  /** whether the owner waits for helpers to get ready; else it goes on without them for so long */
  isPatient?: boolean;
  /** slots of steps that an earlier search of the same model has needed: so will this one, which helpers may get ready for */
  steps?: readonly number[];
}

/** What the owner does between the blocks and rounds of a level. */
export interface LevelHooks {
  /** @param members how many insert at a time. @returns false where there is no more room: the level is not finished */
  makeRoom(members: number): boolean;
  /** asked often */
  lookUp(): void;
}

const MEET_FROM = 1 << 10;
/** What edges may take of all memory before they are written to disk: one part of so many, and so many bytes. */
const EDGES_SHARE = { exact: 8, fingerprints: 16 };
const EDGES_BYTES = { exact: Number.POSITIVE_INFINITY, fingerprints: 1 << 21 };
/** How long the owner waits for helpers before it looks up. */
const WAIT_MS = 50;

interface Invited {
  helper: Helper;
  /** how many segments and arrays it has */
  far: number;
  pool: number;
}

/** The owner's side. */
export class Team {
  readonly shared: Shared;
  readonly store: Store;
  readonly edges: EdgeLog;
  readonly owner: Member;
  readonly #control: Int32Array;
  readonly #ground: Ground;
  readonly #generated: Generated;
  readonly #options: TeamOptions;
  readonly #model: Model;
  readonly #helpers: Invited[] = [];
  /** how many of these, from the first on, are ready */
  #ready = 0;
  #round = 0;

  /** @param before what a team whose search is over has handed over */
  constructor(model: Model, options: TeamOptions, before?: Ground) {
    const { encoding, code } = model;
    this.shared = makeShared(MEMBERS_MAX, code.sometimes.length, encoding.notes);
    this.#ground = makeGround(model, options.storage, options.memoryMax, before);
    const generated = generate(model, this.#ground, 0);
    const { words } = encoding;
    const { storage, memoryMax, statesMax, spill } = options;
    const waiting = spill ?? new MemorySpill();
    const frontier = storage === 'exact' ? {} : { frontier: new Frontier(generated, words, waiting, memoryMax) };
    const movesTogether = (parts: number): boolean => {
      if (this.#ready > 0) this.#doTogether(JOB.move, parts);
      return this.#ready > 0;
    };
    this.store = new Store({ words, storage, control: this.shared.control, generated, ...frontier, movesTogether });
    const bytesMax = Math.min(memoryMax / EDGES_SHARE[storage], EDGES_BYTES[storage]);
    this.edges = new EdgeLog({ generated, shared: this.shared, bytesMax, ...(spill && { spill }) });
    const { store, shared } = this;
    this.owner = new Member(model, { generated, store, edges: this.edges.writer, shared, number: 0, statesMax });
    this.#control = this.shared.control;
    this.#options = options;
    this.#model = model;
    this.#generated = generated;
    if (!options.steps) return;
    generated.generateAll(options.steps);
    this.#welcome();
  }

  /** Slots of the steps that this search has needed so far. */
  get steps(): number[] {
    return this.#generated.slotsOf(0);
  }

  /** How many work on the larger levels. */
  get members(): number {
    return 1 + this.#ready;
  }

  get statesMax(): number {
    return this.#options.statesMax;
  }

  get transitions(): number {
    return this.shared.transitions.reduce((sum, each) => sum + each, 0);
  }

  /** How many states of the level nobody has taken, or there are beyond it. */
  get frontier(): number {
    return this.store.count - Math.min(this.#control[WORD.cursor], this.#control[WORD.levelEnd]);
  }

  /** All are to stop where they are. */
  stop(): void {
    Atomics.store(this.#control, WORD.stop, 1);
  }

  /** @throws InputError, InternalError what a helper could not go on with */
  get isStopped(): boolean {
    if (Atomics.load(this.#control, WORD.stop) === 0) return false;
    this.#throwFailure();
    return true;
  }

  #throwFailure(): void {
    const failure = failureOf(this.shared);
    if (failure) throw failure;
  }

  /** Looks at all states from `begin` to `end`, unless it is stopped or there is no room. @throws SpillError */
  level(begin: number, end: number, hooks: LevelHooks): void {
    this.store.turn(begin, end);
    const together = end - begin >= (this.#options.meetFrom ?? MEET_FROM);
    for (let from = begin; from < end && !this.isStopped; ) {
      const to = this.store.load(from, end);
      Atomics.store(this.#control, WORD.cursor, from);
      Atomics.store(this.#control, WORD.levelEnd, to);
      if (!this.#rounds(to, together, hooks)) return;
      from = to;
    }
  }

  /** @returns false where there is no room */
  #rounds(end: number, together: boolean, { makeRoom, lookUp }: LevelHooks): boolean {
    for (let isDone = false; !isDone && !this.isStopped; ) {
      if (together) this.#welcome();
      const members = together ? this.members : 1;
      if (!makeRoom(members)) return false;
      if (members > 1) this.#invite();
      this.owner.work(members, lookUp);
      this.#awaitAll(lookUp);
      isDone = Atomics.load(this.#control, WORD.cursor) >= end && Atomics.load(this.#control, WORD.paused) === 0;
    }
    return true;
  }

  /** All members do a job that is not a level, which has so many parts. */
  #doTogether(job: number, parts: number): void {
    this.#control[WORD.part] = 0;
    this.#control[WORD.parts] = parts;
    this.#control[WORD.job] = job;
    if (this.#ready > 0) this.#invite();
    this.owner.help(this.members);
    this.#awaitAll(() => {});
    this.#control[WORD.job] = JOB.level;
  }

  /** The last that is asked: who can reach a state without edges. The table is not needed any more. @throws SpillError */
  ending(): Bits {
    return this.edges.ending(this.store.count, this.store.takeTable(), (chunks, room) => this.#roots(chunks, room));
  }

  /** @param room of all members' roots; afterwards they lie there one after the other */
  #roots(chunks: number, room: Int32Array): Roots {
    this.#doTogether(JOB.roots, chunks);
    const roots: Roots = { words: room, count: 0 };
    for (let number = 0; number < this.members; number++) {
      const { room: part } = roomOfRoots(this.store, this.members, number);
      const [count] = part;
      if (count < 0) return { words: room, count };
      room.set(part.subarray(1, 1 + count), roots.count);
      roots.count += count;
    }
    return roots;
  }

  /** @returns what each has found since it was last asked */
  takeReports(): Report[] {
    return Array.from({ length: this.members }, (_, number) => takeReport(this.shared, number));
  }

  /** @returns the ground, cleared for another search; this one has kept whole states, and is over */
  handOver(): Ground {
    this.store.clear();
    return this.#ground;
  }

  /** Sends the helpers home, and closes what lies on disk. */
  disband(): void {
    this.store.close();
    this.edges.close();
    // where the owner could not go on, they may be at work still
    this.stop();
    Atomics.store(this.#control, WORD.failed, 1);
    Atomics.store(this.#control, WORD.round, OVER);
    Atomics.notify(this.#control, WORD.round);
  }

  #welcome(): void {
    for (const helper of this.#options.helpers?.(this.#helpers.length) ?? []) {
      const number = 1 + this.#helpers.length;
      if (number === MEMBERS_MAX) break;
      const { statesMax } = this.#options;
      const { linked, expectation, collapse } = this.#model;
      const model = { depth: linked.depth, ...(expectation && { expectation }), isCollapsed: collapse !== undefined };
      const welcome = { ...model, shared: this.shared, ground: this.#ground, number, statesMax };
      this.#helpers.push({ helper, far: 0, pool: 0 });
      this.#send(this.#helpers[number - 1], welcome);
    }
    while (this.#ready < this.#helpers.length && this.#isReady(1 + this.#ready)) this.#ready++;
  }

  #isReady(number: number): boolean {
    while (this.#options.isPatient && Atomics.wait(this.shared.ready, number, 0, WAIT_MS) === 'timed-out')
      this.#throwFailure();
    return Atomics.load(this.shared.ready, number) !== 0;
  }

  #send(invited: Invited, welcome?: Welcome): void {
    const far = this.store.farFrom(invited.far);
    const pool = this.edges.pool.slice(invited.pool);
    invited.far += far.length;
    invited.pool += pool.length;
    invited.helper.send({ far, pool, ...(welcome && { welcome }) });
  }

  #invite(): void {
    for (const invited of this.#helpers.slice(0, this.#ready)) {
      if (invited.far < this.store.held || invited.pool < this.edges.pool.length) this.#send(invited);
    }
    this.#round++;
    Atomics.store(this.#control, WORD.atWork, this.#ready);
    Atomics.store(this.#control, WORD.round, (this.#round << MEMBER_BITS) | this.members);
    Atomics.notify(this.#control, WORD.round);
  }

  #awaitAll(lookUp: () => void): void {
    for (;;) {
      const atWork = Atomics.load(this.#control, WORD.atWork);
      if (atWork === 0) return;
      this.#throwFailure();
      if (Atomics.wait(this.#control, WORD.atWork, atWork, WAIT_MS) === 'timed-out') lookUp();
    }
  }
}

/**
 * Helps with a search until it is over. What goes wrong ends the search: its owner tells it.
 * @param whole the same as the owner's, whatever its states have room for, with all reductions
 * @param first the first invitation
 * @param receive gives the next that was sent, if there is one
 */
export function help(whole: Model, first: Invitation, receive: () => Invitation | undefined): void {
  const { welcome } = first;
  // the search was over before this was heard
  if (!welcome) return;
  try {
    takePart(whole, first, welcome, receive);
  } catch (error) {
    fail(welcome.shared, error);
  }
}

function takePart(whole: Model, first: Invitation, welcome: Welcome, receive: () => Invitation | undefined): void {
  const { shared, ground, number, statesMax, expectation, isCollapsed } = welcome;
  const { collapse: _, ...kept } = whole;
  const asOwner = isCollapsed ? whole : kept;
  const model = expectation ? narrowed(asOwner, expectation) : asOwner;
  const { storage } = ground;
  const { control } = shared;
  const generated = generate(model, ground, number);
  const store = new Store({ words: model.encoding.words, storage, control, generated });
  const edges = new EdgeWriter(generated, shared, []);
  const member = new Member(model, { generated, store, edges, shared, number, statesMax });
  const attach = ({ far, pool }: Invitation): void => {
    store.attach(far);
    edges.attach(pool);
  };
  attach(first);
  // what the search has needed so far is generated while the others go on
  generated.generateAll(generated.slotsOf(0));
  let round = Atomics.load(control, WORD.round);
  Atomics.store(shared.ready, number, 1);
  Atomics.notify(shared.ready, number);
  while (round !== OVER) {
    Atomics.wait(control, WORD.round, round);
    const before = round;
    round = Atomics.load(control, WORD.round);
    // a round that began before it was ready goes without it
    if (round === before || round === OVER || (round & MEMBERS_MAX) <= number) continue;
    for (let next = receive(); next; next = receive()) attach(next);
    if (Atomics.load(control, WORD.job) === JOB.level) member.work(round & MEMBERS_MAX);
    else member.help(round & MEMBERS_MAX);
    Atomics.sub(control, WORD.atWork, 1);
    Atomics.notify(control, WORD.atWork);
  }
}

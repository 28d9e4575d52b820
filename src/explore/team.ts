// SPDX-License-Identifier: Apache-2.0
/**
 * Several threads on one search: the owner, who runs it, and helpers, who may come at any time. They meet in rounds: the owner
 * hands out what memory is new, all take blocks until the level is done or room is used up, and the owner goes on once all
 * have ended their round. What is found does not depend on how many they are.
 *
 * Not here: the work (member.ts); threads and messages, which src/app lends.
 */

import { assert } from '../base/assert.js';
import type { BufferDepth } from '../compiler/link.js';
import { MEMBER_BITS, MEMBERS_MAX, makeShared, OVER, type Shared, WORD } from './control.js';
import { type EdgeParts, Edges } from './edges.js';
import type { Expectation } from './encode.js';
import { type Generated, type Ground, generate, makeGround } from './generate.js';
import { Member, type Report, takeReport } from './member.js';
import { type Model, narrowed } from './model.js';
import { type Storage, Store, type StoreHeld, type StoreParts } from './store.js';

/** What a helper is told before a round; its arrays are shared, the rest may be copied. */
export interface Invitation {
  store: StoreParts;
  edges?: EdgeParts;
  /** with the first */
  welcome?: Welcome;
}

interface Welcome {
  /** how many stores a store buffer holds in the model that is searched */
  depth: BufferDepth;
  /** what values its states have room for */
  expectation?: Expectation;
  shared: Shared;
  ground: Ground;
  number: number;
  round: number;
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
  /** @returns the helpers that came since it was last asked */
  newcomers?(): Helper[];
  /** levels with fewer states than this are not worth a meeting */
  meetFrom?: number;
}

/** What the owner does between the blocks and rounds of a level. */
export interface LevelHooks {
  /** @param members how many insert at a time. @returns false where there is no more room: the level is not finished */
  makeRoom(members: number): boolean;
  /** asked often */
  lookUp(): void;
}

const MEET_FROM = 1 << 10;
/** How long the owner waits for helpers before it looks up. */
const WAIT_MS = 50;

interface Invited {
  helper: Helper;
  /** segments that it has */
  store: StoreHeld;
  edgeStates: number;
  edges: number;
}

/** The owner's side. */
export class Team {
  readonly shared: Shared;
  readonly store: Store;
  readonly edges: Edges | undefined;
  readonly owner: Member;
  readonly #control: Int32Array;
  readonly #ground: Ground;
  readonly #options: TeamOptions;
  readonly #model: Model;
  readonly #helpers: Invited[] = [];
  #round = 0;

  constructor(model: Model, options: TeamOptions) {
    const { encoding, code } = model;
    this.shared = makeShared(MEMBERS_MAX, code.sometimes.length, encoding.notes);
    this.#ground = makeGround(model, options.storage, options.memoryMax);
    const generated = generate(model, this.#ground, 0);
    this.store = storeOf(model, options.storage, this.shared, generated);
    this.edges = edgesOf(model, options.storage, this.shared);
    const { store, edges, shared } = this;
    this.owner = new Member(model, { generated, store, edges, shared, number: 0, statesMax: options.statesMax });
    this.#control = this.shared.control;
    this.#options = options;
    this.#model = model;
    assert(encoding.words === this.store.words, 'a store for other states');
  }

  /** How many work on the larger levels. */
  get members(): number {
    return 1 + this.#helpers.length;
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

  get isStopped(): boolean {
    return Atomics.load(this.#control, WORD.stop) !== 0;
  }

  /** Looks at all states from `begin` to `end`, unless it is stopped or there is no room. */
  level(begin: number, end: number, { makeRoom, lookUp }: LevelHooks): void {
    Atomics.store(this.#control, WORD.cursor, begin);
    Atomics.store(this.#control, WORD.levelEnd, end);
    this.store.turn(begin, end);
    const together = end - begin >= (this.#options.meetFrom ?? MEET_FROM);
    for (let isDone = false; !isDone && !this.isStopped; ) {
      if (together) this.#welcome();
      const members = together ? this.members : 1;
      if (!makeRoom(members)) return;
      if (members > 1) this.#invite();
      this.owner.work(members, lookUp);
      this.#awaitAll(lookUp);
      isDone = Atomics.load(this.#control, WORD.cursor) >= end && Atomics.load(this.#control, WORD.paused) === 0;
    }
  }

  /** @returns what each has found since it was last asked */
  takeReports(): Report[] {
    return Array.from({ length: this.members }, (_, number) => takeReport(this.shared, number));
  }

  /** Sends the helpers home. */
  disband(): void {
    Atomics.store(this.#control, WORD.round, OVER);
    Atomics.notify(this.#control, WORD.round);
  }

  #welcome(): void {
    for (const helper of this.#options.newcomers?.() ?? []) {
      if (this.members === MEMBERS_MAX) return;
      const { statesMax } = this.#options;
      const number = this.members;
      const { linked, expectation } = this.#model;
      const round = this.#control[WORD.round];
      const model = { depth: linked.depth, ...(expectation && { expectation }) };
      const welcome = { ...model, shared: this.shared, ground: this.#ground, number, round, statesMax };
      this.#helpers.push({ helper, store: { far: 0, parent: 0 }, edgeStates: 0, edges: 0 });
      this.#send(this.#helpers[number - 1], welcome);
    }
  }

  #send(invited: Invited, welcome?: Welcome): void {
    const store = this.store.partsFrom(invited.store);
    const edges = this.edges?.partsFrom({ states: invited.edgeStates, edges: invited.edges });
    invited.store = this.store.held;
    invited.edgeStates += edges?.first.length ?? 0;
    invited.edges += edges?.targets.length ?? 0;
    invited.helper.send({ store, ...(edges && { edges }), ...(welcome && { welcome }) });
  }

  #invite(): void {
    for (const invited of this.#helpers) this.#send(invited);
    this.#round++;
    Atomics.store(this.#control, WORD.atWork, this.#helpers.length);
    Atomics.store(this.#control, WORD.round, (this.#round << MEMBER_BITS) | this.members);
    Atomics.notify(this.#control, WORD.round);
  }

  #awaitAll(lookUp: () => void): void {
    for (;;) {
      const atWork = Atomics.load(this.#control, WORD.atWork);
      if (atWork === 0) return;
      if (Atomics.wait(this.#control, WORD.atWork, atWork, WAIT_MS) === 'timed-out') lookUp();
    }
  }
}

/**
 * Helps with a search until it is over.
 * @param whole the same as the owner's, whatever its states have room for
 * @param first the first invitation
 * @param receive gives the next that was sent, if there is one
 */
export function help(whole: Model, first: Invitation, receive: () => Invitation | undefined): void {
  const { welcome } = first;
  assert(welcome !== undefined, 'a helper is not welcomed');
  const { shared, ground, number, statesMax, expectation } = welcome;
  const model = expectation ? narrowed(whole, expectation) : whole;
  const { storage } = ground;
  const { control } = shared;
  const generated = generate(model, ground, number);
  const store = storeOf(model, storage, shared, generated);
  const edges = edgesOf(model, storage, shared);
  const member = new Member(model, { generated, store, edges, shared, number, statesMax });
  const attach = (invitation: Invitation): void => {
    store.attach(invitation.store);
    if (invitation.edges) edges?.attach(invitation.edges);
  };
  attach(first);
  for (let round = welcome.round; ; ) {
    Atomics.wait(control, WORD.round, round);
    if (Atomics.load(control, WORD.round) === round) continue;
    round = Atomics.load(control, WORD.round);
    if (round === OVER) return;
    for (let next = receive(); next; next = receive()) attach(next);
    member.work(round & MEMBERS_MAX);
    Atomics.sub(control, WORD.atWork, 1);
    Atomics.notify(control, WORD.atWork);
  }
}

/** Steps are kept where it is asked of every state if it can end; fingerprints do not know where a step leads. */
function edgesOf({ linked }: Model, storage: Storage, { control }: Shared): Edges | undefined {
  return storage === 'exact' && !linked.compiled.scenario.endless ? new Edges(control) : undefined;
}

function storeOf({ encoding, code }: Model, storage: Storage, { control }: Shared, generated: Generated): Store {
  const isWide = code.chooses.some((ofTask) => ofTask.some((chooses) => chooses));
  return new Store({ words: encoding.words, storage, control, generated, isWide });
}

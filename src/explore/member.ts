// SPDX-License-Identifier: Apache-2.0
/**
 * One of those who work on a level of a search, each on a thread of its own with a model of its own: takes a block of states
 * that nobody has taken, takes their steps, stores what is new and asks the properties about it.
 *
 * What one finds depends on chance, so it only says where something was found; what counts is settled by the owner once the
 * level is done. Not here: levels, bounds and the finding that is reported (search.ts), how members meet (team.ts).
 */
import { BATCH, BLOCK, CAN_GO_ON, NOT_ENDED } from './batch.js';
import { JOB, REPORT, type Shared, takePart, WORD } from './control.js';
import type { EdgeWriter } from './edges.js';
import { Expander } from './expand.js';
import type { Generated } from './generate.js';
import { Judge } from './judge.js';
import type { Model } from './model.js';
import type { Store } from './store.js';

/** States that may be violations: of `sources` some step, or that they cannot go on; of `states` they themselves. */
export interface Suspects {
  kind: 'sources' | 'states';
  first: number;
  count: number;
}

/** What a member has found in a level. */
export interface Report {
  suspects: Suspects[];
  /** there are more than fit: all of the level are suspects */
  isFull: boolean;
}

/** What a member works with. */
export interface MemberParts {
  generated: Generated;
  store: Store;
  edges: EdgeWriter;
  shared: Shared;
  /** 0 for the owner */
  number: number;
  statesMax: number;
}

/** Each member takes one of so many parts of its due at a time. */
const SHARES = 4;

/** Words of a report: how many suspects, then three words for each. */
const SUSPECTS_MAX = Math.floor((REPORT - 1) / 3);

export class Member {
  readonly expander: Expander;
  readonly judge: Judge;
  readonly #generated: Generated;
  readonly #store: Store;
  readonly #edges: EdgeWriter;
  readonly #shared: Shared;
  readonly #control: Int32Array;
  readonly #number: number;
  readonly #statesMax: number;
  /** what this member has taken of the level, from its next block on */
  #next = 0;
  #taken = 0;
  /** the rest of the block, and the piece of it that is being worked on */
  #at = 0;
  #left = 0;
  #piece = 0;
  #isBegun = false;
  /** whether the batch is still to be stored, and is the last of the piece */
  #isFilled = false;
  #isLast = false;

  constructor(model: Model, { generated, store, edges, shared, number, statesMax }: MemberParts) {
    this.expander = new Expander(model.encoding, generated);
    this.judge = new Judge(generated, model.code.sometimes.length);
    this.#generated = generated;
    this.#store = store;
    this.#edges = edges;
    this.#shared = shared;
    this.#control = shared.control;
    this.#number = number;
    this.#statesMax = statesMax;
  }

  /**
   * Takes blocks of the level until none is left, there is no room, or all are to stop.
   * @param members how many may insert at a time
   * @param beforeBlock called now and then
   */
  work(members: number, beforeBlock?: () => void): void {
    const { met, hits } = this.#shared;
    this.judge.share(met);
    if (this.#isFilled) Atomics.sub(this.#control, WORD.paused, 1);
    while (this.#takeBlock(members, beforeBlock)) {
      if (this.#finishBlock(members)) continue;
      Atomics.add(this.#control, WORD.paused, 1);
      break;
    }
    this.#edges.save();
    this.judge.share(met);
    const { memory, places } = this.#generated;
    for (let line = 0; line < hits.length; line++) {
      if (memory[places.hits + line] !== 0) hits[line] = 1;
    }
  }

  /** Does its share of a job other than a level. */
  help(members: number): void {
    if (Atomics.load(this.#control, WORD.job) === JOB.roots) this.#addRoots(members);
    else
      for (let part = takePart(this.#control); part !== undefined; part = takePart(this.#control))
        this.#store.movePart(part);
  }

  /** Leaves in its part of the room of roots how many words they take, and then these. */
  #addRoots(members: number): void {
    const { next, room } = roomOfRoots(this.#store, members, this.#number);
    const roots = { words: room.subarray(1), count: 0 };
    this.#edges.addRoots(next, roots);
    room[0] = roots.count;
  }

  /** Stores the state that all begins with. */
  first(state: Int32Array): void {
    this.expander.only(state);
    this.#arrive(-1);
  }

  /** Stores a state that was there before the search was put down. @returns whether it is not here yet */
  restore(state: Int32Array): boolean {
    this.expander.only(state);
    this.#store.insert(this.expander.batch);
    return this.#store.freshCount === 1;
  }

  /** Whether it has something to report. */
  get hasFound(): boolean {
    return this.#shared.reports[this.#number * REPORT] !== 0;
  }

  #takeBlock(members: number, beforeBlock: (() => void) | undefined): boolean {
    if (this.#left > 0) return true;
    beforeBlock?.();
    if (Atomics.load(this.#control, WORD.stop) !== 0) return false;
    if (this.#next >= this.#taken) this.#takeShare(members);
    this.#at = this.#next;
    this.#left = Math.max(0, Math.min(BLOCK, this.#taken - this.#at));
    this.#next += this.#left;
    return this.#left > 0;
  }

  /**
   * Takes a part of the rest of the level. States that are near lead to the same ones: one member is to look at them, else
   * each waits for what the other has claimed, and what was met last is no use to it.
   */
  #takeShare(members: number): void {
    const end = Atomics.load(this.#control, WORD.levelEnd);
    const left = end - Atomics.load(this.#control, WORD.cursor);
    if (left <= 0) return;
    const count = BLOCK * Math.max(1, Math.floor(left / (members * SHARES * BLOCK)));
    this.#next = Atomics.add(this.#control, WORD.cursor, count);
    this.#taken = Math.min(end, this.#next + count);
  }

  /** @returns false where there is no room to go on */
  #finishBlock(members: number): boolean {
    while (this.#left > 0) {
      if (!this.#isBegun) this.#begin();
      for (let isLeft = true; isLeft; ) {
        if (!this.#isFilled) {
          this.#isLast = !this.expander.next();
          this.#isFilled = true;
        }
        if (!this.hasRoom(members)) return false;
        this.#arrive(this.#at);
        this.#isFilled = false;
        isLeft = !this.#isLast;
      }
      this.#end();
    }
    return true;
  }

  #begin(): void {
    this.#piece = Math.min(this.#left, this.#store.leftInSegment(this.#at));
    this.#edges.begin(this.#at);
    this.expander.begin(this.#store.segment(this.#at), this.#store.offset(this.#at), this.#piece);
    this.#isBegun = true;
  }

  #end(): void {
    const { status } = this.expander.batch;
    this.#edges.finish(this.#at + this.#piece);
    for (let i = 0; i < this.#piece; i++) {
      if ((status[i] & (CAN_GO_ON | NOT_ENDED)) === NOT_ENDED) this.#report('sources', this.#at + i, 1);
    }
    this.#at += this.#piece;
    this.#left -= this.#piece;
    this.#isBegun = false;
  }

  /** @returns whether each of so many members can insert a batch */
  hasRoom(members: number): boolean {
    const states = Atomics.load(this.#control, WORD.states);
    if (states + members * BATCH > Atomics.load(this.#control, WORD.room)) return false;
    return this.#edges.hasRoom();
  }

  /** Stores what a batch led to, and asks the properties about what is new. */
  #arrive(block: number): void {
    const { batch } = this.expander;
    const store = this.#store;
    store.insert(batch);
    if (block >= 0) {
      this.#edges.addAll(block, batch.count);
      this.#shared.transitions[this.#number] += batch.count + batch.violations;
    }
    if (batch.violation) this.#report('sources', this.#at, this.#piece);
    const allowed = this.#allowed();
    if (!this.judge.judge(allowed)) return;
    let [least, most] = [store.freshIndex(0), store.freshIndex(0)];
    for (let i = 1; i < allowed; i++) {
      least = Math.min(least, store.freshIndex(i));
      most = Math.max(most, store.freshIndex(i));
    }
    this.#report('states', least, most + 1 - least);
  }

  /** @returns how many of the fresh states there may be; with one too many the search stops */
  #allowed(): number {
    const store = this.#store;
    let allowed = store.freshCount;
    while (allowed > 0 && store.freshIndex(allowed - 1) >= this.#statesMax) allowed--;
    if (allowed < store.freshCount) Atomics.store(this.#control, WORD.stop, 1);
    return allowed;
  }

  #report(kind: Suspects['kind'], first: number, count: number): void {
    const { reports } = this.#shared;
    const at = this.#number * REPORT;
    const position = reports[at]++;
    if (position < SUSPECTS_MAX) reports.set([kind === 'sources' ? 0 : 1, first, count], at + 1 + position * 3);
  }
}

/** @returns what the member has found since it was last asked */
export function takeReport({ reports }: Shared, number: number): Report {
  const words = reports.subarray(number * REPORT, (number + 1) * REPORT);
  const [all] = words;
  const suspects = Array.from({ length: Math.min(all, SUSPECTS_MAX) }, (_, i): Suspects => {
    const [kind, first, count] = words.subarray(1 + i * 3);
    return { kind: kind === 0 ? 'sources' : 'states', first, count };
  });
  words[0] = 0;
  return { suspects, isFull: all > SUSPECTS_MAX };
}

/** @returns where the members note which state is next, and the part of the rest of the table in which one has its roots */
export function roomOfRoots(store: Store, members: number, number: number): { next: Int32Array; room: Int32Array } {
  const table = store.takeTable();
  const size = Math.floor((table.length - store.count) / members);
  const begin = store.count + number * size;
  return { next: table.subarray(0, store.count), room: table.subarray(begin, begin + size) };
}

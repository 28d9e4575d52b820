// SPDX-License-Identifier: Apache-2.0
/**
 * Every state found so far, in the order in which they were found. Two ways: `exact`, whole states are kept, and two are one
 * only if all their words are equal; `fingerprints`, of a state that has been looked at 64 bits and its index are kept, and two
 * are taken for one if these bits are equal.
 *
 * Several threads fill it at a time, each with a Store of its own over the same memory (claim.ts says how). Whole states that
 * are beyond that memory lie in segments of their own; of fingerprints, frontier.ts has the words of states that are still to
 * be looked at. Room is made while nobody inserts.
 */
import { assert } from '../base/assert.js';
import type { Batch } from './batch.js';
import { UNPUBLISHED } from './claim.js';
import { generateWhole, type Whole } from './code.js';
import { WORD } from './control.js';
import { type Frontier, WINDOW } from './frontier.js';
import type { Generated } from './generate.js';
import { ENTRY, FILLING, type Storage, TAIL } from './places.js';

export type { Storage };

/** States of a segment. */
const SEGMENT_BITS = 16;
const SEGMENT = 1 << SEGMENT_BITS;
const MASK = SEGMENT - 1;
const FIRST_SLOTS = 1 << 12;
/** Slots whose entries are moved by all members together, at least, and in one part of that. */
const MOVED_LEAST = 1 << 17;
const MOVED_PART = 1 << 17;
/** Words of what the system gives at a time. */
const PAGE = 1 << 10;
const TOO_FAR = 'entries of the table lie too far from home';

export interface StoreOptions {
  /** words of a state */
  words: number;
  storage: Storage;
  control: Int32Array;
  generated: Generated;
  /** of a store of fingerprints, for its owner */
  frontier?: Frontier;
  /** for its owner: has all members call `movePart` for each of so many parts. @returns false where it is alone */
  movesTogether?(parts: number): boolean;
}

export class Store {
  readonly words: number;
  readonly storage: Storage;
  freshCount = 0;
  /** index of the first of these; but for late ones the others follow */
  #freshFrom = 0;
  readonly #generated: Generated;
  readonly #control: Int32Array;
  readonly #whole: Whole;
  readonly #batch: Int32Array;
  /** states that the memory has no room for */
  readonly #far: Int32Array[] = [];
  /** states that the memory has room for, and the segment in which others begin */
  readonly #near: number;
  readonly #firstFar: number;
  readonly #frontier: Frontier | undefined;
  readonly #movesTogether: (parts: number) => boolean;

  constructor({ words, storage, control, generated, frontier, movesTogether = () => false }: StoreOptions) {
    const { memory, places, common, far } = generated;
    this.words = words;
    this.storage = storage;
    this.#control = control;
    this.#generated = generated;
    this.#whole = generateWhole(words);
    this.#batch = memory.subarray(places.states);
    this.#near = common.rowsMax;
    this.#firstFar = common.rowsMax >>> SEGMENT_BITS;
    this.#frontier = frontier;
    this.#movesTogether = movesTogether;
    far.keepFar = (k, index) => {
      this.#whole.copy(this.#batch, k * places.stride, this.segment(index), this.offset(index));
      return 0;
    };
    far.sameFar = (k, index) =>
      this.#whole.same(this.#batch, k * places.stride, this.segment(index), this.offset(index)) ? 1 : 0;
  }

  get count(): number {
    return Atomics.load(this.#control, WORD.states);
  }

  /** Bytes held. */
  get bytes(): number {
    return this.bytesFor(0);
  }

  /** Bytes held at most once there is room for so many states. */
  bytesFor(states: number): number {
    const { memory, places, common } = this.#generated;
    const count = Math.max(this.count, states);
    const slots = Math.max(memory[common.slots], this.#slotsFor(states));
    const ofStates = this.#frontier?.bytesFor(count) ?? count * this.words * 4;
    return (places.states + slots * ENTRY[this.storage]) * 4 + ofStates;
  }

  /** @returns how many slots are enough for so many states; more than there can be if they are too many */
  #slotsFor(states: number): number {
    const { memory, common } = this.#generated;
    const { most, growth } = FILLING[this.storage];
    let slots = Math.max(FIRST_SLOTS, memory[common.slots]);
    // it costs time to grow, and where it is small beside all memory it may be larger than it has to be
    const factorOf = (size: number): number => {
      if (this.storage === 'fingerprints' || size >= common.slotsMax / 8) return growth;
      return size < common.slotsMax / 32 ? 4 : 2;
    };
    while (states > slots * most) slots = Math.floor(slots * factorOf(slots));
    // the last growth may be a smaller one
    return states <= common.slotsMax * most ? Math.min(slots, common.slotsMax) : slots;
  }

  /** For so many more states there had better be room at a time, at most. */
  get roomLikely(): number {
    return this.#frontier?.windowFor(this.count) ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Makes room for so many states, while nobody inserts.
   * @returns false where that is more than there can be
   * @throws SpillError
   */
  makeRoom(states: number): boolean {
    const { memory, common } = this.#generated;
    const slots = this.#slotsFor(states);
    if (slots > common.slotsMax) return false;
    if (this.#frontier && !this.#frontier.makeRoom(states, this.count)) return false;
    if (slots > memory[common.slots]) this.#grow(slots);
    while (this.storage === 'exact' && (this.#firstFar + this.#far.length) << SEGMENT_BITS < states) {
      this.#far.push(new Int32Array(new SharedArrayBuffer(SEGMENT * this.words * 4)));
    }
    Atomics.store(this.#control, WORD.room, states);
    return true;
  }

  /** From its end on, as far as that is worth a meeting, all members move entries: each time those that go beyond all others. */
  #grow(slots: number): void {
    const { memory, common } = this.#generated;
    const old = memory[common.slots];
    let end = old + TAIL;
    for (;;) {
      const begin = Math.ceil((end * old) / slots) + TAIL;
      if (end - begin < MOVED_LEAST) break;
      memory.set([slots, begin, end], common.larger);
      if (!this.#movesTogether(Math.ceil((end - begin) / MOVED_PART))) break;
      end = begin;
    }
    this.#touch(Math.min(old, end), Math.min(slots, (end / old) * slots));
    assert(this.#generated.grow(slots, end) === 1, TOO_FAR);
  }

  /**
   * Has the system give the pages of these slots. Where one is read before it is written to, the system first shows a page of zeros that
   * all have in common, and to take that away again interrupts every processor: three times as long. V8's Atomics.or and Atomics.add
   * read first; only this writes at once.
   */
  #touch(from: number, to: number): void {
    const { memory, common } = this.#generated;
    const entry = ENTRY[this.storage];
    const end = common.table + to * entry;
    for (let at = common.table + Math.floor(from) * entry; at < end; at += PAGE)
      Atomics.compareExchange(memory, at, 0, 0);
  }

  /** Moves entries that `#grow` has asked for. */
  movePart(part: number): void {
    const { memory, common, places } = this.#generated;
    const [slots, begin, end] = memory.subarray(common.larger, common.larger + 3);
    const from = begin + part * MOVED_PART;
    const to = Math.min(end, from + MOVED_PART);
    // entries lie less than TAIL from home: now, and then
    const ratio = slots / memory[common.slots];
    this.#touch(from * ratio, Math.min(slots, to * ratio));
    memory[places.undisputed] = Math.ceil(from * ratio) + TAIL;
    memory[places.undisputed + 1] = Math.floor((to - TAIL) * ratio) - TAIL - 1;
    assert(this.#generated.move(from, to) === 1, TOO_FAR);
  }

  /** @returns the segments that a thread lacks which has so many */
  farFrom(held: number): Int32Array[] {
    return this.#far.slice(held);
  }

  get held(): number {
    return this.#far.length;
  }

  /** Segments that were made since it was last told. */
  attach(far: readonly Int32Array[]): void {
    this.#far.push(...far);
  }

  /**
   * Stores the states of a batch as far as they are new; there is room for them. Then the batch's `index` and its `fresh` say
   * which they are.
   */
  insert(batch: Batch): void {
    const { memory, places } = this.#generated;
    if (batch.count === 0) {
      this.freshCount = 0;
      return;
    }
    const pending = this.#generated.recall(batch.count);
    const waiting = this.#generated.claim(pending);
    this.freshCount = memory[places.freshCount];
    if (this.freshCount > 0) {
      this.#freshFrom = Atomics.add(this.#control, WORD.states, this.freshCount);
      this.#generated.publish(this.#freshFrom, pending);
    }
    if (waiting > 0) this.#findLate(batch);
    this.#generated.remember(batch.count, pending);
  }

  /** @returns the index of the i-th fresh state of the last batch */
  freshIndex(i: number): number {
    const { memory, places } = this.#generated;
    return memory[places.index + memory[places.fresh + i]];
  }

  #isFar(index: number): boolean {
    return this.storage === 'exact' && index >= this.#near;
  }

  /** The words of states in one segment, of which state `index` is one; of fingerprints, one that is to be looked at. */
  segment(index: number): Int32Array {
    return this.#isFar(index) ? this.#far[(index >>> SEGMENT_BITS) - this.#firstFar] : this.#generated.memory;
  }

  /** @returns where the words of a state begin in its segment */
  offset(index: number): number {
    if (this.#isFar(index)) return (index & MASK) * this.words;
    const { memory, common } = this.#generated;
    if (this.storage === 'exact') return common.rows + index * this.words;
    const row = index - memory[common.first + WINDOW.read] + memory[common.first + WINDOW.readRow];
    return common.rows + row * this.words;
  }

  /** @returns how many states from `index` on are in one segment with it */
  leftInSegment(index: number): number {
    if (this.storage === 'fingerprints') return Number.POSITIVE_INFINITY;
    return this.#isFar(index) ? SEGMENT - (index & MASK) : this.#near - index;
  }

  /**
   * The words of a state, for the owner: in a store of fingerprints one of the level that is looked at or found since; until it
   * is asked for another.
   * @throws SpillError
   */
  state(index: number): Int32Array {
    if (this.#frontier) return this.#frontier.state(index);
    const at = this.offset(index);
    return this.segment(index).subarray(at, at + this.words);
  }

  /** A level begins: in a store of fingerprints the words of states before it are not needed any more. @throws SpillError */
  turn(begin: number, end: number): void {
    this.#frontier?.turn(begin, end);
  }

  /** Makes states of the level ready to be looked at. @returns the first after `from` that is not. @throws SpillError */
  load(from: number, end: number): number {
    return this.#frontier?.load(from) ?? end;
  }

  /** Visits what a store of fingerprints has of each state before `end`, in no order. */
  eachEntry(end: number, visit: (high: number, low: number, index: number) => void): void {
    if (this.storage === 'exact') return;
    const { memory, common } = this.#generated;
    const last = common.table + (memory[common.slots] + TAIL) * ENTRY.fingerprints;
    for (let at = common.table; at < last; at += ENTRY.fingerprints) {
      const index = memory[at + 1] - 1;
      if (index >= 0 && index < end) visit(memory[at], memory[at + 2], index);
    }
  }

  /** Enters fingerprints of a batch with their indices, without the states' words. @returns false where one is there already */
  restore({ count, index, fresh }: Batch): boolean {
    const { memory, places } = this.#generated;
    const given = index.slice(0, count);
    for (let k = 0; k < count; k++) memory[places.pending + k] = k;
    this.#generated.claim(count);
    for (let i = 0; i < memory[places.freshCount]; i++) memory[memory[places.claimed + i] + 1] = 1 + given[fresh[i]];
    this.#frontier?.skip(Atomics.add(this.#control, WORD.states, count) + count);
    return memory[places.freshCount] === count;
  }

  /** The words of the states from `begin` to `end`, which are to be looked at next. @throws SpillError */
  refill(begin: number, end: number, read: (into: Int32Array) => void): void {
    this.#frontier?.refill(begin, end, read);
  }

  /** @returns the memory of the table, for another use: nobody inserts any more. More than two words per state */
  takeTable(): Int32Array {
    const { memory, common } = this.#generated;
    return memory.subarray(common.table, common.table + memory[common.slots] * ENTRY[this.storage]);
  }

  /** The memory is as if nobody had used it, as far as whole states did. */
  clear(): void {
    const { memory, common } = this.#generated;
    memory.fill(0, common.table, common.table + (memory[common.slots] + TAIL) * ENTRY[this.storage]);
    memory.fill(0, common.rows, common.rows + Math.min(this.count, this.#near) * this.words);
    memory[common.slots] = 0;
  }

  /** What lies beside memory is not needed any more. */
  close(): void {
    this.#frontier?.close();
  }

  /** All that this member claimed is published: now it may wait for others. */
  #findLate({ count, index, fresh }: Batch): void {
    const { memory, places } = this.#generated;
    for (let k = 0; k < count; k++) {
      while (index[k] === UNPUBLISHED) {
        while (Atomics.load(memory, memory[places.slot + k] + 1) <= 0) {
          assert(Atomics.load(this.#control, WORD.failed) === 0, 'another member cannot go on');
        }
        if (this.#generated.find(k) !== 0 || index[k] >= 0) continue;
        // another state with the same tag: this one is new after all, and goes where there is room for it
        const i = this.freshCount++;
        assert(fresh[i] === k && memory[places.freshCount] === this.freshCount, 'a late state is an early one');
        const at = Atomics.add(this.#control, WORD.states, 1);
        this.#generated.keepOne(i, at);
        index[k] = at;
      }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Every state found so far, in the order in which they were found. Two ways: `exact`, whole states are kept, and two are one
 * only if all their words are equal; `fingerprints`, of a state that has been looked at 64 bits are kept, and two are taken for
 * one if these are equal; then each has the state that it was first reached from, too.
 *
 * All in segments of shared memory, which several threads fill at a time, each with a Store of its own over the same segments.
 * A slot of the table is claimed by swapping its tag in. Nobody waits for a slot before all of his own are published, so that
 * no two wait for each other. Room is made while nobody inserts.
 */
import { assert } from '../base/assert.js';
import { BATCH, type Batch } from './batch.js';
import { generateWhole, type Whole } from './code.js';
import { WORD } from './control.js';
import { SEGMENT_BITS, SEGMENT_MASK, Table } from './table.js';

export type Storage = 'exact' | 'fingerprints';

/** States of a segment. */
export const STATES_BITS = 14;
const STATES = 1 << STATES_BITS;
const STATES_MASK = STATES - 1;
/** a batch has so many positions: low bits of the mark of a claim */
const POSITION_BITS = 10;
/** what `#find` returns beside an index: the state was there, but is not published; or is one of this batch's own claims */
const UNPUBLISHED = -1;
const OWN = -2;

/** What a store is made of: `table` as a whole, of the rest what a thread lacks. */
export interface StoreParts {
  table: Int32Array[];
  scale: number;
  states: number;
  arena: (Int32Array | undefined)[];
  parent: Int32Array[];
  ordinal: (Uint8Array | Uint16Array)[];
  released: number;
}

export interface StoreOptions {
  /** words of a state */
  words: number;
  storage: Storage;
  control: Int32Array;
  /** which member of the search this is */
  member: number;
  /** whether a state may have more successors than a byte counts */
  isWide: boolean;
}

export class Store {
  readonly words: number;
  readonly storage: Storage;
  /** per successor of the last batch the index of its state, where the search is exact */
  readonly index = new Int32Array(BATCH);
  /** positions in the last batch of states that were not there before; the first `freshCount` */
  readonly fresh = new Int32Array(BATCH);
  freshCount = 0;
  /** index of the first of these; but for late ones the others follow */
  #freshFrom = 0;
  readonly #control: Int32Array;
  readonly #member: number;
  /** state `i` begins at `(i & STATES_MASK) * words` of segment `i >> STATES_BITS` */
  readonly #arena: (Int32Array | undefined)[] = [];
  readonly #parent: Int32Array[] = [];
  readonly #ordinal: (Uint8Array | Uint16Array)[] = [];
  readonly #ordinalBytes: 1 | 2;
  readonly #table: Table;
  readonly #whole: Whole;
  readonly #home = new Int32Array(BATCH);
  readonly #seen = new Int32Array(BATCH);
  /** per fresh state where its slot is */
  readonly #claimed = new Int32Array(BATCH);
  /** successors whose states others have claimed and not published */
  readonly #late: number[] = [];
  #released = 0;

  constructor({ words, storage, control, member, isWide }: StoreOptions) {
    assert(BATCH <= 1 << POSITION_BITS, 'a position does not fit into a mark');
    this.words = words;
    this.storage = storage;
    this.#control = control;
    this.#member = member;
    this.#whole = generateWhole(words);
    this.#ordinalBytes = isWide ? 2 : 1;
    this.#table = new Table(storage === 'exact' ? { most: 0.7, growth: 2 } : { most: 0.9, growth: 1.2 });
  }

  get count(): number {
    return Atomics.load(this.#control, WORD.states);
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#table.bytes + this.#bytesOfStates(this.#arena.length);
  }

  /** Bytes held at most once there is room for so many states, while the table grows included. */
  bytesFor(states: number): number {
    const segments = Math.max(this.#arena.length, Math.ceil(states / STATES));
    return this.#table.bytesFor(states) + this.#bytesOfStates(segments);
  }

  #bytesOfStates(segments: number): number {
    const way = this.storage === 'exact' ? 0 : 4 + this.#ordinalBytes;
    return (segments * way + (segments - this.#released) * this.words * 4) * STATES;
  }

  /** Makes room for so many states, while nobody inserts. */
  makeRoom(states: number): void {
    this.#table.reserve(states);
    while (this.#arena.length << STATES_BITS < states) {
      this.#arena.push(new Int32Array(new SharedArrayBuffer(STATES * this.words * 4)));
      if (this.storage === 'exact') continue;
      this.#parent.push(new Int32Array(new SharedArrayBuffer(STATES * 4)));
      const ordinals = new SharedArrayBuffer(STATES * this.#ordinalBytes);
      this.#ordinal.push(this.#ordinalBytes === 1 ? new Uint8Array(ordinals) : new Uint16Array(ordinals));
    }
    Atomics.store(this.#control, WORD.room, states);
  }

  /** @returns what a thread lacks that has had as many segments of states */
  partsFrom(states: number): StoreParts {
    return {
      table: this.#table.segments,
      scale: this.#table.scale,
      states,
      arena: this.#arena.slice(states),
      parent: this.#parent.slice(states),
      ordinal: this.#ordinal.slice(states),
      released: this.#released,
    };
  }

  get segments(): number {
    return this.#arena.length;
  }

  attach({ table, scale, arena, parent, ordinal, released }: StoreParts): void {
    this.#table.segments = table;
    this.#table.scale = scale;
    this.#arena.push(...arena);
    this.#parent.push(...parent);
    this.#ordinal.push(...ordinal);
    this.release(released << STATES_BITS);
  }

  /**
   * Stores the states of a batch as far as they are new; there is room for them. Then `index` and `fresh` say which.
   * @param block index of the block's first source; -1 for the first state of all
   */
  insert(batch: Batch, block: number): void {
    const isExact = this.storage === 'exact';
    this.freshCount = 0;
    this.#late.length = 0;
    this.#touch(batch);
    if (isExact) this.#probe(batch);
    for (let k = 0; k < batch.count; k++) {
      if (!isExact) this.#findPrint(batch, k);
      else {
        this.index[k] = this.#find(batch, k, this.#seen[k]);
        if (this.index[k] === UNPUBLISHED) this.#late.push(k);
      }
    }
    this.#freshFrom = Atomics.add(this.#control, WORD.states, this.freshCount);
    for (let i = 0; i < this.freshCount; i++) this.#append(batch, i, block, this.#freshFrom + i);
    if (!isExact) return;
    for (let k = 0; k < batch.count; k++) {
      if (this.index[k] <= OWN) this.index[k] = this.#freshFrom + OWN - this.index[k];
    }
    if (this.#late.length > 0) this.#findLate(batch, block);
  }

  /** @returns the index of the i-th fresh state of the last batch */
  freshIndex(i: number): number {
    return this.storage === 'exact' ? this.index[this.fresh[i]] : this.#freshFrom + i;
  }

  /** The words of states in one segment, of which state `index` is one. */
  segment(index: number): Int32Array {
    const segment = this.#arena[index >>> STATES_BITS];
    assert(segment !== undefined, 'a state was let go');
    return segment;
  }

  /** @returns where the words of a state begin in its segment */
  offset(index: number): number {
    return (index & STATES_MASK) * this.words;
  }

  /** @returns how many states from `index` on are in one segment with it */
  leftInSegment(index: number): number {
    return STATES - (index & STATES_MASK);
  }

  /** The words of states below `index` are not needed any more, in a store of fingerprints. */
  release(index: number): void {
    if (this.storage === 'exact') return;
    for (const end = index >>> STATES_BITS; this.#released < end; this.#released++) {
      this.#arena[this.#released] = undefined;
    }
  }

  /** The first state whose words are here. */
  get firstHeld(): number {
    return this.#released << STATES_BITS;
  }

  /** @returns the state from which `index` was first reached, in a store of fingerprints; -1 for the first of all */
  parent(index: number): number {
    return this.#parent[index >>> STATES_BITS][index & STATES_MASK];
  }

  /** @returns which successor of its parent it is (Batch.ordinal) */
  ordinal(index: number): number {
    return this.#ordinal[index >>> STATES_BITS][index & STATES_MASK];
  }

  /** All slots are asked for before any is looked at, so that the waits for memory overlap. */
  #touch({ count, high }: Batch): number {
    const { segments, scale } = this.#table;
    let sum = 0;
    for (let k = 0; k < count; k++) {
      const home = ((high[k] >>> 0) * scale) | 0;
      this.#home[k] = home;
      sum ^= segments[home >>> SEGMENT_BITS][(home << 1) & SEGMENT_MASK];
    }
    return sum;
  }

  /** Walks to the first slot that may hold each successor; the same for the states that they may be. */
  #probe({ count, high }: Batch): number {
    const { segments } = this.#table;
    let sum = 0;
    for (let k = 0; k < count; k++) {
      const home = this.#home[k];
      const segment = segments[home >>> SEGMENT_BITS];
      const tag = high[k];
      let at = (home << 1) & SEGMENT_MASK;
      let there = segment[at];
      while (there !== 0 && there !== tag) {
        at = (at + 2) & SEGMENT_MASK;
        there = segment[at];
      }
      this.#seen[k] = at;
      const index = there === 0 ? 0 : segment[at + 1] - 1;
      if (index > 0) sum ^= this.segment(index)[this.offset(index)];
    }
    return sum;
  }

  /**
   * @param from where in its segment to look first
   * @returns the index of successor `k`; UNPUBLISHED; or OWN - i where it is the i-th fresh one of this batch, maybe from now on
   */
  #find({ words, stride, high }: Batch, k: number, from: number): number {
    const segment = this.#table.segments[this.#home[k] >>> SEGMENT_BITS];
    const tag = high[k];
    for (let at = from; ; at = (at + 2) & SEGMENT_MASK) {
      let there = segment[at];
      if (there === 0) there = Atomics.compareExchange(segment, at, 0, tag);
      if (there === 0) return this.#claim(segment, at, k);
      if (there !== tag) continue;
      const second = Atomics.load(segment, at + 1);
      if (second > 0) {
        const state = this.#arena[(second - 1) >>> STATES_BITS] as Int32Array;
        if (this.#whole.same(words, k * stride, state, ((second - 1) & STATES_MASK) * this.words)) return second - 1;
        continue;
      }
      const mark = -1 - second;
      if (second === 0 || mark >>> POSITION_BITS !== this.#member) {
        this.#seen[k] = at;
        return UNPUBLISHED;
      }
      const i = mark & (BATCH - 1);
      if (this.#whole.same(words, k * stride, words, this.fresh[i] * stride)) return OWN - i;
    }
  }

  /** The slot is this member's; the second word says so until the state is published. */
  #claim(segment: Int32Array, at: number, k: number): number {
    const i = this.freshCount++;
    this.fresh[i] = k;
    this.#claimed[i] = at;
    Atomics.store(segment, at + 1, -1 - ((this.#member << POSITION_BITS) | i));
    return OWN - i;
  }

  /** The same by fingerprint; the index of a state that was there is not known. */
  #findPrint({ high, low }: Batch, k: number): void {
    const home = this.#home[k];
    const segment = this.#table.segments[home >>> SEGMENT_BITS];
    const tag = high[k];
    const rest = low[k];
    for (let at = (home << 1) & SEGMENT_MASK; ; at = (at + 2) & SEGMENT_MASK) {
      let there = segment[at];
      if (there === 0) there = Atomics.compareExchange(segment, at, 0, tag);
      if (there === 0) {
        Atomics.store(segment, at + 1, rest);
        this.fresh[this.freshCount++] = k;
        return;
      }
      if (there !== tag) continue;
      let second = segment[at + 1];
      // who claimed the slot is about to write this word
      while (second === 0) second = Atomics.load(segment, at + 1);
      if (second === rest) return;
    }
  }

  /** Keeps the i-th fresh state of the batch, and says where it is. */
  #append({ words, stride, source, ordinal }: Batch, i: number, block: number, index: number): void {
    const k = this.fresh[i];
    const segment = index >>> STATES_BITS;
    const at = index & STATES_MASK;
    this.#whole.copy(words, k * stride, this.#arena[segment] as Int32Array, at * this.words);
    if (this.storage === 'exact') {
      const slots = this.#table.segments[this.#home[k] >>> SEGMENT_BITS];
      Atomics.store(slots, this.#claimed[i] + 1, index + 1);
      return;
    }
    assert(ordinal[k] < 256 ** this.#ordinalBytes, 'a state has too many successors');
    this.#parent[segment][at] = block < 0 ? -1 : block + source[k];
    this.#ordinal[segment][at] = ordinal[k];
  }

  /** All that this member claimed is published: now it may wait for others. */
  #findLate(batch: Batch, block: number): void {
    const before = this.freshCount;
    for (const k of this.#late) {
      const slots = this.#table.segments[this.#home[k] >>> SEGMENT_BITS];
      for (;;) {
        while (Atomics.load(slots, this.#seen[k] + 1) <= 0);
        this.index[k] = this.#find(batch, k, this.#seen[k]);
        if (this.index[k] !== UNPUBLISHED) break;
      }
      if (this.index[k] >= 0) continue;
      // another state with the same tag: this one is new after all, and goes where there is room for it
      const i = OWN - this.index[k];
      assert(i === this.freshCount - 1 && i >= before, 'a late state is an early one');
      this.index[k] = Atomics.add(this.#control, WORD.states, 1);
      this.#append(batch, i, block, this.index[k]);
    }
  }
}

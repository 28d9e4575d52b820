// SPDX-License-Identifier: Apache-2.0
/**
 * Every state found so far, in the order in which they were found. Two ways: `exact`, whole states are kept, and two are one
 * only if all their words are equal; `fingerprints`, of a state that has been looked at 64 bits are kept, and two are taken for
 * one if these are equal; then each has the state that it was first reached from, too.
 *
 * Several threads fill it at a time, each with a Store of its own over the same memory (claim.ts says how). States that are
 * beyond that memory lie in segments of their own. Room is made while nobody inserts.
 */
import { assert } from '../base/assert.js';
import type { Batch } from './batch.js';
import { UNPUBLISHED } from './claim.js';
import { generateWhole, type Whole } from './code.js';
import { WORD } from './control.js';
import type { Generated } from './generate.js';
import { FILLING, type Storage } from './places.js';

export type { Storage };

/** States of a segment. */
const SEGMENT_BITS = 16;
const SEGMENT = 1 << SEGMENT_BITS;
const MASK = SEGMENT - 1;
const FIRST_SLOTS = 1 << 12;

/** What a thread lacks of a store: segments from those on that it has. */
export interface StoreParts {
  far: (Int32Array | undefined)[];
  parent: Int32Array[];
  ordinal: (Uint8Array | Uint16Array)[];
  level: Level;
}

/** How many segments a thread has. */
export interface StoreHeld {
  far: number;
  parent: number;
}

/** Of a store of fingerprints: indices from which on two levels lie in halves of the memory. */
interface Level {
  /** the first state that is looked at, and which half it is in */
  first: number;
  half: number;
  /** the first state that is not found yet when the level begins */
  end: number;
}

export interface StoreOptions {
  /** words of a state */
  words: number;
  storage: Storage;
  control: Int32Array;
  generated: Generated;
  /** whether a state may have more successors than a byte counts */
  isWide: boolean;
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
  readonly #far: (Int32Array | undefined)[] = [];
  readonly #parent: Int32Array[] = [];
  readonly #ordinal: (Uint8Array | Uint16Array)[] = [];
  readonly #ordinalBytes: 1 | 2;
  /** states that one half of the memory has room for; or all of it */
  readonly #near: number;
  #level: Level = { first: 0, half: 1, end: 0 };
  #mostOfLevel = 0;

  constructor({ words, storage, control, generated, isWide }: StoreOptions) {
    const { memory, places, common, far } = generated;
    this.words = words;
    this.storage = storage;
    this.#control = control;
    this.#generated = generated;
    this.#whole = generateWhole(words);
    this.#batch = memory.subarray(places.states);
    this.#ordinalBytes = isWide ? 2 : 1;
    this.#near = storage === 'exact' ? common.rowsMax : Math.floor(common.rowsMax / 2);
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
    return (places.states + slots * 2) * 4 + this.#bytesOfStates(count);
  }

  #bytesOfStates(count: number): number {
    if (this.storage === 'exact') return count * this.words * 4;
    const found = count - this.#level.end;
    const rows = Math.max(this.#mostOfLevel, found) + Math.max(this.#mostOfLevel, this.#level.end - this.#level.first);
    return rows * this.words * 4 + count * (4 + this.#ordinalBytes);
  }

  /** @returns how many slots are enough for so many states; more than there can be if they are too many */
  #slotsFor(states: number): number {
    const { memory, common } = this.#generated;
    const { most, growth } = FILLING[this.storage];
    let slots = Math.max(FIRST_SLOTS, memory[common.slots]);
    while (states > slots * most) slots = Math.floor(slots * growth);
    // the last growth may be a smaller one
    return states <= common.slotsMax * most ? Math.min(slots, common.slotsMax) : slots;
  }

  /** Makes room for so many states, while nobody inserts. @returns false where that is more than there can be */
  makeRoom(states: number): boolean {
    const { memory, common } = this.#generated;
    const slots = this.#slotsFor(states);
    if (slots > common.slotsMax) return false;
    if (slots > memory[common.slots]) {
      assert(this.#generated.grow(slots) === 1, 'entries of the table lie too far from home');
    }
    this.#makeFar(states);
    while (this.storage === 'fingerprints' && this.#parent.length << SEGMENT_BITS < states) {
      this.#parent.push(new Int32Array(new SharedArrayBuffer(SEGMENT * 4)));
      const ordinals = new SharedArrayBuffer(SEGMENT * this.#ordinalBytes);
      this.#ordinal.push(this.#ordinalBytes === 1 ? new Uint8Array(ordinals) : new Uint16Array(ordinals));
    }
    Atomics.store(this.#control, WORD.room, states);
    return true;
  }

  #makeFar(states: number): void {
    const from = this.storage === 'exact' ? this.#near : this.#level.end + this.#near;
    for (let segment = from >>> SEGMENT_BITS; segment << SEGMENT_BITS < states; segment++) {
      this.#far[segment] ??= new Int32Array(new SharedArrayBuffer(SEGMENT * this.words * 4));
    }
  }

  /** @returns what a thread lacks that has so many segments */
  partsFrom({ far, parent }: StoreHeld): StoreParts {
    return {
      far: this.#far.slice(far),
      parent: this.#parent.slice(parent),
      ordinal: this.#ordinal.slice(parent),
      level: this.#level,
    };
  }

  get held(): StoreHeld {
    return { far: this.#far.length, parent: this.#parent.length };
  }

  attach({ far, parent, ordinal, level }: StoreParts): void {
    this.#far.push(...far);
    this.#parent.push(...parent);
    this.#ordinal.push(...ordinal);
    this.#level = level;
    this.#letGo();
  }

  /**
   * Stores the states of a batch as far as they are new; there is room for them. Then the batch's `index`, where the search is
   * exact, and its `fresh` say which.
   * @param block index of the block's first source; -1 for the first state of all
   */
  insert(batch: Batch, block: number): void {
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
    if (this.storage === 'fingerprints') this.#noteWays(batch, block);
    else if (waiting > 0) this.#findLate(batch);
    this.#generated.remember(batch.count, pending);
  }

  /** @returns the index of the i-th fresh state of the last batch */
  freshIndex(i: number): number {
    const { memory, places } = this.#generated;
    return this.storage === 'exact' ? memory[places.index + memory[places.fresh + i]] : this.#freshFrom + i;
  }

  #isFar(index: number): boolean {
    return this.storage === 'exact' ? index >= this.#near : index - this.#firstOf(index) >= this.#near;
  }

  /** The first state of the level that a state is in. */
  #firstOf(index: number): number {
    return index >= this.#level.end ? this.#level.end : this.#level.first;
  }

  /** The words of states in one segment, of which state `index` is one. */
  segment(index: number): Int32Array {
    if (!this.#isFar(index)) return this.#generated.memory;
    const segment = this.#far[index >>> SEGMENT_BITS];
    assert(segment !== undefined, 'a state was let go');
    return segment;
  }

  /** @returns where the words of a state begin in its segment */
  offset(index: number): number {
    if (this.#isFar(index)) return (index & MASK) * this.words;
    const { rows } = this.#generated.common;
    if (this.storage === 'exact') return rows + index * this.words;
    const half = index < this.#level.end ? this.#level.half : 1 - this.#level.half;
    return rows + (half * this.#near + index - this.#firstOf(index)) * this.words;
  }

  /** @returns how many states from `index` on are in one segment with it */
  leftInSegment(index: number): number {
    if (this.#isFar(index)) return SEGMENT - (index & MASK);
    return this.#near - (this.storage === 'exact' ? index : index - this.#firstOf(index));
  }

  /** A level begins: in a store of fingerprints the words of states before it are not needed any more. */
  turn(begin: number, end: number): void {
    if (this.storage === 'exact') return;
    const { memory, common } = this.#generated;
    this.#mostOfLevel = Math.max(this.#mostOfLevel, Math.min(this.#near, end - begin));
    this.#level = { first: begin, half: 1 - this.#level.half, end };
    memory[common.first] = end;
    memory[common.first + 1] = (1 - this.#level.half) * this.#near;
    this.#letGo();
  }

  #letGo(): void {
    if (this.storage === 'exact') return;
    const end = Math.min(this.#far.length, this.#level.first >>> SEGMENT_BITS);
    for (let segment = 0; segment < end; segment++) this.#far[segment] = undefined;
  }

  /** The first state whose words are here. */
  get firstHeld(): number {
    return this.storage === 'exact' ? 0 : this.#level.first;
  }

  /** @returns the state from which `index` was first reached, in a store of fingerprints; -1 for the first of all */
  parent(index: number): number {
    return this.#parent[index >>> SEGMENT_BITS][index & MASK];
  }

  /** @returns which successor of its parent it is (Batch.ordinal) */
  ordinal(index: number): number {
    return this.#ordinal[index >>> SEGMENT_BITS][index & MASK];
  }

  /** How each new state was reached. */
  #noteWays({ source, ordinal, fresh }: Batch, block: number): void {
    for (let i = 0; i < this.freshCount; i++) {
      const index = this.#freshFrom + i;
      const k = fresh[i];
      assert(ordinal[k] < 256 ** this.#ordinalBytes, 'a state has too many successors');
      this.#parent[index >>> SEGMENT_BITS][index & MASK] = block < 0 ? -1 : block + source[k];
      this.#ordinal[index >>> SEGMENT_BITS][index & MASK] = ordinal[k];
    }
  }

  /** All that this member claimed is published: now it may wait for others. */
  #findLate({ count, index, fresh }: Batch): void {
    const { memory, places } = this.#generated;
    for (let k = 0; k < count; k++) {
      while (index[k] === UNPUBLISHED) {
        while (Atomics.load(memory, memory[places.slot + k] + 1) <= 0);
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

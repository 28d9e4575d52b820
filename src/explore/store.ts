// SPDX-License-Identifier: Apache-2.0
/**
 * Every state found so far, in the order in which they were found, each with the state that it was first reached from. Two
 * ways: `exact`, whole states are kept, and two are one only if all their words are equal; `fingerprints`, of a state that has
 * been looked at 64 bits are kept, and two are taken for one if these are equal.
 *
 * All in segments of shared memory: growing copies the table alone, segment by segment.
 */
import { assert } from '../base/assert.js';
import { BATCH, type Batch } from './batch.js';
import { generateWhole, type Whole } from './code.js';
import { SEGMENT_BITS, SEGMENT_MASK, Table } from './table.js';

export type Storage = 'exact' | 'fingerprints';

/** States of a segment. */
export const STATES_BITS = 14;
const STATES = 1 << STATES_BITS;
const STATES_MASK = STATES - 1;
/** An ordinal that does not fit into its byte; the whole one is kept beside. */
const FAR = 255;

export class Store {
  count = 0;
  readonly words: number;
  readonly storage: Storage;
  /** per successor of the last batch the index of its state; its own if `fresh` */
  readonly index = new Int32Array(BATCH);
  /** positions in the last batch of states that were not there before; the first `freshCount` */
  readonly fresh = new Int32Array(BATCH);
  freshCount = 0;
  /** state `i` begins at `(i & STATES_MASK) * words` of segment `i >> STATES_BITS` */
  readonly #arena: (Int32Array | undefined)[] = [];
  readonly #parent: Int32Array[] = [];
  readonly #ordinal: Uint8Array[] = [];
  readonly #far = new Map<number, number>();
  readonly #table: Table;
  readonly #whole: Whole;
  readonly #home = new Int32Array(BATCH);
  readonly #seen = new Int32Array(BATCH);
  #released = 0;

  constructor(words: number, storage: Storage) {
    this.words = words;
    this.storage = storage;
    this.#whole = generateWhole(words);
    this.#table = new Table(storage === 'exact' ? { most: 0.7, growth: 2 } : { most: 0.9, growth: 1.2 });
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#table.bytes + this.#bytesOfStates(this.#parent.length);
  }

  /** Bytes held at most once `more` states are in, while the table grows included. */
  bytesWith(more: number): number {
    const segments = (this.count + more + STATES - 1) >>> STATES_BITS;
    return this.#table.bytesFor(this.count + more) + this.#bytesOfStates(segments);
  }

  #bytesOfStates(segments: number): number {
    return (segments * (4 + 1) + (segments - this.#released) * this.words * 4) * STATES;
  }

  /**
   * Stores the states of a batch as far as they are new and there are less than `most`; then `index` and `fresh` say which.
   * @param block index of the block's first source; -1 for the first state of all
   * @returns how many successors were looked at: fewer than there are if one more state would be too many
   */
  insert(batch: Batch, block: number, most: number): number {
    const { count } = batch;
    this.#reserve(this.count + count);
    this.freshCount = 0;
    this.#touch(batch);
    if (this.storage === 'exact') this.#probe(batch);
    for (let k = 0; k < count; k++) {
      const found = this.storage === 'exact' ? this.#find(batch, k, most) : this.#findPrint(batch, k, most);
      if (found < 0) return k;
      this.index[k] = found;
      if (found === this.count) this.#append(batch, k, block);
    }
    return count;
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

  /** @returns how many states from `index` on lie in its segment */
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

  /** @returns the state from which `index` was first reached; -1 for the first of all */
  parent(index: number): number {
    return this.#parent[index >>> STATES_BITS][index & STATES_MASK];
  }

  /** @returns which successor of its parent it is (Batch.ordinal) */
  ordinal(index: number): number {
    const near = this.#ordinal[index >>> STATES_BITS][index & STATES_MASK];
    return near === FAR ? (this.#far.get(index) ?? FAR) : near;
  }

  #reserve(states: number): void {
    this.#table.reserve(states);
    while (this.#parent.length << STATES_BITS < states) {
      this.#arena.push(new Int32Array(new SharedArrayBuffer(STATES * this.words * 4)));
      this.#parent.push(new Int32Array(new SharedArrayBuffer(STATES * 4)));
      this.#ordinal.push(new Uint8Array(new SharedArrayBuffer(STATES)));
    }
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
      if (there === 0) continue;
      const index = segment[at + 1] - 1;
      sum ^= this.segment(index)[this.offset(index)];
    }
    return sum;
  }

  /** @returns the index of successor `k`; `count` where it is new and its slot is taken; -1 where there is no room */
  #find({ words, stride, high }: Batch, k: number, most: number): number {
    const segment = this.#table.segments[this.#home[k] >>> SEGMENT_BITS];
    const tag = high[k];
    for (let at = this.#seen[k]; ; at = (at + 2) & SEGMENT_MASK) {
      const there = segment[at];
      if (there === 0) {
        if (this.count >= most) return -1;
        segment[at] = tag;
        segment[at + 1] = this.count + 1;
        return this.count;
      }
      if (there !== tag) continue;
      const index = segment[at + 1] - 1;
      const state = this.#arena[index >>> STATES_BITS] as Int32Array;
      if (this.#whole.same(words, k * stride, state, (index & STATES_MASK) * this.words)) return index;
    }
  }

  /** The same by fingerprint: the index of a state that was there is not known, and 0 stands for it. */
  #findPrint({ high, low }: Batch, k: number, most: number): number {
    const home = this.#home[k];
    const segment = this.#table.segments[home >>> SEGMENT_BITS];
    const tag = high[k];
    const rest = low[k];
    for (let at = (home << 1) & SEGMENT_MASK; ; at = (at + 2) & SEGMENT_MASK) {
      const there = segment[at];
      if (there === 0) {
        if (this.count >= most) return -1;
        segment[at] = tag;
        segment[at + 1] = rest;
        return this.count;
      }
      if (there === tag && segment[at + 1] === rest) return 0;
    }
  }

  #append({ words, stride, source, ordinal }: Batch, k: number, block: number): void {
    const index = this.count++;
    const segment = index >>> STATES_BITS;
    const at = index & STATES_MASK;
    this.#whole.copy(words, k * stride, this.#arena[segment] as Int32Array, at * this.words);
    this.#parent[segment][at] = block < 0 ? -1 : block + source[k];
    const far = ordinal[k];
    this.#ordinal[segment][at] = far < FAR ? far : FAR;
    if (far >= FAR) this.#far.set(index, far);
    this.fresh[this.freshCount++] = k;
  }
}

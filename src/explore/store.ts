// SPDX-License-Identifier: Apache-2.0
/**
 * Every state found so far, whole, in the order in which they were found, and a hash table over them. Exact: two states are
 * one only if all their words are equal.
 */
import type { Whole } from './code.js';

const FIRST_STATES = 1 << 10;
/** words a state takes beside its own: parent, move, two slots of the table */
const PER_STATE = 4;

export class Store {
  /** the words of state `i` begin at `i * words` */
  arena: Int32Array;
  count = 0;
  /** the state that each was first reached from, and by which move; -1 for the first */
  parent: Int32Array;
  move: Int32Array;
  /** whether the last `add` found a state that was not there */
  isNew = false;
  readonly words: number;
  readonly #whole: Whole;
  /** 1 + index of a state, 0: free; open addressing, at most half full */
  #table: Int32Array;
  #mask: number;
  #capacity: number;

  constructor(words: number, whole: Whole) {
    this.words = words;
    this.#whole = whole;
    this.#capacity = FIRST_STATES;
    this.arena = new Int32Array(FIRST_STATES * words);
    this.parent = new Int32Array(FIRST_STATES);
    this.move = new Int32Array(FIRST_STATES);
    this.#table = new Int32Array(FIRST_STATES * 2);
    this.#mask = FIRST_STATES * 2 - 1;
  }

  /** Bytes held at most while the next state is added: on growth the old arrays and the new ones together. */
  get bytesNeeded(): number {
    const held = this.#capacity * (this.words + PER_STATE) * 4;
    return this.count + 1 < this.#capacity ? held : held * 3;
  }

  /** @returns the index of `state`, which is stored if it is new (then `isNew`) */
  add(state: Int32Array, parent: number, move: number): number {
    const { words } = this;
    let slot = this.#whole.hash(state) & this.#mask;
    for (;;) {
      const entry = this.#table[slot];
      if (entry === 0) break;
      if (this.#whole.same(state, this.arena, (entry - 1) * words)) {
        this.isNew = false;
        return entry - 1;
      }
      slot = (slot + 1) & this.#mask;
    }
    const index = this.count++;
    this.#table[slot] = index + 1;
    this.#whole.save(state, this.arena, index * words);
    this.parent[index] = parent;
    this.move[index] = move;
    this.isNew = true;
    if (this.count === this.#capacity) this.#grow();
    return index;
  }

  #grow(): void {
    this.#capacity *= 2;
    this.arena = grown(this.arena, this.#capacity * this.words);
    this.parent = grown(this.parent, this.#capacity);
    this.move = grown(this.move, this.#capacity);
    this.#table = new Int32Array(this.#capacity * 2);
    this.#mask = this.#capacity * 2 - 1;
    const state = new Int32Array(this.words);
    for (let i = 0; i < this.count; i++) {
      this.#whole.load(state, this.arena, i * this.words);
      let slot = this.#whole.hash(state) & this.#mask;
      while (this.#table[slot] !== 0) slot = (slot + 1) & this.#mask;
      this.#table[slot] = i + 1;
    }
  }
}

function grown(old: Int32Array, length: number): Int32Array {
  const made = new Int32Array(length);
  made.set(old);
  return made;
}

/** Edges in the order of the states that they leave: state `i` has those from `first[i]` to `first[i + 1]`. */
export class Edges {
  targets: Int32Array = new Int32Array(1 << 12);
  first: Int32Array = new Int32Array(1 << 10);
  count = 0;

  /** Bytes held at most once all edges are in: firstWithoutEnd turns them round, and growth holds them twice. */
  get bytesNeeded(): number {
    return (this.targets.length * 2 + this.first.length * 3) * 4;
  }

  /** Edges added from now on leave `state`; states come in order. */
  begin(state: number): void {
    if (state + 1 >= this.first.length) this.first = grown(this.first, this.first.length * 2);
    this.first[state] = this.count;
    this.first[state + 1] = this.count;
  }

  add(state: number, target: number): void {
    if (this.count === this.targets.length) this.targets = grown(this.targets, this.count * 2);
    this.targets[this.count++] = target;
    this.first[state + 1] = this.count;
  }

  /**
   * @param states how many there are, each with its edges
   * @returns the first state from which no state without edges can be reached, or -1
   */
  firstWithoutEnd(states: number): number {
    const before = new Int32Array(states + 1);
    for (let e = 0; e < this.count; e++) before[this.targets[e] + 1]++;
    for (let i = 0; i < states; i++) before[i + 1] += before[i];
    const fill = before.slice(0, states);
    const sources = new Int32Array(this.count);
    for (let i = 0; i < states; i++) {
      for (let e = this.first[i]; e < this.first[i + 1]; e++) sources[fill[this.targets[e]]++] = i;
    }
    const ends = new Uint8Array(states);
    const pending: number[] = [];
    const mark = (state: number): void => {
      if (ends[state]) return;
      ends[state] = 1;
      pending.push(state);
    };
    for (let i = 0; i < states; i++) if (this.first[i] === this.first[i + 1]) mark(i);
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      for (let e = before[at]; e < before[at + 1]; e++) mark(sources[e]);
    }
    return ends.indexOf(0);
  }
}

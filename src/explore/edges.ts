// SPDX-License-Identifier: Apache-2.0
/**
 * The graph that a search walked: per state those that its steps lead to. Here too: which states can reach an end.
 *
 * All in segments of shared memory. Each member of a search fills segments of its own, so that edges lie in no order; those
 * of one state lie together, in the order of its steps.
 */
import { assert } from '../base/assert.js';
import { BATCH } from './batch.js';
import { WORD } from './control.js';

const SEGMENT_BITS = 16;
const SEGMENT = 1 << SEGMENT_BITS;
const MASK = SEGMENT - 1;

const FIRST_SOURCE = new Int32Array(1);
const ONE_TARGET = new Int32Array(1);

/** Segments that another thread does not have yet, and where they begin. */
export interface EdgeParts {
  states: number;
  first: Uint32Array[];
  degree: Uint16Array[];
  edges: number;
  targets: Int32Array[];
}

export class Edges {
  readonly #targets: Int32Array[] = [];
  /** per state where its edges begin, and how many they are */
  readonly #first: Uint32Array[] = [];
  readonly #degree: Uint16Array[] = [];
  readonly #control: Int32Array;
  /** the segment that this member fills, how far, and from where on for which state */
  #filling = -1;
  #at = SEGMENT;
  #from = 0;
  #state = -1;

  constructor(control: Int32Array) {
    this.#control = control;
  }

  get bytes(): number {
    return this.#bytesOf(this.#first.length, this.#targets.length);
  }

  /** Bytes held once there is room for the edges of so many states, in so many segments. */
  bytesFor(states: number, segments: number): number {
    return this.#bytesOf(Math.max(this.#first.length, Math.ceil(states / SEGMENT)), segments);
  }

  #bytesOf(states: number, segments: number): number {
    return (segments * 4 + states * (4 + 2)) * SEGMENT;
  }

  /** @returns how many segments are enough for so many more edges, each member filling one of its own */
  segmentsFor(more: number, members: number): number {
    const taken = Atomics.load(this.#control, WORD.edgeSegments);
    return Math.max(this.#targets.length, taken + members + Math.ceil(more / (SEGMENT - BATCH)));
  }

  /** Makes room for the edges of so many states, in so many segments altogether; while no member is at work. */
  makeRoom(states: number, segments: number): void {
    while (this.#first.length * SEGMENT < states) {
      this.#first.push(new Uint32Array(new SharedArrayBuffer(SEGMENT * 4)));
      this.#degree.push(new Uint16Array(new SharedArrayBuffer(SEGMENT * 2)));
    }
    while (this.#targets.length < segments) {
      this.#targets.push(new Int32Array(new SharedArrayBuffer(SEGMENT * 4)));
    }
    Atomics.store(this.#control, WORD.edgeRoom, this.#targets.length);
  }

  /** @returns what a thread lacks that has had the parts up to there */
  partsFrom({ states, edges }: { states: number; edges: number }): EdgeParts {
    const [first, degree, targets] = [
      this.#first.slice(states),
      this.#degree.slice(states),
      this.#targets.slice(edges),
    ];
    return { states, first, degree, edges, targets };
  }

  attach({ first, degree, targets }: EdgeParts): void {
    this.#first.push(...first);
    this.#degree.push(...degree);
    this.#targets.push(...targets);
  }

  /** @returns whether a whole batch of edges can be added; takes a segment for it if need be */
  hasRoom(): boolean {
    if (this.#at + BATCH <= SEGMENT) return true;
    const next = Atomics.add(this.#control, WORD.edgeSegments, 1);
    if (next >= Atomics.load(this.#control, WORD.edgeRoom)) {
      Atomics.sub(this.#control, WORD.edgeSegments, 1);
      return false;
    }
    this.#moveTo(next);
    return true;
  }

  /** The edges of the state that is being added to have to lie together. */
  #moveTo(segment: number): void {
    const [old, from, to] = [this.#targets[this.#filling], this.#from & MASK, this.#at];
    this.#filling = segment;
    this.#at = 0;
    this.#from = segment * SEGMENT;
    if (this.#state < 0) return;
    assert(to - from + BATCH <= SEGMENT, 'a state has more steps than a segment');
    this.#targets[segment].set(old.subarray(from, to));
    this.#at = to - from;
  }

  /** Adds edges from `block + source[k]` to `target[k]`, the first `count`; the sources of a block come in order. */
  addAll(block: number, source: Int32Array, target: Int32Array, count: number): void {
    for (let k = 0; k < count; k++) {
      const state = block + source[k];
      if (state !== this.#state) {
        this.finish();
        this.#state = state;
        this.#from = this.#filling * SEGMENT + this.#at;
      }
      this.#targets[this.#filling][this.#at++] = target[k];
    }
  }

  /** Adds one edge of a state; those of one state come together. */
  add(state: number, target: number): void {
    ONE_TARGET[0] = target;
    this.addAll(state, FIRST_SOURCE, ONE_TARGET, 1);
  }

  /** The state that was added to last has all its edges. */
  finish(): void {
    this.save();
    this.#state = -1;
  }

  /** Notes what edges that state has so far. */
  save(): void {
    if (this.#state < 0) return;
    const at = this.#state & MASK;
    this.#first[this.#state >>> SEGMENT_BITS][at] = this.#from;
    this.#degree[this.#state >>> SEGMENT_BITS][at] = this.#filling * SEGMENT + this.#at - this.#from;
  }

  /** @returns position of a state's first edge */
  first(state: number): number {
    return this.#first[state >>> SEGMENT_BITS][state & MASK];
  }

  /** @returns the position after its last edge; the same where it has none */
  end(state: number): number {
    return this.first(state) + this.#degree[state >>> SEGMENT_BITS][state & MASK];
  }

  target(edge: number): number {
    return this.#targets[Math.floor(edge / SEGMENT)][edge & MASK];
  }

  /**
   * Sweeps over the states, from the last to the first and back, until nothing changes: most ways to an end go up.
   * @param states how many there are, each with its edges
   * @returns per state whether a state without edges can be reached from it
   */
  ending(states: number): Uint8Array {
    const ends = new Uint8Array(states);
    let left = states;
    for (let before = left + 1, up = false; left > 0 && left < before; up = !up) {
      before = left;
      left -= this.#sweep(ends, up);
    }
    return ends;
  }

  /** @returns how many more states can reach an end; the edges of each lie in one segment */
  #sweep(ends: Uint8Array, up: boolean): number {
    let found = 0;
    const segments = Math.ceil(ends.length / SEGMENT);
    for (let i = 0; i < segments; i++) {
      const segment = up ? i : segments - 1 - i;
      const [first, degree, base] = [this.#first[segment], this.#degree[segment], segment * SEGMENT];
      const count = Math.min(SEGMENT, ends.length - base);
      for (let j = 0; j < count; j++) {
        const at = up ? j : count - 1 - j;
        if (ends[base + at] === 1) continue;
        let left = degree[at];
        const targets = this.#targets[first[at] >>> SEGMENT_BITS];
        for (let edge = first[at] & MASK; left > 0 && ends[targets[edge]] === 0; edge++) left--;
        if (left === 0 && degree[at] > 0) continue;
        ends[base + at] = 1;
        found++;
      }
    }
    return found;
  }
}

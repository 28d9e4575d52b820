// SPDX-License-Identifier: Apache-2.0
/** The graph that a search walked: per state those that its steps lead to. Here too: which states can reach an end. */

const SEGMENT_BITS = 16;
const SEGMENT = 1 << SEGMENT_BITS;
const MASK = SEGMENT - 1;

/** Edges in the order of the states that they leave: state `i` has those from `first(i)` to `first(i + 1)`. */
export class Edges {
  count = 0;
  readonly #targets: Int32Array[] = [];
  readonly #first: Float64Array[] = [];
  #states = 0;

  get bytes(): number {
    return (this.#targets.length * 4 + this.#first.length * 8) * SEGMENT;
  }

  /** Bytes held at most once `more` edges are in and have been asked about. */
  bytesWith(more: number): number {
    return this.bytes + (Math.ceil(more / SEGMENT) * 4 + 8) * SEGMENT + this.#states;
  }

  /** Adds edges from `block + source[k]` to `target[k]`, the first `count`; sources come in order. */
  addAll(block: number, source: Int32Array, target: Int32Array, count: number): void {
    for (let k = 0; k < count; k++) {
      this.begin(block + source[k]);
      const at = this.count & MASK;
      if (at === 0) this.#targets.push(new Int32Array(new SharedArrayBuffer(SEGMENT * 4)));
      this.#targets[Math.floor(this.count / SEGMENT)][at] = target[k];
      this.count++;
    }
  }

  /** Edges added from now on leave `state` or a later one: those before have all theirs. */
  begin(state: number): void {
    for (; this.#states <= state; this.#states++) {
      const at = this.#states & MASK;
      if (at === 0) this.#first.push(new Float64Array(new SharedArrayBuffer(SEGMENT * 8)));
      this.#first[this.#states >>> SEGMENT_BITS][at] = this.count;
    }
  }

  /** @returns position of a state's first edge */
  first(state: number): number {
    return state < this.#states ? this.#first[state >>> SEGMENT_BITS][state & MASK] : this.count;
  }

  target(edge: number): number {
    return this.#targets[Math.floor(edge / SEGMENT)][edge & MASK];
  }

  /**
   * Sweeps over the states, from the last to the first and back, until nothing changes: most ways to an end go up.
   * @param states how many there are, each with its edges
   * @returns the first state from which no state without edges can be reached, or -1
   */
  firstWithoutEnd(states: number): number {
    const ends = new Uint8Array(states);
    let left = states;
    for (let before = left + 1, up = false; left > 0 && left < before; up = !up) {
      before = left;
      for (let i = 0; i < states; i++) {
        const state = up ? i : states - 1 - i;
        if (ends[state] === 1 || !this.#endsNow(state, ends)) continue;
        ends[state] = 1;
        left--;
      }
    }
    return ends.indexOf(0);
  }

  #endsNow(state: number, ends: Uint8Array): boolean {
    const from = this.first(state);
    const to = this.first(state + 1);
    for (let e = from; e < to; e++) if (ends[this.target(e)] === 1) return true;
    return from === to;
  }
}

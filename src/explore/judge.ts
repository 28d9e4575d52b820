// SPDX-License-Identifier: Apache-2.0
/** Asks a scenario's properties about states that are new. */
import type { Batch } from './batch.js';
import type { Code } from './code.js';
import type { Encoding } from './encode.js';

export interface Judged {
  /** position in the batch */
  at: number;
  found: { kind: 'never' | 'finally'; property: number };
}

export class Judge {
  /** per `sometimes` predicate whether some state met it */
  readonly met: boolean[];
  readonly #code: Code;
  readonly #pcWord: readonly number[];
  readonly #pcMask: readonly number[];
  readonly #isBuffer: readonly boolean[];
  /** per position in the batch its state */
  readonly #states: Int32Array[];
  #unmet: number;

  constructor(code: Code, { tasks, words }: Encoding, { words: all, stride, move }: Batch) {
    this.met = code.sometimes.map(() => false);
    this.#unmet = this.met.length;
    this.#code = code;
    this.#pcWord = tasks.map(({ word }) => word);
    this.#pcMask = tasks.map(({ pcBits }) => 2 ** pcBits - 1);
    this.#isBuffer = tasks.map(({ isBuffer }) => isBuffer);
    this.#states = Array.from(move, (_, k) => all.subarray(k * stride, k * stride + words));
  }

  /**
   * @param fresh positions in the batch; the first `count`
   * @returns the first of them that violates a property
   */
  judge(fresh: Int32Array, count: number): Judged | undefined {
    const { never, finally: last } = this.#code;
    if (never.length + last.length + this.#unmet === 0) return undefined;
    for (let i = 0; i < count; i++) {
      const state = this.#states[fresh[i]];
      for (let property = 0; property < never.length; property++) {
        if (never[property](state)) return { at: fresh[i], found: { kind: 'never', property } };
      }
      if (this.#unmet > 0) this.#meet(state);
      if (last.length === 0 || !this.#hasEnded(state)) continue;
      for (let property = 0; property < last.length; property++) {
        if (!last[property](state)) return { at: fresh[i], found: { kind: 'finally', property } };
      }
    }
    return undefined;
  }

  /** Tells others by `met` what was met, and learns from them. */
  share(met: Uint8Array): void {
    for (let i = 0; i < met.length; i++) {
      if (this.met[i]) met[i] = 1;
      else if (met[i] !== 0) {
        this.met[i] = true;
        this.#unmet--;
      }
    }
  }

  #meet(state: Int32Array): void {
    this.#code.sometimes.forEach((predicate, i) => {
      if (this.met[i] || !predicate(state)) return;
      this.met[i] = true;
      this.#unmet--;
    });
  }

  #hasEnded(state: Int32Array): boolean {
    return this.#pcWord.every((word, task) => this.#isBuffer[task] || (state[word] & this.#pcMask[task]) === 0);
  }
}

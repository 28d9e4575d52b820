// SPDX-License-Identifier: Apache-2.0
/**
 * Takes the steps that need not wait for a choice of who goes next (independent.ts), so that only the state after them is
 * kept. A step that is a violation is left to the search.
 */
import { assert } from '../base/assert.js';
import type { Code } from './code.js';
import { OK } from './emit.js';
import type { Encoding } from './encode.js';
import type { Independence } from './independent.js';

/** More steps than this in a row are a cycle, which independence excludes. */
const PATIENCE = 1_000_000;

export class Collapse {
  readonly #independence: Independence;
  readonly #code: Code;
  readonly #words: number;
  readonly #pcWord: readonly number[];
  readonly #pcShift: readonly number[];
  readonly #pcMask: readonly number[];
  readonly #pcs: Int32Array;
  readonly #state: Int32Array;
  readonly #before: Int32Array;

  constructor(independence: Independence, { words, tasks }: Encoding, code: Code) {
    this.#independence = independence;
    this.#code = code;
    this.#words = words;
    this.#pcWord = tasks.map(({ word }) => word);
    this.#pcShift = tasks.map(({ shift }) => shift);
    this.#pcMask = tasks.map(({ pcBits }) => 2 ** pcBits - 1);
    this.#pcs = new Int32Array(tasks.length);
    this.#state = new Int32Array(words);
    this.#before = new Int32Array(words);
  }

  /** Changes the state whose words begin at `at`. */
  runAt(words: Int32Array, at: number): void {
    const state = this.#state;
    for (let i = 0; i < this.#words; i++) state[i] = words[at + i];
    if (this.run(state) === 0) return;
    for (let i = 0; i < this.#words; i++) words[at + i] = state[i];
  }

  /**
   * Changes `state` to the one after all steps that can be taken alone.
   * @param onStep gets the task of each step, in order
   * @returns how many steps
   */
  run(state: Int32Array, onStep?: (task: number) => void): number {
    for (let steps = 0; steps < PATIENCE; steps++) {
      const task = this.#step(state);
      if (task < 0) return steps;
      onStep?.(task);
    }
    assert(false, 'steps that are taken alone go round');
  }

  /** @returns the task that took a step; -1 where there is none */
  #step(state: Int32Array): number {
    const pcs = this.#pcs;
    for (let task = 0; task < pcs.length; task++)
      pcs[task] = (state[this.#pcWord[task]] >>> this.#pcShift[task]) & this.#pcMask[task];
    for (let task = 0; task < pcs.length; task++) {
      const beside = this.#independence[task][pcs[task]];
      if (!beside || !this.#isAlone(task, beside)) continue;
      for (let i = 0; i < this.#words; i++) this.#before[i] = state[i];
      if (this.#code.steps[task][pcs[task]](state) === OK) return task;
      for (let i = 0; i < this.#words; i++) state[i] = this.#before[i];
    }
    return -1;
  }

  #isAlone(task: number, beside: readonly Uint8Array[]): boolean {
    for (let other = 0; other < beside.length; other++) {
      if (other !== task && beside[other][this.#pcs[other]] === 0) return false;
    }
    return true;
  }
}

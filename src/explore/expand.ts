// SPDX-License-Identifier: Apache-2.0
/**
 * Takes every step that the states of a block allow, task by task, alternatives counting up.
 *
 * Not here: what becomes of the successors (store.ts, search.ts).
 */
import { assert } from '../base/assert.js';
import { BATCH, type Batch, BLOCK, TASK_BITS } from './batch.js';
import { generateWhole, type Whole } from './code.js';
import { ENDLESS, PAUSED } from './collapse.js';
import { FULL } from './drive.js';
import type { Encoding } from './encode.js';
import type { Generated } from './generate.js';

export class Expander {
  readonly batch: Batch;
  readonly #generated: Generated;
  readonly #whole: Whole;
  readonly #words: number;

  constructor({ words, tasks }: Encoding, generated: Generated) {
    assert(tasks.length < 1 << TASK_BITS, 'too many tasks');
    this.#generated = generated;
    this.#whole = generateWhole(words);
    this.#words = words;
    const { memory, places } = generated;
    const perSuccessor = (at: number): Int32Array => memory.subarray(at, at + BATCH);
    this.batch = {
      stride: places.stride,
      words: memory.subarray(places.states, places.states + BATCH * places.stride),
      high: perSuccessor(places.high),
      low: perSuccessor(places.low),
      source: perSuccessor(places.source),
      ordinal: perSuccessor(places.ordinal),
      move: perSuccessor(places.move),
      index: perSuccessor(places.index),
      fresh: perSuccessor(places.fresh),
      count: 0,
      status: memory.subarray(places.status, places.status + BLOCK),
      violation: undefined,
      violations: 0,
    };
  }

  /** Fills the batch with one state, as if a step had led to it. */
  only(state: Int32Array): void {
    const { batch } = this;
    batch.violation = undefined;
    batch.violations = 0;
    batch.count = 1;
    batch.words.fill(0, 0, batch.stride);
    this.#whole.copy(state, 0, batch.words, 0);
    batch.source[0] = 0;
    batch.ordinal[0] = 0;
    this.#finish();
  }

  /** From now on `next` takes the steps of `count` states, the first of which begins at `at`. */
  begin(states: Int32Array, at: number, count: number): void {
    const { memory, places } = this.#generated;
    memory[places.sources] = count;
    if (states.buffer === memory.buffer) memory[places.sources + 1] = states.byteOffset + at * 4;
    else {
      memory.set(states.subarray(at, at + count * this.#words), places.block);
      memory[places.sources + 1] = places.block * 4;
    }
    for (let i = 0; i < 5; i++) memory[places.resume + i] = 0;
    this.batch.status.fill(0);
  }

  /** Fills the batch anew. @returns whether steps of the block are left: the batch is full */
  next(): boolean {
    const { memory, places } = this.#generated;
    const { batch } = this;
    memory[places.resume + 4] = 0;
    memory[places.violation] = 0;
    let outcome = this.#generated.next();
    for (; outcome > 0; outcome = this.#generated.next()) this.#generated.generate(outcome);
    batch.count = memory[places.resume + 4];
    batch.violations = memory[places.violation];
    batch.violation = batch.violations > 0 ? this.#violation() : undefined;
    memory[places.settled] = 0;
    this.#settle();
    this.#finish();
    return outcome === FULL;
  }

  /**
   * Changes a state to the one after all steps that are taken alone.
   * @param onStep gets the task of each step, in order
   */
  settle(state: Int32Array, onStep: (task: number) => void): void {
    const { memory, places } = this.#generated;
    this.#put(state);
    memory[places.settled + 1] = 1;
    for (let outcome = this.#settle(); outcome <= PAUSED; outcome = this.#settle()) onStep(PAUSED - outcome);
    memory[places.settled + 1] = 0;
    this.#whole.copy(this.batch.words, 0, state, 0);
  }

  /**
   * Sorts the tasks of a state.
   * @returns the numbers of the exchanges made (Canonical.exchanges), in order
   */
  sort(state: Int32Array): number[] {
    const { memory, places, sort } = this.#generated;
    if (!sort) return [];
    this.#put(state);
    sort(1);
    this.#whole.copy(this.batch.words, 0, state, 0);
    return [...memory.subarray(places.exchanged + 1, places.exchanged + 1 + memory[places.exchanged])];
  }

  #put(state: Int32Array): void {
    const { memory, places } = this.#generated;
    this.#whole.copy(state, 0, this.batch.words, 0);
    memory[places.settled] = 0;
    memory[places.resume + 4] = 1;
  }

  #settle(): number {
    const { settle, generate } = this.#generated;
    if (!settle) return 0;
    let outcome = settle();
    for (; outcome > 0; outcome = settle()) generate(outcome);
    assert(outcome !== ENDLESS, 'steps that are taken alone go round');
    return outcome;
  }

  #finish(): void {
    const { batch } = this;
    if (batch.count === 0) return;
    this.#generated.sort?.(batch.count);
    this.#generated.fingerprint(batch.count);
  }

  #violation(): Batch['violation'] {
    const { memory, places } = this.#generated;
    const [before, source, move, site] = memory.subarray(places.violation + 1, places.violation + 5);
    return { before, source, move, site };
  }
}

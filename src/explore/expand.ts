// SPDX-License-Identifier: Apache-2.0
/**
 * Takes every step that the states of a block allow, task by task, alternatives counting up.
 *
 * Not here: what becomes of the successors (store.ts, search.ts).
 */
import { assert } from '../base/assert.js';
import { BATCH, type Batch, BLOCK, CAN_GO_ON, NOT_ENDED, TASK_BITS, WAITS_FOR_LOCK } from './batch.js';
import type { Canonical } from './canonical.js';
import { type Code, generateFingerprint, nextAlternative } from './code.js';
import { BLOCKED, OK, VIOLATION } from './emit.js';
import type { Encoding } from './encode.js';

export class Expander {
  readonly batch: Batch;
  readonly #code: Code;
  readonly #canonical: Canonical | undefined;
  readonly #fingerprint: (words: Int32Array, at: number, into: Batch, k: number) => void;
  readonly #words: number;
  readonly #pcWord: readonly number[];
  readonly #pcMask: readonly number[];
  /** NOT_ENDED, or 0 for a store buffer */
  readonly #notEnded: readonly number[];
  readonly #state: Int32Array;
  #block: Int32Array = new Int32Array(0);
  #at = 0;
  #count = 0;
  // where it goes on: the next step of the block
  #source = 0;
  #task = 0;
  #alternative = 0;
  #ordinal = 0;

  constructor({ words, tasks }: Encoding, code: Code, canonical?: Canonical) {
    assert(tasks.length < 1 << TASK_BITS, 'too many tasks');
    this.#code = code;
    this.#canonical = canonical;
    this.#fingerprint = generateFingerprint(words);
    this.#words = words;
    this.#pcWord = tasks.map(({ word }) => word);
    this.#pcMask = tasks.map(({ pcBits }) => 2 ** pcBits - 1);
    this.#notEnded = tasks.map(({ isBuffer }) => (isBuffer ? 0 : NOT_ENDED));
    this.#state = new Int32Array(words);
    const perSuccessor = () => new Int32Array(BATCH);
    this.batch = {
      stride: words,
      words: new Int32Array(BATCH * words),
      high: perSuccessor(),
      low: perSuccessor(),
      source: perSuccessor(),
      ordinal: perSuccessor(),
      move: perSuccessor(),
      count: 0,
      status: new Uint8Array(BLOCK),
      violation: undefined,
      violations: 0,
    };
  }

  /** Fills the batch with one state, as if a step had led to it. */
  only(state: Int32Array): void {
    this.#clear();
    this.#state.set(state);
    this.#emit(0);
  }

  /** From now on `next` takes the steps of `count` states, the first of which begins at `at`. */
  begin(states: Int32Array, at: number, count: number): void {
    this.#block = states;
    this.#at = at;
    this.#count = count;
    this.#source = 0;
    this.#task = 0;
    this.#alternative = 0;
    this.#ordinal = 0;
    this.batch.status.fill(0);
    this.#code.choice.fill(0);
  }

  /** Fills the batch anew. @returns whether steps of the block are left: the batch is full */
  next(): boolean {
    this.#clear();
    const { steps } = this.#code;
    for (; this.#source < this.#count; this.#source++) {
      const base = this.#at + this.#source * this.#words;
      for (; this.#task < steps.length; this.#task++) {
        const pc = this.#block[base + this.#pcWord[this.#task]] & this.#pcMask[this.#task];
        if (pc !== 0 && !this.#steps(base, pc)) return true;
      }
      this.#task = 0;
      this.#ordinal = 0;
    }
    return false;
  }

  #clear(): void {
    this.batch.count = 0;
    this.batch.violation = undefined;
    this.batch.violations = 0;
  }

  /** Takes all alternatives of a step that are left. @returns false where the batch is full before */
  #steps(base: number, pc: number): boolean {
    const { steps, chooses } = this.#code;
    const run = steps[this.#task][pc];
    const canChoose = chooses[this.#task][pc];
    for (;;) {
      if (this.batch.count === BATCH) return false;
      for (let i = 0; i < this.#words; i++) this.#state[i] = this.#block[base + i];
      const outcome = run(this.#state);
      this.batch.status[this.#source] |=
        this.#notEnded[this.#task] | (outcome < BLOCKED ? CAN_GO_ON : outcome === BLOCKED ? WAITS_FOR_LOCK : 0);
      const move = this.#task | (this.#alternative << TASK_BITS);
      if (outcome === OK) this.#emit(move);
      else if (outcome < BLOCKED) this.#violate(outcome, move);
      if (!canChoose || !nextAlternative(this.#code)) break;
      this.#alternative++;
    }
    this.#alternative = 0;
    return true;
  }

  #emit(move: number): void {
    const { batch } = this;
    const k = batch.count++;
    const at = k * this.#words;
    for (let i = 0; i < this.#words; i++) batch.words[at + i] = this.#state[i];
    this.#canonical?.apply(batch.words, at);
    this.#fingerprint(batch.words, at, batch, k);
    batch.source[k] = this.#source;
    batch.ordinal[k] = this.#ordinal++;
    batch.move[k] = move;
  }

  #violate(outcome: number, move: number): void {
    assert(outcome === VIOLATION, `a step returns ${outcome}`);
    this.batch.violations++;
    const { count: before } = this.batch;
    this.batch.violation ??= { before, source: this.#source, move, site: this.#code.side[0] };
  }
}

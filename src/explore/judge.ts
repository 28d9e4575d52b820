// SPDX-License-Identifier: Apache-2.0
/** Asks a scenario's properties about states that are new. */
import type { Generated } from './generate.js';

export interface Judged {
  /** position in the batch */
  at: number;
  found: { kind: 'never' | 'finally'; property: number };
}

export class Judge {
  /** per `sometimes` predicate not 0 where some state met it */
  readonly #met: Int32Array;
  readonly #generated: Generated;

  /** @param sometimes how many such predicates there are */
  constructor(generated: Generated, sometimes: number) {
    const { memory, places } = generated;
    this.#generated = generated;
    this.#met = memory.subarray(places.met, places.met + sometimes);
  }

  get met(): boolean[] {
    return Array.from(this.#met, (isMet) => isMet !== 0);
  }

  /** @returns the first of the batch's fresh states, `count` of them, that violates a property */
  judge(count: number): Judged | undefined {
    const { memory, places } = this.#generated;
    const at = this.#generated.judge(count) - 1;
    if (at < 0) return undefined;
    const kind = memory[places.judged] === 1 ? 'never' : 'finally';
    return { at: memory[places.fresh + at], found: { kind, property: memory[places.judged + 1] } };
  }

  /** Tells others by `met` what was met, and learns from them. */
  share(met: Uint8Array): void {
    for (let i = 0; i < met.length; i++) {
      if (this.#met[i] !== 0) met[i] = 1;
      else if (met[i] !== 0) this.#met[i] = 1;
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
/** Chance that is the same each time: which step a run takes where several are possible. Not good enough for anything else. */
export class Dice {
  #seed = 1;

  /** @returns a number from 0 on and below `count` */
  below(count: number): number {
    this.#seed = (Math.imul(this.#seed, 1103515245) + 12345) | 0;
    return (this.#seed >>> 8) % count;
  }
}

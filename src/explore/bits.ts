// SPDX-License-Identifier: Apache-2.0
/** A set of numbers below a bound, a bit each. */
export class Bits {
  /** of number `n` bit `n % 32` of word `n / 32` */
  readonly words: Int32Array;
  readonly #end: number;

  /** @param end numbers are below it */
  constructor(end: number) {
    this.#end = end;
    this.words = new Int32Array(Math.ceil(end / 32));
  }

  has(number: number): boolean {
    return ((this.words[number >>> 5] >>> (number & 31)) & 1) !== 0;
  }

  add(number: number): void {
    this.words[number >>> 5] |= 1 << (number & 31);
  }

  /** @returns the least number from `from` on that is not in the set; the bound where all are */
  firstWithout(from: number): number {
    let number = from;
    while (number < this.#end && this.has(number)) {
      number = (number & 31) === 0 && this.words[number >>> 5] === -1 ? number + 32 : number + 1;
    }
    return Math.min(number, this.#end);
  }
}

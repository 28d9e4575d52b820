// SPDX-License-Identifier: Apache-2.0
/** Runs of bits put into as few words of 32 as a plain rule finds: first fit, longest first. None that fits one word lies in two. */

const WORD = 32;

interface Run {
  bits: number;
  place(bit: number): void;
}

export class Bins {
  readonly #used: number[] = [];
  /** word -> how many runs have bits in it */
  readonly #sharers: number[] = [];
  readonly #runs: Run[] = [];

  /** How many words there are, once all is packed. */
  get words(): number {
    return this.#used.length;
  }

  /** @returns the first of so many words, which nobody else gets */
  take(words: number): number {
    const first = this.#used.length;
    for (let i = 0; i < words; i++) {
      this.#used.push(WORD);
      this.#sharers.push(1);
    }
    return first;
  }

  /** @param place is told by `pack` at which bit the run begins; one of more than a word begins with a word */
  add(bits: number, place: (bit: number) => void): void {
    this.#runs.push({ bits, place });
  }

  pack(): void {
    const longest = (a: Run, b: Run): number => b.bits - a.bits;
    for (const { bits, place } of this.#runs.splice(0).sort(longest)) {
      let word = bits > WORD ? -1 : this.#used.findIndex((used) => used + bits <= WORD);
      if (word < 0) word = this.#used.length;
      place(word * WORD + (this.#used[word] ?? 0));
      for (let left = bits; left > 0; left -= WORD, word++) {
        this.#used[word] = (this.#used[word] ?? 0) + Math.min(WORD, left);
        this.#sharers[word] = (this.#sharers[word] ?? 0) + 1;
      }
    }
  }

  /** @returns whether only one run has bits in a word */
  isAlone(word: number): boolean {
    return this.#sharers[word] === 1;
  }
}

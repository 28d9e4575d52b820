// SPDX-License-Identifier: Apache-2.0
/** Sequences of numbers in which what repeats directly stands once: one that is put together, and all that a recording has. */
import { grown, WordInterner } from '../trace/intern.js';

/** of two hashes that do not depend on each other */
export const FIRST_SEED = 0x811c9dc5;
export const SECOND_SEED = 0x9e3779b9;

/** Longest run of steps, or of lives, that is looked at for being repeated. */
const CYCLE = 6;

/** A sequence of numbers in which what repeats directly stands once. */
export class Sequence {
  words = new Int32Array(256);
  /** by position: was the run that ends here repeated? */
  repeated = new Uint8Array(256);
  length = 0;

  reset(): void {
    this.length = 0;
  }

  /** Becomes what is given: words, and behind them for each whether a run that ends there was repeated. */
  take(given: ArrayLike<number>): void {
    this.length = given.length / 2;
    if (this.length > this.words.length) this.grow(this.length);
    for (let at = 0; at < this.length; at++) {
      this.words[at] = given[at];
      this.repeated[at] = given[this.length + at];
    }
  }

  push(word: number): void {
    if (this.length === this.words.length) this.grow(this.length + 1);
    this.words[this.length] = word;
    this.repeated[this.length++] = 0;
    const most = Math.min(CYCLE, this.length >> 1);
    for (let run = 1; run <= most; run++) {
      if (this.words[this.length - 1 - run] !== word || !this.isRepeated(run)) continue;
      this.length -= run;
      this.repeated[this.length - 1] = 1;
      return;
    }
  }

  private grow(least: number): void {
    this.words = grown(this.words, least);
    this.repeated = grown(this.repeated, least);
  }

  private isRepeated(run: number): boolean {
    const { words, length } = this;
    for (let at = length - run; at < length; at++) if (words[at] !== words[at - run]) return false;
    return true;
  }

  hash(seed: number): number {
    let hash = seed;
    for (let at = 0; at < this.length; at++) hash = Math.imul(hash ^ this.words[at], 0x01000193) ^ (hash >>> 15);
    return hash;
  }
}

/** words that are kept of all sequences at most */
const KEPT = 1 << 22;
/** words with a code below this, and sequences with a number below that, need no hashing */
export const CODES = 32;
const DENSE = 1 << 15;
/** a slot: a sequence, a word, and the sequence that is with the word behind it (0: free) */
const SLOT = 3;

/**
 * All sequences that were met, by number, and what each is with another word behind it: a step on a way that was gone before is one
 * look-up. To be used as a `Sequence` of which only hashes are wanted.
 */
export class Sequences {
  /** of the sequence at hand; 0 is the empty one, -1 where there are too many to be kept */
  number = 0;
  private readonly contents = new WordInterner();
  private kept = 0;
  private slots = new Int32Array(1024 * SLOT);
  private used = 0;
  /** the same by number and code */
  private dense = new Int32Array(64 * CODES);
  private firsts = new Int32Array(256);
  private seconds = new Int32Array(256);
  private readonly scratch = new Sequence();

  reset(): void {
    this.number = 0;
  }

  /** @param code a small number for the word, always the same; -1 for none */
  push(word: number, code: number): void {
    const { number, dense } = this;
    if (number < 0) return;
    const place = code >= 0 && code < CODES ? number * CODES + code : dense.length;
    const known = place < dense.length ? dense[place] : 0;
    this.number = known !== 0 ? known : this.lookUp(number, word, place);
  }

  /** Pushes the words of `shapes[from, to)`, as far as these steps were gone before. @param codes by shape. @returns where it stands */
  follow(codes: Int32Array, shapes: Int32Array, from: number, to: number): number {
    const { dense } = this;
    let { number } = this;
    let at = from;
    for (; at < to; at++) {
      const code = codes[shapes[at]];
      const place = number * CODES + code;
      if (code >= CODES || place >= dense.length || number < 0) break;
      const next = dense[place];
      if (next === 0) break;
      number = next;
    }
    this.number = number;
    return at;
  }

  private lookUp(number: number, word: number, place: number): number {
    const { slots, dense } = this;
    const slot = this.slotOf(number, word);
    const next = slots[slot + 2] !== 0 ? slots[slot + 2] : this.learn(slot, number, word);
    if (next > 0 && place < dense.length) dense[place] = next;
    if (next < DENSE && next * CODES >= dense.length) this.dense = grown(dense, (next + 1) * CODES);
    return next;
  }

  /** `Sequence.hash` of the one at hand, by either seed. */
  get first(): number {
    return this.firsts[this.number];
  }
  get second(): number {
    return this.seconds[this.number];
  }

  private slotOf(number: number, word: number): number {
    const { slots } = this;
    const mask = slots.length / SLOT - 1;
    let hash = Math.imul(number, 0x9e3779b1) ^ Math.imul(word, 0x85ebca6b);
    hash ^= hash >>> 15;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const slot = at * SLOT;
      if (slots[slot + 2] === 0 || (slots[slot] === number && slots[slot + 1] === word)) return slot;
    }
  }

  private learn(slot: number, number: number, word: number): number {
    const { contents, scratch } = this;
    scratch.take(number === 0 ? [] : contents.words(number - 1));
    scratch.push(word);
    const { words, repeated, length } = scratch;
    this.kept += 2 * length;
    if (this.kept > KEPT) return -1;
    const room = contents.room(2 * length);
    for (let at = 0; at < length; at++) {
      room[at] = words[at];
      room[length + at] = repeated[at];
    }
    const next = contents.intern(room, 0, 2 * length) + 1;
    if (next >= this.firsts.length) {
      this.firsts = grown(this.firsts, next + 1);
      this.seconds = grown(this.seconds, next + 1);
    }
    this.firsts[next] = scratch.hash(FIRST_SEED);
    this.seconds[next] = scratch.hash(SECOND_SEED);
    this.slots.set([number, word, next], slot);
    if (++this.used * 2 * SLOT > this.slots.length) this.grow();
    return next;
  }

  private grow(): void {
    const { slots } = this;
    this.slots = new Int32Array(slots.length * 2);
    for (let at = 0; at < slots.length; at += SLOT) {
      if (slots[at + 2] === 0) continue;
      this.slots.set(slots.subarray(at, at + SLOT), this.slotOf(slots[at], slots[at + 1]));
    }
  }
}

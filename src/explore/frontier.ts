// SPDX-License-Identifier: Apache-2.0
/**
 * States that wait to be looked at, in a store of fingerprints, where nothing else has their words. There are two windows in
 * memory: one is filled with what is found, from one the level is looked at. What does not fit goes to a file in the order in
 * which it was found and comes back in that order, a window at a time; two files take turns.
 *
 * A window grows with the search: a small part of a byte for each state found. Here is the owner's side, between rounds; where a
 * state of a window lies all members read from the shared memory (store.ts).
 */
import { assert } from '../base/assert.js';
import type { Generated } from './generate.js';
import { WINDOW_BYTES, WINDOW_LEAST } from './places.js';
import type { Spill, SpillFile } from './spill.js';

/** Words of the shared memory, from Common.first on: the first state of each window, and its row. */
export const WINDOW = { kept: 0, keptRow: 1, read: 2, readRow: 3 } as const;
/** The part of all memory that a window takes at least, unless that is too much. */
const LITTLE = 32;
/** States that are read from a file at once to be looked at one by one. */
const FEW = 1 << 8;

interface Window {
  /** its first row */
  row: number;
  /** its first state */
  first: number;
}

export class Frontier {
  readonly #generated: Generated;
  readonly #words: number;
  readonly #half: number;
  readonly #least: number;
  readonly #spill: Spill;
  /** the level that is looked at, and whether a file has it */
  #begin = 0;
  #end = 0;
  #isOnDisk = false;
  #kept: Window = { row: 0, first: 0 };
  #read: Window = { row: 0, first: 0 };
  #readEnd = 0;
  /** with the states of the level, and of those that were found since */
  #level: SpillFile | undefined;
  #found: SpillFile | undefined;
  readonly #few: Int32Array;
  #fewFile: SpillFile | undefined;
  #fewFirst = 0;

  /** @param memoryMax where memory is little, windows are small from the beginning */
  constructor(generated: Generated, words: number, spill: Spill, memoryMax: number) {
    this.#generated = generated;
    this.#words = words;
    this.#least = Math.min(WINDOW_LEAST, Math.floor(memoryMax / (LITTLE * words * 4)));
    this.#spill = spill;
    this.#half = Math.floor(generated.common.rowsMax / 2);
    this.#read.row = this.#half;
    this.#few = new Int32Array(FEW * words);
    this.#tell();
  }

  /** @returns how many states a window is to hold once so many have been found */
  windowFor(states: number): number {
    const wanted = 1 + Math.floor((states * WINDOW_BYTES) / (2 * this.#words * 4));
    return Math.min(this.#half, Math.max(this.#least, wanted));
  }

  /** Bytes that both take at most. */
  bytesFor(states: number): number {
    return 2 * Math.min(states, this.windowFor(states)) * this.#words * 4 + this.#spill.bytes;
  }

  /**
   * @param states how many there may be
   * @param count how many there are
   * @returns false where they are too many at a time
   * @throws SpillError
   */
  makeRoom(states: number, count: number): boolean {
    if (states - this.#kept.first > this.windowFor(count)) this.#flush(count);
    return states - this.#kept.first <= this.#half;
  }

  /** What was found goes to the file. */
  #flush(count: number): void {
    const { row, first } = this.#kept;
    if (count === first) return;
    this.#found ??= this.#spill.open();
    this.#found.write((first - this.#end) * this.#words * 4, this.#bytesAt(row, count - first));
    if (this.#fewFile === this.#found) this.#fewFile = undefined;
    this.#kept.first = count;
    this.#tell();
  }

  /** The level from `begin` to `end` begins. @throws SpillError */
  turn(begin: number, end: number): void {
    assert(begin === this.#end, 'a level is skipped');
    this.#isOnDisk = this.#kept.first !== begin;
    if (this.#isOnDisk) {
      this.#flush(end);
      [this.#level, this.#found] = [this.#found, this.#level];
      this.#readEnd = begin;
    } else {
      [this.#kept, this.#read] = [this.#read, this.#kept];
      this.#readEnd = end;
    }
    this.#fewFile = undefined;
    this.#begin = begin;
    this.#end = end;
    this.#kept.first = end;
    this.#tell();
  }

  /** Makes states of the level ready to be looked at. @returns the first after `from` that is not. @throws SpillError */
  load(from: number): number {
    if (!this.#isOnDisk || from < this.#readEnd) return this.#readEnd;
    const count = Math.min(this.#end - from, this.windowFor(this.#end));
    this.#level?.read((from - this.#begin) * this.#words * 4, this.#bytesAt(this.#read.row, count));
    this.#read.first = from;
    this.#readEnd = from + count;
    this.#tell();
    return this.#readEnd;
  }

  /** States before `count` are not to be looked at: their words are not kept. */
  skip(count: number): void {
    this.#kept.first = count;
    this.#end = count;
    this.#tell();
  }

  /** What `read` gives are the words of the states from `begin` to `end`. @throws SpillError */
  refill(begin: number, end: number, read: (into: Int32Array) => void): void {
    const { memory, common } = this.#generated;
    this.skip(begin);
    for (let from = begin; from < end; ) {
      const count = Math.min(end - from, this.windowFor(end));
      if (from > begin) this.#flush(from);
      const at = common.rows + this.#kept.row * this.#words;
      read(memory.subarray(at, at + count * this.#words));
      from += count;
    }
  }

  close(): void {
    this.#level?.close();
    this.#found?.close();
  }

  /** @returns the words of a state of the level or one found since, until it is asked for another. @throws SpillError */
  state(index: number): Int32Array {
    const { memory, common } = this.#generated;
    const window = index >= this.#kept.first ? this.#kept : this.#read;
    if (index >= this.#kept.first || (index >= this.#read.first && index < this.#readEnd)) {
      const at = common.rows + (window.row + index - window.first) * this.#words;
      return memory.subarray(at, at + this.#words);
    }
    const [file, begin, end] =
      index >= this.#end ? [this.#found, this.#end, this.#kept.first] : [this.#level, this.#begin, this.#end];
    assert(file !== undefined && index >= begin, 'a state was let go');
    if (file !== this.#fewFile || index < this.#fewFirst || index >= this.#fewFirst + FEW) {
      const words = this.#few.subarray(0, Math.min(FEW, end - index) * this.#words);
      file.read((index - begin) * this.#words * 4, new Uint8Array(words.buffer, 0, words.byteLength));
      [this.#fewFile, this.#fewFirst] = [file, index];
    }
    const at = (index - this.#fewFirst) * this.#words;
    return this.#few.subarray(at, at + this.#words);
  }

  #bytesAt(row: number, count: number): Uint8Array {
    const { memory, common } = this.#generated;
    const bytes = this.#words * 4;
    return new Uint8Array(memory.buffer, common.rows * 4 + row * bytes, count * bytes);
  }

  #tell(): void {
    const { memory, common } = this.#generated;
    memory[common.first + WINDOW.kept] = this.#kept.first;
    memory[common.first + WINDOW.keptRow] = this.#kept.row;
    memory[common.first + WINDOW.read] = this.#read.first;
    memory[common.first + WINDOW.readRow] = this.#read.row;
  }
}

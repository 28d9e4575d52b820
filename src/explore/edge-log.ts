// SPDX-License-Identifier: Apache-2.0
/**
 * The edges of the graph that a search walks, as its owner keeps and reads them: chunks in memory, and once they take more than
 * they may, on disk. Read in order, mostly backward: so it is found which states can reach an end, and which way leads to one.
 *
 * What is in a chunk, and who writes it: edges.ts. Everything here is between rounds, while no member is at work.
 */
import { assert } from '../base/assert.js';
import type { Bits } from './bits.js';
import { CHUNKS_MAX, type Shared, WORD } from './control.js';
import { CHUNK, CHUNK_LEFT, EdgeWriter, ON_DISK } from './edges.js';
import { addRoots, ending, type Roots } from './ending.js';
import type { Generated } from './generate.js';
import type { Spill, SpillFile } from './spill.js';

/** A record: its targets are the words from `first` to `end`. */
export type Visit = (state: number, words: Int32Array, first: number, end: number) => void;

/** Beyond so many arrays, so many are made at once: what is as large is not filled with zeros, but given by the system as it is touched. */
const FEW = 1 << 6;
const SLAB = 160;

export interface EdgeLogOptions {
  generated: Generated;
  shared: Shared;
  /** absent: all stay in memory */
  spill?: Spill;
  /** bytes that they may take of memory before they are written to it */
  bytesMax: number;
}

export class EdgeLog {
  readonly pool: Int32Array[] = [];
  /** the owner's own */
  readonly writer: EdgeWriter;
  readonly #control: Int32Array;
  readonly #chunks: Int32Array;
  readonly #spill: Spill | undefined;
  readonly #arraysMax: number;
  #file: SpillFile | undefined;
  /** arrays of the pool that no chunk lies in, and chunks that lie in one and were taken when it was last looked at */
  readonly #free: number[] = [];
  /** arrays that are made and not yet in the pool */
  #slab: Int32Array[] = [];
  #held: number[] = [];
  #taken = 0;
  /** the first state of a chunk on disk, and its last */
  readonly #first: number[] = [];
  readonly #last: number[] = [];
  /** the chunk of the disk that was read last */
  #read = -1;
  readonly #words = new Int32Array(CHUNK);

  constructor({ generated, shared, spill, bytesMax }: EdgeLogOptions) {
    this.#control = shared.control;
    this.#chunks = shared.chunks;
    this.#spill = spill;
    this.#arraysMax = Math.floor(bytesMax / (CHUNK * 4));
    this.writer = new EdgeWriter(generated, shared, this.pool);
  }

  get bytes(): number {
    return this.pool.length * CHUNK * 4;
  }

  /** Bytes held at most once there is room for so many more words. */
  bytesFor(words: number, members: number): number {
    this.#note();
    const { length } = this.pool;
    const lacking = Math.max(0, this.#lackingFor(words, members));
    const spillable = this.#spill && length + lacking > this.#arraysMax ? this.#held.length - members : 0;
    return Math.max(length, length + lacking - Math.max(0, spillable)) * CHUNK * 4;
  }

  /** @returns how many more arrays it takes for so many words, each member filling one of its own */
  #lackingFor(words: number, members: number): number {
    return members + Math.ceil(words / (CHUNK - CHUNK_LEFT)) - this.#free.length - this.#offered;
  }

  /** Chunks that nobody has taken. */
  get #offered(): number {
    return this.#control[WORD.edgeRoom] - this.#control[WORD.edgeChunks];
  }

  /**
   * Makes room for so many more words.
   * @returns false where there are as many as there can be
   * @throws SpillError
   */
  makeRoom(words: number, members: number): boolean {
    if (this.pool.length + this.#lackingFor(words, members) > this.#arraysMax) this.#relieve();
    for (let lacking = this.#lackingFor(words, members); lacking > 0; lacking--) {
      this.#free.push(this.pool.length);
      this.pool.push(this.#newArray());
    }
    let room = this.#control[WORD.edgeRoom];
    if (room + this.#free.length > CHUNKS_MAX) return false;
    for (let free = this.#free.pop(); free !== undefined; free = this.#free.pop()) this.#chunks[room++] = free;
    Atomics.store(this.#control, WORD.edgeRoom, room);
    return true;
  }

  #newArray(): Int32Array {
    if (this.pool.length < FEW) return new Int32Array(new SharedArrayBuffer(CHUNK * 4));
    if (this.#slab.length === 0) {
      const all = new Int32Array(new SharedArrayBuffer(SLAB * CHUNK * 4));
      this.#slab = Array.from({ length: SLAB }, (_, i) => all.subarray(i * CHUNK, (i + 1) * CHUNK)).reverse();
    }
    return this.#slab.pop()!;
  }

  /** Writes to disk what nobody adds to any more. */
  #relieve(): void {
    if (!this.#spill) return;
    this.#note();
    const still: number[] = [];
    this.#held.forEach((chunk, i) => {
      const end = this.#chunks[CHUNKS_MAX + chunk];
      // while a member fills it
      if (end < 0) still.push(chunk);
      else {
        try {
          this.#write(chunk, end);
        } catch (error) {
          this.#held = [...still, ...this.#held.slice(i)];
          throw error;
        }
      }
    });
    this.#held = still;
  }

  /** Chunks that were taken since they were last noted. */
  #note(): void {
    for (; this.#taken < this.#control[WORD.edgeChunks]; this.#taken++) this.#held.push(this.#taken);
  }

  #write(chunk: number, end: number): void {
    const array = this.#chunks[chunk];
    const words = this.pool[array].subarray(0, end);
    this.#file ??= this.#spill?.open();
    this.#file?.write(chunk * CHUNK * 4, bytesOf(words));
    this.#first[chunk] = firstIn(words);
    this.#last[chunk] = lastIn(words);
    this.#chunks[chunk] = ON_DISK;
    this.#free.push(array);
  }

  close(): void {
    this.#file?.close();
  }

  /** @returns the words of a chunk; those of one on disk until the next is read */
  #load(chunk: number): Int32Array {
    const filled = this.#chunks[CHUNKS_MAX + chunk];
    const end = filled < 0 ? ~filled : filled;
    const array = this.#chunks[chunk];
    if (array !== ON_DISK) return this.pool[array].subarray(0, end);
    const words = this.#words.subarray(0, end);
    if (this.#read !== chunk) {
      assert(this.#file !== undefined, 'nothing is on disk');
      this.#read = -1;
      this.#file.read(chunk * CHUNK * 4, bytesOf(words));
      this.#read = chunk;
    }
    return words;
  }

  /** Whether a chunk may have records of states from `from` on and before `to`. */
  #isAbout(chunk: number, from: number, to: number): boolean {
    if (this.#chunks[chunk] === ON_DISK) return this.#first[chunk] < to && this.#last[chunk] >= from;
    const words = this.#load(chunk);
    return words.length > 0 && firstIn(words) < to && lastIn(words) >= from;
  }

  /** Visits the records of the states from `from` on and before `to`, mostly from the last to the first. */
  backward(from: number, to: number, visit: Visit): void {
    for (let chunk = this.#control[WORD.edgeChunks] - 1; chunk >= 0; chunk--) {
      if (!this.#isAbout(chunk, from, to)) continue;
      const words = this.#load(chunk);
      for (let at = words.length - 1, end = words.length; at >= 0; at--) {
        if (words[at] >= 0) continue;
        const state = ~words[at];
        if (state < from) break;
        if (state < to) visit(state, words, at + 1, end);
        end = at;
      }
    }
  }

  /** Visits the records of the states before `to`, those of one chunk in order and together. */
  forward(to: number, visit: Visit): void {
    for (let chunk = 0; chunk < this.#control[WORD.edgeChunks]; chunk++) {
      const words = this.#load(chunk);
      for (let at = 0; at < words.length; ) {
        const state = ~words[at];
        if (state >= to) break;
        let end = at + 1;
        while (end < words.length && words[end] >= 0) end++;
        visit(state, words, at + 1, end);
        at = end;
      }
    }
  }

  /** @returns where the steps of a state lead, in their order; none where it has not been looked at */
  targetsOf(state: number): Int32Array {
    let found = new Int32Array(0);
    this.backward(state, state + 1, (_, words, first, end) => {
      found = words.slice(first, end);
    });
    return found;
  }

  /**
   * @param states how many there are, each with its record
   * @param room is written to; at least a word per state
   * @param inMemory has all members call EdgeWriter.addRoots, of the parts that there are chunks
   * @returns those from which a state without edges can be reached
   * @throws SpillError
   */
  ending(states: number, room: Int32Array, inMemory: (chunks: number, rest: Int32Array) => Roots): Bits {
    const chunks = this.#control[WORD.edgeChunks];
    const rootsOf = (next: Int32Array, rest: Int32Array): Roots => {
      const roots = inMemory(chunks, rest);
      for (let chunk = 0; chunk < chunks; chunk++) {
        if (this.#chunks[chunk] === ON_DISK) addRoots(this.#load(chunk), next, roots);
      }
      return roots;
    };
    return ending({ states, chunks, load: (chunk) => this.#load(chunk) }, room, rootsOf);
  }
}

function firstIn(words: Int32Array): number {
  return ~words[0];
}

function lastIn(words: Int32Array): number {
  let at = words.length - 1;
  while (words[at] >= 0) at--;
  return ~words[at];
}

function bytesOf(words: Int32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

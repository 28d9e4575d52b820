// SPDX-License-Identifier: Apache-2.0
/**
 * The edges of the graph that a search walks, as one of its members writes them: a log of 32-bit words in chunks of shared
 * memory, each filled by one member. A record is ~state, and then the states that its steps lead to, in the order of the
 * steps. Every state that was looked at has one, if only ~state; within a chunk their numbers go up. They are made of a
 * batch by a text that is assembled (drive.ts).
 *
 * Not here: chunks are made, put on disk and read by the owner (edge-log.ts).
 */
import { assert } from '../base/assert.js';
import { BATCH, BLOCK } from './batch.js';
import { CHUNKS_MAX, type Shared, takePart, WORD } from './control.js';
import { addRoots, type Roots } from './ending.js';
import type { Generated } from './generate.js';

/** Words of a chunk. */
export const CHUNK = 1 << 16;
/** What a batch may take, and the records without edges after it. */
export const CHUNK_LEFT = BATCH + BLOCK;
/** Where a chunk is that is on disk. */
export const ON_DISK = -1;

export class EdgeWriter {
  readonly #generated: Generated;
  readonly #control: Int32Array;
  readonly #chunks: Int32Array;
  /** arrays that chunks lie in: the owner's, or as many as it has sent */
  readonly #pool: Int32Array[];
  /** the chunk that this member fills, its words, and how many it has */
  #chunk = -1;
  #words: Int32Array = new Int32Array(0);
  #at = CHUNK;
  /** the state before the piece that is being worked on */
  #before = -1;

  constructor(generated: Generated, { control, chunks }: Shared, pool: Int32Array[]) {
    this.#generated = generated;
    this.#control = control;
    this.#chunks = chunks;
    this.#pool = pool;
  }

  /** Arrays that were made since it was last told. */
  attach(arrays: readonly Int32Array[]): void {
    this.#pool.push(...arrays);
  }

  /** @returns whether a whole batch of edges can be added; takes a chunk for it if need be */
  hasRoom(): boolean {
    if (this.#at + CHUNK_LEFT <= CHUNK) return true;
    const next = Atomics.add(this.#control, WORD.edgeChunks, 1);
    if (next >= Atomics.load(this.#control, WORD.edgeRoom)) {
      Atomics.sub(this.#control, WORD.edgeChunks, 1);
      return false;
    }
    this.#moveTo(next);
    return true;
  }

  /** A record lies in one chunk: one that is begun moves along. */
  #moveTo(chunk: number): void {
    const [old, oldWords, end] = [this.#chunk, this.#words, this.#at];
    let from = end;
    if (old >= 0 && this.#last > this.#before) while (oldWords[--from] >= 0);
    if (old >= 0) Atomics.store(this.#chunks, CHUNKS_MAX + old, from);
    this.#chunk = chunk;
    this.#words = this.#pool[Atomics.load(this.#chunks, chunk)];
    this.#at = end - from;
    assert(this.#at + CHUNK_LEFT <= CHUNK, 'a state has more steps than a chunk');
    this.#words.set(oldWords.subarray(from, end));
    this.save();
  }

  /** From now on edges leave `first` and the states after it. */
  begin(first: number): void {
    this.#before = first - 1;
    this.#last = first - 1;
  }

  /** The last state that has a record. */
  get #last(): number {
    const { memory, places } = this.#generated;
    return memory[places.recorded];
  }

  set #last(state: number) {
    const { memory, places } = this.#generated;
    memory[places.recorded] = state;
  }

  /** Adds the edges of the batch, of which there are so many, from the states of a block that begins with `block`. */
  addAll(block: number, count: number): void {
    const { memory, places } = this.#generated;
    const words = this.#generated.record(block, count);
    assert(this.#at + words <= CHUNK, 'edges are added without room');
    this.#words.set(memory.subarray(places.edges, places.edges + words), this.#at);
    this.#at += words;
  }

  /** All states before `end` have their edges. */
  finish(end: number): void {
    for (let state = this.#last + 1; state < end; state++) this.#words[this.#at++] = ~state;
    this.#last = end - 1;
    this.#before = end - 1;
  }

  /** The next record goes into another chunk. */
  leave(): void {
    if (this.#chunk >= 0) Atomics.store(this.#chunks, CHUNKS_MAX + this.#chunk, this.#at);
    this.#chunk = -1;
    this.#at = CHUNK;
  }

  /** Looks for roots in chunks, each a part of the job; not in those on disk. */
  addRoots(next: Int32Array, roots: Roots): void {
    for (let chunk = takePart(this.#control); chunk !== undefined; chunk = takePart(this.#control)) {
      const array = this.#chunks[chunk];
      if (array === ON_DISK) continue;
      const filled = this.#chunks[CHUNKS_MAX + chunk];
      addRoots(this.#pool[array].subarray(0, filled < 0 ? ~filled : filled), next, roots);
    }
  }

  /** Tells the owner how far the chunk is filled: nobody adds to it until the next round. */
  save(): void {
    if (this.#chunk >= 0) Atomics.store(this.#chunks, CHUNKS_MAX + this.#chunk, ~this.#at);
  }
}

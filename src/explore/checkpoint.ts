// SPDX-License-Identifier: Apache-2.0
/**
 * A search put down at the border of a level, and taken up again: the states of all levels that were finished and of the next
 * one, the edges between them, and what was counted. What an unfinished level had led to is left out: it is done anew.
 *
 * Bytes only, to and from whoever can keep them. Not here: files, checksums and whether it is the same model
 * (src/app/checkpoint.ts).
 */
import { assert } from '../base/assert.js';
import type { Expectation } from './encode.js';
import type { Team } from './team.js';

/** What is counted at the border of a level: plain JSON. */
export interface Border {
  /** level -> its first state, of the finished levels and of the next one */
  levels: number[];
  /** where that ends: how many states there are */
  states: number;
  /** of a state */
  words: number;
  /** what values states have room for; absent: all that are possible */
  expectation?: Expectation;
  /** that leave states of finished levels */
  edges: number;
  transitions: number;
  met: boolean[];
  /** numbers of the lines that were executed */
  hits: number[];
}

export interface Sink {
  /** The bytes are the caller's again once it returns. */
  write(bytes: Uint8Array): void;
}

export interface Source {
  /** Fills `into`. @throws where there are fewer bytes */
  read(into: Uint8Array): void;
}

/** Words that are written or read at a time. */
const CHUNK = 1 << 14;

/** @returns how many bytes `save` writes for a border, and `restore` reads */
export function bytesOf({ levels, states, edges, words }: Border): number {
  return states * words * 4 + finished(levels) * 2 + edges * 4;
}

/** States whose edges are known. */
function finished(levels: readonly number[]): number {
  return levels[levels.length - 1];
}

/** Writes the states and edges of an exact search. */
export function save({ store, edges }: Team, { levels, states }: Border, sink: Sink): void {
  assert(edges !== undefined, 'only a search with whole states can be saved');
  const out = new Writer(sink);
  for (let state = 0; state < states; state++) {
    const [segment, at] = [store.segment(state), store.offset(state)];
    for (let word = 0; word < store.words; word++) out.word(segment[at + word]);
  }
  out.flush();
  const end = finished(levels);
  const degrees = new Uint16Array(CHUNK);
  for (let from = 0; from < end; from += CHUNK) {
    const count = Math.min(CHUNK, end - from);
    for (let i = 0; i < count; i++) degrees[i] = edges.end(from + i) - edges.first(from + i);
    sink.write(new Uint8Array(degrees.buffer, 0, count * 2));
  }
  for (let state = 0; state < end; state++) {
    const last = edges.end(state);
    for (let edge = edges.first(state); edge < last; edge++) out.word(edges.target(edge));
  }
  out.flush();
}

/**
 * Fills an empty team with what was saved.
 * @param makeRoom makes room for another batch; false: there is none
 * @returns false where there was no room
 * @throws Error where the states are not what they were: the bytes are wrong
 */
export function restore(team: Team, { levels, states, edges: all }: Border, source: Source, makeRoom: () => boolean) {
  const { store, edges, owner } = team;
  assert(edges !== undefined && store.count === 0, 'only an empty search with whole states can be filled');
  const words = new Reader(source, states * store.words);
  const state = new Int32Array(store.words);
  for (let index = 0; index < states; index++) {
    for (let word = 0; word < store.words; word++) state[word] = words.word();
    if (!owner.hasRoom(1) && !makeRoom()) return false;
    if (!owner.restore(state)) throw new Error('a state is there twice');
  }
  const degrees = new Uint16Array(finished(levels));
  source.read(new Uint8Array(degrees.buffer));
  if (degrees.reduce((sum, degree) => sum + degree, 0) !== all) throw new Error('edges are missing');
  const targets = new Reader(source, all);
  for (let from = 0; from < degrees.length; from++) {
    for (let i = 0; i < degrees[from]; i++) {
      if (!owner.hasRoom(1) && !makeRoom()) return false;
      const target = targets.word();
      if (target < 0 || target >= states) throw new Error('an edge leads nowhere');
      edges.add(from, target);
    }
    edges.finish();
  }
  return true;
}

class Writer {
  readonly #sink: Sink;
  readonly #words = new Int32Array(CHUNK);
  #count = 0;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  word(value: number): void {
    this.#words[this.#count++] = value;
    if (this.#count === CHUNK) this.flush();
  }

  flush(): void {
    this.#sink.write(new Uint8Array(this.#words.buffer, 0, this.#count * 4));
    this.#count = 0;
  }
}

class Reader {
  readonly #source: Source;
  readonly #words = new Int32Array(CHUNK);
  #left: number;
  #at = CHUNK;

  /** @param words how many there are */
  constructor(source: Source, words: number) {
    this.#source = source;
    this.#left = words;
  }

  word(): number {
    if (this.#at === CHUNK) {
      const count = Math.min(CHUNK, this.#left);
      this.#left -= count;
      this.#source.read(new Uint8Array(this.#words.buffer, 0, count * 4));
      this.#at = 0;
    }
    return this.#words[this.#at++];
  }
}

// SPDX-License-Identifier: Apache-2.0
/**
 * A search put down at the border of a level, and taken up again: the states of all levels that were finished and of the next
 * one, the edges between them, and what was counted. Of fingerprints the table is kept, and the words of the states of the next
 * level. What an unfinished level had led to is left out: it is done anew.
 *
 * Bytes only, to and from whoever can keep them. Not here: files, checksums and whether it is the same model
 * (src/app/checkpoint.ts).
 */
import { assert } from '../base/assert.js';
import { BATCH } from './batch.js';
import type { Expectation } from './encode.js';
import type { Storage } from './places.js';
import { ENTRY } from './places.js';
import type { Team } from './team.js';

/** What is counted at the border of a level: plain JSON. */
export interface Border {
  storage: Storage;
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
export function bytesOf({ storage, levels, states, edges, words }: Border): number {
  const whole = storage === 'exact' ? states : states - finished(levels);
  const entries = storage === 'exact' ? 0 : states * ENTRY.fingerprints;
  return (entries + whole * words + finished(levels) + edges) * 4;
}

/** States whose edges are known. */
function finished(levels: readonly number[]): number {
  return levels[levels.length - 1];
}

/** Writes what a search has found. @throws SpillError where it cannot be read */
export function save({ store, edges }: Team, { storage, levels, states }: Border, sink: Sink): void {
  const out = new Writer(sink);
  const known = finished(levels);
  store.eachEntry(states, (high, low, index) => {
    out.word(high);
    out.word(low);
    out.word(index);
  });
  for (let index = storage === 'exact' ? 0 : known; index < states; index++) {
    const state = store.state(index);
    for (let word = 0; word < store.words; word++) out.word(state[word]);
  }
  edges.forward(known, (_, words, first, end) => {
    for (let at = first - 1; at < end; at++) out.word(words[at]);
  });
  out.flush();
}

/**
 * Fills an empty team with what was saved.
 * @param makeRoom makes room for another batch; false: there is none
 * @returns false where there was no room
 * @throws Error where the states are not what they were: the bytes are wrong
 */
export function restore(team: Team, border: Border, source: Source, makeRoom: () => boolean): boolean {
  assert(team.store.count === 0, 'only an empty search can be filled');
  assert(team.store.words === border.words, 'a search with other states');
  const words = new Reader(source, bytesOf(border) / 4);
  const restoreStates = border.storage === 'exact' ? restoreWhole : restoreEntries;
  return restoreStates(team, border, words, makeRoom) && restoreEdges(team, border, words, makeRoom);
}

function restoreWhole({ store, owner }: Team, { states }: Border, words: Reader, makeRoom: () => boolean): boolean {
  const state = new Int32Array(store.words);
  for (let index = 0; index < states; index++) {
    for (let word = 0; word < store.words; word++) state[word] = words.word();
    while (!owner.hasRoom(1)) if (!makeRoom()) return false;
    if (!owner.restore(state)) throw new Error('a state is there twice');
  }
  return true;
}

function restoreEntries({ store, owner }: Team, border: Border, words: Reader, makeRoom: () => boolean): boolean {
  const { levels, states } = border;
  const { batch } = owner.expander;
  for (let done = 0; done < states; done += batch.count) {
    batch.count = Math.min(BATCH, states - done);
    for (let k = 0; k < batch.count; k++) {
      batch.high[k] = words.word();
      batch.low[k] = words.word();
      batch.index[k] = words.word();
    }
    while (!owner.hasRoom(1)) if (!makeRoom()) return false;
    if (!store.restore(batch)) throw new Error('a state is there twice');
  }
  store.refill(finished(levels), states, (into) => {
    for (let i = 0; i < into.length; i++) into[i] = words.word();
  });
  return true;
}

function restoreEdges(team: Team, { levels, states, edges: all }: Border, words: Reader, makeRoom: () => boolean) {
  const { owner, edges } = team;
  const { source, index } = owner.expander.batch;
  source.fill(0);
  let last = Number.POSITIVE_INFINITY;
  let head = 0;
  let count = 0;
  const add = (): boolean => {
    while (!owner.hasRoom(1)) if (!makeRoom()) return false;
    edges.writer.addAll(head, count);
    count = 0;
    return true;
  };
  for (let left = finished(levels) + all; left > 0; left--) {
    const word = words.word();
    if (word < 0) {
      if (last < Number.POSITIVE_INFINITY) {
        if (!add()) return false;
        edges.writer.finish(head + 1);
      }
      head = ~word;
      if (head <= last) edges.writer.leave();
      edges.writer.begin(head);
      last = head;
    } else if (word >= states) throw new Error('an edge leads nowhere');
    else {
      index[count++] = word;
      if (count === BATCH && !add()) return false;
    }
  }
  if (!add()) return false;
  if (last < Number.POSITIVE_INFINITY) edges.writer.finish(head + 1);
  edges.writer.save();
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

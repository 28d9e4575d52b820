// SPDX-License-Identifier: Apache-2.0
/**
 * Which states of a graph can reach one without edges. The graph is read as it was written (edges.ts), chunk by chunk.
 *
 * Nearly every state has an edge to one that was found later. Who follows the latest such edge, again and again, comes to a
 * state that has none, its root: there are few of these. All edges of the roots, taken from root to root, mostly tell at once
 * that each can reach an end, and so can all states. Else the rest is found by a bit per state: all records are swept,
 * from the last state to the first and back, until nothing changes.
 */
import { Bits } from './bits.js';

export interface Graph {
  /** how many there are, each with its record */
  states: number;
  chunks: number;
  /** gives the words of a chunk, good until it is asked for another */
  load(chunk: number): Int32Array;
}

/** The records of roots, one after the other. */
export interface Roots {
  words: Int32Array;
  /** how many words they take; -1 where that is more than there are */
  count: number;
}

/**
 * @param room is written to; at least a word per state
 * @param rootsOf does for all chunks what `addRoots` does for one
 */
export function ending(
  { states, chunks, load }: Graph,
  room: Int32Array,
  rootsOf = (next: Int32Array, words: Int32Array): Roots => {
    const roots = { words, count: 0 };
    for (let chunk = 0; chunk < chunks; chunk++) addRoots(load(chunk), next, roots);
    return roots;
  },
): Bits {
  const ends = new Bits(states);
  const all = Array.from({ length: chunks }, (_, chunk) => chunk);
  const next = room.subarray(0, states);
  const { words, count } = rootsOf(next, room.subarray(states));
  if (count >= 0) {
    const roots = words.subarray(0, count);
    follow(next);
    for (let at = 0; at < roots.length; at++) if (roots[at] >= 0) roots[at] = next[roots[at]];
    const left = sweep([0], () => roots, ends);
    if (left === 0) ends.words.fill(-1);
    if (left === 0 || ends.words.every((word) => word === 0)) return ends;
    for (let state = 0; state < states; state++) if (ends.has(next[state])) ends.add(state);
  }
  sweep(all, load, ends);
  return ends;
}

/**
 * Several threads may do so, each with chunks and `roots` of its own.
 * @param words of a chunk
 * @param next gets for each state the last one that it leads to; itself where that did not come later: it is a root
 * @param roots gets the records of these
 */
export function addRoots(words: Int32Array, next: Int32Array, roots: Roots): void {
  for (let at = 0, begin = 0; at < words.length; begin = at) {
    const state = ~words[at++];
    let last = -1;
    for (; at < words.length; at++) {
      const word = words[at];
      if (word < 0) break;
      // the greater of the two, without a branch that nobody can guess
      const more = (word - last) | 0;
      last = (last + (more & ~(more >> 31))) | 0;
    }
    if (last > state) next[state] = last;
    else {
      next[state] = state;
      addRecord(words, begin, at, roots);
    }
  }
}

function addRecord(words: Int32Array, begin: number, end: number, roots: Roots): void {
  if (roots.count < 0) return;
  if (roots.count + end - begin > roots.words.length) roots.count = -1;
  else for (let at = begin; at < end; at++) roots.words[roots.count++] = words[at];
}

/** Afterwards each state has its root. */
function follow(next: Int32Array): void {
  for (let state = next.length - 1; state >= 0; state--) next[state] = next[next[state]];
}

/** How many states of a chunk have been found to reach an end, and how many have not. */
interface Swept {
  marked: number;
  left: number;
}

/** Adds to `ends` who reaches one of them, or has no edges. @returns how many records are left */
function sweep(chunks: readonly number[], load: (chunk: number) => Int32Array, ends: Bits): number {
  let open = [...chunks];
  let left = 0;
  for (let isUp = false, marked = 1; marked > 0; isUp = !isUp) {
    marked = 0;
    left = 0;
    const stillOpen = (chunk: number): boolean => {
      const swept = isUp ? sweepUp(load(chunk), ends.words) : sweepDown(load(chunk), ends.words);
      marked += swept.marked;
      left += swept.left;
      return swept.left > 0;
    };
    open = isUp ? open.filter(stillOpen) : open.reverse().filter(stillOpen).reverse();
  }
  return left;
}

/**
 * From the last record to the first: what a state leads to is mostly looked at before it. There is a branch where a state is
 * marked, but none for what a word is and whether what it names reaches an end: nobody can guess these.
 */
function sweepDown(words: Int32Array, ends: Int32Array): Swept {
  let [marked, left] = [0, 0];
  // of the targets since the last head whether one reaches an end, or there is none
  let [some, none] = [0, 1];
  for (let at = words.length - 1; at >= 0; at--) {
    const word = words[at];
    const isHead = word >>> 31;
    const state = word ^ (word >> 31);
    const does = (ends[state >>> 5] >>> state) & 1;
    const isOpen = isHead & ~does;
    left += isOpen;
    if ((isOpen & (some | none)) !== 0) {
      ends[state >>> 5] |= 1 << state;
      marked++;
    }
    some = (some | does) & (isHead - 1);
    none = isHead;
  }
  return { marked, left: left - marked };
}

/** From the first record to the last. */
function sweepUp(words: Int32Array, ends: Int32Array): Swept {
  let [marked, left] = [0, 0];
  for (let at = 0, end = 0; at < words.length; at = end) {
    const state = ~words[at];
    let some = 0;
    for (end = at + 1; end < words.length && words[end] >= 0; end++) some |= ends[words[end] >>> 5] >>> words[end];
    if ((ends[state >>> 5] >>> state) & 1) continue;
    left++;
    if ((some & 1) === 0 && end > at + 1) continue;
    ends[state >>> 5] |= 1 << state;
    marked++;
  }
  return { marked, left: left - marked };
}

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

/** @param room is written to; at least a word per state */
export function ending({ states, chunks, load }: Graph, room: Int32Array): Bits {
  const ends = new Bits(states);
  const all = Array.from({ length: chunks }, (_, chunk) => chunk);
  const next = room.subarray(0, states);
  const roots = rootsOf(all, load, next, room.subarray(states));
  if (roots) {
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
 * @param next gets for each state the last one that it leads to; itself where that did not come later: it is a root
 * @param room gets the records of these
 * @returns them; undefined where there is too little room
 */
function rootsOf(
  chunks: readonly number[],
  load: (chunk: number) => Int32Array,
  next: Int32Array,
  room: Int32Array,
): Int32Array | undefined {
  let count = 0;
  for (const chunk of chunks) {
    const words = load(chunk);
    for (let at = words.length - 1, end = words.length, last = -1; at >= 0; at--) {
      const word = words[at];
      if (word >= 0) {
        // the greater of the two, without a branch that nobody can guess
        const more = (word - last) | 0;
        last = (last + (more & ~(more >> 31))) | 0;
        continue;
      }
      const state = ~word;
      if (last > state) next[state] = last;
      else {
        if (count + end - at > room.length) return undefined;
        next[state] = state;
        for (let from = at; from < end; from++) room[count++] = words[from];
      }
      end = at;
      last = -1;
    }
  }
  return room.subarray(0, count);
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

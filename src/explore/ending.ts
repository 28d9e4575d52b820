// SPDX-License-Identifier: Apache-2.0
/**
 * Which states of a graph can reach one without edges. The graph is read as it was written (edges.ts), chunk by chunk, and a bit
 * per state is kept beside it: so it is swept, from the last state to the first and back, until nothing changes. Most ways
 * to an end go up; and what is left after some sweeps is little: it is copied, and swept without the rest.
 */
import { Bits } from './bits.js';

/** States the records of which are copied out of their chunks once no more are left, and words that these may have. */
const FEW = 1 << 18;
const FEW_WORDS = 6 * FEW;

/** How many states of a chunk have been found to reach an end, and how many have not. */
interface Swept {
  marked: number;
  left: number;
}

/**
 * @param states how many there are, each with its record
 * @param chunks how many there are
 * @param load gives the words of one, good until it is asked for another
 * @returns the states from which one without edges can be reached
 */
export function ending(states: number, chunks: number, load: (chunk: number) => Int32Array): Bits {
  const ends = new Bits(states);
  let open = Array.from({ length: chunks }, (_, chunk) => chunk);
  let read = load;
  for (let isUp = false, marked = 1; marked > 0; isUp = !isUp) {
    marked = 0;
    let left = 0;
    const stillOpen = (chunk: number): boolean => {
      const swept = isUp ? sweepUp(read(chunk), ends.words) : sweepDown(read(chunk), ends.words);
      marked += swept.marked;
      left += swept.left;
      return swept.left > 0;
    };
    open = isUp ? open.filter(stillOpen) : open.reverse().filter(stillOpen).reverse();
    if (left > FEW || open.length <= 1) continue;
    const few = copyLeft(open, load, ends.words);
    if (few) [open, read] = [[0], () => few];
  }
  return ends;
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

/** @returns the records of states that have not been found to reach an end; undefined: these are not few */
function copyLeft(chunks: readonly number[], load: (chunk: number) => Int32Array, ends: Int32Array) {
  const few = new Int32Array(FEW_WORDS);
  let count = 0;
  for (const chunk of chunks) {
    const words = load(chunk);
    if (count + words.length > FEW_WORDS) return undefined;
    count = copyOpen(words, ends, few, count);
  }
  return few.subarray(0, count);
}

/** @returns where in `into` the copy ends that begins at `first` */
function copyOpen(words: Int32Array, ends: Int32Array, into: Int32Array, first: number): number {
  let [count, isOpen] = [first, 0];
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    const isHead = word >>> 31;
    const state = word ^ (word >> 31);
    isOpen = (isHead & ~(ends[state >>> 5] >>> state)) | (isOpen & (isHead - 1));
    into[count] = word;
    count += isOpen;
  }
  return count;
}

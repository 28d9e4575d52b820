// SPDX-License-Identifier: Apache-2.0
/**
 * Where everything lies in the one memory of a search, which all its members share: what each member works with, then the table
 * of states, then the states. It is as large as can be from the beginning; the system gives pages when they are touched.
 */

import { PAGES_MAX } from '../base/wasm.js';
import type { LinkedScenario } from '../compiler/link.js';
import { BATCH, BLOCK } from './batch.js';
import { MEMBERS_MAX } from './control.js';
import { MAX_CHOICES } from './emit.js';
import type { Encoding } from './encode.js';

export type Storage = 'exact' | 'fingerprints';

/** Positions of words in memory; of one member. */
export interface Places {
  side: number;
  choice: number;
  counts: number;
  hits: number;
  /** where `next` goes on: source, task, alternative, ordinal, successors so far */
  resume: number;
  /** how many sources the block has, and where they are, in bytes */
  sources: number;
  /** how many violations; then the first: Violated */
  violation: number;
  /** kind (1 never, 2 finally) and property of what `judge` found */
  judged: number;
  met: number;
  status: number;
  /** per slot 0: not generated, 1: it is, 2: and it chooses */
  slots: number;
  // per successor
  high: number;
  low: number;
  source: number;
  ordinal: number;
  move: number;
  /** where in the table it is or may be, and the state that it is */
  slot: number;
  index: number;
  /** per new state its successor, and where in the table it is */
  fresh: number;
  claimed: number;
  /** those of a batch that were not met a short while ago; and what was: see recent.ts */
  pending: number;
  recent: number;
  /** the last state that has a record of its edges, and what was recorded last (edges.ts) */
  recorded: number;
  edges: number;
  /** how many are new */
  freshCount: number;
  /** the first and the last of the slots that no other member has entries for, while the table grows (Store.movePart) */
  undisputed: number;
  tables: number;
  /** the successor whose steps are taken alone next, and whether to pause after each; the state before one; tables (collapse.ts) */
  settled: number;
  before: number;
  alone: number;
  /** how many exchanges of tasks, then which (canonical.ts) */
  exchanged: number;
  /** words from one state to the next: a multiple of four */
  stride: number;
  /** sources that are not among the states of this memory */
  block: number;
  states: number;
}

/** What all members share. */
export interface Common {
  /** how many slots the table has */
  slots: number;
  /** in a store of fingerprints: the index of a state that is to be kept next or was, and its row; and of one to be looked at */
  first: number;
  /** while the table grows: how many slots it gets, and of the entries that move the first slot and the one after the last */
  larger: number;
  /** the table: ENTRY words a slot */
  table: number;
  slotsMax: number;
  /** states, without gaps; in a store of fingerprints the two windows of frontier.ts, half the rows for each */
  rows: number;
  rowsMax: number;
  pages: number;
}

/** Words of a slot. */
export const ENTRY = { exact: 2, fingerprints: 3 } as const;
/** Slots after the last one that a state can be at home in. */
export const TAIL = 1 << 14;
/** Slots at the beginning whose entries are set aside while the table grows. */
export const ASIDE = 1 << 17;
/** Where these are, a word of memory. */
export const ASIDE_AT = 16;
/** How full a table may be, and by what it then grows. */
export const FILLING = { exact: { most: 0.7, growth: 1.5 }, fingerprints: { most: 0.92, growth: 1.12 } } as const;
/** Memory beside the table and the states that a state takes: edges, and the way to it. */
const BESIDE = 32;
const LEAST_BYTES = 1 << 24;
/** Of a store of fingerprints: rows of a window at least, and bytes of both windows that a state is reckoned to take. */
export const WINDOW_LEAST = 1 << 14;
export const WINDOW_BYTES = 0.25;

const LINE = 16;
const inLines = (words: number): number => Math.ceil(words / LINE) * LINE;

/** @returns task -> the slot before its first step; and last how many slots there are, beside the one that is no step's */
export function slotsBefore(tasks: LinkedScenario['tasks']): number[] {
  const before = [0];
  for (const { points } of tasks) before.push(before[before.length - 1] + points.length);
  return before;
}

/** Words that reductions need: tables of the steps taken alone, and most exchanges of tasks. */
export interface Reduced {
  alone: number;
  exchanges: number;
}

/** Words that a member's table of states met a short while ago (recent.ts) has at most: what stays close to a processor. */
const RECENT_WORDS = 1 << 16;

/** @returns the words of an entry, and how many there are: a power of two */
export function recentSize(words: number): { entry: number; entries: number } {
  const entry = words + 1;
  return { entry, entries: 2 ** Math.max(0, Math.floor(Math.log2(RECENT_WORDS / entry))) };
}

/** @param member from 0 on */
export function placesOf(
  { tasks, sometimes, layout }: LinkedScenario,
  { words, notes }: Encoding,
  member: number,
  { alone, exchanges }: Reduced,
): Places & { end: number } {
  const stride = Math.ceil(words / 4) * 4;
  const begin = inLines(ASIDE_AT + ASIDE * ENTRY.fingerprints);
  const lay = (from: number): Places & { end: number } => {
    let next = from;
    const take = (count: number): number => {
      next += inLines(count);
      return next - inLines(count);
    };
    const places = {
      side: take(2),
      choice: take(MAX_CHOICES),
      counts: take(MAX_CHOICES),
      hits: take(notes),
      resume: take(5),
      sources: take(2),
      violation: take(5),
      judged: take(2),
      met: take(sometimes.length),
      // and one more: `next` leaves 0 there when it is done
      status: take(BLOCK + 1),
      slots: take(1 + (slotsBefore(tasks).at(-1) ?? 0)),
      high: take(BATCH),
      low: take(BATCH),
      source: take(BATCH),
      ordinal: take(BATCH),
      move: take(BATCH),
      slot: take(BATCH),
      index: take(BATCH),
      fresh: take(BATCH),
      claimed: take(BATCH),
      freshCount: take(1),
      undisputed: take(2),
      pending: take(BATCH),
      recent: take(recentSize(words).entry * recentSize(words).entries),
      recorded: take(1),
      // a record without edges for each source beside the edges
      edges: take(BATCH + BLOCK),
      tables: take(layout.columns.reduce((sum, { size }) => sum + size, 0)),
      settled: take(2),
      before: take(stride),
      alone: take(alone),
      exchanged: take(1 + exchanges),
      stride,
      block: take(BLOCK * words),
      states: take(BATCH * stride),
    };
    return { ...places, end: next };
  };
  const { end } = lay(begin);
  return lay(begin + member * (end - begin));
}

/** @param bytes that the search may take; what is beyond the memory is kept elsewhere (store.ts) */
export function commonOf(
  linked: LinkedScenario,
  encoding: Encoding,
  storage: Storage,
  bytes: number,
  reduced: Reduced,
): Common {
  const row = encoding.words * 4;
  const { end } = placesOf(linked, encoding, MEMBERS_MAX - 1, reduced);
  const isExact = storage === 'exact';
  const { most, growth } = FILLING[storage];
  const words = ENTRY[storage];
  const slotBytes = (words * 4 * growth) / most;
  const enough = Math.max(bytes, LEAST_BYTES);
  const least = WINDOW_LEAST * 2 * row;
  const all = Math.min(PAGES_MAX * 65536 - 65536, enough + least + end * 4);
  const free = all - end * 4 - TAIL * words * 4 - least;
  const states = enough / (slotBytes + (isExact ? row + BESIDE : WINDOW_BYTES));
  const share = isExact ? 0.75 : slotBytes / (slotBytes + WINDOW_BYTES);
  const slotsMax = Math.floor(Math.min(states * slotBytes, free * share) / (words * 4));
  const rows = end + (slotsMax + TAIL) * words;
  const rowsMax = Math.floor((all - rows * 4 - 64) / row);
  return { slots: 0, first: 1, larger: 5, table: end, slotsMax, rows, rowsMax, pages: Math.floor(all / 65536) };
}

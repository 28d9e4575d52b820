// SPDX-License-Identifier: Apache-2.0
/**
 * The successors of a block of states, in buffers that are filled again and again: made by expand.ts, stored by store.ts.
 * Data only.
 */

/** Most states whose successors are asked for at once. */
export const BLOCK = 64;
/** Most successors that are handed over at once. */
export const BATCH = 1024;

/** What is known of a source once all its steps have been tried; bits of Batch.status. */
export const CAN_GO_ON = 1;
export const NOT_ENDED = 2;
export const WAITS_FOR_LOCK = 4;

export interface Batch {
  /** words from one successor to the next */
  stride: number;
  /** successor `k` begins at `k * stride` */
  words: Int32Array;
  /** fingerprint of each successor, 64 bits of it; neither half is 0 */
  high: Int32Array;
  low: Int32Array;
  /** position of its source in the block */
  source: Int32Array;
  /** how many steps of the same source came before: with the source it names the successor */
  ordinal: Int32Array;
  /** the task and, from TASK_BITS on, the alternative of its choices */
  move: Int32Array;
  /** per successor the index of its state, left by the store of an exact search */
  index: Int32Array;
  /** which successors led to states that were not there before; left by the store */
  fresh: Int32Array;
  /** how many successors there are */
  count: number;
  /** per source of the block CAN_GO_ON, NOT_ENDED and WAITS_FOR_LOCK; complete once the batch is the block's last */
  status: Int32Array;
  /** the first step of the batch that could not be ended properly */
  violation: Violated | undefined;
  /** how many such steps there are */
  violations: number;
}

export interface Violated {
  /** it came before this successor of the batch */
  before: number;
  source: number;
  move: number;
  site: number;
}

/** Most tasks that a move can tell apart: 2 to this. */
export const TASK_BITS = 5;

/** A step that a task took: which alternative of its choices, counted in the order of enumeration. */
export interface Move {
  task: number;
  alternative: number;
}

export function toMove(move: number): Move {
  return { task: move & ((1 << TASK_BITS) - 1), alternative: move >>> TASK_BITS };
}

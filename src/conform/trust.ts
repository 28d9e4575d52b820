// SPDX-License-Identifier: Apache-2.0
/**
 * How far a recording can be trusted as a whole. Events are missing without a word where a filter was set, where a CPU was left
 * out, or where a file was put together from others; then counts stop to follow from the events before them, on many pages.
 */
import { OP, type Op } from '../spec/ops.js';
import type { Recording } from '../trace/recording.js';
import type { PageIndex } from './page-index.js';

export interface Trust {
  /** pages whose counts do not follow from their events, or contradict what `count=` shows */
  adrift: number;
  /** tracepoints of page_ref that have no event at all although every workload has them */
  absent: string[];
  /** are so many events missing that nothing can be said for sure? */
  incomplete: boolean;
}

/** on so many pages, and on one of so many, events may be amiss for other reasons */
const PAGES = 3;
const ONE_IN = 1000;
/** recordings with fewer events of page_ref may lack a tracepoint by chance */
const ENOUGH = 1000;

const EXPECTED: readonly [Op, string][] = [
  [OP.set, 'set'],
  [OP.mod, 'mod'],
  [OP.modAndTest, 'mod_and_test'],
];

/**
 * @param adrift pages on which events are missing
 * @param oneBased device pages that rest at one were in use: mm/memremap.c puts them by page_ref_dec_return alone
 */
export function trustOf(
  { events, somePages }: Recording,
  { pages, effects }: PageIndex,
  adrift: number,
  oneBased: boolean,
): Trust {
  const counts = new Uint32Array(16);
  const { perShape } = events.tally;
  for (let shape = 0; shape < events.shapes.size; shape++) counts[effects.op[shape]] += perShape[shape];
  const all = counts.subarray(OP.set, OP.unfreeze + 1).reduce((sum, count) => sum + count, 0);
  const absent =
    somePages || all < ENOUGH ? [] : EXPECTED.filter(([op]) => counts[op] === 0).map(([, name]) => `page_ref_${name}`);
  if (oneBased && !somePages && all >= ENOUGH && counts[OP.modAndReturn] === 0) absent.push('page_ref_mod_and_return');
  const incomplete = absent.length > 0 || (adrift >= PAGES && adrift * ONE_IN >= pages.length);
  return { adrift, absent, incomplete };
}

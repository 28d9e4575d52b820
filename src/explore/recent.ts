// SPDX-License-Identifier: Apache-2.0
/**
 * States that were met a short while ago: text that is assembled (assemble.ts). Half of all successors are among the last
 * thousand or so, since steps of different tasks lead to one state in either order. For these neither the table nor the states
 * are asked, which are far away.
 *
 * Each member has a small table of its own, one entry a place: a word that is 0 where there is none, 1 + the index of the state,
 * or less than 0 while that is not known: -1 - the successor of this batch that is the same. Then the words of the state.
 */
import { type Places, recentSize } from './places.js';

/** Places.index from here down: the same state as a successor of this batch. */
const ALIAS = -(1 << 20);

export interface RecentTexts {
  /** (count): leaves in `pending` the successors that are to be looked for in the table, and gives how many */
  recall: string;
  /** (count, pending): all of `pending` have their index; so do the others now, and the next batch knows them */
  remember: string;
}

export function recentTexts(p: Places, words: number): RecentTexts {
  const { entry, entries } = recentSize(words);
  const place = `${p.recent} + (M[${p.low} + k] & ${entries - 1}) * ${entry}`;
  // no branch for whether it was met: nobody can guess that
  const recall = `(count) => {
let k = 0, at = 0, one = 0, other = 0, met = 0, pending = 0, isNew = 0;
L0: for (;;) {
  if (k === count) return pending;
  at = ${place};
  one = ${p.states * 4} + k * ${p.stride * 4};
  other = at * 4 + 4;
  met = M[at];
  isNew = (same(one, other) & (met !== 0)) - 1;
  M[${p.index} + k] = met - 1 + (met >> 31 & ${ALIAS + 2});
  keep(other, one);
  M[at] = met & ~isNew | -1 - k & isNew;
  M[${p.pending} + pending] = k;
  pending = pending - isNew;
  k = k + 1;
}
}`;
  const remember = `(count, pending) => {
let i = 0, k = 0, at = 0, index = 0;
B0: { L0: for (;;) {
  if (i === pending) break B0;
  k = M[${p.pending} + i];
  at = ${place};
  if (M[at] === -1 - k) M[at] = M[${p.index} + k] + 1;
  i = i + 1;
} }
k = 0;
L1: for (;;) {
  if (k === count) return 0;
  index = M[${p.index} + k];
  if (index <= ${ALIAS}) { at = ${ALIAS} - index; M[${p.index} + k] = M[${p.index} + at]; }
  k = k + 1;
}
}`;
  return { recall, remember };
}

// SPDX-License-Identifier: Apache-2.0
/** How strong a statement about a page, or one of its lives, is; the words are those of the verdict. */
import { LIFE } from './lives.js';

/**
 * `certain`: it follows from what operations returned; `likely`: from `count=`, which was read later, or by the rules of a kind of
 * memory that was inferred; the last: events are missing, by their own account or because counts do not follow from the events before
 * them.
 */
export const STRENGTHS = ['certain', 'likely', 'if nothing was lost'] as const;
export type Strength = (typeof STRENGTHS)[number];

/** @param marks of a life @param missing are events missing on its page, or all over the recording? */
export function strengthOfMarks(marks: number, missing: boolean): Strength {
  if (missing || marks & (LIFE.loss | LIFE.jump)) return 'if nothing was lost';
  return marks & (LIFE.evidence | LIFE.inferred) ? 'likely' : 'certain';
}

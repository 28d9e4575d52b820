// SPDX-License-Identifier: Apache-2.0
/** What a page can be suspected of, why, and how sure that is. */

/** Weakest last. The third is said where events are missing, the last where somebody may give back later or nobody saw who took; they accuse nobody. */
export const CONFIDENCES = ['certain', 'likely', 'if nothing was lost', 'possible'] as const;
export type Confidence = (typeof CONFIDENCES)[number];

export const isAccusation = (confidence: Confidence): boolean => confidence === 'certain' || confidence === 'likely';

/** Worst first. */
export const FAULTS = [
  'below zero',
  'taken free',
  'freed twice',
  'freed in use',
  'base lost',
  'pin',
  'reference',
  'allocation',
] as const;
export type Fault = (typeof FAULTS)[number];

/** Faults of one event, the last of a suspicion's rows; the others are of a reference, the first. */
export const isBreach = (fault: Fault): boolean => FAULTS.indexOf(fault) < FAULTS.indexOf('pin');

/** Why a page is suspected; src/cli has the sentences. */
export type Reason =
  | 'negative'
  | 'takenFree'
  | 'freedTwice'
  | 'freedInUse'
  | 'baseLost'
  | 'unmapped'
  | 'aboveIdle'
  | 'takerGone'
  | 'neverGivenBack'
  | 'untouched'
  | 'longerThanUsual'
  | 'takenBefore'
  | 'batch'
  | 'handedOn'
  | 'pinnedFast'
  | 'longGone';

/** Why an open reference is not judged; the first two: the kernel or the type of device memory, on which the rule hangs, is not known. */
export type Unjudged = 'kernel' | 'type' | 'inUse' | 'pending' | 'large' | 'young' | 'device' | 'taker';

/** One page under suspicion. */
export interface Suspicion {
  page: number;
  fault: Fault;
  confidence: Confidence;
  reasons: Reason[];
  references: number;
  /** the call path that took, 0 for unknown */
  site: number;
  /** events that took, and the last event of the page (for a negative count: the one that did it) */
  rows: number[];
  /** time of the oldest open reference, where it was seen to be taken */
  since: number | undefined;
}

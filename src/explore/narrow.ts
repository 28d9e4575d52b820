// SPDX-License-Identifier: Apache-2.0
/**
 * What is declared to have 32 bits seldom needs them. A search that has become large looks at the values that it has met,
 * and begins anew with states that have room for no more than these. Each value is checked before it is kept: where one does
 * not fit, the level is finished, so that all that do not fit are known, and the search begins anew with room for all that they can be.
 * A packing is a bijection: what is found is the same.
 *
 * Not here: which values are expected (expect.ts), how a state is packed (encode.ts), the checks (emit.ts).
 */
import { ALL } from './expect.js';
import { type Model, narrowed } from './model.js';
import { slotsBefore } from './places.js';
import { type SearchOptions, type SearchResult, search } from './search.js';

/** States from which on it pays, at least and a step of the tasks: before, a search is over sooner than code is made anew. */
const NARROW_FROM = 1 << 13;
const NARROW_FROM_A_STEP = 1 << 10;

/**
 * To begin anew takes 0.2 to 0.3 s of CPU, and smaller states are hardly faster: it pays where millions are to come. Of the
 * protocols' searches those with more than this part of their states in the level found last came to 15 to 340 times as many, the
 * others to less than 6 times.
 */
const NARROW_SHARE = 0.18;

/** How often a search begins anew for a value that does not fit; then there is room for all that is possible. */
const PATIENCE = 3;

/** @returns the result, and the model whose states it is about */
export function searchNarrowly(model: Model, options: SearchOptions): { result: SearchResult; model: Model } {
  const steps = slotsBefore(model.linked.tasks).at(-1) ?? 0;
  const narrowFrom = Math.max(NARROW_FROM, steps * NARROW_FROM_A_STEP);
  const when = options.narrowFrom === undefined ? { narrowFrom, narrowShare: NARROW_SHARE } : {};
  const { resume, ...anew } = { ...options, ...when };
  const expectation = resume?.border.expectation;
  let packed = expectation ? narrowed(model, expectation) : model;
  let result = search(packed, { ...anew, ...(resume && { resume }) });
  for (let attempts = 0; result.expectation; attempts++) {
    packed = narrowed(model, attempts > PATIENCE ? ALL : result.expectation);
    result = search(packed, { ...anew, ...(result.steps && { steps: result.steps }) });
  }
  model.code.hits.set(packed.code.hits.subarray(0, model.code.hits.length));
  return { result, model: packed };
}

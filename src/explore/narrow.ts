// SPDX-License-Identifier: Apache-2.0
/**
 * What is declared to have 32 bits seldom needs them. A search that has become large looks at the values that it has met,
 * and begins anew with states that have room for no more than these. Each value is checked before it is kept: where one does
 * not fit, the level is finished, so that all that do not fit are known, and the search begins anew with more room for them.
 * A packing is a bijection: what is found is the same.
 *
 * Not here: which values are expected (expect.ts), how a state is packed (encode.ts), the checks (emit.ts).
 */
import { type Model, narrowed } from './model.js';
import { type SearchOptions, type SearchResult, search } from './search.js';

/** States from which on it pays: before, a search is over sooner than code for other states is made. */
const NARROW_FROM = 1 << 13;

/** @returns the result, and the model whose states it is about */
export function searchNarrowly(model: Model, options: SearchOptions): { result: SearchResult; model: Model } {
  const { resume, ...anew } = { narrowFrom: NARROW_FROM, ...options };
  const expectation = resume?.border.expectation;
  let packed = expectation ? narrowed(model, expectation) : model;
  let result = search(packed, { ...anew, ...(resume && { resume }) });
  while (result.expectation) {
    packed = narrowed(model, result.expectation);
    result = search(packed, anew);
  }
  model.code.hits.set(packed.code.hits.subarray(0, model.code.hits.length));
  return { result, model: packed };
}

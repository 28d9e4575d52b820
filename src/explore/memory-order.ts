// SPDX-License-Identifier: Apache-2.0
/**
 * A check under a memory order. Under x86-TSO store buffers are tried small first, since a state holds them: one that a
 * store does not fit is made larger and the search begins anew, so that no verdict depends on the size.
 *
 * Not here: what a store buffer does (compiler/link-tso.ts).
 */
import { InternalError } from '../base/assert.js';
import type { BufferDepth } from '../compiler/link.js';
import { check, type Model, type SearchOptions } from './check.js';
import type { CheckResult } from './verdict.js';

export type MemoryOrder = 'sc' | 'tso';

/** Stores that a buffer holds. The largest is about what x86 processors have. */
export const DEPTHS: Record<MemoryOrder, readonly BufferDepth[]> = { sc: [undefined], tso: [2, 4, 8, 16, 32, 64] };

/**
 * @param build makes the model for store buffers of that many stores
 * @param searchOf how the model is searched
 * @param from smaller ones need not be tried
 * @returns the result, and the model that it is about; inconclusive where not even the largest buffer is enough
 * @throws InputError as `check` does
 */
export function checkInOrder(
  memory: MemoryOrder,
  build: (depth: BufferDepth) => Model,
  searchOf: (model: Model) => SearchOptions = () => ({}),
  from?: BufferDepth,
): { model: Model; result: CheckResult } {
  for (const depth of DEPTHS[memory].slice(Math.max(0, DEPTHS[memory].indexOf(from)))) {
    const model = build(depth);
    const result = check(model, searchOf(model));
    if (result.violation?.kind !== 'store buffer') return { model, result };
    if (depth === DEPTHS[memory].at(-1)) return { model, result: undecided(result) };
  }
  throw new InternalError('no depth is left');
}

function undecided({ violation, path: _, blocked: __, initialWatched: ___, ...result }: CheckResult): CheckResult {
  return {
    ...result,
    verdict: 'inconclusive',
    inconclusive: `${violation?.message}: a task stores on and on without a barrier`,
  };
}

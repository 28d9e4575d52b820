// SPDX-License-Identifier: Apache-2.0
/** `refzero trace explain`: the story of one page of a recording, as data. */
import { InternalError } from '../base/assert.js';
import { type Explanation, explain } from '../conform/explain.js';
import { summarize } from '../conform/summary.js';
import type { OpenTrace } from './trace.js';
import { pfnOf } from './trace-narrow.js';

/**
 * @param pageText a page number, decimal or 0x…, or a pointer to its struct page
 * @throws InputError where the text names no page, or the recording has no event of it
 */
export function explainPage(trace: OpenTrace, pageText: string): Explanation {
  const { recording, ranges, kernel } = trace;
  const pfn = pfnOf(trace, pageText);
  const lives = summarize(recording, ranges, kernel);
  const page = lives.index.find(pfn);
  if (page < 0) throw new InternalError(`page ${pfn} has events and is not in the index`);
  return explain(recording, lives, ranges, kernel, page);
}

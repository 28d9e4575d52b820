// SPDX-License-Identifier: Apache-2.0
/**
 * Lives and stories of the pages of a recording, a portion after the other. Threads take portions as they get to them: who is faster
 * does more, and what is found does not depend on who found it.
 */
import type { KernelVersion } from '../spec/kernel-version.js';
import { Lives } from './lives.js';
import type { Countable } from './order.js';
import type { PageIndex } from './page-index.js';
import type { RangeMap } from './ranges.js';
import { beginsPortion, type Counts } from './rebuild.js';
import type { Sites } from './sites.js';
import { Stories, type StoryGroup } from './stories.js';
import { LifeSearch, type LivesPart } from './summary.js';

/** Portions of the pages (rebuild.ts), and the next that nobody has taken, in memory that threads share. */
export interface Portions {
  /** where each begins, by number; one more for the end of the last */
  begins: Uint32Array;
  next: Int32Array;
}

/** One portion, and its pages by story, where that is wanted. */
export interface PortionLives {
  part: LivesPart;
  stories: StoryGroup[] | undefined;
}

export function portionsOf(index: PageIndex): Portions {
  const begins: number[] = [];
  for (let page = 0; page < index.pages.length; page++) if (beginsPortion(index, page)) begins.push(page);
  begins.push(index.pages.length);
  return { begins: Uint32Array.from(begins), next: new Int32Array(new SharedArrayBuffer(4)) };
}

/** Takes portions until there are no more. @param sites where stories are wanted */
export function livesOfPortions(
  recording: Countable,
  index: PageIndex,
  counts: Counts,
  ranges: RangeMap,
  kernel: KernelVersion | undefined,
  { begins, next }: Portions,
  sites: Sites | undefined,
): PortionLives[] {
  const search = new LifeSearch(recording, index, counts, ranges, kernel);
  const nothing = { index, counts, lives: new Lives(), firstLife: new Uint32Array(1) };
  const stories = sites && new Stories(recording, nothing, ranges, sites);
  const found: PortionLives[] = [];
  for (;;) {
    const portion = Atomics.add(next, 0, 1);
    if (portion + 1 >= begins.length) return found;
    const [from, to] = [begins[portion], begins[portion + 1]];
    const part = search.part(from, to);
    found.push({ part, stories: stories?.groupsOf(from, to, part) });
  }
}

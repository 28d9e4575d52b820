// SPDX-License-Identifier: Apache-2.0
/** The verdict on a recording against the ground truth in its meta.json; shared by the kept recordings and the sweep. */
import { expect } from 'vitest';
import { inferRanges } from '../src/conform/infer-ranges.js';
import { indexPages } from '../src/conform/page-index.js';
import { RangeMap, rangeOf } from '../src/conform/ranges.js';
import { summarize } from '../src/conform/summary.js';
import { judge, type Verdict } from '../src/conform/verdict.js';
import { bareName } from '../src/spec/call-paths.js';
import { parseKernelVersion, since } from '../src/spec/kernel-version.js';
import type { Recording } from '../src/trace/recording.js';
import type { MetaRun } from './recordings-shared.js';

/** Pages told by the verdict, `0x41005 refleak_get_user_leak`; without stacks the page alone. */
export interface Told {
  /** certain and likely */
  accused: string[];
  /** the weaker ones */
  suspected: string[];
}

export function rangesOf(run: MetaRun): RangeMap {
  return new RangeMap(
    run.zone_device_ranges.map(({ first_pfn, last_pfn, type }) => rangeOf(first_pfn, last_pfn, type)!),
  );
}

/** What the recording alone says where device memory is. */
export function inferredIn(recording: Recording, release: string): RangeMap {
  return new RangeMap(inferRanges(recording, new RangeMap([]), parseKernelVersion(release)));
}

export function verdictOn(recording: Recording, run: MetaRun, release: string, map = rangesOf(run)): Verdict {
  const kernel = parseKernelVersion(release)!;
  return judge(recording, summarize(recording, map, kernel), map, kernel);
}

/**
 * Pages of which the recording alone says another kind than the meta.json, `0x60000 ordinary as devdax`, at most a few. That
 * nothing tells the type is allowed; and so is knowing device memory that was gone when the meta.json was written.
 */
export function misjudged(recording: Recording, run: MetaRun, release: string): string[] {
  const [given, inferred] = [rangesOf(run), inferredIn(recording, release)];
  const found: string[] = [];
  for (const pfn of indexPages(recording).pages) {
    const [truth, said] = [given.kindOf(pfn), inferred.kindOf(pfn)];
    const gone = truth === 'ordinary' && said === 'devdax' && (run.events.page_ref_set ?? 0) > 16384;
    if (truth === said || gone || (truth !== 'ordinary' && said === 'device')) continue;
    if (found.length < 8) found.push(`0x${pfn.toString(16)} ${truth} as ${said}`);
  }
  return found;
}

export function toldBy({ suspects, weaker }: Verdict): Told {
  const lines = (list: Verdict['suspects']) =>
    list.flatMap(({ pages, site }) => pages.map((pfn) => line(pfn, site === null ? undefined : bareName(site)))).sort();
  return { accused: lines(suspects), suspected: lines(weaker) };
}

/**
 * What must be told. With stacks every leak that counts can show, by page and function. Without: no allocation (nothing shows
 * that its page is not in use); pins as possible from 6.2 on, where they may be io_uring's.
 */
function truthOf({ leak_ground_truth: truth = [], stack_blocks }: MetaRun, release: string): Told {
  const told: Told = { accused: [], suspected: [] };
  for (const { leak, underflow, pfn, function: name } of truth ?? []) {
    if (stack_blocks > 0) {
      if (leak || underflow) told.accused.push(line(Number(pfn), name));
    } else if (leak === 'pin_never_unpinned' && since(parseKernelVersion(release)!, 6, 2))
      told.suspected.push(line(Number(pfn), undefined));
    else if (underflow || leak === 'pin_never_unpinned' || leak === 'get_never_put')
      told.accused.push(line(Number(pfn), undefined));
  }
  return { accused: told.accused.sort(), suspected: told.suspected.sort() };
}

/** @throws where something else is told than what is true; without stacks, pins that are not leaked may be told as possible */
export function expectTruth(verdict: Verdict, run: MetaRun, release: string): void {
  const told = toldBy(verdict);
  const truth = truthOf(run, release);
  if (run.stack_blocks > 0 || truth.suspected.length > 0) expect(told).toEqual(truth);
  else expect(told.accused).toEqual(truth.accused);
}

const line = (pfn: number, site: string | undefined): string =>
  `0x${pfn.toString(16)}${site === undefined ? '' : ` ${site}`}`;

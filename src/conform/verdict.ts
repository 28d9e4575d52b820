// SPDX-License-Identifier: Apache-2.0
/** The verdict on a recording: suspicions of equal story as one, worst first, each with its evidence; and what was not judged. */
import type { KernelVersion } from '../spec/kernel-version.js';
import { UNKNOWN } from '../spec/ops.js';
import type { PageKind } from '../spec/rest.js';
import type { Recording } from '../trace/recording.js';
import { eventOf, type PageEvent } from './page-life.js';
import type { RangeMap } from './ranges.js';
import type { LivesOf } from './summary.js';
import { Suspects } from './suspects.js';
import {
  CONFIDENCES,
  type Confidence,
  FAULTS,
  type Fault,
  isAccusation,
  isBreach,
  type Reason,
  type Suspicion,
  type Unjudged,
} from './suspicion.js';

export interface Suspect {
  fault: Fault;
  confidence: Confidence;
  kind: PageKind;
  /** did nobody name the range, so that its kind follows from the events? */
  inferred: boolean;
  /** how many pages have this story, and the first of them */
  count: number;
  pages: number[];
  /** open references of each page; the count itself where that fell below zero */
  references: number;
  /** the function that took what was never given back (or put too often), null without stacks */
  site: string | null;
  /** its call path, innermost first */
  path: string[];
  /** tasks that did it, `comm-pid`, at most a few; none where nobody saw it */
  tasks: string[];
  /** how long the oldest reference is open at the end of the recording, in its unit; null where its taking was not seen */
  age: number | null;
  reasons: Reason[];
  /** events of the first page */
  evidence: PageEvent[];
}

export interface Verdict {
  /** accusations, certain or likely, worst first */
  suspects: Suspect[];
  /** what would be one if nothing was lost, and pins that others may still take off: they accuse nobody */
  weaker: Suspect[];
  /** open pages that are not judged, by reason, and functions that hold them, as far as that is known */
  unjudged: { reason: Unjudged; pages: number; holders: string[] }[];
  /** were there call paths to go by? */
  stacks: boolean;
}

const PAGES_SHOWN = 16;
const TASKS_SHOWN = 4;
const EVIDENCE_SHOWN = 6;

/**
 * Judges the lives of a recording. Without a kernel only ordinary pages are judged.
 * @param only by page of the index: where it is 0, nothing is said of the page; all of the recording is learnt from
 */
export function judge(
  recording: Recording,
  lives: LivesOf,
  ranges: RangeMap,
  kernel: KernelVersion | undefined,
  only?: Uint8Array,
): Verdict {
  const stacks = recording.stacks.size > 0;
  const suspects = new Suspects(recording, lives, kernel, (pfn) => ranges.kindOf(pfn), stacks, only);
  const groups = new Map<string, Suspicion[]>();
  for (const suspicion of suspects.find()) {
    if (lives.trust.incomplete && suspicion.confidence !== 'possible') suspicion.confidence = 'if nothing was lost';
    const { fault, references, site, reasons, page } = suspicion;
    const pfn = lives.index.pages[page];
    const kind = ranges.kindOf(pfn);
    if (suspicion.confidence === 'certain' && ranges.isInferred(pfn)) suspicion.confidence = 'likely';
    const key = [fault, suspicion.confidence, kind, references, site, reasons].join(' ');
    const group = groups.get(key);
    if (group) group.push(suspicion);
    else groups.set(key, [suspicion]);
  }
  const told = [...groups.values()].map((group) => {
    return tell(group, recording, lives, suspects, ranges, kernel);
  });
  told.sort(worse);
  return {
    suspects: told.filter(({ confidence }) => isAccusation(confidence)),
    weaker: told.filter(({ confidence }) => !isAccusation(confidence)),
    unjudged: [...suspects.unjudged]
      .map(([reason, pages]) => ({ reason, pages, holders: [...(suspects.holders.get(reason) ?? [])].sort() }))
      .sort((a, b) => b.pages - a.pages),
    stacks,
  };
}

function worse(a: Suspect, b: Suspect): number {
  return (
    CONFIDENCES.indexOf(a.confidence) - CONFIDENCES.indexOf(b.confidence) ||
    FAULTS.indexOf(a.fault) - FAULTS.indexOf(b.fault) ||
    b.count - a.count ||
    a.pages[0] - b.pages[0]
  );
}

function tell(
  group: Suspicion[],
  recording: Recording,
  { index, counts }: LivesOf,
  { sites }: Suspects,
  ranges: RangeMap,
  kernel: KernelVersion | undefined,
): Suspect {
  const [first] = group;
  const { events, comms } = recording;
  const path = sites.paths[first.site];
  const tasks = new Set<string>();
  let oldest: number | undefined;
  for (const { rows, since, fault, reasons } of group) {
    if (reasons.includes('takenBefore')) continue;
    const row = isBreach(fault) ? rows[rows.length - 1] : rows[0];
    if (tasks.size < TASKS_SHOWN) tasks.add(`${comms.text(events.comm(row)) || '<...>'}-${events.pid(row)}`);
    if (since !== undefined && (oldest === undefined || since < oldest)) oldest = since;
  }
  const evidence = evidenceOf(first, recording, index, counts, kernel);
  return {
    fault: first.fault,
    confidence: first.confidence,
    kind: ranges.kindOf(index.pages[first.page]),
    inferred: ranges.isInferred(index.pages[first.page]),
    count: group.length,
    pages: group.slice(0, PAGES_SHOWN).map(({ page }) => index.pages[page]),
    references: first.references,
    site: path.holder === '' ? null : path.holder,
    path: [...path.frames],
    tasks: [...tasks],
    age: oldest === undefined ? null : events.time[events.length - 1] - oldest,
    reasons: first.reasons,
    evidence,
  };
}

/** What happened to a suspect's page since its reference was taken; where that is much, the takes and the last event. */
function evidenceOf(
  { page, rows }: Suspicion,
  recording: Recording,
  { starts, rows: all }: LivesOf['index'],
  counts: LivesOf['counts'],
  kernel: KernelVersion | undefined,
): PageEvent[] {
  const from = all.indexOf(rows[0], starts[page]);
  const to = all.indexOf(rows[rows.length - 1], from) + 1;
  const chosen = new Set(to - from <= EVIDENCE_SHOWN ? all.subarray(from, to) : rows.slice(-EVIDENCE_SHOWN));
  const evidence: PageEvent[] = [];
  for (let at = from; at < to; at++) {
    if (!chosen.has(all[at])) continue;
    const event = eventOf(recording, all[at], kernel);
    if (counts.before[at] !== UNKNOWN) event.before = counts.before[at];
    if (counts.after[at] !== UNKNOWN) event.after = counts.after[at];
    if (event.order !== undefined) event.before = event.after = undefined;
    evidence.push(event);
  }
  return evidence;
}

// SPDX-License-Identifier: Apache-2.0
/** `refzero trace diff`: two recordings, before and after a patch or of two machines, compared by call path and verdict. */
import { diffFindings, diffUses, type FindingDiff, type UseDiff } from '../conform/diff.js';
import { pathUses } from '../conform/path-use.js';
import { Sites } from '../conform/sites.js';
import { summarize } from '../conform/summary.js';
import { judge } from '../conform/verdict.js';
import { type OpenTrace, openTrace, type TraceOptions } from './trace.js';
import { metaBeside } from './trace-meta.js';

export interface SideSummary {
  file: string;
  kernel: string | null;
  events: number;
  /** from the first to the last event, in `unit` */
  duration: number;
  unit: 'ns' | 'ticks';
  pages: number;
  /** does it have call paths? without them only verdicts and totals can be compared */
  stacks: boolean;
  /** was anything lost? then what is missing may be what differs */
  lossy: boolean;
}

export interface TraceDiff {
  a: SideSummary;
  b: SideSummary;
  /** what `UseDiff.rateA` and `rateB` are of */
  per: 'second' | 'million events';
  findings: FindingDiff[];
  uses: UseDiff[];
}

/** Reads both. A meta.json beside a recording is used. @throws InputError as openTrace */
export async function diffOf(fileA: string, fileB: string, options: TraceOptions = {}): Promise<TraceDiff> {
  const a = await sideOf(fileA, options);
  const b = await sideOf(fileB, options);
  const timed = [a, b].every(({ summary }) => summary.unit === 'ns' && summary.duration > 0);
  const length = ({ summary }: Side) => (timed ? summary.duration / 1e9 : Math.max(1, summary.events) / 1e6);
  return {
    a: a.summary,
    b: b.summary,
    per: timed ? 'second' : 'million events',
    findings: diffFindings(a.verdict, b.verdict),
    uses: diffUses(a.uses, b.uses, length(a), length(b)),
  };
}

type Side = Awaited<ReturnType<typeof sideOf>>;

async function sideOf(file: string, options: TraceOptions) {
  const meta = options.meta ?? metaBeside(file);
  const trace = await openTrace(file, { ...options, ...(meta !== undefined && { meta }) });
  const { recording, ranges, kernel } = trace;
  const lives = summarize(recording, ranges, kernel);
  const uses = pathUses(recording, lives, ranges, kernel, new Sites(recording), () => true);
  return {
    summary: summaryOf(trace, lives.index.pages.length),
    verdict: judge(recording, lives, ranges, kernel),
    uses,
  };
}

function summaryOf({ file, recording, kernel }: OpenTrace, pages: number): SideSummary {
  const { events, losses, cpus } = recording;
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let row = 0; row < events.length; row++) {
    first = Math.min(first, events.time[row]);
    last = Math.max(last, events.time[row]);
  }
  return {
    file,
    kernel: kernel?.name ?? null,
    events: events.length,
    duration: events.length > 0 ? last - first : 0,
    unit: recording.unit,
    pages,
    stacks: recording.stacks.size > 0,
    lossy: losses.length > 0 || cpus.some(({ overrun, dropped }) => overrun > 0 || dropped > 0),
  };
}

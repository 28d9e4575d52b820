// SPDX-License-Identifier: Apache-2.0
/** What the tests of recordings share: the meta.json, and the comparison of a text with the trace.dat of the same run. */
import type { KernelVersion } from '../src/spec/kernel-version.js';
import { pageFlagNames } from '../src/spec/page-flags.js';
import { HAS } from '../src/trace/columns.js';
import type { Recording } from '../src/trace/recording.js';
import { FIELD } from '../src/trace/shapes.js';

export interface MetaRun {
  events: Record<string, number>;
  events_in_dat?: Record<string, number>;
  stack_blocks: number;
  files: { dat?: MetaFile; text?: MetaFile };
  zone_device_ranges: { first_pfn: string; last_pfn: string; type: string }[];
  leak_ground_truth?:
    | { leak?: string; underflow?: string; control?: string; pfn: string; memory: string; function: string }[]
    | null;
}

export interface MetaFile {
  file: string;
  uncompressed_bytes: number;
}

/** The counts that a file must have; a text announces stacks instead of having events for them. */
export function wantedCounts(run: MetaRun, which: 'dat' | 'text'): Record<string, number> {
  if (which === 'dat') return run.events_in_dat!;
  return run.stack_blocks > 0 ? { ...run.events, kernel_stack: run.stack_blocks } : run.events;
}

/** Where the two differ, at most a few lines; empty for the same events. */
export function agreement(dat: Recording, text: Recording): string[] {
  const differences: string[] = [];
  if (dat.events.length !== text.events.length) {
    differences.push(`${dat.events.length} events against ${text.events.length}`);
  }
  const stacks = new Map<number, number>();
  for (let row = 0; row < Math.min(dat.events.length, text.events.length) && differences.length < 5; row++) {
    if (!same(dat, text, row)) differences.push(`row ${row}: ${line(dat, row)} | ${line(text, row)}`);
    const [a, b] = [dat.events.stack(row), text.events.stack(row)];
    if (a < 0 !== b < 0) differences.push(`row ${row}: a stack in one of them only`);
    if (a < 0 || b < 0 || stacks.get(a) === b) continue;
    stacks.set(a, b);
    const [mine, theirs] = [frames(dat, a), frames(text, b)];
    if (mine !== theirs) differences.push(`row ${row}: ${mine} | ${theirs}`);
  }
  return differences;
}

/** Flag words of the trace.dat that are named otherwise than in the text of the same run, as the kernel printed it. */
export function flagDifferences(dat: Recording, text: Recording, kernel: KernelVersion): string[] {
  const compared = new Set<string>();
  const differences = new Set<string>();
  for (let row = 0; row < dat.events.length; row++) {
    if (!(dat.kinds[dat.events.kind(row)].has & HAS.flags)) continue;
    const [low, printed] = [dat.events.word(row, FIELD.flags), text.events.word(row, FIELD.flags)];
    if (compared.has(`${low} ${printed}`)) continue;
    compared.add(`${low} ${printed}`);
    const theirs = text.flagTexts!.text(printed);
    const mine = pageFlagNames(low, kernel);
    if (mine !== theirs) differences.add(`${mine} | ${theirs}`);
  }
  if (compared.size === 0) differences.add('nothing to compare');
  return [...differences];
}

/** The text names no module of a function; a kernel without symbols to show prints addresses. */
const frames = ({ stacks }: Recording, id: number): string =>
  stacks
    .frames(id)
    .map((frame) => frame.replace(/ \[\w+\]$/, ''))
    .join(' ');

/** As `line` compares, without making the text. */
function same(dat: Recording, text: Recording, row: number): boolean {
  const [a, b] = [dat.events, text.events];
  const base = Number(dat.timeBase - text.timeBase);
  const ns = base + a.time[row];
  // rounded to a microsecond of the absolute time, which the text has
  const time = dat.unit === 'ticks' ? ns : ns - (ns % 1000) + (ns % 1000 >= 500 ? 1000 : 0);
  if (time !== b.time[row] || a.pfn(row) !== b.pfn(row) || a.cpu(row) !== b.cpu(row)) return false;
  if (a.pid(row) !== b.pid(row) || a.val(row) !== b.val(row) || a.ret(row) !== b.ret(row)) return false;
  if (a.count(row) !== b.count(row) || a.mapcount(row) !== b.mapcount(row)) return false;
  const [mine, theirs] = [dat.kinds[a.kind(row)].name, text.kinds[b.kind(row)].name];
  if (mine !== theirs && (mine !== 'print' || theirs !== 'tracing_mark_write')) return false;
  return (dat.comms.text(a.comm(row)) || '<...>') === text.comms.text(b.comm(row));
}

function line({ events, kinds, comms, unit, timeBase, precision }: Recording, row: number): string {
  const absolute = timeBase + BigInt(Math.round(events.time[row]));
  // the kernel prints microseconds rounded (kernel/trace/trace_output.c: ns2usecs)
  const time = unit === 'ticks' || precision === 6 ? absolute : ((absolute + 500n) / 1000n) * 1000n;
  const name = kinds[events.kind(row)].name.replace('tracing_mark_write', 'print');
  const comm = comms.text(events.comm(row)) || '<...>';
  const numbers = [events.cpu(row), events.pid(row), events.pfn(row), events.val(row), events.ret(row)];
  return [time, name, comm, ...numbers, events.count(row), events.mapcount(row)].join(' ');
}

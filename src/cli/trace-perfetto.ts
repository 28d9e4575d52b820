// SPDX-License-Identifier: Apache-2.0
/**
 * Pages as a timeline in the Trace Event Format (Chrome's JSON), which ui.perfetto.dev and chrome://tracing open: a lane for each
 * page, grouped by kind; its lives as slices, its events as instants, its count as a counter.
 *
 * The JSON and not Perfetto's protobuf: it needs no schema, and both viewers read it. The format: "Trace Event Format" (Google, 2016);
 * and what Perfetto's importer makes of it (src/trace_processor/importers/json: json_trace_tokenizer.cc, json_trace_parser_impl.cc):
 * no displayTimeUnit, which some of its versions take for the unit of `ts`; a thread belongs to one process, whatever its events;
 * times are cut to nanoseconds, and slices of a thread must nest even so.
 */
import type { Lane } from '../conform/lanes.js';
import type { PageEvent } from '../conform/page-life.js';
import { clean } from './trace-render.js';

/** What the document says beside the events. */
export interface TimelineFacts {
  file: string;
  kernel: string | null;
  unit: 'ns' | 'ticks';
  /** first and last time of the recording */
  first: bigint;
  last: bigint;
  /** absolute time of a row */
  timeOf: (row: number) => bigint;
}

type Fields = Record<string, unknown>;

/** Numbers of processes and threads, which are kinds and pages here; threads must differ over all processes. */
const FIRST_TID = 1000;

/** microseconds that cutting two numbers to nanoseconds can move them apart */
const CUT = 0.002;

/** @returns the document in pieces */
export function* perfettoLines(lanes: Iterable<Lane>, facts: TimelineFacts): Generator<string> {
  const { file, kernel, unit } = facts;
  yield `{"otherData":${JSON.stringify({ file: clean(file), kernel: kernel ?? 'not known', unit, by: 'refzero' })},\n"traceEvents":[\n`;
  const pids = new Map<string, number>();
  let tid = FIRST_TID;
  let between = '';
  for (const lane of lanes) {
    let pid = pids.get(lane.kind);
    const events: Fields[] = [];
    if (pid === undefined) {
      pids.set(lane.kind, (pid = pids.size + 1));
      events.push({ ph: 'M', name: 'process_name', pid, tid, args: { name: `${lane.kind} pages` } });
    }
    events.push(...laneEvents(lane, pid, tid++, facts));
    for (const event of events) {
      yield `${between}${JSON.stringify(event)}`;
      between = ',\n';
    }
  }
  yield '\n]}\n';
}

function laneEvents({ pfn, kind, spans, events }: Lane, pid: number, tid: number, facts: TimelineFacts): Fields[] {
  const name = `0x${pfn.toString(16)}`;
  const stamp = (time: bigint) => microseconds(time, facts.unit);
  const all: Fields[] = [
    { ph: 'M', name: 'thread_name', pid, tid, args: { name: `${name} ${kind}` } },
    { ph: 'M', name: 'thread_sort_index', pid, tid, args: { sort_index: tid } },
  ];
  for (const [at, { begin, end, open }] of spans.entries()) {
    // an end that was not recorded came before the next life
    const next = spans[at + 1]?.begin ?? -1;
    const from = begin < 0 ? facts.first : facts.timeOf(begin);
    const to = end >= 0 ? facts.timeOf(end) : !open && next >= 0 ? facts.timeOf(next) : facts.last;
    const how = `${begin < 0 ? ', begun before the recording' : ''}${open ? ', open at the end' : end < 0 ? ', end not seen' : ''}`;
    // an end at the next begin would overlap it by what is cut
    const dur = stamp(to) - stamp(from) - (end < 0 && !open && next >= 0 ? CUT : 0);
    all.push({
      ph: 'X',
      cat: 'life',
      name: `life ${at + 1}${how}`,
      pid,
      tid,
      ts: stamp(from),
      dur: Math.max(0, round(dur)),
    });
  }
  for (const event of events) {
    const ts = stamp(event.time);
    all.push({ ph: 'i', s: 't', cat: 'event', name: titleOf(event), pid, tid, ts, args: argsOf(event) });
    if (event.after !== undefined) {
      all.push({ ph: 'C', name: `count of ${name}`, pid, tid, ts, args: { count: event.after } });
    }
  }
  return all;
}

/** The format counts in microseconds, with decimals; ticks are shown as if they were nanoseconds. */
const microseconds = (time: bigint, unit: 'ns' | 'ticks'): number => {
  return unit === 'ticks' ? Number(time) / 1000 : round(Number(time) / 1000);
};

const round = (value: number): number => Math.round(value * 1000) / 1000;

function titleOf({ event, val, stack, ret }: PageEvent): string {
  const stores = /_(?:set|freeze|unfreeze)$/.test(event);
  const failed = ret === 0 && /_(?:mod_unless|freeze)$/.test(event) ? ' failed' : '';
  const moved =
    val === undefined
      ? clean(event)
      : stores
        ? `${clean(event).replace(/^.*_ref_/, '')} ${val}`
        : `${val > 0 ? '+' : ''}${val}`;
  const by = stack?.[0] === undefined ? '' : ` ${clean(stack[0])}`;
  return `${moved}${failed}${by}`;
}

function argsOf({ event, cpu, pid, comm, before, after, count, mapcount, flags, stack }: PageEvent): Fields {
  const task = clean(`${comm === '' ? '<...>' : comm}-${pid}`);
  const path = stack === undefined || stack.length === 0 ? undefined : stack.map(clean).join(' < ');
  return { event: clean(event), task, cpu, before, after, count, mapcount, flags: flags && clean(flags), stack: path };
}

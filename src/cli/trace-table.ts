// SPDX-License-Identifier: Apache-2.0
/** Events of pages as CSV (RFC 4180), and stacks of what leaks as folded lines. docs/recordings.md describes both. */
import type { TraceReport } from '../app/trace.js';
import type { Lane } from '../conform/lanes.js';
import { clean, timeText } from './trace-render.js';

const COLUMNS = [
  'time',
  'cpu',
  'task',
  'pid',
  'pfn',
  'kind',
  'life',
  'event',
  'val',
  'ret',
  'order',
  'before',
  'after',
  'count',
  'mapcount',
  'flags',
  'marks',
  'stack',
] as const;

/** @returns a header line, then a line for each event, page by page; lines end as RFC 4180 has it */
export function* csvLines(lanes: Iterable<Lane>, unit: 'ns' | 'ticks'): Generator<string> {
  yield `${COLUMNS.join(',')}\r\n`;
  for (const { pfn, kind, spans, events } of lanes) {
    for (const event of events) {
      const row: Record<(typeof COLUMNS)[number], string | number | undefined> = {
        ...event,
        time: timeText(event.time, unit, 9).trim(),
        task: event.comm,
        pfn: `0x${pfn.toString(16)}`,
        kind,
        life: lifeAt(spans, event.row),
        marks: [event.begins ? 'begins' : '', event.ends ? 'ends' : ''].filter((mark) => mark !== '').join(' '),
        stack: event.stack?.join(';'),
      };
      yield `${COLUMNS.map((column) => cell(row[column])).join(',')}\r\n`;
    }
  }
}

/** The number, from 1, of the life that the event is part of; nothing between lives. */
function lifeAt(spans: Lane['spans'], row: number): number | undefined {
  const life = spans.findIndex(({ begin, end, open }) => begin <= row && (open || end < 0 || row <= end));
  return life < 0 ? undefined : life + 1;
}

function cell(value: string | number | undefined): string {
  if (value === undefined) return '';
  const text = clean(String(value));
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * @returns a line for each call path that leaks: its functions, root first, with `;` between, and how many references (a pin is
 * one); the accused ones, as flamegraph.pl and speedscope read them
 */
export function* foldedLines({ verdict }: TraceReport): Generator<string> {
  const byPath = new Map<string, number>();
  for (const { fault, path, references, count } of verdict.suspects) {
    if (fault === 'below zero') continue;
    const frames = path.length === 0 ? ['(no stack)'] : [...path].reverse();
    const key = frames.map((frame) => clean(frame).replaceAll(';', ':')).join(';');
    byPath.set(key, (byPath.get(key) ?? 0) + count * (fault === 'pin' ? Math.max(1, references >> 10) : references));
  }
  for (const [path, references] of byPath) yield `${path} ${references}\n`;
}

// SPDX-License-Identifier: Apache-2.0
/** In which form a command of `refzero trace` answers, and where that goes: stdout, or a file that was not there. */

import type { OpenTrace } from '../app/trace.js';
import { batches, lanesFor, writeOutput } from '../app/trace-export.js';
import { InputError } from '../base/diagnostic.js';
import type { Narrow } from '../conform/select.js';
import { count } from './terminal.js';
import { perfettoLines } from './trace-perfetto.js';
import { csvLines } from './trace-table.js';

const FORMATS = ['json', 'csv', 'folded', 'perfetto', 'mail'] as const;
export type Format = (typeof FORMATS)[number] | 'text';

export interface OutputFlags extends Partial<Record<(typeof FORMATS)[number], boolean>> {
  output?: string;
  force?: boolean;
}

/** More lanes than these are no help in a timeline. */
const LANES_SHOWN = 200;

/** @throws InputError where several forms are asked for */
export function formatOf(flags: OutputFlags): Format {
  const asked = FORMATS.filter((format) => flags[format]);
  if (asked.length < 2) return asked[0] ?? 'text';
  const message = `${asked.map((format) => `--${format}`).join(' and ')} are several forms of one answer: choose one`;
  throw new InputError({ code: 'RZ4000', message });
}

/** Writes to the file that was asked for, else to stdout. @throws InputError as writeOutput */
export async function put(pieces: Iterable<string>, { output, force }: OutputFlags): Promise<void> {
  if (output !== undefined) return writeOutput(output, pieces, force === true);
  for (const piece of batches(pieces)) process.stdout.write(piece);
}

/** The events of pages as a table, or as a timeline of at most `limit` pages. */
export async function putLanes(
  trace: OpenTrace,
  narrow: Narrow | undefined,
  format: 'csv' | 'perfetto',
  limit: number | undefined,
  flags: OutputFlags,
): Promise<void> {
  const { recording, file, kernel } = trace;
  if (format === 'csv') return put(csvLines(lanesFor(trace, narrow, limit).lanes, recording.unit), flags);
  const { lanes, pages, given } = lanesFor(trace, narrow, limit ?? LANES_SHOWN);
  const { time, length } = recording.events;
  const timeOf = (row: number) => recording.timeBase + BigInt(Math.round(length > 0 ? time[row] : 0));
  const facts = {
    file,
    kernel: kernel?.name ?? null,
    unit: recording.unit,
    first: timeOf(0),
    last: timeOf(length - 1),
    timeOf,
  };
  await put(perfettoLines(lanes, facts), flags);
  if (given === pages) return;
  process.stderr.write(
    `${count(given, 'page')} of ${count(pages, 'page')}, suspects and busy ones first: --limit ${pages} gives all\n`,
  );
}

/** @returns data as JSON; 64-bit times as a double where that is exact, else as a string */
export function jsonText(data: unknown): string {
  const plain = (_key: string, value: unknown): unknown => {
    if (typeof value !== 'bigint') return value;
    const exact = value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= -BigInt(Number.MAX_SAFE_INTEGER);
    return exact ? Number(value) : value.toString();
  };
  return `${JSON.stringify(data, plain, 2)}\n`;
}

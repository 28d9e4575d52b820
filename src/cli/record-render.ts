// SPDX-License-Identifier: Apache-2.0
/** What came of a recording, in a few lines: what is in the file, what was lost and what to do about it. */
import type { RecordResult } from '../app/record.js';
import type { Held, HeldPage } from '../app/record-held.js';
import { grouped, hang, type Screen } from './terminal.js';

const MIB = 1 << 20;

/** Of the memory that all records would have taken, so that the next run has some to spare. */
const SPARE = 1.5;

export function renderRecord(result: RecordResult, screen: Screen): string {
  const { style, width } = screen;
  const { ended, failure, file, notUndone } = result;
  const lines: string[] = [];
  const line = (text: string, paint = (plain: string) => plain) =>
    lines.push(...hang(`refzero: ${text}`, width, 2).map((part) => paint(part)));
  if (ended.failure !== undefined) line(`${ended.failure}; nothing was recorded`, style.bad);
  else if (file === undefined) line(`the recording failed: ${failure}; there is no file`, style.bad);
  else {
    if (failure !== undefined) line(`the recording is not complete: ${failure}`, style.bad);
    const { settings, records, bytes } = result;
    const buffers = `ring buffers of ${megabytes(settings.buffers)}, clock ${settings.clock}`;
    line(`${grouped(records)} records (events, stacks, marks), ${megabytes(bytes)} in ${file}; ${buffers}`);
    for (const text of lossLines(result)) line(text, style.bad);
    const { overrun, dropped, missed } = result.lost;
    if (missed > 0) line(`LOST ${grouped(missed)} hits of probes: the kernel was in another one`, style.bad);
    if (overrun + dropped + missed === 0 && failure === undefined) line('nothing was lost');
    if (result.probes.length > 0) line(`in place of page_ref events: probes on ${result.probes.join(', ')}`);
    if (result.held !== undefined) for (const text of heldLines(result.held)) line(text);
    line(`next: refzero trace ${file}`);
  }
  for (const text of notUndone) line(`not undone: ${text}`, style.bad);
  return `${lines.join('\n')}\n`;
}

function lossLines({ lost, records, bytes, settings }: RecordResult): string[] {
  const all = lost.overrun + lost.dropped;
  if (all === 0) return [];
  const how = [
    ...(lost.overrun > 0 ? [`${grouped(lost.overrun)} overwritten before they were saved`] : []),
    ...(lost.dropped > 0 ? [`${grouped(lost.dropped)} dropped`] : []),
  ].join(', ');
  const share = ((100 * all) / (records + all)).toFixed(1);
  const mean = records > 0 ? bytes / records : 100;
  // at least twice what was too small; a CPU may have had more than its share
  const need = Math.max(2 * settings.buffers, (bytes + all * mean) * SPARE);
  const size = Math.ceil(need / MIB / 64) * 64;
  return [
    `LOST ${grouped(all)} records, ${share} %: ${how}; what the file says of pages is weaker by that`,
    `to lose nothing: --buffer ${size}M, or record less: --zone device, --pfn FROM..TO, --no-stacks`,
  ];
}

/** Counts of device pages at the end, as the kernel has them. */
function heldLines({ looked, of, count, more, pages }: Held): string[] {
  const all = `${looked < of ? 'the first ' : ''}${grouped(looked)} pages of device memory`;
  if (count === 0) return [`of ${all}, none counts more at the end than an idle page and its mappings`];
  const pageText = ({ pfn, kind, count: counts, idle, mapped }: HeldPage) =>
    `0x${pfn.toString(16)} (${kind}) counts ${counts}, idle ${idle}${mapped > 0 ? `, mapped ${mapped}` : ''}`;
  const named = `${pages.slice(0, 8).map(pageText).join('; ')}${count > Math.min(8, pages.length) ? '; ...' : ''}`;
  return [`HELD at the end: ${more ? 'at least ' : ''}${grouped(count)} of ${all}: ${named}`];
}

function megabytes(bytes: number): string {
  return bytes < 10 * MIB ? `${(bytes / MIB).toFixed(1)} MB` : `${grouped(Math.round(bytes / MIB))} MB`;
}

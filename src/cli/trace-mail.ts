// SPDX-License-Identifier: Apache-2.0
/** The verdict as text for a mail to linux-mm: at most 75 columns, plain ASCII, with the events as the kernel prints them. */
import type { TraceReport } from '../app/trace.js';
import type { PageEvent } from '../conform/page-life.js';
import type { Suspect } from '../conform/verdict.js';
import { count, hang, PLAIN, type Screen } from './terminal.js';
import { clean, timeText } from './trace-render.js';
import { ageText, headline, unjudgedTexts, whyText } from './trace-verdict.js';

const WIDTH = 75;
export const MAIL: Screen = { width: WIDTH, style: PLAIN };

/** @returns the mail's body, ended by a newline */
export function renderMail(report: TraceReport): string {
  const { verdict, unit, lost, narrowed, kernel } = report;
  const { suspects, weaker } = verdict;
  const pages = suspects.reduce((sum, suspect) => sum + suspect.count, 0);
  const size = `${count(report.events, 'event')}${report.unit === 'ns' ? ` in ${(report.duration / 1e9).toFixed(3)} s` : ''}`;
  const kept = lost.gaps > 0 || lost.overrun > 0 || lost.dropped > 0 ? 'events were lost' : 'no event lost';
  const lines = [
    ...wrapped(`On Linux ${kernel ?? '(release not known)'} page_ref tracepoints recorded ${size}; ${kept}.`),
    ...(narrowed ? wrapped(`This is about ${count(narrowed.pages, 'page')} of it.`) : []),
    ...wrapped(
      suspects.length === 0
        ? 'Nobody is accused of leaking a reference.'
        : `${count(pages, 'page')} leaked a reference or lost one too many:`,
    ),
  ];
  for (const suspect of suspects) lines.push('', ...suspectLines(suspect, report));
  if (weaker.length > 0) lines.push('', 'Weaker, no accusation:');
  for (const suspect of weaker) lines.push('', ...suspectLines(suspect, report));
  lines.push('', 'Not judged:', ...unjudgedTexts(verdict, lost.gaps > 0).flatMap((text) => wrapped(text, '- ', '  ')));
  lines.push(
    '',
    ...wrapped(
      `(refzero trace; val and ret as recorded, before -> after rebuilt from them${unit === 'ticks' ? '; times are ticks' : ''})`,
    ),
  );
  return `${lines.map(ascii).join('\n')}\n`;
}

function suspectLines(suspect: Suspect, { verdict, unit }: TraceReport): string[] {
  const { confidence, path, evidence, tasks, pages, count: many } = suspect;
  const list = pages.map((pfn) => `0x${pfn.toString(16)}`).join(' ');
  const why = whyText(suspect, verdict.stacks);
  return [
    ...wrapped(`${confidence}: ${headline(suspect)}`),
    ...wrapped(`by ${tasks.join(', ')}${ageText(suspect, unit)}`, '  ', '  '),
    ...wrapped(`${many === 1 ? 'pfn' : 'pfns'} ${list}${many > pages.length ? ' ...' : ''}`, '  ', '  '),
    ...wrapped(`because ${why}`, '  ', '  '),
    ...(path.length > 0 ? ['', ...path.map((frame) => ` => ${cut(frame, WIDTH - 4)}`)] : []),
    '',
    ...evidence.flatMap((event) => eventLines(event, pages[0], unit)),
  ];
}

/** As `cat trace` prints it, without what it pads; fields that do not fit go to lines of their own. */
function eventLines(event: PageEvent, pfn: number, unit: 'ns' | 'ticks'): string[] {
  const task = `${event.comm === '' ? '<...>' : event.comm}-${event.pid}`;
  const cpu = String(event.cpu).padStart(3, '0');
  const head = `${task} [${cpu}] ${timeText(event.time, unit).trim()}: ${event.event}:`;
  const fields = [`pfn=0x${pfn.toString(16)}`];
  if (event.order !== undefined) fields.push(`order=${event.order}`);
  if (event.flags !== undefined) fields.push(`flags=${event.flags}`);
  if (event.count !== undefined) fields.push(`count=${event.count}`);
  if (event.mapcount !== undefined) fields.push(`mapcount=${event.mapcount}`);
  if (event.val !== undefined) fields.push(`val=${event.val}`);
  if (event.ret !== undefined) fields.push(`ret=${event.ret}`);
  const counts = event.before !== undefined && event.after !== undefined ? `(${event.before} -> ${event.after})` : '';
  return wrapped(`${head} ${fields.join(' ')} ${counts}`.trimEnd(), ' ', '     ');
}

function wrapped(text: string, first = '', others = ''): string[] {
  const words = clean(text)
    .split(' ')
    .map((word) => cut(word, WIDTH - others.length));
  const lines = hang(words.join(' '), WIDTH - Math.max(first.length, others.length), 0);
  return lines.map((line, at) => (at === 0 ? first : others) + line);
}

const cut = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most - 3)}...`);

const ascii = (line: string): string =>
  clean(line)
    .replace(/[^\x20-\x7e]/g, '?')
    .trimEnd();

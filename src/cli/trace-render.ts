// SPDX-License-Identifier: Apache-2.0
/**
 * A recording, and one page of it, as text. What comes from the file (names of tasks, events, functions) is printed without
 * control characters: a recording from a stranger must not drive the terminal.
 */
import type { EventLine, OpenTrace, TraceReport } from '../app/trace.js';
import type { Diagnostic } from '../base/diagnostic.js';
import type { PageEvent, PageLife } from '../conform/page-life.js';
import type { RangeSign } from '../conform/ranges.js';
import type { KindSummary } from '../conform/summary.js';
import { count, grouped, hang, type Screen, wrap } from './terminal.js';

/** Text from a recording, safe to print. */
export function clean(text: string): string {
  // control characters, and those that turn the direction of writing or cannot be seen
  return text.replace(/[^\x20-\x7e\u00a0-\uffff]|[\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, '?');
}

/** @returns what the recording is: its kernel, size and losses, and what could not be read; ended by a newline */
export function renderHead(report: TraceReport, screen: Screen): string {
  const lines = headLines(report, screen);
  if (report.diagnostics.length > 0) lines.push('', ...diagnosticLines(report.diagnostics, screen));
  return `${lines.join('\n')}\n`;
}

/** @returns what is in the recording, in numbers: lives by kind of page, events by kind; ended by a newline */
export function renderNumbers(report: TraceReport, screen: Screen): string {
  return `${[...pageLines(report, screen), '', ...eventLines(report, screen)].join('\n')}\n`;
}

function headLines(report: TraceReport, { style, width }: Screen): string[] {
  const inside = report.compression === 'none' ? '' : `, ${report.compression}`;
  const around = report.container === null ? '' : `, in ${report.container}`;
  const from = {
    option: 'as given',
    recording: 'as recorded',
    meta: 'from the meta.json',
    events: 'inferred',
    nowhere: '',
  }[report.kernelFrom];
  const cpus = report.cpus.filter((cpu) => cpu.read > 0).length;
  const length = report.unit === 'ns' ? ` in ${(report.duration / 1e9).toFixed(3)} s` : '';
  const stacks = report.stacks.attached;
  const stacked =
    stacks === 0 ? '' : `stacks   ${grouped(stacks)} events have one; ${grouped(report.stacks.distinct)} are distinct`;
  const kernel =
    report.kernel === null ? style.warn('not known: name it with --kernel') : `${clean(report.kernel)}, ${from}`;
  const signs = report.kernelSigns.map(clean).join(', ');
  const inferred = `${kernel} (${signs}): judged as far as these releases agree; --kernel names it`;
  return [
    ...wrap(`${clean(report.file)}: ${report.format}${inside}${around}`, width).map(style.bold),
    ...(signs === '' ? [`kernel   ${kernel}`] : labelled('kernel', inferred, width)),
    `events   ${grouped(report.events)} on ${count(cpus, 'CPU')}${length}${clockOf(report)}`,
    ...(stacked === '' ? [] : [stacked]),
    ...inferredLines(report, width),
    ...labelled('lost', lostText(report), width),
    ...(report.trust.incomplete ? labelled('missing', missingText(report), width).map(style.warn) : []),
    ...bufferLines(report, width),
  ];
}

const INFERRED_SHOWN = 6;

/** Device memory that nobody named, and what shows it. */
function inferredLines({ ranges, kernel }: TraceReport, width: number): string[] {
  const inferred = ranges.flatMap((range) => (range.inferred ? [{ ...range, ...range.inferred }] : []));
  if (inferred.length === 0) return [];
  inferred.sort((a, b) => a.first - b.first);
  const list = inferred.slice(0, INFERRED_SHOWN).map(({ first, last, kind, or, pages, signs }) => {
    const what =
      kind === 'device'
        ? kernel === null
          ? 'of a type that hangs on the kernel'
          : 'of a type that nothing tells'
        : or === undefined
          ? kind
          : `${kind} (or ${or}, alike)`;
    const why = signs.map((sign) => SIGN_TEXTS[sign]).join(', ');
    return `0x${first.toString(16)}-0x${last.toString(16)} ${what}: ${count(pages, 'page')}, ${why}`;
  });
  const more = inferred.length > list.length ? `; and ${inferred.length - list.length} more` : '';
  const text = `inferred from the events, not given: ${list.join('; ')}${more}. Where that is wrong: --zone-device 0x…-0x…=kind.`;
  return labelled('device', text, width);
}

const SIGN_TEXTS: Record<RangeSign, string> = {
  zone: 'in ZONE_DEVICE by their flags',
  reserved: 'reserved and yet in use',
  made: 'struct pages made while recording',
  anon: 'anonymous',
  file: 'of a file',
  bare: 'mapped and of nobody',
  managed: 'put by put_devmap_managed_page',
  zero: 'seen at a count of zero',
  compound: 'compound',
  names: 'by functions of that kind',
};

/** `label    text`, the text wrapped under itself. */
function labelled(label: string, text: string, width: number): string[] {
  return wrap(text, width - 9).map((line, at) => `${(at === 0 ? label : '').padEnd(9)}${line}`);
}

function clockOf({ clock, unit }: TraceReport): string {
  if (clock === '') return unit === 'ticks' ? '; times are ticks' : '';
  return `; clock ${clean(clock)}${unit === 'ticks' ? ' (ticks, not ns)' : ''}`;
}

/** What shows that events are missing although nobody says so. */
function missingText({ trust: { adrift, absent } }: TraceReport): string {
  const parts: string[] = [];
  if (adrift > 0) parts.push(`the counts of ${count(adrift, 'page')} do not follow from the events`);
  if (absent.length > 0) parts.push(`there is no ${absent.join(', no ')}`);
  return `${parts.join('; ')}: a filter, or a CPU that was left out? All that is said holds only if nothing was lost.`;
}

function lostText({ lost, cpus, stacks, format }: TraceReport): string {
  const parts: string[] = [];
  if (lost.events > 0) parts.push(count(lost.events, 'event'));
  if (lost.gapsOfUnknownSize > 0) parts.push(`an unknown number at ${count(lost.gapsOfUnknownSize, 'place')}`);
  if (lost.overrun > 0) parts.push(`${grouped(lost.overrun)} overwritten before they were saved`);
  if (lost.dropped > 0) parts.push(`${grouped(lost.dropped)} dropped`);
  if (stacks.orphans > 0) parts.push(`the events of ${count(stacks.orphans, 'stack')}`);
  if (parts.length > 0) return `${parts.join(', ')}: statements across such a gap are weaker`;
  if (format === 'ftrace text') return 'nothing, as far as the text says';
  return cpus.some((cpu) => cpu.overrun >= 0)
    ? 'nothing: no gap, none overwritten, none dropped'
    : 'no gap in the data';
}

function bufferLines({ buffers }: TraceReport, width: number): string[] {
  if (buffers.length < 2) return [];
  const list = buffers.map(({ name, bytes, chosen }) => {
    return `${name === '' ? '(top)' : clean(name)} ${grouped(bytes)} bytes${chosen ? ', read here' : ''}`;
  });
  return labelled('buffers', list.join('; '), width);
}

/** Two columns of counts. */
function eventLines({ kinds }: TraceReport, { width, style }: Screen): string[] {
  const cells = kinds.map(({ name, count: events }) => ({ name: clean(name), events: grouped(events) }));
  const name = Math.min(40, Math.max(0, ...cells.map((cell) => cell.name.length)));
  const digits = Math.max(0, ...cells.map((cell) => cell.events.length));
  const texts = cells.map((cell) => `${cell.name.padEnd(name)} ${cell.events.padStart(digits)}`);
  const columns = (name + digits + 1) * 2 + 5 <= width ? 2 : 1;
  const rows = Math.ceil(texts.length / columns);
  const lines = [style.bold('events by kind')];
  for (let row = 0; row < rows; row++) lines.push(`  ${texts.filter((_, at) => at % rows === row).join('   ')}`);
  return lines;
}

const COLUMNS = ['idle at', 'pages', 'under way', 'began', 'ended', 'open'] as const;

function pageLines(report: TraceReport, screen: Screen): string[] {
  const { pages, ranges } = report;
  const { style, width } = screen;
  if (pages.length === 0) return [style.dim('no events of pages')];
  const cells = pages.map((kind) => [idleText(kind), kind.pages, kind.underWay, kind.began, kind.ended, kind.open]);
  const lines = [style.bold(`${'lives of'.padEnd(10)}${COLUMNS.map((name) => name.padStart(11)).join('')}`)];
  for (const [at, kind] of pages.entries()) {
    const numbers = cells[at].map((cell) => (typeof cell === 'number' ? grouped(cell) : cell).padStart(11));
    lines.push(`${kind.kind.padEnd(10)}${numbers.join('')}`);
  }
  if (ranges.length === 0) {
    const what = 'No page looks like device memory: where one is, name it with --meta or --zone-device.';
    lines.push(...wrap(what, width).map(style.dim));
  }
  for (const kind of pages) lines.push(...noteLines(kind, width));
  return lines;
}

const idleText = ({ rule }: KindSummary): string =>
  rule.idle === rule.over ? `${rule.idle}` : `${rule.idle}, ${rule.over}*`;

/** What the numbers do not say: which pages are open, what else happened, how sure it is. */
function noteLines(summary: KindSummary, width: number): string[] {
  const { kind, rule, open, openPages, parked } = summary;
  const notes: string[] = [];
  if (rule.idle !== rule.over)
    notes.push(`* parked at ${rule.idle}, ends at ${rule.over}: a parked page may be in use`);
  if (open > 0 && kind !== 'ordinary') {
    const pages = openPages.map((pfn) => `0x${pfn.toString(16)}`).join(' ');
    notes.push(`open: ${pages}${open > openPages.length ? ' ...' : ''}`);
  }
  if (parked > 0 && kind !== 'ordinary') notes.push(`${count(parked, 'page')} parked at ${rule.idle} at the end`);
  if (summary.made > 0) notes.push(`${grouped(summary.made)} initialised while recording`);
  if (summary.gone > 0)
    notes.push(`${grouped(summary.gone)} idle pages lost their base reference (teardown, or a put too many)`);
  if (summary.underflows > 0) notes.push(`the count fell below zero ${count(summary.underflows, 'time')}`);
  if (summary.endUnseen > 0) notes.push(`${count(summary.endUnseen, 'end')} not recorded`);
  const sure = strengthText(summary);
  if (sure !== '') notes.push(sure);
  return notes.flatMap((note) => hang(`${kind}: ${note}`, width - 2, 2).map((line) => `  ${line}`));
}

/** How strong the statements about the lives are, where they are not all certain. */
function strengthText({ strengths, weak }: KindSummary): string {
  const { certain, likely, ifNothingWasLost } = strengths;
  const parts: string[] = [];
  if (likely > 0) {
    const why = [
      ...(weak.evidence > 0 ? ['resting on count= alone'] : []),
      ...(weak.inferred > 0 ? ['of a kind that was inferred'] : []),
    ];
    parts.push(`${grouped(likely)} likely (${why.join('; ')})`);
  }
  if (ifNothingWasLost > 0) {
    const why: string[] = [];
    if (weak.loss > 0) why.push(`${grouped(weak.loss)} with lost events`);
    if (weak.jump > 0) why.push(`${grouped(weak.jump)} on pages whose events do not add up`);
    parts.push(`${grouped(ifNothingWasLost)} only if nothing was lost${why.length > 0 ? ` (${why.join(', ')})` : ''}`);
  }
  return parts.length === 0 ? '' : `lives: ${[`${grouped(certain)} certain`, ...parts].join(', ')}`;
}

/** Warnings: the file was read, though not all of it. */
function diagnosticLines(diagnostics: readonly Diagnostic[], { style, width }: Screen): string[] {
  return diagnostics.flatMap(({ code, message, hint }) => {
    const [first, ...rest] = hang(`warning[${code}]: ${clean(message)}`, width, 2);
    return [
      style.warn(first),
      ...rest,
      ...(hint === undefined ? [] : hang(`hint: ${hint}`, width - 2, 2).map((line) => `  ${line}`)),
    ];
  });
}

/** @returns one page's life, ended by a newline */
export function renderPage(life: PageLife, trace: OpenTrace, screen: Screen): string {
  const { style, width } = screen;
  const { kind, rule, facts } = life;
  const pfn = `0x${life.pfn.toString(16)}`;
  const kernel = trace.kernel ? ` on ${clean(trace.kernel.name)}` : '';
  const idle = rule ? `, idle at ${rule.idle}${rule.over === rule.idle ? '' : `, over at ${rule.over}`}` : '';
  const lives = rule
    ? `lives: ${life.underWay} under way at the start, ${life.began} began, ${life.ended} ended, ${life.open} open`
    : 'its lives depend on the kernel: name it with --kernel';
  const lines = [
    style.bold(`page ${pfn}: ${kind}${idle}${kernel}`),
    `${count(life.events.length + life.hidden, 'event')}; ${lives}`,
  ];
  if (life.hidden > 0) lines.push(`${count(life.hidden, 'event')} left out: not among those asked for`);
  lines.push(...basisLines(life, width), '');
  lines.push(style.bold(`${'time'.padStart(13)} cpu ${'task'.padEnd(17)}${'operation'.padEnd(30)}count`));
  for (const event of life.events) lines.push(...pageEventLines(event, trace.recording.unit, screen));
  if (facts.underflows > 0) lines.push('', style.bad(`the count fell below zero ${count(facts.underflows, 'time')}`));
  if (trace.recording.diagnostics.length > 0) lines.push('', ...diagnosticLines(trace.recording.diagnostics, screen));
  return `${lines.join('\n')}\n`;
}

/** How sure the counts are. */
function basisLines({ facts, lossy }: PageLife, width: number): string[] {
  const parts = {
    returned: 'counts follow from what the operations returned',
    evidence: 'weaker: counts rest on count= alone, no operation returned one',
    unknown: 'the count is not known: no operation returned one',
  }[facts.basis];
  const more: string[] = [];
  if (facts.jumps > 0) more.push(`weaker: at ${count(facts.jumps, 'place')} events must be missing`);
  if (lossy > 0) more.push(`weaker: events were lost during ${count(lossy, 'life').replace('lifes', 'lives')}`);
  if (facts.swapped > 0) more.push(`${count(facts.swapped, 'event')} put in order by what was returned`);
  if (facts.late > 0) more.push(`count= was read late in ${count(facts.late, 'event')}`);
  return hang([parts, ...more].join('; '), width, 2);
}

/** One event of a page; its stack, where it has one, below it. */
export function pageEventLines(event: PageEvent, unit: 'ns' | 'ticks', { style, width }: Screen): string[] {
  const task = clean(`${event.comm === '' ? '<...>' : event.comm}-${event.pid}`);
  const before = event.before === undefined ? '?' : String(event.before);
  const after = event.after === undefined ? '?' : String(event.after);
  const silent = event.before === undefined && event.after === undefined;
  const counts = silent ? '' : before === after ? after : `${before} -> ${after}`;
  const mark = event.begins && event.ends ? 'begins, ends' : event.begins ? 'begins' : event.ends ? 'ends' : '';
  const head = `${timeText(event.time, unit)} ${String(event.cpu).padStart(3)} ${task.padEnd(17)}`;
  const what = `${operation(event).padEnd(30)}${counts}`.trimEnd();
  const tail = mark === '' ? '' : `  ${style.good(mark)}`;
  // long names and counts go to a line of their own
  const fits = head.length + what.length + (mark === '' ? 0 : mark.length + 2) <= width;
  const lines = fits ? [`${head}${what}${tail}`] : [head.trimEnd(), `${' '.repeat(18)}${what}${tail}`];
  if (event.stack) {
    const stack = event.stack.length > 0 ? event.stack.map(clean).join(' < ') : '(only the tracer)';
    lines.push(...wrap(stack, width - 18).map((part) => style.dim(`${' '.repeat(18)}${part}`)));
  }
  return lines;
}

/** `page_ref_mod_unless +1 (failed)` */
function operation({ event, val, ret, order }: PageEvent): string {
  const name = clean(event);
  if (order !== undefined) return `${name} order ${order}`;
  if (val === undefined) return name;
  const stores = /_(?:set|unfreeze|freeze)$/.test(event);
  const failed = ret === 0 && /_(?:mod_unless|freeze)$/.test(event);
  return `${name} ${val > 0 && !stores ? '+' : ''}${val}${failed ? ' failed' : ''}`;
}

/** Seconds to the microsecond, as the kernel prints them, or with 9 decimals; ticks as they are. */
export function timeText(time: bigint, unit: 'ns' | 'ticks', decimals: 6 | 9 = 6): string {
  if (unit === 'ticks') return String(time).padStart(13);
  if (decimals === 9) return `${time / 1_000_000_000n}.${String(time % 1_000_000_000n).padStart(9, '0')}`;
  const micros = (time + 500n) / 1000n;
  return `${micros / 1_000_000n}.${String(micros % 1_000_000n).padStart(6, '0')}`.padStart(13);
}

/** @returns the events of one kind with all their fields, ended by a newline */
export function renderEvents(lines: readonly EventLine[], trace: OpenTrace, { style, width }: Screen): string {
  const texts = lines.flatMap(({ time, cpu, pid, comm, fields, stack }) => {
    const task = clean(`${comm === '' ? '<...>' : comm}-${pid}`);
    const head = `${timeText(time, trace.recording.unit)} ${String(cpu).padStart(3)} ${task}`;
    const below = (text: string) => wrap(text, width - 18).map((line) => `${' '.repeat(18)}${line}`);
    const path = stack === undefined || stack.length === 0 ? [] : below(stack.map(clean).join(' < ')).map(style.dim);
    return [head, ...below(clean(fields)), ...path];
  });
  return `${texts.join('\n')}\n`;
}

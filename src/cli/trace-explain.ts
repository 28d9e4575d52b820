// SPDX-License-Identifier: Apache-2.0
/** `refzero trace explain`: the life of one page as a story. */
import type { OpenTrace } from '../app/trace.js';
import type { Act, Explanation, Holder } from '../conform/explain.js';
import { count, grouped, hang, type Screen } from './terminal.js';
import { clean, timeText } from './trace-render.js';
import { suspectLines, unjudgedText } from './trace-verdict.js';

type Expectation = NonNullable<Explanation['atEnd']>;
type Share = Expectation['shares'][number];

/** steps of a story that are shown; of a longer one the first and the last */
const STEPS = 48;
const HOLDERS = 12;

/** @returns the story, ended by a newline */
export function renderExplanation(story: Explanation, trace: OpenTrace, screen: Screen): string {
  const { style } = screen;
  const { unit } = trace.recording;
  const lines = [...headLines(story, trace, screen), '', ...storyLines(story, unit, screen), ''];
  lines.push(...expectedLines(story, screen));
  lines.push(...holderLines(story, unit, screen), '', style.bold('verdict'));
  lines.push(...verdictLines(story, trace, screen));
  return `${lines.join('\n')}\n`;
}

function headLines(
  { pfn, kind, rule, lives, acts, strength, inferred }: Explanation,
  trace: OpenTrace,
  screen: Screen,
): string[] {
  const { style, width } = screen;
  const kernel = trace.kernel ? ` on ${clean(trace.kernel.name)}` : '';
  const idle = rule === null ? '' : `, counts ${rule.idle} when nobody uses it`;
  const lines = hang(`page 0x${pfn.toString(16)}: ${kind}${idle}${kernel}`, width, 2).map(style.bold);
  if (rule === null) {
    return [...lines, ...hang('its lives depend on the kernel: name it with --kernel', width, 2).map(style.warn)];
  }
  const open = lives.filter((life) => life.open).length;
  const unseen = lives.filter(({ begin }) => begin === null).length;
  const ended = lives.filter(({ end }) => end !== null).length;
  const parts = [`${count(acts.length, 'event')}, ${count(lives.length, 'life').replace('lifes', 'lives')}`];
  if (unseen > 0) parts.push(`${grouped(unseen)} under way before the first event`);
  if (ended > 0) parts.push(`${grouped(ended)} ended`);
  parts.push(open > 0 ? 'in use at the end' : `parked at ${rule.idle} at the end`);
  return [
    ...lines,
    ...hang(parts.join(', '), width, 2),
    ...hang(sureText(strength, inferred ? kind : undefined), width, 2),
  ];
}

/** @param inferred the kind that nobody named */
function sureText(strength: Explanation['strength'], inferred: string | undefined): string {
  switch (strength) {
    case 'certain':
      return 'certain: the counts follow from what the operations returned';
    case 'likely':
      return inferred === undefined
        ? 'likely: the counts rest on count=, which was read after the operations'
        : `likely: by the rules of ${inferred} memory, which the events show and nobody named`;
    case 'if nothing was lost':
      return 'only if nothing was lost: events are missing';
  }
}

/** Time, count and sentence of each step; what repeats is one. */
function storyLines({ acts, folds }: Explanation, unit: 'ns' | 'ticks', screen: Screen): string[] {
  const { style, width } = screen;
  const lines = [style.bold(`${'time'.padStart(13)}  ${'count'.padEnd(11)}what happened`)];
  const left = Math.max(0, folds.length - STEPS);
  for (const [at, { from, length, times }] of folds.entries()) {
    if (left > 0 && at >= STEPS / 2 && at < folds.length - STEPS / 2) {
      if (at === STEPS / 2) lines.push(style.dim(`${' '.repeat(26)}${count(left, 'more step')}: --json has all`));
      continue;
    }
    const round = acts.slice(from, from + length);
    const [first] = round;
    const text = times === 1 ? sentence(first) : roundText(round, acts, from, times, unit);
    const counts = times === 1 ? countText(first) : `x ${grouped(times)}`;
    const head = `${timeText(first.time, unit)}  ${counts.padEnd(counts.length < 11 ? 11 : counts.length + 1)}`;
    const [start, ...rest] = hang(text, width - head.length, 2);
    lines.push(`${head}${start}`, ...rest.map((line) => `${' '.repeat(head.length)}${line}`));
  }
  return lines;
}

function countText({ before, after }: Act): string {
  if (before === null && after === null) return '';
  const [from, to] = [before ?? '?', after ?? '?'];
  return from === to ? `${to}` : `${from} -> ${to}`;
}

/** `37 times: gup-fast by fio took and gave back` */
function roundText(
  round: readonly Act[],
  acts: readonly Act[],
  from: number,
  times: number,
  unit: 'ns' | 'ticks',
): string {
  const until = acts[from + round.length * times - 1];
  const said = round.map((act) => sentence({ ...act, task: act.comm === '' ? '<...>' : act.comm, gaveBack: null }));
  const counts = round.filter(({ after }) => after !== null).map(({ after }) => `${after}`);
  const level = round[0].before === round[round.length - 1].after;
  const through = level
    ? ` (count ${counts.join(', ')})`
    : ` (count ${round[0].before ?? '?'} to ${until.after ?? '?'})`;
  return `${grouped(times)} times until ${timeText(until.time, unit).trim()}: ${said.join('; ')}${through}`;
}

/** What one event did, in words. */
function sentence(act: Act): string {
  const mark = act.begins ? 'a life begins: ' : act.ends ? 'the life ends: ' : '';
  return `${mark}${doing(act)}`;
}

function doing(act: Act): string {
  const who = clean(act.task);
  const by = clean(act.by);
  const where = by === '' ? '' : ` in ${by}`;
  switch (act.does) {
    case 'take':
      return taking(act, who, by);
    case 'give':
      return `${giving(act, who, where)}${backText(act)}`;
    case 'set':
      return `${who} sets its count to ${act.amount}${where}`;
    case 'freeze':
      return act.after === 0
        ? `${who} freezes it at ${act.amount}${where}`
        : `${who} fails to freeze it at ${act.amount}${where}`;
    case 'unfreeze':
      return `${who} unfreezes it with ${act.amount}${where}`;
    case 'alloc':
      return `the allocator hands it out to ${who}, order ${act.amount}`;
    case 'free':
      return `${who} frees it to the allocator, order ${act.amount}`;
    case 'fail':
      return `${who} tries to take a reference and fails${where}`;
    case 'nothing':
      return `${who} adds nothing${where}`;
  }
}

function taking({ purpose, amount }: Act, who: string, by: string): string {
  const where = by === '' ? '' : ` in ${by}`;
  const many = references(amount);
  switch (purpose) {
    case 'mapping':
      return `${who} takes ${many} to map it${where}`;
    case 'pin':
      return `${who} pins it (+${grouped(amount)})${by === '' ? '' : ` for ${by}`}`;
    case 'get_user_pages':
      return `${who} takes ${many} by get_user_pages for ${by}`;
    case 'isolation':
    case 'migration':
    case 'split':
      return `${who} takes ${many} for ${purpose}${where}`;
    case 'page cache':
    case 'swap cache':
    case 'buffers':
      return `${who} takes ${many} for ${purpose === 'buffers' ? 'buffer heads' : `the ${purpose}`}${where}`;
    case 'LRU batch':
      return `a batch of the LRU takes ${many}${where} (${who})`;
    case 'lookup':
      return by === '' ? `${who} takes ${many} by a lookup or gup-fast` : `${who} takes ${many} by a lookup${where}`;
    default:
      return `${who} takes ${many}${where}`;
  }
}

function giving({ purpose, amount }: Act, who: string, where: string): string {
  const many = references(amount);
  if (purpose === 'pin') return `${who} unpins it (-${grouped(amount)})${where}`;
  if (purpose === 'mapping') return `${who} gives ${many} back that a mapping had${where}`;
  if (purpose === 'LRU batch') return `the batch of the LRU gives ${many} back${where}`;
  return `${who} gives ${many} back${where}`;
}

const references = (amount: number): string => (amount === 1 ? 'one reference' : `${grouped(amount)} references`);

/** Whose reference it was, where somebody else took it. */
function backText({ gaveBack, task }: Act): string {
  if (gaveBack === null || gaveBack.task === task) return '';
  return `, which ${clean(gaveBack.task)} took${gaveBack.sure === 'certain' ? '' : gaveBack.sure === 'likely' ? ', likely' : ', perhaps'}`;
}

function expectedLines({ atEnd, rule }: Explanation, { style, width }: Screen): string[] {
  if (rule === null) return [];
  if (atEnd === null) return hang('at the end its count is not known', width, 2).map(style.warn);
  const { actual, expected, unexplained, shares, mappingsUnknown } = atEnd;
  const lines = [style.bold(`at the end it counts ${grouped(actual)}; expected are ${grouped(expected)}`)];
  for (const share of shares) lines.push(...shareLines(share, width));
  if (unexplained > 0) lines.push(style.warn(`${grouped(unexplained).padStart(7)}  unexplained`));
  if (unexplained < 0) {
    const what = `${grouped(-unexplained)} more are expected than there are: a field was read late, or a put came too often`;
    lines.push(
      ...hang(what, width - 2, 2)
        .map((line) => `  ${line}`)
        .map(style.warn),
    );
  }
  if (mappingsUnknown)
    lines.push(...hang('how often it is mapped is not known', width - 2, 2).map((line) => `  ${line}`));
  return lines;
}

function shareLines({ part, references: amount, from }: Share, width: number): string[] {
  const why = { rule: 'by the rules of this kernel', field: 'as its last event shows', events: 'by the events' }[from];
  const what = {
    idle: 'an idle page keeps',
    mappings: 'of mappings',
    'page cache': 'of the page cache',
    'swap cache': 'of the swap cache',
    buffers: 'of buffer heads',
    pins: `of pins (${grouped(amount / 1024)} of 1,024)`,
    isolation: 'of isolation',
    temporary: 'of callers that give back',
    'in use': 'of whoever allocated it',
  }[part];
  const [first, ...rest] = hang(`${what}, ${why}`, width - 9, 2);
  return [`${grouped(amount).padStart(7)}  ${first}`, ...rest.map((line) => `${' '.repeat(9)}${line}`)];
}

function holderLines({ holders, atEnd }: Explanation, unit: 'ns' | 'ticks', screen: Screen): string[] {
  if (holders.length === 0 || atEnd === null) return [];
  const { width } = screen;
  const lines = ['', screen.style.bold('open references')];
  for (const holder of holders.slice(0, HOLDERS)) {
    lines.push(...hang(holderText(holder, unit), width - 2, 2).map((line) => `  ${line}`));
    if (holder.path.length > 0) {
      lines.push(...hang(`at ${holder.path.map(clean).join(' < ')}`, width - 4, 2).map((line) => `    ${line}`));
    }
  }
  if (holders.length > HOLDERS) lines.push(`  ${grouped(holders.length - HOLDERS)} more`);
  return lines;
}

function holderText({ since, age, amount, purpose, task, by, sure }: Holder, unit: 'ns' | 'ticks'): string {
  const many = purpose === 'pin' ? `a pin (${grouped(amount)})` : references(amount);
  const what = purpose === 'other' || purpose === 'pin' ? '' : ` (${purpose})`;
  if (since === null || task === null) return `${many} taken before the recording began`;
  const old = unit === 'ns' && age !== null ? `, ${(age / 1e6).toFixed(3)} ms before the end` : '';
  const how =
    sure === 'certain' ? 'no other is open' : 'which of several puts was its own is a guess by names and order';
  return `${many}${what} taken by ${clean(task)}${by === null ? '' : ` in ${clean(by)}`} at ${timeText(since, unit).trim()}${old}; ${how}`;
}

function verdictLines({ suspects, weaker, unjudged }: Explanation, trace: OpenTrace, screen: Screen): string[] {
  const { unit, stacks } = trace.recording;
  const told = [...suspects, ...weaker].flatMap((suspect) =>
    suspectLines({ ...suspect, evidence: [], path: [] }, { stacks: stacks.size > 0 }, unit, screen),
  );
  if (told.length > 0) return told;
  const why = unjudged === null ? 'nobody is accused' : `nobody is accused; ${unjudgedText(unjudged, 'it is', [])}`;
  return hang(why, screen.width, 2).map(screen.style.good);
}

// SPDX-License-Identifier: Apache-2.0
/**
 * One check as text: the verdict first, then what it rests on: the path to the failure, or what was explored.
 *
 * Not here: the path itself (render-path.ts) and many checks in one table (table.ts).
 */
import type { Outcome } from '../app/check-data.js';
import type { CheckResult, Violation } from '../explore/verdict.js';
import { placeOf, renderBlocked, renderPath } from './render-path.js';
import { renderStory } from './render-story.js';
import { count, hang, type Screen, type Style, seconds, wrap } from './terminal.js';

/** What of the command line has to be said again in a command that replays a check. */
export interface Replay {
  /** as the user named it, where that was a path */
  scenario: string;
  with: readonly string[];
  without: readonly string[];
  /** options that change what is searched */
  flags?: readonly string[];
}

/** @returns everything there is to say about one check, ended by a newline */
export function renderOutcome(outcome: Outcome, replay: Replay, screen: Screen): string {
  const { result, explored } = outcome;
  if (!result) return `${heading(outcome, screen.style)}\n`;
  const lines = [heading(outcome, screen.style), ...unlikely(result, screen)];
  if (explored) lines.push(...indented(explored.question, screen), '');
  if (result.verdict === 'violated') lines.push(...violatedLines(result, outcome, replay, screen));
  if (result.verdict === 'holds') lines.push(...holdsLines(result, outcome, screen));
  if (result.verdict === 'inconclusive')
    lines.push(...inconclusiveLines(result, screen), ...keptLines(outcome, replay, screen));
  lines.push(...recordLines(outcome, screen));
  return `${lines.join('\n')}\n`;
}

/** @returns `dax-truncate, without the idle wait` */
export function nameOf({ scenario, variant }: { scenario: string; variant?: string }): string {
  return variant === undefined ? scenario : `${scenario} (broken: ${variant})`;
}

function heading(outcome: Outcome, style: Style): string {
  const { result, recorded } = outcome;
  const what = `${style.bold(nameOf(outcome))} on ${style.bold(outcome.kernel)}: `;
  if (!result) return what + (recorded?.verdict === 'not applicable' ? 'not applicable' : style.warn('not begun'));
  return what + paintVerdict(result, style);
}

/** @returns `violated: stuck`, `holds`, `inconclusive: …`; `holds,` where unlikely() follows */
function paintVerdict(result: CheckResult, style: Style): string {
  const { verdict, violation, inconclusive, collisionProbability: odds } = result;
  switch (verdict) {
    case 'holds':
      return style.good(odds === undefined ? 'holds' : 'holds,');
    case 'violated':
      return style.bad(violation ? `violated: ${violationName(violation)}` : 'violated');
    case 'inconclusive':
      return style.warn(inconclusive ? `inconclusive: ${inconclusive}` : 'inconclusive');
  }
}

/** What a proof by fingerprints leaves open. */
function unlikely({ verdict, collisionProbability: odds }: CheckResult, { width, style }: Screen): string[] {
  if (verdict !== 'holds' || odds === undefined) return [];
  const lines = wrap(`with ${chance(odds)} that two states were taken for one`, width - 2);
  return lines.map((line) => `  ${style.good(line)}`);
}

/** Kinds of which there is more than one in a scenario, told apart by their names. */
const NAMED: readonly Violation['kind'][] = ['never', 'finally', 'BUG', 'WARN', 'assert', 'spec'];

/** @returns `stuck`, `BUG: VM_BUG_ON_PAGE` */
export function violationName({ kind, name }: Violation): string {
  return NAMED.includes(kind) && name !== '' ? `${kind}: ${name}` : kind;
}

function sentenceOf({ kind, message }: Violation): string {
  return message.startsWith(kind) ? message : `${kind}: ${message}`;
}

function violatedLines(result: CheckResult, outcome: Outcome, replay: Replay, screen: Screen): string[] {
  const { style } = screen;
  const { violation, path, blocked, loop } = result;
  const lines = [...renderPath(result, screen), ...renderStory(path ?? [], screen)];
  if (path && path.length === 0 && !loop) lines.push('The initial state itself is the failure: no step was needed.');
  if (violation) {
    const at = violation.at ? `, in ${violation.at.function} (${placeOf(violation.at)})` : '';
    const [first, ...rest] = wrap(`${sentenceOf(violation)}${at}`, screen.width);
    lines.push('', style.bad(first), ...rest.map((line) => style.bad(line)));
  }
  if (blocked && violation?.at === undefined) lines.push(...renderBlocked(blocked, screen).map((line) => `  ${line}`));
  lines.push(
    '',
    ...hang(
      `shortest path: ${count(path?.length ?? 0, 'step')}${loop ? `, then a loop of ${count(loop.length, 'step')}` : ''}; found in ${searched(result, outcome)}`,
      screen.width,
      2,
    ),
    ...inevitableLines(result).flatMap((line) => hang(line, screen.width, 2)),
  );
  lines.push(...[...reduced(result), memoryOf(result)].flatMap((fact) => hang(fact, screen.width, 2)));
  lines.push(`replay: ${style.bold(replayCommand(outcome, replay))}`);
  return lines;
}

/** From where on it was too late. */
function inevitableLines({ inevitable, violation, path }: CheckResult): string[] {
  if (inevitable === undefined || violation?.kind === 'cannot end') return [];
  if (inevitable === 'not determined')
    return ['from which step on it cannot be avoided was not determined: too many states'];
  if (inevitable === 'never') return ['it can be avoided all along: from the loop, too, there are runs that leave it'];
  if (inevitable === 0) return ['it cannot be avoided: from the first state on every fair run ends in it'];
  if (inevitable === path?.length) return ['until the last step it can be avoided'];
  return [`from step ${inevitable} on it cannot be avoided: every fair run ends in it`];
}

function holdsLines(result: CheckResult, outcome: Outcome, screen: Screen): string[] {
  const { explored } = outcome;
  const facts: string[] = [`on every interleaving: ${searched(result, outcome)}`];
  if (explored) {
    const tasks = `${count(explored.tasks.length, 'task')} (${explored.tasks.join(', ')})`;
    facts.push(`proved within these sizes: ${tasks}, ${count(explored.pages, 'page')}`);
  }
  const progress = result.progress ? [`on every fair run each of these ends: ${result.progress.join(', ')}`] : [];
  facts.push(...situations(result), ...progress, ...reduced(result), memoryOf(result));
  return facts.flatMap((fact) => hang(fact, screen.width - 2, 2)).map((line) => `  ${line}`);
}

function memoryOf(result: CheckResult): string {
  return `memory model: ${result.memoryModel}; storage: ${storageOf(result)}`;
}

function inconclusiveLines(result: CheckResult, screen: Screen): string[] {
  const none = 'No violation was found in what was looked at; that proves nothing about the rest.';
  const facts = [
    `looked at: ${totals(result)}`,
    ...finished(result),
    ...situations(result),
    ...reduced(result),
    memoryOf(result),
  ];
  return [...wrap(none, screen.width - 2), ...facts.flatMap((fact) => hang(fact, screen.width - 2, 2))].map(
    (line) => `  ${line}`,
  );
}

/** How to go on with a search that was stopped. */
function keptLines(outcome: Outcome, replay: Replay, screen: Screen): string[] {
  if (!outcome.checkpoint) return [];
  const { file, problem } = outcome.checkpoint;
  if (problem !== undefined) return hang(`It could not be kept: ${problem}`, screen.width, 2).map(screen.style.bad);
  return [`go on: ${screen.style.bold(`${replayCommand(outcome, replay)} --resume ${shellWord(file)}`)}`];
}

/** How far nothing was left out. */
export function finished({ finishedDepth = -1 }: CheckResult): string[] {
  if (finishedDepth < 1) return [];
  const steps = count(finishedDepth, 'step');
  return [`every interleaving was followed for ${steps}: no violation within ${steps}`];
}

/** What was to be met at least once, met or not. */
function situations({ sometimes }: CheckResult): string[] {
  const met = Object.keys(sometimes).filter((name) => sometimes[name]);
  const missed = Object.keys(sometimes).filter((name) => !sometimes[name]);
  const lines: string[] = [];
  if (met.length > 0) lines.push(`situations met: ${met.join('; ')}`);
  if (missed.length > 0) lines.push(`situations never met: ${missed.join('; ')}`);
  return lines;
}

/** What was left out of the search, and what was not. */
function reduced({ reductions, notReduced = [], toldApart = [] }: CheckResult): string[] {
  const lines = [...(reductions.length > 0 ? [`reductions: ${reductions.join('; ')}`] : []), ...notReduced];
  if (toldApart.length === 0) return lines;
  const names = toldApart.map(({ elements }) => elements).join(', ');
  return [...lines, `not sorted, since their elements are told apart (--json: by what): ${names}`];
}

function searched(result: CheckResult, outcome: Outcome): string {
  return `${totals(result)}, ${seconds(outcome.seconds)}`;
}

function totals({ states, transitions, depth }: CheckResult): string {
  return `${count(states, 'state')}, ${count(transitions, 'transition')}, depth ${depth}`;
}

function storageOf({ stateBytes, collisionProbability: odds, wholeStates }: CheckResult): string {
  if (odds === undefined) return `exact (whole states of ${count(stateBytes, 'byte')} are compared)`;
  const since = wholeStates === undefined ? '' : `, since memory ended at ${count(wholeStates, 'whole state')}`;
  return `64-bit fingerprints${since} (two states were taken for one with ${chance(odds)})`;
}

/** @returns `a probability of at most 1.4e-6` */
export function chance(odds: number): string {
  return `a probability of at most ${atMost(odds)}`;
}

/** @returns a number with two digits, rounded up */
function atMost(odds: number): string {
  const text = odds.toExponential(1);
  return Number(text) >= odds ? text : (odds + 10 ** Math.floor(Math.log10(odds)) / 10).toExponential(1);
}

/** Said only where the file records something else. */
function recordLines({ asRecorded, recorded }: Outcome, { style }: Screen): string[] {
  if (asRecorded !== false || !recorded) return [];
  const what = recorded.violates === undefined ? recorded.verdict : `${recorded.verdict}: ${recorded.violates}`;
  return ['', style.bad(`The scenario's file records: ${what}.`)];
}

/** @returns the one command that does this check again */
export function replayCommand({ kernel, variant }: Outcome, replay: Replay): string {
  const words = ['npx refzero check', shellWord(replay.scenario), '--kernel', kernel];
  if (variant !== undefined) words.push('--variant', shellWord(variant));
  for (const id of replay.with) words.push('--with', shellWord(id));
  for (const id of replay.without) words.push('--without', shellWord(id));
  return [...words, ...(replay.flags ?? [])].join(' ');
}

function shellWord(word: string): string {
  return /^[\w./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function indented(text: string, screen: Screen): string[] {
  return wrap(text, screen.width - 2).map((line) => screen.style.dim(`  ${line}`));
}

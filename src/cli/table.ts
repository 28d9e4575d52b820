// SPDX-License-Identifier: Apache-2.0
/**
 * Many checks in one table: a scenario a row, a kernel a column, in each cell the verdict over states and seconds.
 *
 * Not here: the failures behind the verdicts (render.ts shows one).
 */
import type { CheckReport, Outcome } from '../app/check-data.js';
import { chance, finished, nameOf, type Replay, replayCommand, violationName } from './render.js';
import { count, hang, type Paint, type Screen, type Style, seconds, short } from './terminal.js';

interface Cell {
  verdict: string;
  paint: Paint;
  size: string;
}

/** room for `12.3k 0.42s` and a gap, which the last column does not need */
const CELL = 12;
const GAP = 1;
/** longer names, as variants have, stand on a line of their own */
const LONGEST_NAME = 20;

/** @returns the table, what differs from the record, the sums, and how to see a path; ended by a newline */
export function renderTable(report: CheckReport, replayOf: (outcome: Outcome) => Replay, screen: Screen): string {
  const rows = rowsOf(report);
  const names = rows.map(({ name }) => name.length).filter((length) => length <= LONGEST_NAME);
  const first = Math.max('scenario'.length, ...names) + GAP;
  const perBlock = Math.max(1, Math.floor((screen.width - first + GAP) / CELL));
  const lines: string[] = [];
  for (let from = 0; from < report.kernels.length; from += perBlock) {
    if (from > 0) lines.push('');
    lines.push(...block(rows, report.kernels.slice(from, from + perBlock), first, screen.style));
  }
  lines.push('', ...differences(report, replayOf, screen), ...sums(report, screen));
  const example = newestViolated(report);
  if (example) lines.push(`A path, step by step: ${screen.style.bold(replayCommand(example, replayOf(example)))}`);
  return `${lines.join('\n')}\n`;
}

/** The first failure on the newest kernel that has one: what a reader will most want to see. */
function newestViolated({ outcomes, kernels }: CheckReport): Outcome | undefined {
  const failing = outcomes.filter(({ result }) => result?.verdict === 'violated');
  const unbroken = failing.filter(({ variant }) => variant === undefined);
  const violated = unbroken.length > 0 ? unbroken : failing;
  const newest = kernels.findLast((kernel) => violated.some((outcome) => outcome.kernel === kernel));
  return violated.find((outcome) => outcome.kernel === newest);
}

interface Row {
  name: string;
  cells: Map<string, Outcome>;
}

/** One row a scenario, and one a variant below its scenario, in the report's order. */
function rowsOf({ outcomes }: CheckReport): Row[] {
  const rows = new Map<string, Row>();
  const scenarios = new Set(outcomes.filter(({ variant }) => variant === undefined).map(({ scenario }) => scenario));
  for (const outcome of outcomes) {
    const { scenario, variant } = outcome;
    const key = `${scenario} ${variant ?? ''}`;
    const below = scenarios.has(scenario) ? `  broken: ${variant}` : nameOf(outcome);
    const row = rows.get(key) ?? { name: variant === undefined ? scenario : below, cells: new Map() };
    row.cells.set(outcome.kernel, outcome);
    rows.set(key, row);
  }
  return [...rows.values()];
}

function block(rows: Row[], kernels: string[], first: number, style: Style): string[] {
  const lines = [
    style.bold(`${'scenario'.padEnd(first)}${kernels.map((kernel) => kernel.padEnd(CELL)).join('')}`.trimEnd()),
  ];
  for (const { name, cells } of rows) {
    if (!kernels.some((kernel) => cells.has(kernel))) continue;
    const made = kernels.map((kernel) => cellOf(cells.get(kernel), style));
    const verdicts = made.map(({ verdict, paint }) => paint(verdict) + ' '.repeat(CELL - verdict.length));
    const fits = name.length < first;
    if (!fits) lines.push(name);
    lines.push(`${fits ? name.padEnd(first) : ' '.repeat(first)}${verdicts.join('')}`.trimEnd());
    if (made.some(({ size }) => size !== ''))
      lines.push(style.dim(`${' '.repeat(first)}${made.map(({ size }) => size.padEnd(CELL)).join('')}`.trimEnd()));
  }
  return lines;
}

function cellOf(outcome: Outcome | undefined, style: Style): Cell {
  if (!outcome) return { verdict: '', paint: style.dim, size: '' };
  const { result, asRecorded } = outcome;
  if (!result) {
    const verdict = outcome.recorded?.verdict === 'not applicable' ? 'n/a' : 'not begun';
    return { verdict, paint: style.dim, size: '' };
  }
  const size = `${short(result.states)} ${seconds(outcome.seconds)}`;
  const mark = asRecorded === false ? ' !' : '';
  if (result.verdict === 'inconclusive') return { verdict: 'undecided', paint: style.warn, size };
  const paint = asRecorded === false ? style.bad : result.verdict === 'holds' ? style.good : style.warn;
  return { verdict: `${result.verdict}${mark}`, paint, size };
}

/** What a reader has to look at: results that are not as recorded, and those without a verdict. */
function differences({ outcomes }: CheckReport, replayOf: (outcome: Outcome) => Replay, screen: Screen): string[] {
  const lines: string[] = [];
  const add = (paint: Paint, outcome: Outcome, text: string) => {
    const said = hang(`${nameOf(outcome)} on ${outcome.kernel}: ${text}`, screen.width, 2);
    lines.push(...said.map(paint), `  replay: ${replayCommand(outcome, replayOf(outcome))}`);
  };
  for (const outcome of outcomes) {
    const { result, recorded, asRecorded } = outcome;
    if (!result) continue;
    if (result.verdict === 'inconclusive')
      add(screen.style.warn, outcome, [`inconclusive: ${result.inconclusive}`, ...finished(result)].join('; '));
    if (asRecorded !== false || !recorded) continue;
    const found = result.violation ? `violated (${violationName(result.violation)})` : result.verdict;
    const expected = recorded.violates ? `${recorded.verdict} (${recorded.violates})` : recorded.verdict;
    add(screen.style.bad, outcome, `${found}; its file records: ${expected}`);
  }
  return lines.length > 0 ? [...lines, ''] : [];
}

function sums(report: CheckReport, screen: Screen): string[] {
  const { outcomes } = report;
  const verdicts = (verdict: string) => outcomes.filter(({ result }) => result?.verdict === verdict).length;
  const not = (verdict: string) => outcomes.filter(({ recorded }) => recorded?.verdict === verdict).length;
  const begun = outcomes.filter(({ result }) => result !== undefined);
  const applicable = outcomes.length - not('not applicable');
  const parts = [`${verdicts('holds')} hold`, `${verdicts('violated')} violated`];
  if (verdicts('inconclusive') > 0) parts.push(`${verdicts('inconclusive')} inconclusive`);
  if (begun.length < applicable) parts.push(`${applicable - begun.length} not begun`);
  parts.push(`${not('not applicable')} not applicable`);
  const states = outcomes.reduce((sum, { result }) => sum + (result?.states ?? 0), 0);
  const where = `${count(states, 'state')} in ${seconds(report.seconds)} on ${count(report.threads, 'thread')}`;
  return [...hang(`${parts.join(', ')}: ${agreement(report)}.`, screen.width, 2), `${where}; ${searched(begun)}.`];
}

/** What the verdicts are about: the memory order, and how states were stored. */
function searched(outcomes: readonly Outcome[]): string {
  const [first] = outcomes.flatMap(({ result }) => (result ? [result] : []));
  if (!first) return 'nothing was searched';
  return `${first.memoryModel}, ${storageOf(outcomes)}`;
}

/** Of several searches one or another may have taken two states for one. */
function storageOf(outcomes: readonly Outcome[]): string {
  const odds = outcomes.flatMap(({ result }) => result?.collisionProbability ?? []);
  if (odds.length === 0) return 'exact storage';
  const sum = Math.min(
    1,
    odds.reduce((a, b) => a + b),
  );
  const which = odds.length === outcomes.length ? '' : `exact storage, of ${count(odds.length, 'search')} `;
  return `${which}64-bit fingerprints (somewhere two states were taken for one with ${chance(sum)})`;
}

function agreement({ outcomes, interrupted }: CheckReport): string {
  const differing = outcomes.filter(({ asRecorded }) => asRecorded === false).length;
  if (differing > 0) return `${differing} not as recorded`;
  if (interrupted) return 'interrupted';
  const decided = outcomes.filter(({ result }) => result && result.verdict !== 'inconclusive');
  if (decided.some(({ recorded }) => recorded === undefined)) return 'nothing on record to hold some of them against';
  return outcomes.some(({ result }) => result?.verdict === 'inconclusive') ? 'not all decided' : 'all as recorded';
}

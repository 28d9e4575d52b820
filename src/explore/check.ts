// SPDX-License-Identifier: Apache-2.0
/**
 * A check: search, and say what was found in the words of verdict.ts. And its inverse, replay: walk a given path and say
 * how it ends.
 */
import { InternalError } from '../base/assert.js';
import type { Move } from './batch.js';
import { concreteMoves } from './concrete.js';
import type { Found } from './finding.js';
import type { Limits } from './graph.js';
import { inevitableAfter } from './inevitable.js';
import { buildModel, executedLines, type Model } from './model.js';
import { searchNarrowly } from './narrow.js';
import { type Scheduled, type Walk, walkMoves, walkSchedule } from './path.js';
import { findLivelock, type Livelock } from './progress.js';
import type { SearchOptions, SearchResult } from './search.js';
import { framesOf } from './site.js';
import type { Bound, CheckResult, Violation } from './verdict.js';

export { type Border, bytesOf, type Sink, type Source } from './checkpoint.js';
export { modelText } from './model-text.js';
export type { Storage } from './places.js';
export type { Progress, SearchOptions } from './search.js';
export { type Spill, SpillError, type SpillFile } from './spill.js';
export { type Helper, help, type Invitation } from './team.js';
export { buildModel, executedLines, type Model, type Scheduled };

/**
 * Explores every interleaving of the model's tasks, as far as `options` allow.
 * @throws InputError RZ21xx where a task does what a model cannot: a value that does not fit, …
 */
export function check(whole: Model, options: SearchOptions = {}): CheckResult {
  const { result: searchedFor, model, packed, isShortest } = searched(whole, options);
  const { compiled, sometimes } = model.linked;
  const { result, livelock } = withProgress(model, searchedFor, options);
  const moves = livelock ? result.moves : concreteMoves(packed, result.moves);
  const walk = result.found ? walkMoves(model, moves) : undefined;
  const unmet = sometimes.filter((_, i) => !result.met[i]).map(({ name }) => name);
  return {
    scenario: compiled.scenario.name,
    kernel: compiled.kernel,
    ...(compiled.variant !== undefined && { variant: compiled.variant }),
    ...verdictOf(result, unmet, options),
    ...(result.found && walk && findingOf(model, result.found, walk, livelock)),
    ...(result.found && !livelock && { inevitable: inevitableOf(model, result.found, moves, options) }),
    ...(result.progress && { progress: compiled.scenario.progress }),
    sometimes: Object.fromEntries(sometimes.map(({ name }, i) => [name, result.met[i]])),
    states: result.states,
    transitions: result.transitions,
    depth: result.depth,
    ...(result.stopped && { bound: result.stopped, finishedDepth: result.finishedDepth }),
    complete: !result.stopped && (!result.found || ['cannot end', 'livelock'].includes(result.found.kind)),
    stateBytes: packed.encoding.words * 4,
    ...reductionsOf(model, isShortest),
    memoryModel: model.linked.depth === undefined ? 'sequentially consistent' : 'x86-TSO',
    storage: result.store.storage,
    ...(result.wholeStates !== undefined && { wholeStates: result.wholeStates }),
    // of n states there are n * n / 2 pairs, each of which has one of 2^64 fingerprints in common
    ...(result.store.storage === 'fingerprints' && { collisionProbability: result.states ** 2 / 2 ** 65 }),
  };
}

/** A search, and once it has found nothing what it cannot ask: whether tasks end on every fair run. */
function withProgress(model: Model, result: SearchResult, options: SearchOptions) {
  const { tasks, compiled } = model.linked;
  const wanted = compiled.scenario.progress.map((name) => tasks.findIndex((task) => task.name === name));
  // that no run ends is shown as the loop that it is, where there is one
  const isOpen = !result.found || result.found.kind === 'cannot end';
  if (!isOpen || result.stopped || wanted.length === 0) return { result: { ...result, progress: false } };
  const { memoryMax = Number.POSITIVE_INFINITY } = options;
  const left = { ...options, memoryMax: memoryMax - result.bytes };
  const { livelock, stopped } = findLivelock(model, wanted, limitsOf(left));
  if (stopped) {
    const names = compiled.scenario.progress.join(', ');
    const problem = `${boundOf(stopped, options)} before it was known if ${names} end on every fair run: that takes whole states`;
    return { result: { ...result, ...(!result.found && { stopped, problem }), progress: false } };
  }
  if (!livelock) return { result: { ...result, progress: true } };
  const found: Found = { kind: 'livelock', task: livelock.task };
  return { result: { ...result, found, moves: [...livelock.stem, ...livelock.loop], progress: true }, livelock };
}

function limitsOf({ statesMax, memoryMax, shouldStop }: SearchOptions): Limits {
  return {
    statesMax: statesMax ?? Number.POSITIVE_INFINITY,
    bytesMax: memoryMax ?? Number.POSITIVE_INFINITY,
    ...(shouldStop && { shouldStop }),
  };
}

/** States beyond a path that are looked at: some hundred megabytes and some seconds at most. */
const BEYOND_MAX = 300_000;

function inevitableOf(model: Model, found: Found, moves: readonly Move[], options: SearchOptions) {
  const limits = limitsOf(options);
  const statesMax = Math.min(limits.statesMax, BEYOND_MAX);
  return inevitableAfter(model, found, moves, { ...limits, statesMax }) ?? 'not determined';
}

interface Searched {
  result: SearchResult;
  model: Model;
  /** the same with the states that were searched */
  packed: Model;
  isShortest: boolean;
}

/**
 * Where steps are taken alone, what is found first need not be what is nearest: once something is found, it is searched for
 * again with every step kept.
 */
function searched(model: Model, options: SearchOptions): Searched {
  const { collapse, ...kept } = model;
  const first = searchNarrowly(model, options);
  if (!collapse || !first.result.found) return { ...first, model, packed: first.model, isShortest: true };
  // what was put down is of the other graph
  const { resume: _, save: __, ...anew } = options;
  const nearest = searchNarrowly(kept, anew);
  return nearest.result.found
    ? { ...nearest, model: kept, packed: nearest.model, isShortest: true }
    : { ...first, model, packed: first.model, isShortest: false };
}

/** What was left out of the search, and what could not be. */
function reductionsOf(
  { symmetry, linked, collapse }: Model,
  isShortest: boolean,
): Pick<CheckResult, 'reductions' | 'notReduced' | 'toldApart'> {
  const names = (tasks: readonly number[]): string => tasks.map((task) => linked.tasks[task].name).join(', ');
  const refused = symmetry.refused.map(({ tasks, reason }) => `${tasks.join(', ')} are not sorted: ${reason}`);
  const toldApart = symmetry.refusedPages.map(({ name, reason }) => ({ elements: name, reason }));
  const longer = 'the path may be longer than it need be: the search for the shortest ended at a bound';
  const notReduced = isShortest ? refused : [...refused, longer];
  return {
    reductions: [
      ...symmetry.classes.map((group) => `sorted tasks (${names(group)})`),
      ...symmetry.pages.flatMap(({ name, classes }) =>
        classes.map((group) => `sorted elements (${group.join(', ')} of ${name})`),
      ),
      ...(collapse ? ['steps that nobody can see or disturb taken at once'] : []),
    ],
    ...(notReduced.length > 0 && { notReduced }),
    ...(toldApart.length > 0 && { toldApart }),
  };
}

function verdictOf(
  { found, stopped, problem }: SearchResult,
  unmet: readonly string[],
  options: SearchOptions,
): Pick<CheckResult, 'verdict' | 'inconclusive'> {
  if (found) return { verdict: 'violated' };
  if (stopped) return { verdict: 'inconclusive', inconclusive: problem ?? boundOf(stopped, options) };
  if (unmet.length === 0) return { verdict: 'holds' };
  const names = unmet.map((name) => `'${name}'`).join(', ');
  return { verdict: 'inconclusive', inconclusive: `no state is one of 'sometimes' ${names}: the situation is not met` };
}

function boundOf(bound: Bound, { statesMax, memoryMax = 0, secondsMax }: SearchOptions): string {
  switch (bound) {
    case 'states':
      return `stopped at ${statesMax} states`;
    case 'memory':
      return `stopped at ${sizeOf(memoryMax)} of memory`;
    case 'time':
      return `stopped after ${secondsMax} s`;
    case 'interrupt':
      return 'interrupted';
    case 'disk':
      return 'stopped by the disk';
  }
}

function sizeOf(bytes: number): string {
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

function findingOf(model: Model, found: Found, walk: Walk, livelock: Livelock | undefined): Partial<CheckResult> {
  return {
    violation: violationOf(model, found, walk),
    path: livelock ? walk.path.slice(0, livelock.stem.length) : walk.path,
    ...(livelock && { loop: walk.path.slice(livelock.stem.length), inevitable: livelock.inevitable ?? 'never' }),
    initialWatched: walk.initialWatched,
    blocked: walk.blocked,
  };
}

function violationOf({ linked }: Model, found: Found, walk: Walk): Violation {
  switch (found.kind) {
    case 'never': {
      const { name } = linked.never[found.property];
      return { kind: 'never', name, message: `'${name}' must never be, and is` };
    }
    case 'finally': {
      const { name } = linked.finally[found.property];
      return { kind: 'finally', name, message: `all tasks have ended, but '${name}' does not hold` };
    }
    case 'terminal': {
      const kind = found.waitsForLock ? 'deadlock' : 'stuck';
      const waiting = walk.blocked.map(({ task, reason }) => `${task} (${reason})`).join(', ');
      return { kind, name: kind, message: `no task can go on: ${waiting}` };
    }
    case 'cannot end':
      return { kind: 'cannot end', name: 'cannot end', message: 'from here on no run ends, whatever comes next' };
    case 'livelock': {
      const { name } = linked.tasks[found.task];
      const message = `${name} never ends: the steps of the loop come again and again, and no task that can go on is left out`;
      return { kind: 'livelock', name: 'livelock', message };
    }
    case 'site':
      return violationAt(walk);
  }
}

function violationAt({ site }: Walk): Violation {
  if (!site || site.kind === 'does not fit' || site.kind === 'endless loop' || site.kind === 'choice') {
    throw new InternalError('a path ends in no violation');
  }
  const [at] = framesOf(site.place);
  return { kind: site.kind, name: site.message, message: `${site.kind}: ${site.message}`, at };
}

/** What the end of a replayed path shows. */
export interface Replay extends Pick<CheckResult, 'path' | 'initialWatched' | 'blocked' | 'violation'> {}

/**
 * Walks a schedule again.
 * @returns the path and the violation at its end, if there is one; undefined where the schedule cannot be followed
 */
export function replay(model: Model, schedule: readonly Scheduled[]): Replay | undefined {
  const walk = walkSchedule(model, schedule);
  if (!walk) return undefined;
  const found = endOf(model, walk);
  const { path, initialWatched, blocked } = walk;
  return { path, initialWatched, blocked, ...(found && { violation: violationOf(model, found, walk) }) };
}

/** What a state is a violation of, without a search: neither a livelock nor that no run ends is seen. */
function endOf({ code }: Model, { site, state, blocked }: Walk): Found | undefined {
  if (site) return { kind: 'site', site: -1 };
  const never = code.never.findIndex((predicate) => predicate(state));
  if (never >= 0) return { kind: 'never', property: never };
  const wrong = blocked.length === 0 ? code.finally.findIndex((predicate) => !predicate(state)) : -1;
  if (wrong >= 0) return { kind: 'finally', property: wrong };
  if (blocked.length === 0 || blocked.some(({ reason }) => reason === 'can go on')) return undefined;
  return { kind: 'terminal', waitsForLock: blocked.some(({ reason }) => reason === 'lock') };
}

/** @returns the tasks and choices of a path and of the loop after it, for `replay` */
export function scheduleOf(model: Model, { path = [], loop = [] }: Pick<CheckResult, 'path' | 'loop'>): Scheduled[] {
  const position = new Map(model.linked.tasks.map(({ name }, task) => [name, task]));
  return [...path, ...loop].map(({ task, choices }) => ({ task: position.get(task) ?? -1, choices }));
}

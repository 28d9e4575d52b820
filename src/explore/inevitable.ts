// SPDX-License-Identifier: Apache-2.0
/**
 * Where a violation became inevitable: the first state of its path from which it, or another of the same property, is met
 * whatever comes next. That is the case where no fair run from that state (fair.ts) ends without it or goes round for ever
 * without it. A run that ends in the violation of another property is one that avoids this one.
 *
 * Exact, from the plain graph beyond the path, of which violating states are not walked on. Not determined where that is too large.
 */
import { InternalError } from '../base/assert.js';
import type { Move } from './batch.js';
import { nextAlternative } from './code.js';
import { BLOCKED, OK } from './emit.js';
import { fairComponents, waitsForLock } from './fair.js';
import type { Found } from './finding.js';
import { END, Graph, type Limits, STUCK } from './graph.js';
import type { Model } from './model.js';
import { pcOf } from './state.js';

/** Runs tried before the graph is: most states from which a violation can be avoided are told by one that does. */
const RUNS = 32;
const RUN_STEPS = 4000;
/** Tasks asked in a row that could not go on, after which none can. */
const MANY_IN_VAIN = 100;

/**
 * @param moves from the first state to the violation
 * @returns how many of its steps are taken when it cannot be avoided any more: 0, from the first state on; their number,
 * not before the last; undefined, not determined within the limits
 */
export function inevitableAfter(
  model: Model,
  found: Found,
  moves: readonly Move[],
  limits: Limits,
): number | undefined {
  // what is violated is that an end can be reached: the path ends at the first state from which none can
  if (found.kind === 'cannot end') return moves.length;
  const states = statesAlong(model, found, moves);
  const property = propertyOf(model, found, () => failureOf(model, states[states.length - 1], moves));
  const graph = new Graph(model, property.isViolating);
  const locks = waitsForLock(model);
  for (let i = states.length - 1; i >= 0; i--) {
    if (avoidedByChance(model, property, states[i])) return i + 1;
    const seen = graph.expanded;
    const failed = graph.failures.length;
    graph.add(states[i]);
    if (graph.explore(limits)) return undefined;
    for (let state = seen; state < graph.count; state++) {
      const kind = graph.kind.of[state];
      if (kind === END || (kind === STUCK && found.kind !== 'terminal')) return i + 1;
    }
    if (graph.failures.slice(failed).some(({ site }) => !property.isSame(site))) return i + 1;
    if (fairComponents(graph, locks).length > 0) return i + 1;
  }
  return 0;
}

/** What counts as the violation. */
interface Property {
  isViolating(state: Int32Array): boolean;
  /** of the place where a step fails */
  isSame(site: number): boolean;
}

function propertyOf({ code, encoding, linked }: Model, found: Found, failure: () => number): Property {
  const isViolating = (): boolean => false;
  const isSame = (): boolean => false;
  switch (found.kind) {
    case 'never':
      return { isViolating: code.never[found.property], isSame };
    case 'finally': {
      const hasEnded = (state: Int32Array) =>
        linked.tasks.every(({ isBuffer }, task) => isBuffer || pcOf(state, encoding, task) === 0);
      return { isViolating: (state) => hasEnded(state) && !code.finally[found.property](state), isSame };
    }
    case 'terminal':
      return { isViolating, isSame };
    case 'site': {
      const { kind, message } = code.sites[failure()];
      return { isViolating, isSame: (site) => code.sites[site].kind === kind && code.sites[site].message === message };
    }
    default:
      throw new InternalError(`nothing to avoid: ${found.kind}`);
  }
}

/** The place where the last step fails, by the numbers of `model.code`: a search may have code and numbers of its own. */
function failureOf(model: Model, before: Int32Array, moves: readonly Move[]): number {
  const { task, alternative } = moves[moves.length - 1];
  const site = alternativesOf(model, before, task)[alternative];
  if (typeof site !== 'number') throw new InternalError('the last step of a path does not fail');
  return site;
}

/** The states before each step, and after the last unless that is the one which fails. */
function statesAlong(model: Model, found: Found, moves: readonly Move[]): Int32Array[] {
  const states: Int32Array[] = [Int32Array.from(model.initial)];
  for (const move of found.kind === 'site' ? moves.slice(0, -1) : moves) {
    const after = alternativesOf(model, states[states.length - 1], move.task)[move.alternative];
    if (!after || typeof after === 'number') throw new InternalError('a path cannot be walked again');
    states.push(after);
  }
  return states;
}

/** @returns what a task's step leads to, per alternative: a state, or the site where it fails; none where it is blocked */
function alternativesOf(
  { code, encoding }: Model,
  from: Int32Array,
  task: number,
): (Int32Array | number | undefined)[] {
  const pc = pcOf(from, encoding, task);
  if (pc === 0) return [];
  code.choice.fill(0);
  const all: (Int32Array | number | undefined)[] = [];
  do {
    const state = Int32Array.from(from);
    const outcome = code.steps[task][pc](state);
    all.push(outcome === OK ? state : outcome < BLOCKED ? code.side[0] : undefined);
  } while (code.chooses[task][pc] && nextAlternative(code));
  return all;
}

/** whether a task has ended, or a store buffer is empty */
function hasEnded(model: Model, state: Int32Array, task: number): boolean {
  if (pcOf(state, model.encoding, task) === 0) return true;
  return model.linked.tasks[task].isBuffer && alternativesOf(model, state, task).every((after) => after === undefined);
}

/** A few runs, tasks in an order that changes from run to run. @returns whether one ends without the violation */
function avoidedByChance(model: Model, property: Property, from: Int32Array): boolean {
  let seed = 1;
  const below = (n: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (seed >>> 8) % n;
  };
  const tasks = model.linked.tasks.map((_, task) => task);
  for (let run = 0; run < RUNS; run++) {
    let state = from;
    // one task goes on as far as it can, most of the time: runs that end soon
    let task = below(tasks.length);
    let inVain = 0;
    for (let step = 0; step < RUN_STEPS && inVain < MANY_IN_VAIN && !property.isViolating(state); step++) {
      if (tasks.every((each) => hasEnded(model, state, each))) return true;
      if (below(8) === 0) task = below(tasks.length);
      const options = alternativesOf(model, state, task).filter((each) => each !== undefined);
      const after = options.length > 0 ? options[below(options.length)] : undefined;
      inVain = after === undefined ? inVain + 1 : 0;
      if (after === undefined) task = below(tasks.length);
      else if (typeof after === 'number') break;
      else state = after;
    }
  }
  return false;
}

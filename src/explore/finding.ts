// SPDX-License-Identifier: Apache-2.0
/**
 * What a search has found, settled once a level is done: of all violations of the level the one whose path comes first, where
 * tasks go in their order and choices count up. So the path is the same whoever found it, and in which order.
 *
 * Not here: where to look (member.ts tells), what a finding is called (check.ts).
 */
import { assert } from '../base/assert.js';
import { CAN_GO_ON, NOT_ENDED, type Violated, WAITS_FOR_LOCK } from './batch.js';
import type { Edges } from './edges.js';
import type { Judged } from './judge.js';
import type { Suspects } from './member.js';
import type { Team } from './team.js';

export type Found =
  /** a step that could not be ended properly: it is the last */
  | { kind: 'site'; site: number }
  | { kind: 'never' | 'finally'; property: number }
  | { kind: 'terminal'; waitsForLock: boolean }
  | { kind: 'cannot end' }
  /** not by a search: see progress.ts */
  | { kind: 'livelock'; task: number };

export interface Finding {
  found: Found;
  /** from the first state on, which successor of each comes next (Batch.ordinal) */
  way: number[];
  /** the move after these, if that is what fails */
  move?: number;
}

/** All violations of a level. */
interface Violations {
  /** states of it that cannot go on, and whether one of their tasks waits for a lock */
  terminal: Map<number, boolean>;
  /** states of it with a step that fails: the first one of each */
  failing: Map<number, Violated>;
  /** states that were first reached from it */
  wrong: Map<number, Judged['found']>;
}

/**
 * @param levels per level its first state; the last is the one that is done; none before the first state was looked at
 * @param end where that level ends
 */
export function settle(team: Team, levels: readonly number[], end: number): Finding | undefined {
  const reports = team.takeReports();
  const suspects = reports.flatMap((report) => report.suspects);
  if (suspects.length === 0) return undefined;
  const { store } = team;
  // what was let go was looked at before anything was found
  const begin = Math.max(levels.at(-1) ?? end, store.firstHeld);
  const all: Suspects[] = [
    { kind: 'sources', first: begin, count: end - begin },
    { kind: 'states', first: end, count: store.count - end },
  ];
  const violations: Violations = { terminal: new Map(), failing: new Map(), wrong: new Map() };
  for (const { kind, first, count } of reports.some(({ isFull }) => isFull) ? all : suspects) {
    for (let state = first; state < first + count; state++) {
      if (kind === 'sources') lookFrom(team, state, violations);
      else if (state < team.statesMax) lookAt(team, state, violations);
    }
  }
  return choose(team, levels, end, violations);
}

/** Takes the steps of one state again. */
function lookFrom({ store, owner: { expander } }: Team, state: number, { terminal, failing }: Violations): void {
  const { batch } = expander;
  expander.begin(store.segment(state), store.offset(state), 1);
  for (let isLeft = true; isLeft; ) {
    isLeft = expander.next();
    const { violation } = batch;
    if (!violation || failing.has(state)) continue;
    failing.set(state, { ...violation, before: violation.before + (batch.count > 0 ? batch.ordinal[0] : 0) });
  }
  const [status] = batch.status;
  if ((status & (CAN_GO_ON | NOT_ENDED)) === NOT_ENDED) terminal.set(state, (status & WAITS_FOR_LOCK) !== 0);
}

function lookAt({ store, owner: { expander, judge } }: Team, state: number, { wrong }: Violations): void {
  const at = store.offset(state);
  expander.only(store.segment(state).subarray(at, at + store.words));
  expander.batch.fresh[0] = 0;
  const judged = judge.judge(1);
  if (judged) wrong.set(state, judged.found);
}

/** A state that cannot go on is one step nearer than what else its level leads to. */
function choose(team: Team, levels: readonly number[], end: number, violations: Violations): Finding | undefined {
  const { terminal, failing, wrong } = violations;
  const initial = levels.length === 0 ? wrong.get(0) : undefined;
  if (initial) return { found: initial, way: [] };
  if (terminal.size > 0) {
    const { state, way } = wayTo(team, levels, [...terminal.keys()]);
    return { found: { kind: 'terminal', waitsForLock: terminal.get(state) === true }, way };
  }
  if (failing.size + wrong.size === 0) return undefined;
  const { state, way } = wayTo(team, levels, [...failing.keys(), ...sourcesOf(team, levels, end, wrong)]);
  const failed = failing.get(state);
  const next = successorsIn(team, state, wrong);
  if (failed && !(next && next.ordinal < failed.before))
    return { found: { kind: 'site', site: failed.site }, way, move: failed.move };
  assert(next !== undefined, 'a violation is not found again');
  return { found: next.found, way: [...way, next.ordinal] };
}

/** @returns the states of the last level that lead to one of `wrong`; without edges, those that were the first to */
function sourcesOf(
  { store, edges }: Team,
  levels: readonly number[],
  end: number,
  wrong: Violations['wrong'],
): number[] {
  if (!edges || wrong.size === 0) return [...wrong.keys()].map((state) => store.parent(state));
  const sources: number[] = [];
  for (let state = levels[levels.length - 1]; state < end; state++) {
    if (edgeInto(edges, state, (target) => wrong.has(target)) >= 0) sources.push(state);
  }
  return sources;
}

/** @returns the first successor of a state that is wrong */
function successorsIn({ store, edges }: Team, state: number, wrong: Violations['wrong']) {
  if (!edges) {
    const own = [...wrong].filter(([target]) => store.parent(target) === state);
    return own
      .map(([target, found]) => ({ ordinal: store.ordinal(target), found }))
      .sort((a, b) => a.ordinal - b.ordinal)
      .at(0);
  }
  const edge = edgeInto(edges, state, (target) => wrong.has(target));
  const found = edge < 0 ? undefined : wrong.get(edges.target(edge));
  return found && { ordinal: edge - edges.first(state), found };
}

function edgeInto(edges: Edges, state: number, isWanted: (target: number) => boolean): number {
  const end = edges.end(state);
  for (let edge = edges.first(state); edge < end; edge++) if (isWanted(edges.target(edge))) return edge;
  return -1;
}

/**
 * The way that comes first of all shortest ones to one of `targets`, states of the last level. Without edges only the way
 * on which each state was first reached is known: with one thread, that is the same.
 */
export function wayTo(
  { store, edges }: Team,
  levels: readonly number[],
  targets: readonly number[],
): { state: number; way: number[] } {
  if (!edges) {
    const state = targets.reduce((a, b) => Math.min(a, b));
    const way: number[] = [];
    for (let at = state; store.parent(at) >= 0; at = store.parent(at)) way.push(store.ordinal(at));
    return { state, way: way.reverse() };
  }
  const leads = new Uint8Array(store.count);
  for (const target of targets) leads[target] = 1;
  const isOn = (level: number) => (target: number) => target >= levels[level + 1] && leads[target] === 1;
  for (let level = levels.length - 2; level >= 0; level--) {
    for (let state = levels[level]; state < levels[level + 1]; state++) {
      if (edgeInto(edges, state, isOn(level)) >= 0) leads[state] = 1;
    }
  }
  const way: number[] = [];
  let state = 0;
  for (let level = 0; level < levels.length - 1; level++) {
    const edge = edgeInto(edges, state, isOn(level));
    assert(edge >= 0, 'no way leads to a finding');
    way.push(edge - edges.first(state));
    state = edges.target(edge);
  }
  return { state, way };
}

/** @returns of the states nearest to the first from which none without steps can be reached, the one whose way comes first */
export function firstWithoutEnd(team: Team, levels: readonly number[]): Finding | undefined {
  const states = team.store.count;
  const ends = team.edges?.ending(states);
  const nearest = ends?.indexOf(0) ?? -1;
  if (!ends || nearest < 0) return undefined;
  const level = levels.findLastIndex((first) => first <= nearest);
  const all: number[] = [];
  for (let state = nearest; state < (levels[level + 1] ?? states); state++) if (ends[state] === 0) all.push(state);
  return { found: { kind: 'cannot end' }, way: wayTo(team, levels.slice(0, level + 1), all).way };
}

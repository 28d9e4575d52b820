// SPDX-License-Identifier: Apache-2.0
/**
 * What a search has found, settled once a level is done: of all violations of the level the one whose path comes first, where
 * tasks go in their order and choices count up. So the path is the same whoever found it, and in which order.
 *
 * Not here: where to look (member.ts tells), what a finding is called (check.ts).
 */
import { assert } from '../base/assert.js';
import { CAN_GO_ON, NOT_ENDED, type Violated, WAITS_FOR_LOCK } from './batch.js';
import { Bits } from './bits.js';
import type { EdgeLog } from './edge-log.js';
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
  const begin = levels.at(-1) ?? end;
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
  expander.begin(store.state(state), 0, 1);
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
  expander.only(store.state(state));
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

/** @returns the states of the last level that lead to one of `wrong` */
function sourcesOf({ edges }: Team, levels: readonly number[], end: number, wrong: Violations['wrong']): number[] {
  const sources: number[] = [];
  if (wrong.size === 0) return sources;
  edges.backward(levels[levels.length - 1], end, (state, words, first, last) => {
    if (words.subarray(first, last).some((target) => wrong.has(target))) sources.push(state);
  });
  return sources;
}

/** @returns the first successor of a state that is wrong */
function successorsIn({ edges }: Team, state: number, wrong: Violations['wrong']) {
  const { ordinal, target } = edgeInto(edges, state, (each) => wrong.has(each));
  const found = wrong.get(target);
  return found && { ordinal, found };
}

function edgeInto(edges: EdgeLog, state: number, isWanted: (target: number) => boolean) {
  const targets = edges.targetsOf(state);
  const ordinal = targets.findIndex(isWanted);
  return { ordinal, target: targets[ordinal] };
}

/** The way that comes first of all shortest ones to one of `targets`, states of the last level. */
export function wayTo(
  { store, edges }: Team,
  levels: readonly number[],
  targets: readonly number[],
): { state: number; way: number[] } {
  const leads = new Bits(store.count);
  for (const target of targets) leads.add(target);
  for (let level = levels.length - 2; level >= 0; level--) {
    const next = levels[level + 1];
    edges.backward(levels[level], next, (state, words, first, end) => {
      for (let at = first; at < end; at++) if (words[at] >= next && leads.has(words[at])) leads.add(state);
    });
  }
  const way: number[] = [];
  let state = 0;
  for (let level = 0; level < levels.length - 1; level++) {
    const next = levels[level + 1];
    const { ordinal, target } = edgeInto(edges, state, (each) => each >= next && leads.has(each));
    assert(ordinal >= 0, 'no way leads to a finding');
    way.push(ordinal);
    state = target;
  }
  return { state, way };
}

/** The last that is asked of a search. @returns of the states nearest to the first from which none without steps can be reached, the one whose way comes first */
export function firstWithoutEnd(team: Team, levels: readonly number[]): Finding | undefined {
  const states = team.store.count;
  const ends = team.ending();
  const nearest = ends.firstWithout(0);
  if (nearest === states) return undefined;
  const level = levels.findLastIndex((first) => first <= nearest);
  const levelEnd = levels[level + 1] ?? states;
  const all: number[] = [];
  for (let state = nearest; state < levelEnd; state = ends.firstWithout(state + 1)) all.push(state);
  return { found: { kind: 'cannot end' }, way: wayTo(team, levels.slice(0, level + 1), all).way };
}

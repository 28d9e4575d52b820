// SPDX-License-Identifier: Apache-2.0
/**
 * Progress: whether the tasks that a scenario names end on every fair run. Where one does not there is a fair loop in which it
 * has not ended: it waits while others go round, or goes round itself (a livelock).
 *
 * Asked of the plain graph, made anew for it: what a search keeps does not say who moves, and one that sorts tasks does not
 * know any more. Not here: tasks that cannot go on at all (search.ts).
 */
import type { Move } from './batch.js';
import { fairComponents, fairLoop, waitsForLock, wayTo } from './fair.js';
import { Graph, type Limits, type Stop } from './graph.js';
import type { Model } from './model.js';
import { pcOf } from './state.js';

/** A fair run on which a task never ends: to the loop, and round and round. */
export interface Livelock {
  task: number;
  stem: Move[];
  loop: Move[];
  /** how many steps of the stem are taken when the task cannot end any more; absent where even in the loop it still can */
  inevitable?: number;
}

/**
 * @param tasks those that must end
 * @returns the livelock with the shortest way to it, or what ended the exploration before all was seen
 */
export function findLivelock(
  model: Model,
  tasks: readonly number[],
  limits: Limits,
): { livelock?: Livelock; stopped?: Stop } {
  const graph = new Graph(model);
  graph.add(model.initial);
  const stopped = graph.explore(limits);
  if (stopped) return { stopped };
  const locks = waitsForLock(model);
  for (const component of fairComponents(graph, locks)) {
    // tasks do not come back from their end, so that all states of a component have the same ones left
    const state = graph.state(component[0]);
    const task = tasks.find((each) => pcOf(state, model.encoding, each) !== 0);
    if (task === undefined) continue;
    const { moves: stem, states } = wayTo(graph, component[0]);
    const hasEnded = (at: number): boolean => pcOf(graph.state(at), model.encoding, task) === 0;
    const last = states.findLastIndex((at) => canReach(graph, at, hasEnded));
    const inevitable = last === states.length - 1 ? {} : { inevitable: last + 1 };
    return { livelock: { task, stem, loop: fairLoop(graph, component, locks), ...inevitable } };
  }
  return {};
}

function canReach(graph: Graph, from: number, isWanted: (state: number) => boolean): boolean {
  const seen = new Set([from]);
  for (const state of seen) {
    if (isWanted(state)) return true;
    for (let edge = graph.first(state); edge < graph.end(state); edge++) seen.add(graph.target.of[edge]);
  }
  return false;
}

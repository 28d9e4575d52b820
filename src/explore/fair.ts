// SPDX-License-Identifier: Apache-2.0
/**
 * Runs that go round for ever and are fair: a task that could always go on does, at some time; and a task that waits for a
 * lock gets it, at some time, if the lock is free again and again (Linux's locks are queues). No more than that: a task that
 * sleeps until a condition holds may miss it each time it does, and of `choose` any outcome may come for ever.
 *
 * Emerson and Lei's way (1987): strongly connected components, and where a lock is passed by, what is left without it.
 */
import { assert } from '../base/assert.js';
import type { LinkedTask } from '../compiler/link.js';
import type { NodeId } from '../compiler/link-graph.js';
import type { Move } from './batch.js';
import { cyclicComponents } from './components.js';
import { type Graph, INNER } from './graph.js';
import type { Model } from './model.js';
import { pcOf } from './state.js';

/** Bits of Graph.enabled. */
const TASKS = 32;

/** Tells, for a task and where it rests, whether it waits for a lock there. */
export type WaitsForLock = (state: Int32Array, task: number) => boolean;

/** @returns the test for a model's tasks */
export function waitsForLock({ linked, encoding }: Model): WaitsForLock {
  const locks = linked.tasks.map((task) => task.points.map((point) => point !== undefined && isLock(task, point.node)));
  return (state, task) => locks[task][pcOf(state, encoding, task)];
}

/** whether the step that begins at a node is a wait for a lock: the guard stands in the atomic block that it opens */
function isLock({ graph: { nodes } }: LinkedTask, start: NodeId): boolean {
  const pending = [start];
  const seen = new Set<NodeId>();
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    if (at < 0 || seen.has(at)) continue;
    seen.add(at);
    const { op, next, other, atomic } = nodes[at];
    if (op.op === 'guard') return op.reason === 'lock';
    if (at === start || atomic || op.op === 'choose') pending.push(next, other);
  }
  return false;
}

/** @returns the parts of a graph in each of which a fair run can stay for ever, each as its states, the smallest first */
export function fairComponents(graph: Graph, locks: WaitsForLock): Int32Array[] {
  const arrows = {
    count: graph.count,
    first: (state: number) => graph.first(state),
    end: (state: number) => graph.end(state),
    target: (edge: number) => graph.target.of[edge],
  };
  const inner: number[] = [];
  for (let state = 0; state < graph.expanded; state++) if (graph.kind.of[state] === INNER) inner.push(state);
  const found: Int32Array[] = [];
  const pending: Iterable<number>[] = [inner];
  for (let nodes = pending.pop(); nodes !== undefined; nodes = pending.pop()) {
    for (const component of cyclicComponents(arrows, nodes)) {
      const left = withoutPassedBy(graph, component, locks);
      if (left.length === component.length) found.push(component);
      else if (left.length > 0) pending.push(left);
    }
  }
  return found.sort((a, b) => a[0] - b[0]);
}

/** @returns the states of a component; fewer if a task is passed by in it, none if that is unfair wherever the run goes */
function withoutPassedBy(graph: Graph, component: Int32Array, locks: WaitsForLock): Int32Array {
  const inside = new Set(component);
  let moving = 0;
  let always = -1;
  let sometimes = 0;
  for (const state of component) {
    always &= graph.enabled.of[state];
    sometimes |= graph.enabled.of[state];
    for (let e = graph.first(state); e < graph.end(state); e++) {
      if (inside.has(graph.target.of[e])) moving |= 1 << graph.task(e);
    }
  }
  if ((always & ~moving) !== 0) return component.subarray(0, 0);
  let passedBy = 0;
  for (let task = 0; task < TASKS; task++) {
    // it does not move, so that it rests at one place in all these states
    const isIdle = ((sometimes & ~moving) >>> task) & 1;
    if (isIdle && locks(graph.state(component[0]), task)) passedBy |= 1 << task;
  }
  return passedBy === 0 ? component : component.filter((state) => (graph.enabled.of[state] & passedBy) === 0);
}

/** @returns a shortest way from the first state to another, and the states along it, both ends included */
export function wayTo(graph: Graph, state: number): { moves: Move[]; states: number[] } {
  const isThere = (edge: number): boolean => graph.target.of[edge] === state;
  const edges = state === 0 ? [] : shortest(graph, 0, () => true, isThere);
  return {
    moves: edges.map((edge) => moveOf(graph, edge)),
    states: [0, ...edges.map((edge) => graph.target.of[edge])],
  };
}

/** @returns a short way round in a fair component, from its first state, that is fair itself */
export function fairLoop(graph: Graph, component: Int32Array, locks: WaitsForLock): Move[] {
  const inside = new Set(component);
  const [start] = component;
  const loop: number[] = [];
  let at = start;
  const go = (accept: (edge: number) => boolean): void => {
    loop.push(...shortest(graph, at, (state) => inside.has(state), accept));
    at = graph.target.of[loop[loop.length - 1]];
  };
  for (;;) {
    const task = passedByIn(graph, start, loop, locks);
    if (task >= 0) {
      const canRest = (state: number) => (graph.enabled.of[state] & (1 << task)) === 0;
      const mustMove = component.every((state) => !canRest(state)) || loop.some((e) => canRest(graph.target.of[e]));
      go((edge) => graph.task(edge) === task || (!mustMove && canRest(graph.target.of[edge])));
    } else if (at !== start || loop.length === 0) {
      go((edge) => graph.target.of[edge] === start);
    } else {
      return loop.map((edge) => moveOf(graph, edge));
    }
  }
}

/** @returns a task that a run along these edges passes by; -1 if there is none */
function passedByIn(graph: Graph, start: number, loop: readonly number[], locks: WaitsForLock): number {
  const states = [start, ...loop.map((edge) => graph.target.of[edge])];
  const moved = new Set(loop.map((edge) => graph.task(edge)));
  for (let task = 0; task < TASKS; task++) {
    if (moved.has(task)) continue;
    const canMove = states.map((state) => ((graph.enabled.of[state] >>> task) & 1) === 1);
    if (!canMove.includes(true)) continue;
    if (!canMove.includes(false) || locks(graph.state(start), task)) return task;
  }
  return -1;
}

/** Breadth first. @returns the edges from a state to the first that is accepted, which is the last of them */
function shortest(
  graph: Graph,
  from: number,
  isInside: (state: number) => boolean,
  accept: (edge: number) => boolean,
): number[] {
  const by = new Map<number, { edge: number; from: number }>();
  let level = [from];
  while (level.length > 0) {
    const next: number[] = [];
    for (const state of level) {
      for (let edge = graph.first(state); edge < graph.end(state); edge++) {
        const to = graph.target.of[edge];
        if (!isInside(to)) continue;
        if (accept(edge)) return [...wayBack(by, from, state), edge];
        if (to === from || by.has(to)) continue;
        by.set(to, { edge, from: state });
        next.push(to);
      }
    }
    level = next;
  }
  assert(false, 'a component is strongly connected');
}

function wayBack(by: ReadonlyMap<number, { edge: number; from: number }>, from: number, to: number): number[] {
  const way: number[] = [];
  for (let at = to; at !== from; ) {
    const step = by.get(at);
    assert(step !== undefined, 'a way leads back');
    way.push(step.edge);
    at = step.from;
  }
  return way.reverse();
}

function moveOf(graph: Graph, edge: number): Move {
  return { task: graph.task(edge), alternative: graph.alternative(edge) };
}

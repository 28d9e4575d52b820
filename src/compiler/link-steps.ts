// SPDX-License-Identifier: Apache-2.0
/**
 * Cuts a task's graph into steps. A task rests at a *point*: just before a shared access, an atomic block or a choice. A
 * step goes from one point to the next: choices, the one access or block, and the local and ghost work after it.
 */
import { assert } from '../base/assert.js';
import type { LocalId } from './ir.js';
import { type Graph, type Node, type NodeId, reachable, successors } from './link-graph.js';
import { liveLocals } from './link-live.js';
import type { Memory } from './link-memory.js';

/** Where a task can rest. */
export interface Point {
  /** position in TaskSteps.points; 0 is the end and has no point */
  pc: number;
  node: NodeId;
  /** the locals that a state keeps here */
  live: LocalId[];
  /** whether the step from here may begin with a choice */
  chooses: boolean;
  /** the code of the step from here */
  region: Region;
}

export interface Steps {
  graph: Graph;
  /** pc -> point; entry 0 is undefined: the task has ended */
  points: (Point | undefined)[];
  pcOf: Map<NodeId, number>;
  /** where the task starts; 0 if it has nothing to do */
  startPc: number;
}

/** The code of one step: operations in a graph of their own, since one may stand before the access and after it too. */
export interface Region {
  /** the first is where the step starts */
  parts: RegionPart[];
  /** per part its successors: one for each of the node's (`next` first) */
  next: number[][];
}

export type RegionPart = { kind: 'node'; node: NodeId; isMain: boolean } | { kind: 'exit'; node: NodeId };

/** @returns whether a step begins at the node at the latest */
export function isBoundary(node: Node, memory: Memory): boolean {
  const { op } = node;
  if (op.op === 'enter') return true;
  if (node.atomic) return false;
  if (op.op === 'choose') return true;
  return (op.op === 'load' || op.op === 'store') && !op.cell.ghost && memory.isWritten(op.cell);
}

/** @returns the operations from `start` to the points after it */
function regionFrom(graph: Graph, start: NodeId, memory: Memory): Region {
  const region: Region = { parts: [], next: [] };
  /** by node, whether it is an exit and whether the access is over */
  const ids = new Map<number, number>();
  const pending: number[] = [];
  const after: boolean[] = [];
  const partFor = (node: NodeId, isAfter: boolean): number => {
    const stops = isBoundary(graph.nodes[node], memory);
    const isExit = isAfter && stops;
    const key = node * 3 + (isExit ? 2 : isAfter ? 1 : 0);
    let id = ids.get(key);
    if (id === undefined) {
      id = region.parts.length;
      ids.set(key, id);
      const isMain = !isAfter && stops && graph.nodes[node].op.op !== 'choose';
      region.parts.push(isExit ? { kind: 'exit', node } : { kind: 'node', node, isMain });
      region.next.push([]);
      after.push(isAfter || isMain);
      if (!isExit) pending.push(id);
    }
    return id;
  };
  partFor(start, false);
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    const { node } = region.parts[id];
    region.next[id] = successors(graph.nodes[node]).map((to) => partFor(to, after[id]));
  }
  return region;
}

/** @returns the code of the step from a point; the end has none */
export function regionOf({ points }: Pick<Steps, 'points'>, pc: number): Region {
  const region = points[pc]?.region;
  assert(region !== undefined, `no step begins at ${pc}`);
  return region;
}

/** @returns the whole graph as one region without points: a predicate */
export function wholeRegion(graph: Graph): Region {
  const order = reachable(graph);
  const position = new Map(order.map((id, i) => [id, i]));
  return {
    parts: order.map((node) => ({ kind: 'node', node, isMain: false })),
    next: order.map((id) => successors(graph.nodes[id]).map((to) => position.get(to) ?? 0)),
  };
}

/** @returns the first operation from `node` on that is more than a mark */
function pastMarks({ nodes }: Graph, node: NodeId): NodeId {
  let at = node;
  for (let hops = 0; nodes[at].op.op === 'mark' && hops < nodes.length; hops++) at = nodes[at].next;
  return at;
}

/** @returns the task's points, numbered in the order of its code */
export function cutIntoSteps(graph: Graph, memory: Memory): Steps {
  const found = new Map<NodeId, Region | undefined>();
  const choosing = new Set<NodeId>();
  const pending: NodeId[] = [];
  const add = (node: NodeId): void => {
    if (found.has(node)) return;
    found.set(node, undefined);
    pending.push(node);
  };
  const isEmpty = graph.nodes[pastMarks(graph, graph.entry)].op.op === 'end';
  if (!isEmpty) add(graph.entry);
  for (let start = pending.pop(); start !== undefined; start = pending.pop()) {
    const region = regionFrom(graph, start, memory);
    const { parts } = region;
    found.set(start, region);
    for (const part of parts) if (part.kind === 'exit') add(part.node);
    if (parts.some((part) => part.kind === 'node' && graph.nodes[part.node].op.op === 'choose')) choosing.add(start);
  }
  const live = liveLocals(graph, found.keys());
  const points: (Point | undefined)[] = [undefined];
  const pcOf = new Map<NodeId, number>();
  for (const node of reachable(graph)) {
    const region = found.get(node);
    if (!region) continue;
    pcOf.set(node, points.length);
    points.push({ pc: points.length, node, live: live.get(node) ?? [], chooses: choosing.has(node), region });
  }
  return { graph, points, pcOf, startPc: isEmpty ? 0 : (pcOf.get(graph.entry) ?? 0) };
}

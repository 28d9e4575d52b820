// SPDX-License-Identifier: Apache-2.0
/** Which locals are still read after a place: the others are not kept in a state. */
import type { LocalId } from './ir.js';
import { type Graph, type NodeId, operands, reachable, readLocals, successors, written } from './link-graph.js';

/**
 * One local at a time, from its uses back to where it is written: most live only for a few operations.
 * @param wanted nodes to answer for
 * @returns per wanted node the locals that are read from there on before they are written, in increasing order
 */
export function liveLocals(graph: Graph, wanted: Iterable<NodeId>): Map<NodeId, LocalId[]> {
  const live = new Map<NodeId, LocalId[]>();
  for (const id of wanted) live.set(id, []);
  const order = reachable(graph);
  const before = predecessors(graph, order);
  const uses = usesOf(graph, order);
  const seen = new Int32Array(graph.nodes.length).fill(-1);
  uses.forEach((nodes, local) => {
    const pending = [...nodes];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      if (seen[at] === local) continue;
      seen[at] = local;
      live.get(at)?.push(local);
      for (const from of before[at] ?? []) if (written(graph.nodes[from].op) !== local) pending.push(from);
    }
  });
  return live;
}

function predecessors(graph: Graph, order: readonly NodeId[]): NodeId[][] {
  const before: NodeId[][] = [];
  for (const from of order) for (const to of successors(graph.nodes[from])) (before[to] ??= []).push(from);
  return before;
}

/** Per local the nodes that read it. */
function usesOf(graph: Graph, order: readonly NodeId[]): NodeId[][] {
  const uses: NodeId[][] = graph.locals.map(() => []);
  for (const id of order) {
    const { op } = graph.nodes[id];
    for (const expr of operands(op)) readLocals(expr, (local) => uses[local].push(id));
    if (op.op === 'end' && graph.result !== undefined) uses[graph.result].push(id);
  }
  return uses;
}

// SPDX-License-Identifier: Apache-2.0
/** Which locals are still read after a place: the others are not kept in a state. */
import type { LocalId } from './ir.js';
import { type Graph, type NodeId, operands, reachable, readLocals, successors, written } from './link-graph.js';

/** @returns per node the locals that are read from there on before they are written, in increasing order */
export function liveLocals(graph: Graph, wanted: Iterable<NodeId>): Map<NodeId, LocalId[]> {
  const words = (graph.locals.length + 31) >>> 5;
  const order = reachable(graph).reverse();
  const live = new Map<NodeId, Uint32Array>();
  for (const id of order) live.set(id, new Uint32Array(words));
  for (let changed = true; changed; ) {
    changed = false;
    for (const id of order) if (update(graph, id, live)) changed = true;
  }
  const result = new Map<NodeId, LocalId[]>();
  for (const id of wanted) {
    const set = live.get(id);
    result.set(
      id,
      graph.locals.flatMap((_, local) => (set && set[local >>> 5] & (1 << (local & 31)) ? [local] : [])),
    );
  }
  return result;
}

function update(graph: Graph, id: NodeId, live: Map<NodeId, Uint32Array>): boolean {
  const node = graph.nodes[id];
  const set = live.get(id) ?? new Uint32Array();
  const next = new Uint32Array(set.length);
  for (const successor of successors(node)) {
    const after = live.get(successor) ?? next;
    for (let i = 0; i < next.length; i++) next[i] |= after[i];
  }
  const dst = written(node.op);
  if (dst >= 0) next[dst >>> 5] &= ~(1 << (dst & 31));
  const read = (local: LocalId): void => {
    next[local >>> 5] |= 1 << (local & 31);
  };
  for (const expr of operands(node.op)) readLocals(expr, read);
  if (node.op.op === 'end' && graph.result !== undefined) read(graph.result);
  const changed = next.some((word, i) => word !== set[i]);
  if (changed) live.set(id, next);
  return changed;
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Where the text of tasks uses the order of pages, or names one: found without following any path, so that nothing has to be
 * proven of what will not be, and the place that is reported is the one to look at. What lives within one step only is left to
 * the proof (symmetry-proof.ts): a loop over all pages in one step need not depend on their order.
 */
import type { Expr, LocalId } from '../compiler/ir.js';
import type { LinkedScenario, LinkedTask } from '../compiler/link.js';
import { type Graph, type NodeId, type Op, reachable, readLocals } from '../compiler/link-graph.js';
import { type Exchange, type Meaning, PLAIN } from './symmetry-map.js';
import { OrderUsed, SymmetryPrinter, Unprovable } from './symmetry-print.js';
import { type Difference, placeOf } from './symmetry-proof.js';

/** An expression, and what it is used as; undefined: as a condition. */
type Used = readonly [Expr, Meaning | undefined];

/** @returns where order is used; else where one of the two is named */
export function differenceInText(linked: LinkedScenario, exchange: Exchange): Difference | undefined {
  let named: Difference | undefined;
  for (const task of linked.tasks) {
    const kept = new Set(task.points.flatMap((point) => point?.live ?? []));
    for (const node of reachable(task.graph)) {
      const difference = differenceAt(task, node, exchange, kept);
      if (difference?.isOrder) return difference;
      named ??= difference;
    }
  }
  return named;
}

function differenceAt(
  { graph, ranges }: LinkedTask,
  node: NodeId,
  exchange: Exchange,
  kept: ReadonlySet<LocalId>,
): Difference | undefined {
  const isPassing = (local: LocalId): boolean => !kept.has(local) && exchange.meaningOfLocal(graph, local) !== PLAIN;
  const { op } = graph.nodes[node];
  if (op.op === 'set' && isPassing(op.dst) && op.value.op === 'const') return undefined;
  const textOf = (by: Exchange, [expr, as]: Used): string => {
    const printer = new SymmetryPrinter(by, graph, ranges);
    return as ? printer.print(expr, as) : printer.truth(expr);
  };
  try {
    for (const used of usedIn(op, graph, exchange)) {
      let isOfStep = false;
      readLocals(used[0], (local) => {
        isOfStep ||= isPassing(local);
      });
      if (isOfStep || textOf(exchange, used) === textOf(exchange.still(), used)) continue;
      return { reason: `${placeOf(graph, node)} names one of them` };
    }
  } catch (error) {
    if (!(error instanceof Unprovable)) throw error;
    const reason = `${placeOf(graph, node)}: ${error.message}`;
    return error instanceof OrderUsed ? { reason, isOrder: true } : { reason };
  }
  return undefined;
}

function usedIn(op: Op, graph: Graph, exchange: Exchange): Used[] {
  switch (op.op) {
    case 'set':
      return [[op.value, exchange.meaningOfLocal(graph, op.dst)]];
    case 'load':
    case 'store': {
      const { column, ref, index } = op.cell;
      const cell: Used[] = [[ref, PLAIN], ...(index ? [[index, exchange.meaningOfIndex(column.name)] as const] : [])];
      return op.op === 'load' ? cell : [...cell, [op.value, exchange.meaningOf(column.name)]];
    }
    case 'choose':
      return [[op.count, PLAIN]];
    case 'guard':
      return [[op.enabled, undefined]];
    case 'branch':
      return [[op.condition, undefined]];
    default:
      return [];
  }
}

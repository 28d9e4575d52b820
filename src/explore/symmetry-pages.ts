// SPDX-License-Identifier: Apache-2.0
/**
 * Which pages may change places: elements of arrays that are indexed with the same numbers, where every step of every task,
 * every property and the first state are proven to be the same after the exchange, with all that holds such a number, a set of
 * them, or a pointer. Where order is used there is no such proof, and the place is named.
 *
 * Not here: which numbers go into which arrays (symmetry-flow.ts), the proof (symmetry-proof.ts).
 */
import type { Expr, Type } from '../compiler/ir.js';
import type { LinkedScenario } from '../compiler/link.js';
import { operands, partsOf, reachable } from '../compiler/link-graph.js';
import { indexedArrays } from './symmetry-flow.js';
import { Exchange, type Pages, rowOf, type Symmetry, type Uses } from './symmetry-map.js';
import { type Difference, differenceAtFirst, differenceInProperties, differenceInSteps } from './symmetry-proof.js';
import { differenceInText } from './symmetry-text.js';

/** Pairs of pages that are told apart, after which no more are tried. */
const PATIENCE = 12;

/**
 * @param ofTasks how the positions of tasks are used: an array that is theirs is not one of pages
 * @returns what may change places, and what looks like it and may not
 */
export function findPages(linked: LinkedScenario, ofTasks: Uses): Pick<Symmetry, 'pages' | 'refusedPages'> {
  const pages: Pages[] = [];
  const refusedPages: Symmetry['refusedPages'] = [];
  for (const { count, ...uses } of indexedArrays(linked)) {
    if (isOfTasks(uses, ofTasks) || isPerTask(linked, uses, count) || !isKept(linked, uses)) continue;
    const name = [...uses.rows, ...uses.arrays].join(', ');
    const { classes, reason } = gather(linked, uses, count);
    if (classes.length > 0) pages.push({ name, classes, uses });
    if (reason !== undefined) refusedPages.push({ name, reason });
  }
  return { pages, refusedPages };
}

function isOfTasks({ rows, columns }: Uses, ofTasks: Uses): boolean {
  return (
    [...rows].some((name) => ofTasks.rows.has(name)) || [...columns.keys()].some((name) => ofTasks.columns.has(name))
  );
}

/** Whether there is one for each task, and no task names that of another: nobody would take them for pages. */
function isPerTask(linked: LinkedScenario, { rows }: Uses, count: number): boolean {
  if (rows.size === 0 || count !== linked.compiled.tasks.length) return false;
  const names = (expr: Expr): number[] => {
    const { op } = expr;
    const isPointer = op === 'const' && expr.type.kind === 'ref' && expr.value > 0;
    const row = isPointer ? rowOf(linked, (expr.type as Type & { kind: 'ref' }).struct, expr.value - 1) : undefined;
    return row && rows.has(row.global) ? [row.index] : partsOf(expr).flatMap(names);
  };
  const named = linked.tasks.map(({ graph }) =>
    reachable(graph).flatMap((node) => operands(graph.nodes[node].op).flatMap(names)),
  );
  return named.flat().length > 0 && named.every((list, task) => list.every((index) => index === task));
}

/** Whether tasks change the pages, and something that is kept between steps says which one is meant. */
function isKept(linked: LinkedScenario, uses: Uses): boolean {
  const { layout, memory, tasks } = linked;
  const moved = new Exchange(linked, uses, 0, 1, 'page');
  const isPointer = (type: Type): boolean => type.kind === 'ref' && moved.moves(type.struct);
  const changing = layout.columns.filter((column) => memory.changingSegments(column).length > 0);
  const isOwn = changing.some((column) =>
    memory.changingSegments(column).some(({ first, count }) => {
      const from = first * column.length;
      return Array.from({ length: count * column.length }, (_, i) => from + i).some(
        (at) => moved.element(column, at) !== at,
      );
    }),
  );
  if (!isOwn) return false;
  if (changing.some(({ name, type }) => uses.columns.has(name) || isPointer(type))) return true;
  return tasks.some(({ graph, points }) =>
    points.some((point) =>
      point?.live.some((local) => uses.locals.get(graph)?.has(local) || isPointer(graph.locals[local].type)),
    ),
  );
}

interface Gathered {
  classes: number[][];
  /** why some may not change places, or none */
  reason?: string;
}

/** To change places is an equivalence: who may not with the last of a class may with none of it. */
function gather(linked: LinkedScenario, uses: Uses, count: number): Gathered {
  const classes: number[][] = [];
  let reason: string | undefined;
  let patience = PATIENCE;
  let rest = Array.from({ length: count }, (_, i) => i);
  while (rest.length > 1) {
    const alike = [rest[0]];
    const others: number[] = [];
    for (const other of rest.slice(1)) {
      const difference =
        patience > 0 ? told(linked, new Exchange(linked, uses, alike[alike.length - 1], other, 'page')) : undefined;
      if (difference || patience === 0) others.push(other);
      else alike.push(other);
      if (!difference) continue;
      // of several, the last is of pages that nothing else tells apart
      reason = difference.reason;
      if (difference.isOrder) return { classes: [], reason };
      patience--;
    }
    if (alike.length > 1) classes.push(alike);
    rest = others;
  }
  return reason === undefined ? { classes } : { classes, reason };
}

/** @returns why two pages may not change places; first what is found at once */
function told(linked: LinkedScenario, exchange: Exchange): Difference | undefined {
  const reason = exchange.misfit();
  return (
    (reason === undefined ? undefined : { reason }) ??
    differenceInText(linked, exchange) ??
    differenceAtFirst(linked, exchange) ??
    differenceInProperties(linked, exchange) ??
    differenceInSteps(linked, exchange)
  );
}

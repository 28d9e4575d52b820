// SPDX-License-Identifier: Apache-2.0
/**
 * The proof that an exchange of two tasks, or of two pages, maps a program to itself: every step of every task, every property
 * and the first state. Steps are compared by symbolic execution, each path of one with each path of the other.
 *
 * Not here: which exchanges are tried (symmetry.ts, symmetry-pages.ts), what an exchange does (symmetry-map.ts).
 */
import type { Expr, LocalId } from '../compiler/ir.js';
import type { LinkedPredicate, LinkedScenario, LinkedTask } from '../compiler/link.js';
import { type Graph, type NodeId, operands, partsOf, written } from '../compiler/link-graph.js';
import { liveLocals } from '../compiler/link-live.js';
import { regionOf, wholeRegion } from '../compiler/link-steps.js';
import { framesOf, operationOf } from './site.js';
import { type Exchange, PLAIN } from './symmetry-map.js';
import { OrderUsed, Unprovable } from './symmetry-print.js';
import { type Code, type Walked, walk } from './symmetry-walk.js';

/** Pairs of paths through one step that are compared at most. */
const PATHS = 4_000;

/** Where a program differs from itself after an exchange. */
export interface Difference {
  reason: string;
  /** it is there whichever two are exchanged */
  isOrder?: true;
  /** what was evaluated on both sides until they parted */
  one?: Walked;
  two?: Walked;
}

/** @returns where a step of a task is not what another's, or its own, is after an exchange */
export function differenceInSteps(linked: LinkedScenario, exchange: Exchange): Difference | undefined {
  for (let task = 0; task < linked.tasks.length; task++) {
    const other = exchange.task(task);
    // what one does as the other, the other does as the one
    if (other < task) continue;
    const [one, two] = [linked.tasks[task], linked.tasks[other]];
    for (let pc = 1; pc < one.points.length; pc++) {
      const difference = compared(linked, stepOf(one, pc), stepOf(two, pc), exchange);
      if (difference) return difference;
    }
  }
  return undefined;
}

/** @returns the property that is not the same after an exchange */
export function differenceInProperties(linked: LinkedScenario, exchange: Exchange): Difference | undefined {
  for (const predicate of [...linked.never, ...linked.sometimes, ...linked.finally]) {
    const code = predicateOf(predicate);
    const difference = compared(linked, code, code, exchange);
    if (difference) return { ...difference, reason: `'${predicate.name}' tells them apart` };
  }
  return undefined;
}

/** The code of steps, made once: a program is compared with itself again and again. */
const steps = new WeakMap<LinkedTask, (Code | undefined)[]>();

function stepOf(task: LinkedTask, pc: number): Code {
  const known = steps.get(task) ?? [];
  steps.set(task, known);
  const found = known[pc];
  if (found) return found;
  const region = regionOf(task, pc);
  const made: Code = {
    graph: task.graph,
    region,
    pcOf: task.pcOf,
    liveAt: (at): readonly LocalId[] => task.points[at]?.live ?? [],
    ranges: task.ranges,
  };
  known[pc] = made;
  return made;
}

function predicateOf({ graph }: LinkedPredicate): Code {
  return { graph, region: wholeRegion(graph) };
}

/** @returns where the first state is another after the exchange */
export function differenceAtFirst(linked: LinkedScenario, exchange: Exchange): Difference | undefined {
  return differenceOfLocals(linked, exchange) ?? differenceOfColumns(linked, exchange);
}

/** Read before it is assigned, a local is 0: it must not be one of those exchanged. */
function differenceOfLocals(linked: LinkedScenario, exchange: Exchange): Difference | undefined {
  for (const { graph } of [...linked.tasks, ...linked.never, ...linked.sometimes, ...linked.finally]) {
    for (const local of liveLocals(graph, [graph.entry]).get(graph.entry) ?? []) {
      if (exchange.value(exchange.meaningOfLocal(graph, local), 0) === 0) continue;
      return { reason: `'${graph.locals[local].name}' of ${graph.name} tells them apart from the beginning` };
    }
  }
  return undefined;
}

function differenceOfColumns({ layout, memory }: LinkedScenario, exchange: Exchange): Difference | undefined {
  for (const column of layout.columns) {
    const { name, type } = column;
    const meaning = exchange.meaningOf(name);
    const valueAfter = (value: number): number => {
      if (type.kind === 'ref') return exchange.reference(type.struct, value);
      return type.kind === 'addr' ? exchange.identity(value) : exchange.value(meaning, value);
    };
    for (let element = 0; element < column.size; element++) {
      const value = memory.initial(column, element);
      const after = valueAfter(value);
      const isKept = type.kind === 'addr' || (type.kind === 'ref' && exchange.of === 'task');
      if (after !== value && isKept) return { reason: `${name} points to ${exchange.whose} own from the beginning` };
      if (memory.initial(column, exchange.element(column, element)) !== after) {
        return { reason: `${name} tells them apart from the beginning` };
      }
    }
  }
  return undefined;
}

/** Follows both on every path together: each path of one with each path of the other that no condition excludes. */
function compared(linked: LinkedScenario, a: Code, b: Code, exchange: Exchange): Difference | undefined {
  if (isUntouched(a, exchange) && (a.graph === b.graph || isSameText(a, b))) return undefined;
  const still = exchange.still();
  const pending: ReadonlyMap<string, boolean>[] = [new Map()];
  let left = PATHS;
  try {
    for (let known = pending.pop(); known; known = pending.pop()) {
      if (left-- === 0) throw new Unprovable('there are too many ways through it');
      const one = walk(linked, a, exchange, known);
      const two = one.need === undefined ? walk(linked, b, still, known) : undefined;
      const need = one.need ?? two?.need;
      if (need !== undefined) pending.push(new Map(known).set(need, false), new Map(known).set(need, true));
      else if (two && one.result !== two.result) {
        return { reason: `${placeOf(b.graph, partedAt(one, two) ?? startOf(b))} is not the same for them`, one, two };
      }
    }
  } catch (error) {
    if (!(error instanceof Unprovable)) throw error;
    const reason = `${placeOf(b.graph, error.node ?? startOf(b))}: ${error.message}`;
    return error instanceof OrderUsed ? { reason, isOrder: true } : { reason };
  }
  return undefined;
}

/** @returns the first operation that is another in the second walk, or evaluates to something else */
function partedAt(one: Walked, two: Walked): NodeId | undefined {
  return two.seen.find(({ node, text }, i) => one.seen[i]?.node !== node || one.seen[i].text !== text)?.node;
}

function startOf({ region }: Code): NodeId {
  return region.parts[0].node;
}

/** @returns an operation and its line, outside the primitives */
export function placeOf({ nodes }: Graph, node: NodeId): string {
  const { place } = nodes[node];
  const [{ function: name, file, line }] = framesOf(place);
  const text = place.text === '' ? '' : operationOf(place);
  return `${text === '' || text === name ? name : `'${text}'`} at ${file}:${line}`;
}

/** Whether the code has nothing to do with what changes places, so that it need not be walked. */
function isUntouched({ graph, region }: Code, exchange: Exchange): boolean {
  return region.parts.every((part) => {
    const { op } = graph.nodes[part.node];
    if (part.kind === 'exit') return true;
    if (op.op === 'load' || op.op === 'store') {
      const { struct, name } = op.cell.column;
      if (exchange.moves(struct) || exchange.meaningOf(name) !== PLAIN) return false;
      if (exchange.meaningOfIndex(name) !== PLAIN) return false;
    }
    const dst = written(op);
    if (dst >= 0 && exchange.meaningOfLocal(graph, dst) !== PLAIN) return false;
    const isConstantKept = (expr: Expr): boolean => {
      if (expr.op === 'const' && expr.type.kind === 'ref') {
        return exchange.reference(expr.type.struct, expr.value) === expr.value;
      }
      if (expr.op === 'const' && expr.type.kind === 'addr') return exchange.identity(expr.value) === expr.value;
      if (expr.op === 'local') return exchange.meaningOfLocal(graph, expr.id) === PLAIN;
      if (expr.op === 'global' && exchange.meaningOfIndex(expr.name) !== PLAIN) return false;
      if (expr.op === 'indexOf' && exchange.meaningOfIndex(expr.global) !== PLAIN) return false;
      if (expr.op === 'embed' || expr.op === 'addrOf') {
        const isIndexMoved = exchange.meaningOfIndex(`${expr.struct}.${expr.field}`) !== PLAIN;
        if (isIndexMoved || exchange.moves(expr.struct)) return false;
      }
      return partsOf(expr).every(isConstantKept);
    };
    return operands(op).every(isConstantKept);
  });
}

/** Whether two steps are the same operation for operation. */
function isSameText(a: Code, b: Code): boolean {
  if (a.region.parts.length !== b.region.parts.length) return false;
  const text = ({ graph, region, pcOf }: Code, i: number): string => {
    const part = region.parts[i];
    if (part.kind === 'exit') return `exit ${pcOf?.get(part.node)}`;
    return JSON.stringify([part.isMain, graph.nodes[part.node].op, region.next[i]], withoutText);
  };
  return a.region.parts.every((_, i) => text(a, i) === text(b, i));
}

function withoutText(key: string, value: unknown): unknown {
  return key === 'column' ? (value as { name: string }).name : value;
}

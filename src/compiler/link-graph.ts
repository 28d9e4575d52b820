// SPDX-License-Identifier: Apache-2.0
/**
 * The flat form of a task or predicate: one graph of small operations with every call inlined. Data only: link-inline.ts
 * makes it, link-fold.ts simplifies it, src/explore prints it as step functions.
 */
import type { Expr, Loc, Local, LocalId } from './ir.js';
import type { Column } from './layout.js';

/** Where an operation stands, and the calls that led there. */
export interface Place {
  loc: Loc;
  function: string;
  /** source text of the call or access; empty where there is none */
  text: string;
  /** the call site, in the function around this one */
  up: Place | undefined;
}

/** Index into Graph.nodes. */
export type NodeId = number;

export type BlockReason = 'lock' | 'sleep' | 'ipi' | 'grace period' | 'store buffer';

/** One element of a column, as an expression. */
export interface CellAccess {
  column: Column;
  ref: Expr;
  index: Expr | undefined;
  ghost: boolean;
  /** a test that the access may be made: no path tells it */
  untold?: true;
  /** of a place in a store buffer: the memory that what is read or written there is about, which a path tells */
  standsFor?: CellAccess;
}

export type Op =
  | { op: 'set'; dst: LocalId; value: Expr }
  | { op: 'load'; dst: LocalId; cell: CellAccess }
  | { op: 'store'; cell: CellAccess; value: Expr }
  | { op: 'choose'; dst: LocalId; count: Expr }
  | { op: 'fail'; kind: 'BUG' | 'WARN' | 'assert' | 'spec' | 'null dereference' | 'store buffer'; message: string }
  /** an atomic block begins */
  | { op: 'enter' }
  /** the step is possible only where this holds */
  | { op: 'guard'; enabled: Expr; reason: BlockReason }
  /** waits until the task's store buffer is empty; link-tso.ts puts a guard in its place */
  | { op: 'fence' }
  /** the CPUs whose store buffers are not empty; link-tso.ts puts loads in its place */
  | { op: 'buffered'; dst: LocalId }
  /** to `next` if the condition holds, else to `other` */
  | { op: 'branch'; condition: Expr }
  | { op: 'jump' }
  /** the line with this number (LineMarks) is executed; only where lines are asked for */
  | { op: 'mark'; line: number }
  | { op: 'end' };

export interface Node {
  op: Op;
  /** -1 after `fail` and `end` */
  next: NodeId;
  /** of a branch; -1 otherwise */
  other: NodeId;
  place: Place;
  /** inside an atomic block: accesses are no steps of their own */
  atomic: boolean;
  /** atomic, but what it stores may wait in a store buffer */
  plain: boolean;
}

export interface Graph {
  name: string;
  nodes: Node[];
  entry: NodeId;
  locals: Local[];
  /** where a predicate leaves its answer */
  result: LocalId | undefined;
}

export function successors(node: Node): NodeId[] {
  if (node.next < 0) return [];
  return node.other < 0 || node.other === node.next ? [node.next] : [node.next, node.other];
}

/** @returns the nodes that can be reached from the entry, each before its successors as far as loops allow */
export function reachable(graph: Graph): NodeId[] {
  const order: NodeId[] = [];
  const seen = new Uint8Array(graph.nodes.length);
  const stack: { id: NodeId; rest: NodeId[] }[] = [{ id: graph.entry, rest: successors(graph.nodes[graph.entry]) }];
  seen[graph.entry] = 1;
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    const next = top.rest.pop();
    if (next === undefined) {
      order.push(top.id);
      stack.pop();
    } else if (!seen[next]) {
      seen[next] = 1;
      stack.push({ id: next, rest: successors(graph.nodes[next]) });
    }
  }
  return order.reverse();
}

/** Calls `visit` for every local that `expr` reads. */
export function readLocals(expr: Expr, visit: (id: LocalId) => void): void {
  if (expr.op === 'local') visit(expr.id);
  else for (const part of partsOf(expr)) readLocals(part, visit);
}

/** @returns the expressions that an expression is made of */
export function partsOf(expr: Expr): Expr[] {
  switch (expr.op) {
    case 'unary':
    case 'indexOf':
      return [expr.operand];
    case 'binary':
      return [expr.left, expr.right];
    case 'select':
      return [expr.condition, expr.then, expr.else];
    case 'global':
      return expr.index ? [expr.index] : [];
    case 'embed':
      return expr.index ? [expr.base, expr.index] : [expr.base];
    case 'addrOf':
      return expr.index ? [expr.operand, expr.index] : [expr.operand];
    default:
      return [];
  }
}

/** @returns the expression with each local replaced for which there is another expression; itself where there is none */
export function substituteLocals(expr: Expr, by: (id: LocalId) => Expr | undefined): Expr {
  const inner = (part: Expr): Expr => substituteLocals(part, by);
  switch (expr.op) {
    case 'local':
      return by(expr.id) ?? expr;
    case 'unary':
    case 'indexOf': {
      const operand = inner(expr.operand);
      return operand === expr.operand ? expr : { ...expr, operand };
    }
    case 'binary': {
      const [left, right] = [inner(expr.left), inner(expr.right)];
      return left === expr.left && right === expr.right ? expr : { ...expr, left, right };
    }
    case 'select':
      return { ...expr, condition: inner(expr.condition), then: inner(expr.then), else: inner(expr.else) };
    case 'global':
      return expr.index ? { ...expr, index: inner(expr.index) } : expr;
    case 'embed': {
      const base = inner(expr.base);
      return expr.index ? { ...expr, base, index: inner(expr.index) } : { ...expr, base };
    }
    case 'addrOf': {
      const operand = inner(expr.operand);
      return expr.index ? { ...expr, operand, index: inner(expr.index) } : { ...expr, operand };
    }
    default:
      return expr;
  }
}

/** @returns the expressions that an operation evaluates */
export function operands(op: Op): Expr[] {
  switch (op.op) {
    case 'set':
      return [op.value];
    case 'load':
      return op.cell.index ? [op.cell.ref, op.cell.index] : [op.cell.ref];
    case 'store':
      return op.cell.index ? [op.cell.ref, op.cell.index, op.value] : [op.cell.ref, op.value];
    case 'choose':
      return [op.count];
    case 'guard':
      return [op.enabled];
    case 'branch':
      return [op.condition];
    default:
      return [];
  }
}

/** @returns the local that an operation writes, or -1 */
export function written(op: Op): LocalId {
  return op.op === 'set' || op.op === 'load' || op.op === 'choose' || op.op === 'buffered' ? op.dst : -1;
}

/** Primitives are shown by the call that uses them, so their own frames are left out of paths. */
export function isMachine(place: Place): boolean {
  return place.loc.file.startsWith('src/machine/');
}

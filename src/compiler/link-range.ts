// SPDX-License-Identifier: Apache-2.0
/**
 * Between which bounds each local's values lie, from all that is ever assigned to it: how many bits a state needs for it,
 * and where a value has to be checked before it is kept.
 */
import type { Expr, Type } from './ir.js';
import type { Layout } from './layout.js';
import { type Graph, type Op, reachable } from './link-graph.js';

/** Both bounds belong to it; empty where `low > high`. */
export interface Range {
  low: number;
  high: number;
}

/** A program, and per local what is assigned to it. */
interface Ranged {
  graph: Graph;
  ranges: readonly Range[];
}

const LOWEST = -0x80000000;
const HIGHEST = 0x7fffffff;
const ALL: Range = { low: LOWEST, high: HIGHEST };
/** No value at all. */
export const NONE: Range = { low: 1, high: 0 };
const BIT: Range = { low: 0, high: 1 };

/** Rounds after which a bound that still moves is given up. */
const PATIENCE = 6;

/** @returns the values that a type declares; 32 bits unsigned count as 32 bits */
export function rangeOfType(type: Type, layout: Layout): Range {
  switch (type.kind) {
    case 'bool':
      return BIT;
    case 'ref':
      return { low: 0, high: layout.instances.get(type.struct) ?? 0 };
    case 'addr':
      return { low: 0, high: layout.addrEnd - 1 };
    case 'int': {
      if (type.bits === 32) return ALL;
      const size = 2 ** type.bits;
      return type.signed ? { low: -size / 2, high: size / 2 - 1 } : { low: 0, high: size - 1 };
    }
    default:
      return ALL;
  }
}

/** @returns per local the range of what is assigned to it */
export function localRanges(graph: Graph, layout: Layout): Range[] {
  const ranges: Range[] = graph.locals.map(() => NONE);
  const assignments = reachable(graph).map((id) => graph.nodes[id].op);
  for (let round = 0, changed = true; changed; round++) {
    changed = false;
    for (const op of assignments) {
      if (op.op !== 'set' && op.op !== 'load' && op.op !== 'choose') continue;
      const old = ranges[op.dst];
      const next = union(old, assigned(op, ranges, layout));
      if (next.low === old.low && next.high === old.high) continue;
      ranges[op.dst] = round < PATIENCE || isEmpty(old) ? next : widen(old, next);
      changed = true;
    }
  }
  return ranges;
}

/** @returns column name -> the range of what tasks store there, whether or not it fits */
export function storedRanges(tasks: readonly Ranged[], layout: Layout): Map<string, Range> {
  const stored = new Map<string, Range>();
  for (const { graph, ranges } of tasks) {
    for (const { op } of reachable(graph).map((id) => graph.nodes[id])) {
      if (op.op !== 'store') continue;
      const { name } = op.cell.column;
      stored.set(name, union(stored.get(name) ?? NONE, rangeOf(op.value, ranges, layout)));
    }
  }
  return stored;
}

export function intersect(a: Range, b: Range): Range {
  return { low: Math.max(a.low, b.low), high: Math.min(a.high, b.high) };
}

export function isWithin(inner: Range, outer: Range): boolean {
  return isEmpty(inner) || (inner.low >= outer.low && inner.high <= outer.high);
}

function isEmpty({ low, high }: Range): boolean {
  return low > high;
}

export function union(a: Range, b: Range): Range {
  if (isEmpty(a)) return b;
  return isEmpty(b) ? a : { low: Math.min(a.low, b.low), high: Math.max(a.high, b.high) };
}

function widen(old: Range, next: Range): Range {
  return { low: next.low < old.low ? LOWEST : next.low, high: next.high > old.high ? HIGHEST : next.high };
}

function assigned(op: Op & { op: 'set' | 'load' | 'choose' }, ranges: Range[], layout: Layout): Range {
  if (op.op === 'load') return rangeOfType(op.cell.column.type, layout);
  if (op.op === 'choose') return { low: 0, high: Math.max(0, rangeOf(op.count, ranges, layout).high - 1) };
  return rangeOf(op.value, ranges, layout);
}

export function rangeOf(expr: Expr, ranges: readonly Range[], layout: Layout): Range {
  switch (expr.op) {
    case 'const':
      return { low: expr.value, high: expr.value };
    case 'local':
      return ranges[expr.id];
    case 'unary':
      return rangeOfUnary(expr, ranges, layout);
    case 'binary':
      return rangeOfBinary(expr, ranges, layout);
    case 'select':
      return union(rangeOf(expr.then, ranges, layout), rangeOf(expr.else, ranges, layout));
    case 'indexOf':
      return { low: -1, high: layout.addrEnd };
    case 'global':
    case 'embed':
    case 'addrOf':
      return rangeOfType(expr.type, layout);
    default:
      return ALL;
  }
}

function rangeOfUnary(expr: Expr & { op: 'unary' }, ranges: readonly Range[], layout: Layout): Range {
  if (expr.operator === '!') return BIT;
  const { low, high } = rangeOf(expr.operand, ranges, layout);
  if (low > high) return NONE;
  return expr.operator === '-' ? clip({ low: -high, high: -low }) : { low: ~high, high: ~low };
}

function rangeOfBinary(expr: Expr & { op: 'binary' }, ranges: readonly Range[], layout: Layout): Range {
  if (expr.type.kind === 'bool') return BIT;
  const a = rangeOf(expr.left, ranges, layout);
  const b = rangeOf(expr.right, ranges, layout);
  if (isEmpty(a) || isEmpty(b)) return NONE;
  switch (expr.operator) {
    case '+':
      return clip({ low: a.low + b.low, high: a.high + b.high });
    case '-':
      return clip({ low: a.low - b.high, high: a.high - b.low });
    case '*': {
      const products = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high];
      return clip({ low: Math.min(...products), high: Math.max(...products) });
    }
    case '&':
      if (b.low >= 0) return { low: 0, high: a.low >= 0 ? Math.min(a.high, b.high) : b.high };
      return a.low >= 0 ? { low: 0, high: a.high } : ALL;
    case '|':
    case '^':
      return a.low >= 0 && b.low >= 0 ? { low: 0, high: allOnes(Math.max(a.high, b.high)) } : ALL;
    case '<<':
      return b.low === b.high && b.low >= 0
        ? clip({ low: a.low * 2 ** b.low, high: a.high * 2 ** b.low })
        : shifted(a, b);
    case '%':
      return b.low > 0 ? { low: a.low < 0 ? 1 - b.high : 0, high: b.high - 1 } : ALL;
    case '>>':
    case '/':
      return a.low >= 0 && b.low >= 0 ? { low: 0, high: a.high } : ALL;
    default:
      return ALL;
  }
}

function shifted(a: Range, b: Range): Range {
  if (a.low < 0 || b.low < 0 || b.high > 30) return ALL;
  return clip({ low: 0, high: a.high * 2 ** b.high });
}

function clip(range: Range): Range {
  return range.low < LOWEST || range.high > HIGHEST ? ALL : range;
}

/** The smallest number of the form 2^n - 1 that is not below `value`. */
function allOnes(value: number): number {
  return value <= 0 ? 0 : 2 ** (32 - Math.clz32(value)) - 1;
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Arithmetic of the language on values that are known: 32-bit signed integers and booleans, C's meaning.
 *
 * Not here: which names are constants (consts.ts) and code with constants in it (lowerExpr.ts).
 */
import type { Binary, Expr, Type, Unary } from './ir.js';

export const INT: Type = { kind: 'int', name: 'int', bits: 32, signed: true };
export const BOOL: Type = { kind: 'bool' };
export const VOID: Type = { kind: 'void' };
export const ADDR: Type = { kind: 'addr' };
export const TEXT: Type = { kind: 'text' };
export const CLOSURE: Type = { kind: 'closure' };
/** What `null` is before it is known which pointer it stands for. */
export const NULL: Type = { kind: 'ref', struct: '' };

export interface Constant {
  type: Type;
  value: number;
}

export function constant(type: Type, value: number): Expr & { op: 'const' } {
  return { op: 'const', type, value };
}

export function isInt32(value: number): boolean {
  return Number.isInteger(value) && value >= -0x80000000 && value <= 0x7fffffff;
}

/** @returns the value, which may not fit 32 bits (the caller reports that) */
export function foldUnary(operator: Unary, operand: Constant): Constant {
  if (operator === '!') return { type: BOOL, value: operand.value === 0 ? 1 : 0 };
  return { type: INT, value: operator === '-' ? 0 - operand.value : ~operand.value };
}

const comparisons: Partial<Record<Binary, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '===': (a, b) => a === b,
  '!==': (a, b) => a !== b,
  '&&': (a, b) => a !== 0 && b !== 0,
  '||': (a, b) => a !== 0 || b !== 0,
};

const arithmetic: Partial<Record<Binary, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => Math.trunc(a / b) + 0,
  '%': (a, b) => (a % b) + 0,
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
  '<<': (a, b) => a << b,
  '>>': (a, b) => a >> b,
  '>>>': (a, b) => (a >>> b) | 0,
};

/** @returns the value, which may not fit 32 bits (the caller reports that); undefined for a division by zero */
export function foldBinary(operator: Binary, left: Constant, right: Constant): Constant | undefined {
  const compare = comparisons[operator];
  if (compare) return { type: BOOL, value: compare(left.value, right.value) ? 1 : 0 };
  if ((operator === '/' || operator === '%') && right.value === 0) return undefined;
  const compute = arithmetic[operator];
  return compute && { type: INT, value: compute(left.value, right.value) };
}

/** @returns whether both types are stored and computed alike; the names of integer types do not matter */
export function sameType(a: Type, b: Type): boolean {
  if (a.kind === 'int' && b.kind === 'int') return a.bits === b.bits && a.signed === b.signed;
  if (a.kind === 'ref' && b.kind === 'ref') return a.struct === b.struct;
  return a.kind === b.kind;
}

/** @returns the type that holds values of both, or undefined */
export function joinTypes(a: Type, b: Type): Type | undefined {
  if (sameType(a, b)) return a;
  if (a.kind === 'int' && b.kind === 'int') return INT;
  if (a.kind === 'ref' && b.kind === 'ref') return a.struct === '' ? b : b.struct === '' ? a : undefined;
  if (a.kind === 'addr' && b.kind === 'int') return a;
  if (a.kind === 'int' && b.kind === 'addr') return b;
  return undefined;
}

export function describeType(type: Type): string {
  if (type.kind === 'ref') return type.struct === '' ? 'null' : `a reference to ${type.struct}`;
  return type.kind === 'int' ? type.name : type.kind;
}

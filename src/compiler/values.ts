// SPDX-License-Identifier: Apache-2.0
/**
 * Values on their way: fitting one to the type it is wanted as, and evaluating several in order.
 */
import ts from '#typescript';
import { locOf, refuse } from './diagnostics.js';
import { constant, describeType, sameType } from './fold.js';
import { disturbs, type Frame } from './frame.js';
import type { Binary, Expr, Type } from './ir.js';

const compounds: ReadonlyMap<ts.SyntaxKind, Binary> = new Map([
  [ts.SyntaxKind.PlusEqualsToken, '+'],
  [ts.SyntaxKind.MinusEqualsToken, '-'],
  [ts.SyntaxKind.AsteriskEqualsToken, '*'],
  [ts.SyntaxKind.SlashEqualsToken, '/'],
  [ts.SyntaxKind.PercentEqualsToken, '%'],
  [ts.SyntaxKind.AmpersandEqualsToken, '&'],
  [ts.SyntaxKind.BarEqualsToken, '|'],
  [ts.SyntaxKind.CaretEqualsToken, '^'],
  [ts.SyntaxKind.LessThanLessThanEqualsToken, '<<'],
  [ts.SyntaxKind.GreaterThanGreaterThanEqualsToken, '>>'],
  [ts.SyntaxKind.GreaterThanGreaterThanGreaterThanEqualsToken, '>>>'],
] as const);

export function binaryOfCompound(kind: ts.SyntaxKind): Binary | undefined {
  return compounds.get(kind);
}

/** @returns the value as a `wanted`: null and constants take that type. @throws Refusal where it is something else */
export function coerce(node: ts.Node, value: Expr, wanted: Type): Expr {
  if (value.op === 'text') {
    return wanted.kind === 'text' ? value : refuse(node, 'strings', 'a text is only a message', 'for fail and assert');
  }
  const { type } = value;
  const isNull = type.kind === 'ref' && type.struct === '' && wanted.kind === 'ref';
  const isNumber = type.kind === 'int' && (wanted.kind === 'int' || (wanted.kind === 'addr' && isZero(value)));
  if (value.op === 'const' && (isNull || isNumber)) return fitted(node, value.value, wanted);
  if (sameType(type, wanted) || isNumber) return value;
  const hint =
    wanted.kind === 'addr'
      ? 'addr_of(x) gives an address'
      : wanted.kind === 'ref'
        ? 'structs of one shape are not one struct'
        : undefined;
  return refuse(node, 'mismatch', `${describeType(wanted)} is wanted here, not ${describeType(type)}`, hint);
}

function isZero(value: Expr): boolean {
  return value.op === 'const' && value.value === 0;
}

function fitted(node: ts.Node, value: number, wanted: Type): Expr {
  if (wanted.kind === 'int' && wanted.bits < 32) {
    const low = wanted.signed ? -(2 ** (wanted.bits - 1)) : 0;
    const high = low + 2 ** wanted.bits - 1;
    if (value < low || value > high)
      refuse(node, 'integers', `${value} does not fit ${wanted.name}`, `${low} to ${high}`);
  }
  return constant(wanted, value);
}

/**
 * Evaluates expressions from left to right. A value that the code of a later one would change is kept in a temporary.
 * @returns pure expressions, all valid at the end of the code emitted
 */
export function sequence(frame: Frame, nodes: readonly ts.Expression[]): Expr[] {
  const values: Expr[] = [];
  for (const node of nodes) {
    let value: Expr | undefined;
    const emitted = frame.collect(() => {
      value = frame.lower.expression(frame, node);
    });
    keepUndisturbed(frame, values, emitted, node);
    frame.out.push(...emitted);
    if (value) values.push(value);
  }
  return values;
}

function keepUndisturbed(frame: Frame, values: Expr[], emitted: Frame['out'], node: ts.Node): void {
  for (const [i, earlier] of values.entries()) {
    if (!('type' in earlier) || !disturbs(emitted, earlier)) continue;
    const kept = frame.temporary(earlier.type);
    frame.emit({ op: 'set', dst: kept.id, value: earlier, loc: locOf(node) });
    values[i] = kept;
  }
}

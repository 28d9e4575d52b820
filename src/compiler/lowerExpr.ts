// SPDX-License-Identifier: Apache-2.0
/**
 * Expressions: evaluated from left to right as in JavaScript; every shared read becomes a `load` of its own, and what
 * remains is a pure expression over locals.
 *
 * Not here: calls (lowerCall.ts), statements (lowerStmt.ts).
 */
import ts from '#typescript';
import { binaryOperator, fitting, numericLiteral, unaryOperator } from './consts.js';
import { foldedText, locOf, refuse } from './diagnostics.js';
import { BOOL, constant, describeType, foldBinary, foldUnary, INT, joinTypes, NULL, sameType } from './fold.js';
import { disturbs, type Frame } from './frame.js';
import type { Binary, Expr, Stmt, Type } from './ir.js';
import { lowerCall } from './lowerCall.js';
import { declarationOf } from './names.js';
import { assignTo, objectOf, type Place, placeOf, readPlace } from './place.js';
import { binaryOfCompound, coerce, sequence } from './values.js';

/** Lowers an expression that has a value. @throws Refusal */
export function lowerExpression(frame: Frame, node: ts.Expression): Expr {
  const edit = frame.program.edits.get(node);
  if (edit !== undefined) return editedValue(node, edit);
  if (ts.isParenthesizedExpression(node)) return lowerExpression(frame, node.expression);
  if (ts.isNonNullExpression(node)) return lowerExpression(frame, node.expression);
  if (ts.isNumericLiteral(node)) return constant(INT, numericLiteral(node));
  if (ts.isStringLiteralLike(node)) return { op: 'text', value: node.text };
  if (ts.isIdentifier(node) || ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) {
    return lowerName(frame, node);
  }
  if (ts.isCallExpression(node)) {
    const value = lowerCall(frame, node);
    return value ?? refuse(node, 'type', `${foldedText(node.expression)} returns nothing`);
  }
  if (ts.isPrefixUnaryExpression(node)) return lowerPrefix(frame, node);
  if (ts.isPostfixUnaryExpression(node)) return lowerStep(frame, node, node.operand, node.operator, false);
  if (ts.isBinaryExpression(node)) return lowerBinary(frame, node);
  if (ts.isConditionalExpression(node)) return lowerConditional(frame, node);
  if (ts.isAsExpression(node)) return lowerCast(frame, node);
  switch (node.kind) {
    case ts.SyntaxKind.TrueKeyword:
      return constant(BOOL, 1);
    case ts.SyntaxKind.FalseKeyword:
      return constant(BOOL, 0);
    case ts.SyntaxKind.NullKeyword:
      return constant(NULL, 0);
    default:
      return refuse(node, 'operator', `not an expression of the language: ${foldedText(node)}`);
  }
}

function editedValue(node: ts.Expression, edit: string): Expr {
  if (edit === 'true' || edit === 'false') return constant(BOOL, edit === 'true' ? 1 : 0);
  if (/^-?\d+$/.test(edit)) return constant(INT, Number(edit));
  return refuse(node, 'edit', `an expression cannot be replaced by "${edit}"`, 'by true, false or an integer');
}

/** Lowers what decides a branch. @throws Refusal where it is not a bool */
export function lowerCondition(frame: Frame, node: ts.Expression): Expr {
  const value = lowerExpression(frame, node);
  if ('type' in value && value.type.kind === 'bool') return value;
  const type = 'type' in value ? value.type : undefined;
  const hint = type?.kind === 'ref' ? 'compare with null: `!== null`' : 'compare with 0: `!== 0`';
  return refuse(node, 'truthiness', `a condition is a bool, not ${type ? describeType(type) : 'a text'}`, hint);
}

function lowerName(frame: Frame, node: ts.Identifier | ts.PropertyAccessExpression | ts.ElementAccessExpression): Expr {
  if (!ts.isElementAccessExpression(node)) {
    const declaration = ts.isIdentifier(node) ? declarationOf(frame.program.checker, node) : undefined;
    const alias = declaration && frame.aliases.get(declaration);
    if (alias) return alias;
    const known = frame.program.constants.ofExpression(node);
    if (known) return constant(known.type, known.value);
    const length = ts.isPropertyAccessExpression(node) && arrayLength(frame, node);
    if (length) return length;
  }
  return readPlace(frame, placeOf(frame, node), node);
}

/** `mem_map.length`, `mapping.entries.length` */
function arrayLength(frame: Frame, node: ts.PropertyAccessExpression): Expr | undefined {
  if (node.name.text !== 'length') return undefined;
  const array = node.expression;
  const object = objectOf(frame, array);
  if (object?.isArray) return constant(INT, object.count);
  if (!ts.isPropertyAccessExpression(array)) return undefined;
  const type = frame.program.checker.getTypeAtLocation(array.expression).symbol?.declarations?.[0];
  if (!type || !ts.isInterfaceDeclaration(type)) return undefined;
  const field = frame.program.types.fields(frame.program.types.struct(type)).get(array.name.text);
  return field?.isArray ? constant(INT, field.length) : undefined;
}

function lowerPrefix(frame: Frame, node: ts.PrefixUnaryExpression): Expr {
  if (node.operator === ts.SyntaxKind.PlusPlusToken || node.operator === ts.SyntaxKind.MinusMinusToken) {
    return lowerStep(frame, node, node.operand, node.operator, true);
  }
  const operator = unaryOperator(node.operator);
  if (!operator) return refuse(node, 'operator', `no ${node.getText()[0]} operator`, 'leave it out');
  const operand = operator === '!' ? lowerCondition(frame, node.operand) : number(frame, node.operand);
  if (operand.op === 'const') {
    const { type, value } = fitting(node, foldUnary(operator, operand));
    return constant(type, value);
  }
  return { op: 'unary', type: operator === '!' ? BOOL : INT, operator, operand };
}

function number(frame: Frame, node: ts.Expression): Expr & { type: Type } {
  const value = lowerExpression(frame, node);
  if ('type' in value && value.type.kind === 'int') return value;
  const type = 'type' in value ? describeType(value.type) : 'a text';
  return refuse(node, 'mismatch', `an integer is wanted here, not ${type}`);
}

/** `x++`, `--x`: a read and a write. @returns the value before, or after for the prefix form */
function lowerStep(
  frame: Frame,
  node: ts.Expression,
  target: ts.Expression,
  operator: ts.SyntaxKind,
  after: boolean,
): Expr {
  const place = placeOf(frame, target);
  const old = readPlace(frame, place, node);
  if (!('type' in old) || old.type.kind !== 'int')
    return refuse(target, 'mismatch', 'only an integer is counted up or down');
  let before: Expr = old;
  if (!after && place.kind === 'local') {
    const copy = frame.temporary(old.type);
    frame.emit({ op: 'set', dst: copy.id, value: old, loc: locOf(node) });
    before = copy;
  }
  const sign: Binary = operator === ts.SyntaxKind.PlusPlusToken ? '+' : '-';
  const value: Expr = { op: 'binary', type: INT, operator: sign, left: old, right: constant(INT, 1) };
  assignTo(frame, place, value, node);
  return after ? (place.kind === 'local' ? old : value) : before;
}

function lowerBinary(frame: Frame, node: ts.BinaryExpression): Expr {
  const kind = node.operatorToken.kind;
  if (kind === ts.SyntaxKind.EqualsToken) return lowerAssignment(frame, node);
  const compound = binaryOfCompound(kind);
  if (compound) return lowerCompound(frame, node, compound);
  const operator = binaryOperator(node.operatorToken);
  if (!operator) return refuse(node, 'operator', `no operator ${node.operatorToken.getText()}`);
  if (operator === '&&' || operator === '||') return lowerShortCircuit(frame, node, operator);
  const [left, right] = sequence(frame, [node.left, node.right]);
  return combine(node, operator, left as Expr, right as Expr);
}

/** @returns the pure expression of two values, folded where both are known. @throws Refusal where types do not go together */
function combine(node: ts.BinaryExpression, operator: Binary, left: Expr, right: Expr): Expr {
  if (left.op === 'text' || right.op === 'text') return refuse(node, 'strings', 'no work with strings');
  const equality = operator === '===' || operator === '!==';
  const common = equality ? comparable(left, right) : undefined;
  if (equality && !common) {
    const what = `${describeType(left.type)} and ${describeType(right.type)}`;
    return refuse(node, 'mismatch', `these are never compared: ${what}`);
  }
  if (!equality && (left.type.kind !== 'int' || right.type.kind !== 'int')) {
    const wrong = left.type.kind !== 'int' ? left : right;
    return refuse(node, 'mismatch', `${operator} works on integers, not ${describeType(wrong.type)}`);
  }
  if (left.op === 'const' && right.op === 'const') {
    const folded = foldBinary(operator, left, right);
    if (!folded) return refuse(node, 'integers', 'division by zero in a constant');
    const { type, value } = fitting(node, folded);
    return constant(type, value);
  }
  const compares = equality || ['<', '<=', '>', '>='].includes(operator);
  const as = (side: Expr): Expr => (common && side.op === 'const' ? constant(common, side.value) : side);
  return { op: 'binary', type: compares ? BOOL : INT, operator, left: as(left), right: as(right) };
}

/** An address is compared with addresses and with 0. */
function comparable(left: Expr & { type: Type }, right: Expr & { type: Type }): Type | undefined {
  const isZero = (side: Expr) => side.op === 'const' && side.value === 0;
  const mixed = sameType(left.type, right.type) ? undefined : [left, right].find(({ type }) => type.kind === 'int');
  const withAddress = left.type.kind === 'addr' || right.type.kind === 'addr';
  return withAddress && mixed && !isZero(mixed) ? undefined : joinTypes(left.type, right.type);
}

function lowerAssignment(frame: Frame, node: ts.BinaryExpression): Expr {
  const place = placeOf(frame, node.left);
  let value: Expr = constant(INT, 0);
  const emitted = frame.collect(() => {
    value = lowerExpression(frame, node.right);
  });
  const settled = settle(frame, place, emitted, node);
  frame.out.push(...emitted);
  return assignTo(frame, settled, value, node);
}

/** JavaScript evaluates the object assigned to before the value: keep it where the value's code changes it. */
function settle(frame: Frame, place: Place, emitted: readonly Stmt[], node: ts.Node): Place {
  if (place.kind !== 'field') return place;
  const keep = (value: Expr): Expr => {
    if (!disturbs(emitted, value) || !('type' in value)) return value;
    const kept = frame.temporary(value.type);
    frame.emit({ op: 'set', dst: kept.id, value, loc: locOf(node) });
    return kept;
  };
  return { ...place, ref: keep(place.ref), ...(place.index && { index: keep(place.index) }) };
}

/** `x.f |= FLAG`: reads, evaluates, writes: two steps */
function lowerCompound(frame: Frame, node: ts.BinaryExpression, operator: Binary): Expr {
  const place = placeOf(frame, node.left);
  let old = readPlace(frame, place, node);
  let operand: Expr = constant(INT, 0);
  const emitted = frame.collect(() => {
    operand = lowerExpression(frame, node.right);
  });
  if (disturbs(emitted, old) && 'type' in old) {
    const kept = frame.temporary(old.type);
    frame.emit({ op: 'set', dst: kept.id, value: old, loc: locOf(node) });
    old = kept;
  }
  const settled = settle(frame, place, emitted, node);
  frame.out.push(...emitted);
  return assignTo(frame, settled, combine(node, operator, old, operand), node);
}

function lowerShortCircuit(frame: Frame, node: ts.BinaryExpression, operator: '&&' | '||'): Expr {
  const left = lowerCondition(frame, node.left);
  const deciding = operator === '&&' ? 0 : 1;
  if (left.op === 'const' && frame.program.pruning) {
    return left.value === deciding ? left : lowerCondition(frame, node.right);
  }
  let right: Expr = constant(BOOL, 0);
  const emitted = frame.collect(() => {
    right = lowerCondition(frame, node.right);
  });
  if (emitted.length === 0) {
    if (right.op === 'const' && frame.program.pruning)
      return right.value === deciding ? alwaysAfter(left, right) : left;
    return { op: 'binary', type: BOOL, operator, left, right };
  }
  const result = frame.temporary(BOOL);
  const loc = locOf(node);
  frame.emit({ op: 'set', dst: result.id, value: left, loc });
  emitted.push({ op: 'set', dst: result.id, value: right, loc: locOf(node.right) });
  const [then, otherwise] = operator === '&&' ? [emitted, []] : [[], emitted];
  frame.emit({ op: 'if', condition: result, then, else: otherwise, loc });
  return result;
}

/** `x && false`: x is pure here, its reads are already made */
function alwaysAfter(_left: Expr, right: Expr): Expr {
  return right;
}

function lowerConditional(frame: Frame, node: ts.ConditionalExpression): Expr {
  const condition = lowerCondition(frame, node.condition);
  if (condition.op === 'const' && frame.program.pruning) {
    return lowerExpression(frame, condition.value !== 0 ? node.whenTrue : node.whenFalse);
  }
  let thenValue: Expr = constant(INT, 0);
  let elseValue: Expr = constant(INT, 0);
  const thenCode = frame.collect(() => {
    thenValue = lowerExpression(frame, node.whenTrue);
  });
  const elseCode = frame.collect(() => {
    elseValue = lowerExpression(frame, node.whenFalse);
  });
  if (!('type' in thenValue) || !('type' in elseValue)) return refuse(node, 'strings', 'no choice between texts');
  const type = joinTypes(thenValue.type, elseValue.type);
  if (!type) {
    const what = `${describeType(thenValue.type)} or ${describeType(elseValue.type)}`;
    return refuse(node, 'mismatch', `one type on both sides, not ${what}`);
  }
  const onThen = coerce(node.whenTrue, thenValue, type);
  const onElse = coerce(node.whenFalse, elseValue, type);
  if (thenCode.length === 0 && elseCode.length === 0) {
    return { op: 'select', type, condition, then: onThen, else: onElse };
  }
  const result = frame.temporary(type);
  thenCode.push({ op: 'set', dst: result.id, value: onThen, loc: locOf(node.whenTrue) });
  elseCode.push({ op: 'set', dst: result.id, value: onElse, loc: locOf(node.whenFalse) });
  frame.emit({ op: 'if', condition, then: thenCode, else: elseCode, loc: locOf(node) });
  return result;
}

function lowerCast(frame: Frame, node: ts.AsExpression): Expr {
  const type = frame.program.types.ofAnnotation(node.type);
  const value = lowerExpression(frame, node.expression);
  if ('type' in value) {
    const bothNumbers = type.kind === 'int' && value.type.kind === 'int';
    if (bothNumbers && value.op === 'const') return constant(type, value.value);
    if (bothNumbers || sameType(type, value.type)) return value;
    const null0 = value.type.kind === 'ref' && value.type.struct === '' && type.kind === 'ref';
    if (null0) return constant(type, 0);
  }
  return refuse(node, 'cast', `no cast to ${foldedText(node.type)} here`, 'casts are between integer types only');
}

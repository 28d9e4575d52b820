// SPDX-License-Identifier: Apache-2.0
/**
 * Prints IR expressions as JavaScript on 32-bit integers; booleans are 0 and 1, references 1 + index.
 *
 * What must not be (null base, index outside) is checked in place, with a call that throws on the other side of the
 * branch. Not here: statements (emit.ts) and the helpers that throw (prelude.ts).
 */
import { assert, unreachable } from '../base/assert.js';
import type { Binary, Expr, FunctionIR } from '../compiler/ir.js';
import { type Cells, columnOf } from './cells.js';

type Of<Op extends Expr['op']> = Extract<Expr, { op: Op }>;

/** What an expression's text depends on besides itself. */
export interface Scope {
  cells: Cells;
  fn: FunctionIR;
  globals: ReadonlyMap<string, { count: number; struct: string; isArray: boolean }>;
  taskCount: number;
}

export function localName(fn: FunctionIR, id: number): string {
  const local = fn.locals[id];
  assert(local !== undefined, `${fn.name} has no local ${id}`);
  return `l${id}_${local.name.replace(/\W/g, '')}`;
}

/** Text of an expression whose value is a 32-bit integer (or a string, for a text). */
export function printValue(scope: Scope, expr: Expr): string {
  switch (expr.op) {
    case 'const':
      return expr.value < 0 ? `(${expr.value | 0})` : String(expr.value | 0);
    case 'text':
      return JSON.stringify(expr.value);
    case 'local':
      return localName(scope.fn, expr.id);
    case 'unary':
      return printUnary(scope, expr);
    case 'binary':
      return printBinary(scope, expr);
    case 'select':
      return `(${printCondition(scope, expr.condition)} ? ${printValue(scope, expr.then)} : ${printValue(scope, expr.else)})`;
    case 'global':
      return printGlobal(scope, expr);
    case 'embed':
      return printEmbed(scope, expr);
    case 'indexOf':
      return printIndexOf(scope, expr);
    case 'addrOf':
      return printAddrOf(scope, expr);
    case 'currentTask':
      return '$task';
    case 'taskCount':
      return String(scope.taskCount);
    default:
      return unreachable(expr);
  }
}

const comparisons: ReadonlySet<Binary> = new Set(['<', '<=', '>', '>=', '===', '!==']);

/** Text of an expression as a JavaScript condition. */
export function printCondition(scope: Scope, expr: Expr): string {
  if (expr.op === 'const') return expr.value !== 0 ? 'true' : 'false';
  if (expr.op === 'unary' && expr.operator === '!') return `!(${printCondition(scope, expr.operand)})`;
  if (expr.op === 'binary') {
    const { operator, left, right } = expr;
    if (comparisons.has(operator)) return `${printValue(scope, left)} ${operator} ${printValue(scope, right)}`;
    if (operator === '&&' || operator === '||') {
      return `(${printCondition(scope, left)} ${operator} ${printCondition(scope, right)})`;
    }
  }
  return `${printValue(scope, expr)} !== 0`;
}

function printUnary(scope: Scope, expr: Of<'unary'>): string {
  switch (expr.operator) {
    case '-':
      return `(-${printValue(scope, expr.operand)} | 0)`;
    case '~':
      return `(~${printValue(scope, expr.operand)})`;
    case '!':
      return `(${printCondition(scope, expr.operand)} ? 0 : 1)`;
    default:
      return unreachable(expr.operator);
  }
}

function printBinary(scope: Scope, expr: Of<'binary'>): string {
  const { operator } = expr;
  if (comparisons.has(operator) || operator === '&&' || operator === '||') {
    return `(${printCondition(scope, expr)} ? 1 : 0)`;
  }
  const left = printValue(scope, expr.left);
  const right = printValue(scope, expr.right);
  switch (operator) {
    case '*':
      return `Math.imul(${left}, ${right})`;
    case '/':
    case '%':
      return `(${left} ${operator} ${printDivisor(expr.right, right)} | 0)`;
    case '+':
    case '-':
    case '>>>':
      return `(${left} ${operator} ${right} | 0)`;
    default:
      return `(${left} ${operator} ${right})`;
  }
}

function printDivisor(expr: Expr, text: string): string {
  return expr.op === 'const' && expr.value !== 0 ? text : `(($t = ${text}) === 0 ? $divide() : $t)`;
}

/** A reference that is not null: its text, checked unless it cannot be. */
export function printNonNull(scope: Scope, ref: Expr): string {
  const text = printValue(scope, ref);
  if (ref.op === 'global' || ref.op === 'embed') return text;
  if (ref.op === 'local') return `(${text} === 0 ? $null() : ${text})`;
  return `(($t = ${text}) === 0 ? $null() : $t)`;
}

/** An index that lies in 0 .. length-1: its text, checked unless it is a literal that does. */
export function printIndex(scope: Scope, index: Expr, length: number): string {
  const text = printValue(scope, index);
  if (index.op === 'const' && index.value >= 0 && index.value < length) return text;
  if (index.op === 'local') return `(${text} >>> 0 < ${length} ? ${text} : $outside(${text}, ${length}))`;
  return `(($t = ${text}) >>> 0 < ${length} ? $t : $outside($t, ${length}))`;
}

/** `offset` + (ref - 1) * length + index, folded as far as it goes. */
export function printElement(offset: number, ref: string, length: number, index: string | undefined): string {
  const scaled = length === 1 ? ref : `Math.imul(${ref}, ${length})`;
  const start = `${offset - length} + ${scaled}`;
  return index === undefined || index === '0' ? start : `${start} + ${index}`;
}

/** The number of the word of memory that a load or store means. */
export function printCell(scope: Scope, access: { struct: string; field: string; ref: Expr; index?: Expr }): string {
  const column = columnOf(scope.cells.layout, access.struct, access.field);
  const index = access.index && printIndex(scope, access.index, column.length);
  return printElement(scope.cells.base[column.id], printNonNull(scope, access.ref), column.length, index);
}

function printGlobal(scope: Scope, expr: Of<'global'>): string {
  const base = scope.cells.layout.globalBase.get(expr.name);
  const global = scope.globals.get(expr.name);
  assert(base !== undefined && global !== undefined, `no global ${expr.name}`);
  if (!expr.index) return String(base + 1);
  if (expr.index.op === 'const' && expr.index.value >= 0 && expr.index.value < global.count) {
    return String(base + 1 + expr.index.value);
  }
  return `(${base + 1} + ${printIndex(scope, expr.index, global.count)})`;
}

function printEmbed(scope: Scope, expr: Of<'embed'>): string {
  const { layout } = scope.cells;
  const first = layout.embedBase.get(`${expr.struct}.${expr.field}`);
  const length = embedLength(scope, expr);
  assert(first !== undefined, `${expr.struct}.${expr.field} has no place`);
  const index = expr.index && printIndex(scope, expr.index, length);
  return `(${printElement(first + 1, printNonNull(scope, expr.base), length, index)})`;
}

function embedLength(scope: Scope, expr: Of<'embed'>): number {
  const length = scope.cells.embedLength.get(`${expr.struct}.${expr.field}`);
  assert(length !== undefined, `${expr.struct}.${expr.field} is not held by value`);
  return length;
}

function printIndexOf(scope: Scope, expr: Of<'indexOf'>): string {
  const base = scope.cells.layout.globalBase.get(expr.global);
  const global = scope.globals.get(expr.global);
  assert(base !== undefined && global !== undefined, `no global ${expr.global}`);
  return `(($t = ${printValue(scope, expr.operand)} - ${base + 1}) >>> 0 < ${global.count} ? $t : -1)`;
}

function printAddrOf(scope: Scope, expr: Of<'addrOf'>): string {
  const { layout } = scope.cells;
  if (expr.field === undefined) {
    const base = layout.addrBase.get(expr.struct);
    assert(base !== undefined, `no identities of ${expr.struct}`);
    return `(($t = ${printValue(scope, expr.operand)}) === 0 ? 0 : ${base - 1} + $t)`;
  }
  const column = columnOf(layout, expr.struct, expr.field);
  const base = layout.fieldAddrBase.get(column.name);
  assert(base !== undefined, `no identities of ${column.name}`);
  const index = expr.index && printIndex(scope, expr.index, column.length);
  return `(${printElement(base, printNonNull(scope, expr.operand), column.length, index)})`;
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Expressions with some locals known: the value, or the shortest expression of the same value. Addresses over unknown objects
 * are kept as they are, since they say through which object an access goes.
 */
import { constant, foldBinary, foldUnary, isInt32 } from './fold.js';
import type { Expr, LocalId, ProgramIR, Type } from './ir.js';
import type { Layout } from './layout.js';

/** Which task the code runs as. */
export interface Surroundings {
  task: number;
  taskCount: number;
  /** whether stores wait in store buffers (link-tso.ts) */
  buffered: boolean;
}

interface Embedded {
  first: number;
  length: number;
}

/** layout -> struct -> field -> what `embedded` says of it, which is asked again and again */
const embeddings = new WeakMap<Layout, Map<string, Map<string, Embedded>>>();

/** The instances of its struct that a by-value field holds: those of host `h` (from 0) begin at `first + h * length`. */
export function embedded(program: ProgramIR, layout: Layout, struct: string, field: string): Embedded {
  const structs = embeddings.get(layout) ?? new Map<string, Map<string, Embedded>>();
  embeddings.set(layout, structs);
  const fields = structs.get(struct) ?? new Map<string, Embedded>();
  structs.set(struct, fields);
  let found = fields.get(field);
  if (!found) {
    const first = layout.embedBase.get(`${struct}.${field}`) ?? 0;
    const length = program.structs.get(struct)?.fields.find((f) => f.name === field)?.length ?? 1;
    found = { first, length };
    fields.set(field, found);
  }
  return found;
}

/** @param known the value of a local, or undefined */
export function foldExpr(
  expr: Expr,
  known: (id: LocalId) => number | undefined,
  layout: Layout,
  program: ProgramIR,
  around: Surroundings,
): Expr {
  return new Folder(known, layout, program, around).fold(expr);
}

/** Folds expressions; one that cannot be shortened stays the very object that it is. */
export class Folder {
  readonly #known: (id: LocalId) => number | undefined;
  readonly #layout: Layout;
  readonly #program: ProgramIR;
  readonly #around: Surroundings;

  /** @param known the value of a local, or undefined */
  constructor(known: (id: LocalId) => number | undefined, layout: Layout, program: ProgramIR, around: Surroundings) {
    this.#known = known;
    this.#layout = layout;
    this.#program = program;
    this.#around = around;
  }

  fold(expr: Expr): Expr {
    switch (expr.op) {
      case 'const':
      case 'text':
        return expr;
      case 'local': {
        const value = this.#known(expr.id) ?? (this.#isAlwaysNull(expr.type) ? 0 : undefined);
        return value === undefined ? expr : constant(expr.type, value);
      }
      case 'currentTask':
        return constant(expr.type, this.#around.task);
      case 'taskCount':
        return constant(expr.type, this.#around.taskCount);
      case 'unary': {
        const operand = this.fold(expr.operand);
        if (operand.op !== 'const') return operand === expr.operand ? expr : { ...expr, operand };
        return constant(expr.type, foldUnary(expr.operator, operand).value | 0);
      }
      case 'binary':
        return this.#binary(expr);
      case 'select': {
        const condition = this.fold(expr.condition);
        if (condition.op === 'const') return this.fold(condition.value ? expr.then : expr.else);
        const [yes, no] = [this.fold(expr.then), this.fold(expr.else)];
        const isSame = condition === expr.condition && yes === expr.then && no === expr.else;
        return isSame ? expr : { ...expr, condition, then: yes, else: no };
      }
      case 'global':
        return this.#global(expr);
      case 'embed':
        return this.#embed(expr);
      case 'indexOf':
        return this.#indexOf(expr);
      case 'addrOf':
        return this.#addrOf(expr);
    }
  }

  /** A pointer to a struct of which there is no instance. */
  #isAlwaysNull(type: Type): boolean {
    return type.kind === 'ref' && (this.#layout.instances.get(type.struct) ?? 0) === 0;
  }

  #binary(expr: Expr & { op: 'binary' }): Expr {
    const left = this.fold(expr.left);
    const right = this.fold(expr.right);
    if (left.op === 'const' && right.op === 'const') {
      const folded = foldBinary(expr.operator, left, right);
      if (folded && isInt32(folded.value)) return constant(expr.type, folded.value);
      if (folded && expr.operator === '*') return constant(expr.type, Math.imul(left.value, right.value));
      if (folded) return constant(expr.type, folded.value | 0);
    }
    if (left.op === 'const' && expr.operator === '&&') return left.value ? right : left;
    if (left.op === 'const' && expr.operator === '||') return left.value ? left : right;
    if (right.op === 'const' && right.value === 0 && '+-|^'.includes(expr.operator) && expr.type.kind !== 'bool') {
      return left;
    }
    return left === expr.left && right === expr.right ? expr : { ...expr, left, right };
  }

  #global(expr: Expr & { op: 'global' }): Expr {
    const base = this.#layout.globalBase.get(expr.name) ?? 0;
    if (!expr.index) return constant(expr.type, 1 + base);
    const index = this.fold(expr.index);
    const count = this.#program.globals.get(expr.name)?.count ?? 0;
    if (index.op === 'const' && index.value >= 0 && index.value < count) {
      return constant(expr.type, 1 + base + index.value);
    }
    return index === expr.index ? expr : { ...expr, index };
  }

  #embed(expr: Expr & { op: 'embed' }): Expr {
    const base = this.fold(expr.base);
    const index = expr.index && this.fold(expr.index);
    const { first, length } = embedded(this.#program, this.#layout, expr.struct, expr.field);
    const at = index === undefined ? 0 : index.op === 'const' ? index.value : -1;
    if (base.op === 'const' && base.value !== 0 && at >= 0 && at < length) {
      return constant(expr.type, 1 + first + (base.value - 1) * length + at);
    }
    if (base === expr.base && index === expr.index) return expr;
    return index ? { ...expr, base, index } : { ...expr, base };
  }

  #indexOf(expr: Expr & { op: 'indexOf' }): Expr {
    const operand = this.fold(expr.operand);
    if (operand.op !== 'const') return operand === expr.operand ? expr : { ...expr, operand };
    const base = this.#layout.globalBase.get(expr.global) ?? 0;
    const at = operand.value - 1 - base;
    const count = this.#program.globals.get(expr.global)?.count ?? 0;
    return constant(expr.type, operand.value !== 0 && at >= 0 && at < count ? at : -1);
  }

  #addrOf(expr: Expr & { op: 'addrOf' }): Expr {
    const operand = this.fold(expr.operand);
    const index = expr.index && this.fold(expr.index);
    if (operand.op === 'const' && (index === undefined || index.op === 'const')) {
      const value = this.#identity(expr, operand.value, index?.value ?? 0);
      if (value !== undefined) return constant(expr.type, value);
    }
    if (operand === expr.operand && index === expr.index) return expr;
    return index ? { ...expr, operand, index } : { ...expr, operand };
  }

  #identity(expr: Expr & { op: 'addrOf' }, ref: number, index: number): number | undefined {
    if (expr.field === undefined) return ref === 0 ? 0 : (this.#layout.addrBase.get(expr.struct) ?? 0) + ref - 1;
    const column = this.#layout.column.get(`${expr.struct}.${expr.field}`);
    if (!column || ref === 0 || index < 0 || index >= column.length) return undefined;
    return (this.#layout.fieldAddrBase.get(column.name) ?? 0) + (ref - 1) * column.length + index;
  }
}

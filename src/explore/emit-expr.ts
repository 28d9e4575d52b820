// SPDX-License-Identifier: Apache-2.0
/**
 * Prints expressions as JavaScript on 32-bit integers. What must not be (null base, index outside, division by zero) is
 * tested in statements that come before the one that uses the expression, under the conditions that it is evaluated under.
 */
import { assert, unreachable } from '../base/assert.js';
import type { Binary, Expr, LocalId } from '../compiler/ir.js';
import type { LinkedScenario } from '../compiler/link.js';
import { embedded } from '../compiler/link-expr.js';
import { known, type Linear, plus, printLinear, times, unknown } from './linear.js';
import type { ViolationKind } from './verdict.js';

const COMPARISONS: ReadonlySet<Binary> = new Set(['<', '<=', '>', '>=', '===', '!==']);

/** Prints the expressions of one operation. */
export class ExprPrinter {
  /** statements to run before */
  readonly checks: string[] = [];
  readonly #linked: LinkedScenario;
  readonly #fail: (kind: ViolationKind, message: string) => string;
  readonly #used: Set<LocalId>;
  #given: string[] = [];

  /**
   * @param fail the statement that ends the step with a violation at this operation
   * @param used gets the locals that are read
   */
  constructor(linked: LinkedScenario, fail: (kind: ViolationKind, message: string) => string, used: Set<LocalId>) {
    this.#linked = linked;
    this.#fail = fail;
    this.#used = used;
  }

  /** @returns text whose value is a 32-bit integer */
  value(expr: Expr): string {
    switch (expr.op) {
      case 'const':
        return expr.value < 0 ? `(${expr.value})` : String(expr.value);
      case 'local':
        this.#used.add(expr.id);
        return `v${expr.id}`;
      case 'unary':
        if (expr.operator === '!') return `(${this.condition(expr.operand)} ? 0 : 1)`;
        return expr.operator === '-' ? `(-${this.value(expr.operand)} | 0)` : `(~${this.value(expr.operand)})`;
      case 'binary':
        return this.#binary(expr);
      case 'select':
        return this.#select(expr);
      case 'global':
      case 'embed':
        return printLinear(plus(this.instance(expr), 1));
      case 'indexOf': {
        const base = this.#linked.layout.globalBase.get(expr.global) ?? 0;
        const count = this.#linked.compiled.program.globals.get(expr.global)?.count ?? 0;
        const at = `(${this.value(expr.operand)} - ${base + 1})`;
        return `(${at} >>> 0 < ${count} ? ${at} : -1)`;
      }
      case 'addrOf':
        return this.#identity(expr);
      case 'text':
      case 'currentTask':
      case 'taskCount':
        return assertFolded(expr);
      default:
        return unreachable(expr);
    }
  }

  /** @returns text of a JavaScript condition */
  condition(expr: Expr): string {
    if (expr.op === 'const') return expr.value ? 'true' : 'false';
    if (expr.op === 'unary' && expr.operator === '!') return `!(${this.condition(expr.operand)})`;
    if (expr.op === 'binary') {
      const { operator, left, right } = expr;
      if (COMPARISONS.has(operator)) return `(${this.value(left)} ${operator} ${this.value(right)})`;
      if (operator === '&&' || operator === '||') {
        const first = this.condition(left);
        const second = this.#under(operator === '&&' ? first : `!${first}`, () => this.condition(right));
        return `(${first} ${operator} ${second})`;
      }
    }
    return `(${this.value(expr)} !== 0)`;
  }

  /** @returns the index of the instance that a reference means, counted from 0; it is checked not to be null */
  instance(ref: Expr): Linear {
    if (ref.op === 'const' && ref.value !== 0) return known(ref.value - 1);
    if (ref.op === 'global') return this.#element(ref);
    if (ref.op === 'embed') return this.#held(ref);
    const text = this.value(ref);
    this.check(`${text} === 0`, 'null dereference', 'a null pointer is dereferenced');
    return plus(unknown(text), -1);
  }

  /** @returns an index that is checked to lie below `length` */
  index(expr: Expr | undefined, length: number): Linear {
    if (!expr) return known(0);
    if (expr.op === 'const' && expr.value >= 0 && expr.value < length) return known(expr.value);
    const text = this.value(expr);
    this.check(`${text} >>> 0 >= ${length}`, 'index out of range', `an index lies outside 0 to ${length - 1}`);
    return unknown(text);
  }

  check(condition: string, kind: ViolationKind, message: string): void {
    const all = [...this.#given, `(${condition})`].join(' && ');
    this.checks.push(`if (${all}) ${this.#fail(kind, message)}`);
  }

  #under<T>(condition: string, print: () => T): T {
    this.#given.push(condition);
    const result = print();
    this.#given.pop();
    return result;
  }

  #element(ref: Expr & { op: 'global' }): Linear {
    const base = this.#linked.layout.globalBase.get(ref.name) ?? 0;
    const count = this.#linked.compiled.program.globals.get(ref.name)?.count ?? 0;
    return plus(this.index(ref.index, count), base);
  }

  #held(ref: Expr & { op: 'embed' }): Linear {
    const { layout, compiled } = this.#linked;
    const { first, length } = embedded(compiled.program, layout, ref.struct, ref.field);
    const host = this.instance(ref.base);
    return plus(plus(times(host, length), this.index(ref.index, length)), first);
  }

  #select(expr: Expr & { op: 'select' }): string {
    const condition = this.condition(expr.condition);
    const yes = this.#under(condition, () => this.value(expr.then));
    const no = this.#under(`!${condition}`, () => this.value(expr.else));
    return `(${condition} ? ${yes} : ${no})`;
  }

  #binary(expr: Expr & { op: 'binary' }): string {
    const { operator } = expr;
    if (COMPARISONS.has(operator) || operator === '&&' || operator === '||') return `(${this.condition(expr)} ? 1 : 0)`;
    const left = this.value(expr.left);
    const right = this.value(expr.right);
    if (operator === '*') return `Math.imul(${left}, ${right})`;
    if (operator === '/' || operator === '%') {
      const isSafe = expr.right.op === 'const' && expr.right.value !== 0;
      if (!isSafe) this.check(`${right} === 0`, 'BUG', 'division by zero');
      return `(${left} ${operator} ${right} | 0)`;
    }
    const isNarrow = operator === '&' || operator === '|' || operator === '^' || operator === '<<' || operator === '>>';
    return isNarrow ? `(${left} ${operator} ${right})` : `((${left} ${operator} ${right}) | 0)`;
  }

  #identity(expr: Expr & { op: 'addrOf' }): string {
    const { layout } = this.#linked;
    if (expr.field === undefined) {
      const base = (layout.addrBase.get(expr.struct) ?? 0) - 1;
      const ref = this.value(expr.operand);
      return `(${ref} === 0 ? 0 : ${ref} + ${base})`;
    }
    const column = layout.column.get(`${expr.struct}.${expr.field}`);
    assert(column !== undefined, `no column ${expr.struct}.${expr.field}`);
    const base = layout.fieldAddrBase.get(column.name) ?? 0;
    const element = plus(times(this.instance(expr.operand), column.length), this.index(expr.index, column.length));
    return printLinear(plus(element, base));
  }
}

function assertFolded(expr: Expr): never {
  assert(false, `${expr.op} is left after folding`);
}

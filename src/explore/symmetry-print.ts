// SPDX-License-Identifier: Apache-2.0
/**
 * Expressions of one task as text in the terms of the other, after an exchange: two tasks do the same if their texts are
 * equal. Where a value says which task is meant, its constants are those of the other task.
 */
import type { Expr, LocalId } from '../compiler/ir.js';
import { type Exchange, type Meaning, PLAIN } from './symmetry-map.js';

/** What cannot be proven, and why. Never leaves symmetry.ts. */
export class Unprovable extends Error {}

/** Something a step read, or a choice: a local that no program has. */
export interface Input {
  text: string;
  meaning: Meaning;
  /** the column it was read from */
  column?: string;
}

/** Ids of inputs begin here. */
export const FIRST_INPUT = 1 << 24;

/** What a constant alone may mean: anything. */
type Wanted = Meaning | undefined;

const NUMBER: Meaning = { kind: 'number', offset: 0 };

export class SymmetryPrinter {
  readonly exchange: Exchange;
  readonly inputs: Input[] = [];
  readonly #byText = new Map<string, number>();

  constructor(exchange: Exchange) {
    this.exchange = exchange;
  }

  /** @returns the id of the local that stands for an input */
  input(input: Input): LocalId {
    let at = this.#byText.get(input.text);
    if (at === undefined) {
      at = this.inputs.push(input) - 1;
      this.#byText.set(input.text, at);
    }
    return FIRST_INPUT + at;
  }

  /** @param as what the value is used as */
  print(expr: Expr, as: Meaning = PLAIN): string {
    const own = this.meaning(expr);
    if (own && !isSame(own, as)) throw new Unprovable('a number of a task is used as another kind of number');
    return this.#text(expr, as);
  }

  /** @returns what an integer means; undefined where it may mean anything, and for what is no integer */
  meaning(expr: Expr): Wanted {
    switch (expr.op) {
      case 'local':
        return expr.type.kind === 'int' ? (this.inputs[expr.id - FIRST_INPUT]?.meaning ?? PLAIN) : undefined;
      case 'unary':
        return expr.operator === '!' ? undefined : this.meaning(expr.operand);
      case 'binary':
        return this.#meaningOfBinary(expr);
      case 'select':
        return joined(this.meaning(expr.then), this.meaning(expr.else));
      case 'indexOf':
        return this.exchange.uses.rows.has(expr.global) ? NUMBER : PLAIN;
      default:
        return undefined;
    }
  }

  #meaningOfBinary({ operator, left, right, type }: Expr & { op: 'binary' }): Wanted {
    if (type.kind !== 'int') return undefined;
    const a = this.meaning(left);
    const b = this.meaning(right);
    if (operator === '&' || operator === '|' || operator === '^') return joined(a, b);
    if (a?.kind === 'number' && right.op === 'const' && (operator === '+' || operator === '-')) {
      return { kind: 'number', offset: a.offset + (operator === '+' ? right.value : -right.value) };
    }
    return a || b ? PLAIN : undefined;
  }

  #text(expr: Expr, as: Meaning): string {
    const { exchange } = this;
    switch (expr.op) {
      case 'const':
        if (expr.type.kind === 'ref') return `*${exchange.reference(expr.type.struct, expr.value)}`;
        if (expr.type.kind === 'addr') return `@${exchange.identity(expr.value)}`;
        return String(exchange.value(as, expr.value));
      case 'local':
        return this.inputs[expr.id - FIRST_INPUT]?.text ?? `v${expr.id}`;
      case 'text':
        return JSON.stringify(expr.value);
      case 'unary':
        if (as.kind === 'number' || (as.kind === 'set' && expr.operator === '-')) throw new Unprovable('arithmetic');
        return expr.operator === '!'
          ? `!${this.truth(expr.operand)}`
          : `${expr.operator}(${this.print(expr.operand, as)})`;
      case 'binary':
        return this.#binary(expr, as);
      case 'select':
        return `(${this.print(expr.condition)} ? ${this.print(expr.then, as)} : ${this.print(expr.else, as)})`;
      case 'global':
        return `${expr.name}${this.#index(expr.index, exchange.uses.rows.has(expr.name) ? NUMBER : PLAIN)}`;
      case 'embed':
        return `${this.print(expr.base)}.${expr.field}${this.#index(expr.index, PLAIN)}`;
      case 'indexOf':
        return `index(${expr.global}, ${this.print(expr.operand)})`;
      case 'addrOf':
        return `&${this.print(expr.operand)}.${expr.field ?? ''}${this.#index(expr.index, PLAIN)}`;
      default:
        throw new Unprovable(`${expr.op} is left`);
    }
  }

  /** @returns text of whether a value is not 0 */
  truth(expr: Expr): string {
    const of = this.meaning(expr) ?? PLAIN;
    if (this.exchange.value(of, 0) !== 0) throw new Unprovable('a number of a task is used as a condition');
    return `(${this.print(expr, of)})`;
  }

  #index(index: Expr | undefined, as: Meaning): string {
    return index ? `[${this.print(index, as)}]` : '';
  }

  #binary({ operator, left, right, type }: Expr & { op: 'binary' }, as: Meaning): string {
    const both = (a: string, b: string) => `(${a} ${operator} ${b})`;
    if (operator === '===' || operator === '!==') {
      const of = joined(this.meaning(left), this.meaning(right)) ?? PLAIN;
      return both(this.print(left, of), this.print(right, of));
    }
    if (type.kind !== 'int' || as.kind === 'plain') return both(this.print(left), this.print(right));
    if (as.kind === 'set') {
      if (operator === '&' || operator === '|' || operator === '^')
        return both(this.print(left, as), this.print(right, as));
      throw new Unprovable('arithmetic on a set of tasks');
    }
    if (right.op !== 'const') throw new Unprovable('arithmetic on the number of a task');
    const offset = operator === '+' ? as.offset - right.value : as.offset + right.value;
    return both(this.print(left, { kind: 'number', offset }), String(right.value));
  }
}

export function isSame(a: Meaning, b: Meaning): boolean {
  return a.kind === b.kind && (a.kind !== 'number' || b.kind !== 'number' || a.offset === b.offset);
}

function joined(a: Wanted, b: Wanted): Wanted {
  if (!a || !b) return a ?? b;
  if (!isSame(a, b)) throw new Unprovable('a number of a task is compared or mixed with another kind of number');
  return a;
}

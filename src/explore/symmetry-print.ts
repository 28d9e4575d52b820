// SPDX-License-Identifier: Apache-2.0
/**
 * Expressions as text in the terms of what comes after an exchange: two tasks, or a task before and after, do the same if their
 * texts are equal. Where a value says which task or page is meant, its constants are those of the other one.
 */
import { foldBinary } from '../compiler/fold.js';
import type { Binary, Expr, LocalId } from '../compiler/ir.js';
import type { Graph, NodeId } from '../compiler/link-graph.js';
import type { Range } from '../compiler/link-range.js';
import { type Exchange, type Meaning, NUMBER, PLAIN } from './symmetry-map.js';

/** What cannot be proven, and why. Never leaves symmetry-proof.ts. */
export class Unprovable extends Error {
  /** the operation that it is about */
  node: NodeId | undefined;
}

/** Positions are used as numbers: so it is with whichever two are exchanged. */
export class OrderUsed extends Unprovable {}

/** Something a step read, or a choice: a local that no program has. */
export interface Input {
  text: string;
  meaning: Meaning;
  /** the column it was read from */
  column?: string;
  range?: Range;
}

/** Ids of inputs begin here. */
export const FIRST_INPUT = 1 << 24;

/** What a constant alone may mean: anything. */
type Wanted = Meaning | undefined;

const ANY: Range = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
const SET: Meaning = { kind: 'set' };
const ORDERS: ReadonlySet<Binary> = new Set(['<', '<=', '>', '>=']);

export class SymmetryPrinter {
  readonly exchange: Exchange;
  readonly inputs: Input[] = [];
  readonly #graph: Graph;
  readonly #ranges: readonly Range[];
  readonly #byText = new Map<string, number>();

  /** @param graph whose locals they are that the step has not written yet; `ranges`: what these may be */
  constructor(exchange: Exchange, graph: Graph, ranges: readonly Range[] = []) {
    this.exchange = exchange;
    this.#graph = graph;
    this.#ranges = ranges;
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
    if (own && !isSame(own, as)) throw this.#order('is used as any other number');
    return this.#text(expr, as);
  }

  #order(what: string): OrderUsed {
    return new OrderUsed(`${this.exchange.of === 'task' ? 'the number of a task' : 'an index'} ${what}`);
  }

  /** @returns what an integer means; undefined where it may mean anything, and for what is no integer */
  meaning(expr: Expr): Wanted {
    switch (expr.op) {
      case 'local':
        if (expr.type.kind !== 'int') return undefined;
        return this.inputs[expr.id - FIRST_INPUT]?.meaning ?? this.exchange.meaningOfLocal(this.#graph, expr.id);
      case 'unary':
        return expr.operator === '!' ? undefined : this.meaning(expr.operand);
      case 'binary':
        return this.#meaningOfBinary(expr);
      case 'select':
        return this.#joined(this.meaning(expr.then), this.meaning(expr.else));
      case 'indexOf':
        return this.exchange.meaningOfIndex(expr.global);
      default:
        return undefined;
    }
  }

  #meaningOfBinary({ operator, left, right, type }: Expr & { op: 'binary' }): Wanted {
    if (type.kind !== 'int') return undefined;
    const a = this.meaning(left);
    const b = this.meaning(right);
    if (this.#isElementOf(operator, left, right)) return PLAIN;
    if (operator === '&' || operator === '|' || operator === '^') return this.#joined(a, b);
    if (operator === '<<' && left.op === 'const' && left.value === 1 && this.#isBit(right)) return SET;
    if (a?.kind === 'number' && right.op === 'const' && (operator === '+' || operator === '-')) {
      return { kind: 'number', offset: a.offset + (operator === '+' ? right.value : -right.value) };
    }
    return a || b ? PLAIN : undefined;
  }

  /** Whether a value is a position that a set has a bit for, or another bit of a word. */
  #isBit(expr: Expr): boolean {
    if (expr.op !== 'local' || !isSame(this.meaning(expr) ?? PLAIN, NUMBER)) return false;
    const { low, high } = this.inputs[expr.id - FIRST_INPUT]?.range ?? this.#ranges[expr.id] ?? ANY;
    return low >= 0 && high < 32;
  }

  /** `(set >> position) & 1` */
  #isElementOf(operator: Binary, left: Expr, right: Expr): left is Expr & { op: 'binary' } {
    if (operator !== '&' || right.op !== 'const' || right.value !== 1 || left.op !== 'binary') return false;
    const isShift = left.operator === '>>' || left.operator === '>>>';
    return isShift && this.meaning(left.left)?.kind === 'set' && this.#isBit(left.right);
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
        if (as.kind === 'number' || (as.kind === 'set' && expr.operator === '-')) throw this.#order('is computed with');
        return expr.operator === '!'
          ? `!${this.truth(expr.operand)}`
          : `${expr.operator}(${this.print(expr.operand, as)})`;
      case 'binary':
        return this.#binary(expr, as);
      case 'select':
        return `(${this.print(expr.condition)} ? ${this.print(expr.then, as)} : ${this.print(expr.else, as)})`;
      case 'global':
        return `${expr.name}${this.index(expr.index, expr.name)}`;
      case 'embed':
        return `${this.print(expr.base)}.${expr.field}${this.index(expr.index, `${expr.struct}.${expr.field}`)}`;
      case 'indexOf':
        return `index(${expr.global}, ${this.print(expr.operand)})`;
      case 'addrOf':
        return `&${this.print(expr.operand)}.${expr.field ?? ''}${this.index(expr.index, `${expr.struct}.${expr.field}`)}`;
      default:
        throw new Unprovable(`${expr.op} is left`);
    }
  }

  /** @returns text of whether a value is not 0 */
  truth(expr: Expr): string {
    const of = this.meaning(expr) ?? PLAIN;
    if (this.exchange.value(of, 0) !== 0) throw this.#order('is used as a condition');
    return `(${this.print(expr, of)})`;
  }

  /** @param array that is indexed */
  index(index: Expr | undefined, array: string): string {
    return index ? `[${this.print(index, this.exchange.meaningOfIndex(array))}]` : '';
  }

  #binary({ operator, left, right, type }: Expr & { op: 'binary' }, as: Meaning): string {
    const both = (a: string, b: string) => `(${a} ${operator} ${b})`;
    if (operator === '===' || operator === '!==') {
      const of = this.#joined(this.meaning(left), this.meaning(right)) ?? PLAIN;
      return both(this.print(left, of), this.print(right, of));
    }
    if (ORDERS.has(operator)) return both(...this.#ordered(operator, left, right));
    if (this.#isElementOf(operator, left, right)) {
      return both(`${this.print(left.left, SET)} ${left.operator} ${this.print(left.right, NUMBER)}`, '1');
    }
    if (type.kind !== 'int' || as.kind === 'plain') return both(this.print(left), this.print(right));
    if (as.kind === 'set') {
      if (operator === '<<' && this.#isBit(right)) return both('1', this.print(right, NUMBER));
      if (operator === '&' || operator === '|' || operator === '^')
        return both(this.print(left, as), this.print(right, as));
      throw this.#order('is computed with');
    }
    if (right.op !== 'const' || (operator !== '+' && operator !== '-')) throw this.#order('is computed with');
    const offset = operator === '+' ? as.offset - right.value : as.offset + right.value;
    return both(this.print(left, { kind: 'number', offset }), String(right.value));
  }

  /** What is compared by order: a position only with what is above both of those exchanged, or above neither. */
  #ordered(operator: Binary, left: Expr, right: Expr): [string, string] {
    const isLeft = right.op === 'const';
    const of = this.meaning(isLeft ? left : right);
    const bound = isLeft ? right : left;
    if (of?.kind !== 'number' || bound.op !== 'const') return [this.print(left), this.print(right)];
    const { a, b } = this.exchange;
    const answers = [a, b].map((position) => {
      const value = { ...bound, value: position + of.offset };
      return foldBinary(operator, isLeft ? value : bound, isLeft ? bound : value)?.value;
    });
    if (answers[0] !== answers[1]) throw this.#order(`is compared with ${bound.value}`);
    return isLeft ? [this.print(left, of), `${bound.value}`] : [`${bound.value}`, this.print(right, of)];
  }

  #joined(a: Wanted, b: Wanted): Wanted {
    if (!a || !b) return a ?? b;
    if (!isSame(a, b)) throw this.#order('is compared or mixed with another kind of number');
    return a;
  }
}

export function isSame(a: Meaning, b: Meaning): boolean {
  return a.kind === b.kind && (a.kind !== 'number' || b.kind !== 'number' || a.offset === b.offset);
}

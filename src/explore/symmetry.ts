// SPDX-License-Identifier: Apache-2.0
/**
 * Which tasks may change places: those that run one program, where every step of every task, every property and the first
 * state are proven to be the same after the exchange. Then states that differ by such an exchange need be looked at once.
 *
 * What belongs to a task (an element of a per-CPU array) and what names one (an owner, a set of CPUs) is not declared: it is
 * learnt from where the texts of two tasks differ, and then proven.
 * Not here: the proof (symmetry-proof.ts), pages (symmetry-pages.ts), how a state is brought into its canonical form (canonical.ts).
 */
import type { Expr } from '../compiler/ir.js';
import type { LinkedScenario } from '../compiler/link.js';
import { partsOf } from '../compiler/link-graph.js';
import { Exchange, type Meaning, NO_SYMMETRY, rowOf, type Symmetry, type Uses } from './symmetry-map.js';
import { findPages } from './symmetry-pages.js';
import { FIRST_INPUT } from './symmetry-print.js';
import { type Difference, differenceAtFirst, differenceInProperties, differenceInSteps } from './symmetry-proof.js';
import type { Seen, Walked } from './symmetry-walk.js';

/** @returns the tasks and pages that are proven to be exchangeable, and those that look so and are not */
export function findSymmetry(linked: LinkedScenario): Symmetry {
  const found: Symmetry = { ...NO_SYMMETRY, refused: [] };
  for (const group of groupsOf(linked)) {
    for (let rest = group; rest.length > 1; ) rest = gather(linked, rest, found);
  }
  return { ...found, ...findPages(linked, found.uses) };
}

/**
 * Finds all that may change places with the first of a group, and puts them down.
 * @returns those of the group that may not
 */
function gather(linked: LinkedScenario, [first, ...others]: readonly number[], found: Symmetry): number[] {
  const { tasks } = linked;
  let one = [first];
  const rest: number[] = [];
  const { classes } = found;
  for (const other of others) {
    const proof = prove(linked, [...classes, [...one, other]], found.uses);
    if ('reason' in proof) {
      rest.push(other);
      // tasks that merely look alike are not worth a word
      if (tasks[first].function !== tasks[other].function) continue;
      found.refused.push({ tasks: [tasks[first].name, tasks[other].name], reason: proof.reason });
    } else {
      one = [...one, other];
      found.uses = proof;
    }
  }
  if (one.length > 1) found.classes = [...classes, one];
  return rest;
}

/** Tasks that rest at as many places and keep the same locals there. */
function groupsOf({ tasks }: LinkedScenario): number[][] {
  const groups = new Map<string, number[]>();
  tasks.forEach((task, position) => {
    const rests = task.points.map((point) => [point?.live, point?.chooses]);
    const key = JSON.stringify([task.startPc, rests]);
    groups.set(key, [...(groups.get(key) ?? []), position]);
  });
  return [...groups.values()].filter(({ length }) => length > 1);
}

/** @returns how tasks' positions are used, with which the classes are proven; or why they are not */
function prove(linked: LinkedScenario, classes: readonly number[][], start: Uses): Uses | { reason: string } {
  let uses = start;
  for (;;) {
    const difference = firstDifference(linked, classes, uses);
    if (!difference) return uses;
    const more = learn(linked, difference, uses);
    if (!more) return { reason: difference.reason };
    uses = more;
  }
}

function firstDifference(linked: LinkedScenario, classes: readonly number[][], uses: Uses): Difference | undefined {
  for (const group of classes) {
    for (let i = 1; i < group.length; i++) {
      const exchange = new Exchange(linked, uses, group[i - 1], group[i]);
      const difference =
        differenceInSteps(linked, exchange) ??
        differenceInProperties(linked, exchange) ??
        differenceAtFirst(linked, exchange);
      if (difference) return difference;
    }
  }
  return undefined;
}

// ---- what a difference teaches ------------------------------------------------------------------------------------

/** @returns uses with which two walks differ less, if there are any */
function learn(linked: LinkedScenario, { one, two }: Difference, uses: Uses): Uses | undefined {
  if (!one || !two) return undefined;
  const { a, b } = one.printer.exchange;
  const lesson = new Lesson(linked, one, two, uses, a, b);
  for (let i = 0; i < Math.min(one.seen.length, two.seen.length); i++) {
    const more = lesson.from(one.seen[i], two.seen[i]);
    if (more) return more;
  }
  return undefined;
}

class Lesson {
  readonly #linked: LinkedScenario;
  readonly #one: Walked;
  readonly #two: Walked;
  readonly #uses: Uses;
  readonly #a: number;
  readonly #b: number;

  constructor(linked: LinkedScenario, one: Walked, two: Walked, uses: Uses, a: number, b: number) {
    this.#linked = linked;
    this.#one = one;
    this.#two = two;
    this.#uses = uses;
    this.#a = a;
    this.#b = b;
  }

  from(x: Seen, y: Seen): Uses | undefined {
    return this.#expressions(x.expr, y.expr, x.column, false);
  }

  /** @param column that the value is stored to or compared with */
  #expressions(x: Expr, y: Expr, column: string | undefined, isSet: boolean): Uses | undefined {
    if (x.op === 'const' && y.op === 'const') {
      if (x.value === y.value) return undefined;
      if (x.type.kind === 'ref') return this.#row(x.type.struct, x.value, y.value);
      return column === undefined ? undefined : this.#column(column, x.value, y.value, isSet);
    }
    const [inner, other] = [partsOf(x), partsOf(y)];
    if (x.op !== y.op || inner.length !== other.length) return undefined;
    const named = inner.map((part, i) => this.#columnOf(part, this.#one) ?? this.#columnOf(other[i], this.#two));
    const isMask = x.op === 'binary' && '&|^'.includes(x.operator);
    const around = named.find((name) => name !== undefined) ?? column;
    for (let i = 0; i < inner.length; i++) {
      const more = this.#expressions(inner[i], other[i], around, isSet || isMask);
      if (more) return more;
    }
    return undefined;
  }

  #columnOf(expr: Expr, { printer }: Walked): string | undefined {
    if (expr.op === 'local') return printer.inputs[expr.id - FIRST_INPUT]?.column;
    for (const part of partsOf(expr)) {
      const name = this.#columnOf(part, { printer } as Walked);
      if (name !== undefined) return name;
    }
    return undefined;
  }

  #row(struct: string, x: number, y: number): Uses | undefined {
    const one = rowOf(this.#linked, struct, x - 1);
    const two = rowOf(this.#linked, struct, y - 1);
    if (!one || one.global !== two?.global || this.#uses.rows.has(one.global)) return undefined;
    if (one.index !== this.#a || two.index !== this.#b) return undefined;
    return { ...this.#uses, rows: new Set([...this.#uses.rows, one.global]) };
  }

  #column(name: string, x: number, y: number, isSet: boolean): Uses | undefined {
    if (this.#uses.columns.has(name)) return undefined;
    const exchange = this.#one.printer.exchange;
    const numbers: Meaning[] = isSet ? [] : [{ kind: 'number', offset: x - this.#a }];
    const meaning = [...numbers, { kind: 'set' } as const].find((each) => exchange.value(each, x) === y);
    return meaning && { ...this.#uses, columns: new Map([...this.#uses.columns, [name, meaning]]) };
  }
}

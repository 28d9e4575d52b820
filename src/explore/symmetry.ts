// SPDX-License-Identifier: Apache-2.0
/**
 * Which tasks may change places: those that run one program, where every step of every task, every property and the first
 * state are proven to be the same after the exchange. Then states that differ by such an exchange need be looked at once.
 *
 * What belongs to a task (an element of a per-CPU array) and what names one (an owner, a set of CPUs) is not declared: it is
 * learnt from where the texts of two tasks differ, and then proven.
 * Not here: how a state is brought into its canonical form (canonical.ts).
 */
import type { Expr, LocalId } from '../compiler/ir.js';
import type { LinkedPredicate, LinkedScenario, LinkedTask } from '../compiler/link.js';
import { operands, partsOf } from '../compiler/link-graph.js';
import { regionOf, wholeRegion } from '../compiler/link-steps.js';
import { Exchange, type Meaning, NO_SYMMETRY, PLAIN, rowOf, type Symmetry, type Uses } from './symmetry-map.js';
import { FIRST_INPUT, Unprovable } from './symmetry-print.js';
import { type Code, type Seen, type Walked, walk } from './symmetry-walk.js';

/** Pairs of paths through one step that are compared at most. */
const PATHS = 4_000;

/** Where a program differs from itself after an exchange. */
interface Difference {
  reason: string;
  /** what was evaluated on both sides until they parted */
  one?: Walked;
  two?: Walked;
}

/** @returns the tasks that are proven to be exchangeable, and those of one function that are not */
export function findSymmetry(linked: LinkedScenario): Symmetry {
  const found: Symmetry = { ...NO_SYMMETRY, refused: [] };
  for (const group of groupsOf(linked)) {
    for (let rest = group; rest.length > 1; ) rest = gather(linked, rest, found);
  }
  return found;
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
      const difference = differenceAfter(linked, new Exchange(linked, uses, group[i - 1], group[i]));
      if (difference) return difference;
    }
  }
  return undefined;
}

function differenceAfter(linked: LinkedScenario, exchange: Exchange): Difference | undefined {
  for (let task = 0; task < linked.tasks.length; task++) {
    if (task === exchange.b) continue;
    const [one, two] = [linked.tasks[task], linked.tasks[exchange.task(task)]];
    for (let pc = 1; pc < one.points.length; pc++) {
      const difference = compared(linked, stepOf(one, pc), stepOf(two, pc), exchange);
      if (difference) return difference;
    }
  }
  for (const predicate of [...linked.never, ...linked.sometimes, ...linked.finally]) {
    const code = predicateOf(predicate);
    const difference = compared(linked, code, code, exchange);
    if (difference) return { ...difference, reason: `'${predicate.name}' tells them apart` };
  }
  return differenceAtFirst(linked, exchange);
}

/** The code of steps, made once: a program is compared with itself again and again. */
const steps = new WeakMap<LinkedTask, (Code | undefined)[]>();

function stepOf(task: LinkedTask, pc: number): Code {
  const known = steps.get(task) ?? [];
  steps.set(task, known);
  const found = known[pc];
  if (found) return found;
  const region = regionOf(task, pc);
  const made: Code = {
    graph: task.graph,
    region,
    pcOf: task.pcOf,
    liveAt: (at): readonly LocalId[] => task.points[at]?.live ?? [],
  };
  known[pc] = made;
  return made;
}

function predicateOf({ graph }: LinkedPredicate): Code {
  return { graph, region: wholeRegion(graph) };
}

/** @returns where the first state is another after the exchange */
function differenceAtFirst({ layout, memory }: LinkedScenario, exchange: Exchange): Difference | undefined {
  for (const column of layout.columns) {
    const { name, struct, length, type } = column;
    const to = exchange.instances(struct);
    const meaning = exchange.meaningOf(name);
    for (let element = 0; element < column.size; element++) {
      const value = memory.initial(column, element);
      const place = to[Math.trunc(element / length)] * length + (element % length);
      const isKept =
        type.kind === 'ref'
          ? exchange.reference(type.struct, value) === value
          : type.kind !== 'addr' || exchange.identity(value) === value;
      if (!isKept) return { reason: `${name} points to what is one task's own from the beginning` };
      if (memory.initial(column, place) !== exchange.value(meaning, value)) {
        return { reason: `${name} tells them apart from the beginning` };
      }
    }
  }
  return undefined;
}

/** Follows both on every path together: each path of one with each path of the other that no condition excludes. */
function compared(linked: LinkedScenario, a: Code, b: Code, exchange: Exchange): Difference | undefined {
  if (isUntouched(a, exchange) && (a.graph === b.graph || isSameText(a, b))) return undefined;
  const still = new Exchange(linked, exchange.uses, 0, 0);
  const pending: ReadonlyMap<string, boolean>[] = [new Map()];
  let left = PATHS;
  try {
    for (let known = pending.pop(); known; known = pending.pop()) {
      if (left-- === 0) throw new Unprovable('there are too many ways through it');
      const one = walk(linked, a, exchange, known);
      const two = one.need === undefined ? walk(linked, b, still, known) : undefined;
      const need = one.need ?? two?.need;
      if (need !== undefined) pending.push(new Map(known).set(need, false), new Map(known).set(need, true));
      else if (two && one.result !== two.result) return { reason: `${placeOf(b)} is not the same for them`, one, two };
    }
  } catch (error) {
    if (!(error instanceof Unprovable)) throw error;
    return { reason: `${placeOf(b)}: ${error.message}` };
  }
  return undefined;
}

function placeOf({ graph, region }: Code): string {
  const { loc, text, function: name } = graph.nodes[region.parts[0].node].place;
  return `${text === '' ? `a step of ${name}` : `'${text}'`} at ${loc.file}:${loc.line}`;
}

/** Whether the code has nothing to do with what changes places, so that it need not be walked. */
function isUntouched({ graph, region }: Code, exchange: Exchange): boolean {
  return region.parts.every((part) => {
    const { op } = graph.nodes[part.node];
    if (part.kind === 'exit') return true;
    if (op.op === 'load' || op.op === 'store') {
      const { struct, name } = op.cell.column;
      if (exchange.moves(struct) || exchange.meaningOf(name) !== PLAIN) return false;
    }
    const isConstantKept = (expr: Expr): boolean => {
      if (expr.op === 'const' && expr.type.kind === 'ref') {
        return exchange.reference(expr.type.struct, expr.value) === expr.value;
      }
      if (expr.op === 'const' && expr.type.kind === 'addr') return exchange.identity(expr.value) === expr.value;
      if (expr.op === 'global' || expr.op === 'indexOf') {
        const global = expr.op === 'global' ? expr.name : expr.global;
        return !exchange.uses.rows.has(global) && partsOf(expr).every(isConstantKept);
      }
      if ((expr.op === 'embed' || expr.op === 'addrOf') && exchange.moves(expr.struct)) return false;
      return partsOf(expr).every(isConstantKept);
    };
    return operands(op).every(isConstantKept);
  });
}

/** Whether two steps are the same operation for operation. */
function isSameText(a: Code, b: Code): boolean {
  if (a.region.parts.length !== b.region.parts.length) return false;
  const text = ({ graph, region, pcOf }: Code, i: number): string => {
    const part = region.parts[i];
    if (part.kind === 'exit') return `exit ${pcOf?.get(part.node)}`;
    return JSON.stringify([part.isMain, graph.nodes[part.node].op, region.next[i]], withoutText);
  };
  return a.region.parts.every((_, i) => text(a, i) === text(b, i));
}

function withoutText(key: string, value: unknown): unknown {
  return key === 'column' ? (value as { name: string }).name : value;
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

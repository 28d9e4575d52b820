// SPDX-License-Identifier: Apache-2.0
/**
 * Symbolic execution of one step or predicate along one path: what it tests, writes and leaves behind, as text in the terms
 * of what comes after an exchange (symmetry-print.ts).
 */
import type { Expr, LocalId, ProgramIR } from '../compiler/ir.js';
import type { LinkedScenario } from '../compiler/link.js';
import { foldExpr } from '../compiler/link-expr.js';
import { type CellAccess, type Graph, type NodeId, partsOf, substituteLocals } from '../compiler/link-graph.js';
import { type Range, rangeOfType } from '../compiler/link-range.js';
import type { Region } from '../compiler/link-steps.js';
import { poisonable } from './emit-cell.js';
import type { Exchange } from './symmetry-map.js';
import { OrderUsed, SymmetryPrinter, Unprovable } from './symmetry-print.js';

/** Operations followed on one path. */
const PATIENCE = 2_000;

/** Code to walk: a step of a task, or a predicate. */
export interface Code {
  graph: Graph;
  region: Region;
  /** where a step rests, and what it keeps there; a predicate has none */
  pcOf?: ReadonlyMap<NodeId, number>;
  liveAt?(pc: number): readonly LocalId[];
  /** what its locals may be */
  ranges?: readonly Range[];
}

/** What was evaluated, in order: to see where two walks part. */
export interface Seen {
  node: NodeId;
  expr: Expr;
  /** the column stored to */
  column: string | undefined;
  text: string;
}

/** `need`: the text of a condition that `known` does not decide; else `result`: what the path comes to. */
export interface Walked {
  need?: string;
  result?: string;
  seen: Seen[];
  printer: SymmetryPrinter;
}

interface Write {
  key: string;
  isKnown: boolean;
  value: Expr;
  text: string;
}

/** @param known condition -> whether it holds */
export function walk(
  linked: LinkedScenario,
  code: Code,
  exchange: Exchange,
  known: ReadonlyMap<string, boolean>,
): Walked {
  return new Walker(linked, code, exchange, known).walk();
}

class Walker {
  readonly #linked: LinkedScenario;
  readonly #program: ProgramIR;
  readonly #code: Code;
  readonly #poisonable: ReadonlySet<string>;
  readonly #printer: SymmetryPrinter;
  readonly #known: ReadonlyMap<string, boolean>;
  readonly #values = new Map<LocalId, Expr>();
  /** where each was set */
  readonly #setAt = new Map<LocalId, NodeId>();
  readonly #writes = new Map<string, Write[]>();
  readonly #checks = new Set<string>();
  readonly #seen: Seen[] = [];
  #choices = 0;
  #need: string | undefined;
  #node: NodeId = 0;

  constructor(linked: LinkedScenario, code: Code, exchange: Exchange, known: ReadonlyMap<string, boolean>) {
    this.#linked = linked;
    this.#program = linked.compiled.program;
    this.#code = code;
    this.#poisonable = poisonable(linked);
    this.#printer = new SymmetryPrinter(exchange, code.graph, code.ranges);
    this.#known = known;
  }

  walk(): Walked {
    try {
      return this.#walk();
    } catch (error) {
      if (error instanceof Unprovable) error.node ??= this.#node;
      throw error;
    }
  }

  #walk(): Walked {
    const { region } = this.#code;
    let at = 0;
    for (let left = PATIENCE; left > 0; left--) {
      const part = region.parts[at];
      this.#node = part.node;
      const outcome = part.kind === 'exit' ? this.#rest(part.node) : this.#operation(part.node);
      if (this.#need !== undefined) return { need: this.#need, seen: this.#seen, printer: this.#printer };
      if (typeof outcome === 'string') return this.#end(outcome);
      const next = region.next[at];
      at = next[outcome && next.length > 1 ? 1 : 0];
    }
    throw new Unprovable('it does too much in one step');
  }

  #end(outcome: string): Walked {
    const parts = [outcome, ...[...this.#checks].sort()];
    for (const [column, writes] of [...this.#writes].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (this.#linked.memory.changingSegments(writesTo(this.#linked, column)).length === 0) continue;
      const last = new Map(writes.map(({ key, text }) => [key, text]));
      const isExact = writes.every(({ isKnown }) => isKnown);
      const list = isExact
        ? [...last].sort(([a], [b]) => (a < b ? -1 : 1))
        : writes.map(({ key, text }) => [key, text]);
      parts.push(...list.map(([key, text]) => `${column}${key} = ${text}`));
    }
    return { result: parts.join('\n'), seen: this.#seen, printer: this.#printer };
  }

  /** @returns how the path ends, or whether to take the second way on */
  #operation(id: NodeId): string | boolean {
    const { op } = this.#code.graph.nodes[id];
    switch (op.op) {
      case 'set':
        this.#set(op.dst, this.#value(op.value));
        return false;
      case 'load':
        this.#set(op.dst, this.#load(op.cell));
        return false;
      case 'store':
        this.#store(op.cell, op.value);
        return false;
      case 'choose':
        this.#set(op.dst, this.#choice(op.dst, this.#value(op.count)));
        return false;
      case 'guard':
        return this.#decide(this.#value(op.enabled)) ? false : `blocked: ${op.reason}`;
      case 'branch':
        return !this.#decide(this.#value(op.condition));
      case 'fail':
        return `fails: ${op.kind} ${op.message}`;
      case 'end':
        return this.#ended();
      case 'mark':
        // of two that do the same on different lines each has its own to execute
        this.#checks.add(`line ${op.line}`);
        return false;
      case 'enter':
      case 'jump':
        return false;
      case 'fence':
      case 'buffered':
        throw new Unprovable('its stores may be seen late');
    }
  }

  #set(local: LocalId, value: Expr): void {
    this.#values.set(local, value);
    this.#setAt.set(local, this.#node);
  }

  /** Any of so many; where that says which page is meant, the exchange permutes the choices. */
  #choice(dst: LocalId, count: Expr): Expr {
    const { exchange } = this.#printer;
    const meaning = exchange.meaningOfLocal(this.#code.graph, dst);
    const text = `choice${this.#choices++}`;
    this.#checks.add(`${text} of ${this.#printer.print(count)}`);
    if (meaning.kind !== 'plain') {
      const isChosen = (at: number): boolean | undefined =>
        count.op === 'const' && meaning.kind === 'number'
          ? at + meaning.offset >= 0 && at + meaning.offset < count.value
          : undefined;
      const [one, other] = [isChosen(exchange.a), isChosen(exchange.b)];
      if (one === undefined) throw new OrderUsed('how many are chosen from is not known');
      if (one !== other) throw new Unprovable('only one of them is chosen from');
    }
    const range = count.op === 'const' ? { range: { low: 0, high: count.value - 1 } } : {};
    const { type } = this.#code.graph.locals[dst];
    return { op: 'local', type, id: this.#printer.input({ text, meaning, ...range }) };
  }

  #ended(): string {
    const { result } = this.#code.graph;
    if (result === undefined) return 'ends';
    // a predicate is asked for a truth value
    return this.#decide(this.#localValue(result)) ? 'true' : 'false';
  }

  #rest(node: NodeId): string {
    const pc = this.#code.pcOf?.get(node) ?? 0;
    const locals = (this.#code.liveAt?.(pc) ?? []).map((id) => {
      const value = this.#localValue(id);
      this.#node = this.#setAt.get(id) ?? this.#node;
      this.#keeps(value, `'${this.#code.graph.locals[id].name}'`);
      const text = this.#printer.print(value, this.#printer.exchange.meaningOfLocal(this.#code.graph, id));
      this.#see(value, text);
      return `v${id} = ${text}`;
    });
    return [`rests at ${pc}`, ...locals].join('\n');
  }

  /** Throws where a pointer or identity that is kept may mean something that changes places. Pointers to pages may. */
  #keeps(value: Expr, what: string): void {
    const { exchange } = this.#printer;
    if (exchange.of === 'page' && 'type' in value && value.type.kind === 'ref') return;
    const isOwn = (): boolean => {
      if (value.op === 'select') {
        this.#keeps(value.then, what);
        this.#keeps(value.else, what);
        return false;
      }
      if (value.op === 'const' && value.type.kind === 'addr') return exchange.identity(value.value) !== value.value;
      if (value.op === 'addrOf') return exchange.moves(value.struct);
      if (value.op === 'local' || !('type' in value) || value.type.kind !== 'ref') return false;
      const { struct } = value.type;
      return value.op === 'const' ? exchange.reference(struct, value.value) !== value.value : exchange.moves(struct);
    };
    if (isOwn()) throw new Unprovable(`${what} may point to ${exchange.whose} own`);
  }

  #localValue(id: LocalId): Expr {
    return this.#values.get(id) ?? { op: 'local', type: this.#code.graph.locals[id].type, id };
  }

  /** An operation's expression in terms of what the step began with. */
  #value(expr: Expr): Expr {
    const whole = substituteLocals(expr, (id) => this.#values.get(id));
    const value = foldExpr(whole, () => undefined, this.#linked.layout, this.#program, {
      task: 0,
      taskCount: 0,
      buffered: false,
    });
    this.#check(value);
    return value;
  }

  /** What may fail in an expression is part of what the path comes to. */
  #check(expr: Expr): void {
    const canFail =
      expr.op === 'embed' ||
      (expr.op === 'global' && expr.index) ||
      (expr.op === 'addrOf' && expr.field) ||
      (expr.op === 'binary' && (expr.operator === '/' || expr.operator === '%') && expr.right.op !== 'const');
    if (canFail) this.#checks.add(`may fail: ${this.#printer.print(expr)}`);
    for (const part of partsOf(expr)) this.#check(part);
  }

  #see(expr: Expr, text: string, column?: string): void {
    this.#seen.push({ node: this.#node, expr, column, text });
  }

  /** @returns whether a condition holds; anything where that has to be told first (`need`) */
  #decide(condition: Expr): boolean {
    if (condition.op === 'const') return condition.value !== 0;
    if (condition.op === 'unary' && condition.operator === '!') return !this.#decide(condition.operand);
    if (condition.op === 'binary') {
      const { operator, left, right } = condition;
      if (operator === '&&') return this.#decide(left) && this.#need === undefined && this.#decide(right);
      if (operator === '||') return this.#decide(left) || (this.#need === undefined && this.#decide(right));
      if (operator === '!==') return !this.#decide({ ...condition, operator: '===' });
    }
    const text = this.#printer.truth(condition);
    this.#see(condition, text);
    const answer = this.#known.get(text);
    if (answer === undefined) this.#need ??= text;
    return answer ?? false;
  }

  /** The element that an access goes to, as text. */
  #cell(cell: CellAccess): { key: string; isKnown: boolean } {
    const ref = this.#value(cell.ref);
    const index = cell.index && this.#value(cell.index);
    const key = `[${this.#printer.print(ref)}${this.#printer.index(index, cell.column.name)}]`;
    this.#see(ref, key, cell.column.name);
    const isKnown = ref.op === 'const' && (!index || index.op === 'const');
    // what is tested before an access: null, an index outside, use after free
    const canBeFreed = !cell.ghost && this.#code.pcOf !== undefined && this.#poisonable.has(cell.column.struct);
    if (!isKnown || canBeFreed) this.#checks.add(`goes to ${cell.column.struct}${key}${this.#freed()}`);
    return { key, isKnown };
  }

  /** What this step has poisoned so far. */
  #freed(): string {
    const columns = [...this.#writes].filter(([column]) => column.endsWith('.poisoned'));
    return columns.flatMap(([, writes]) => writes.map(({ key, text }) => ` after ${key} = ${text}`)).join();
  }

  #load(cell: CellAccess): Expr {
    const { key, isKnown } = this.#cell(cell);
    const { name, type } = cell.column;
    const earlier = this.#writes.get(name) ?? [];
    const unsure: string[] = [];
    for (let i = earlier.length - 1; i >= 0; i--) {
      const write = earlier[i];
      if (write.key === key && unsure.length === 0) return write.value;
      if (!write.isKnown || !isKnown) unsure.push(`${write.key}=${write.text}`);
    }
    const after = unsure.length > 0 ? ` after ${unsure.join()}` : '';
    const meaning = this.#printer.exchange.meaningOf(name);
    const range = rangeOfType(type, this.#linked.layout);
    return {
      op: 'local',
      type,
      id: this.#printer.input({ text: `${name}${key}${after}`, meaning, column: name, range }),
    };
  }

  #store(cell: CellAccess, value: Expr): void {
    const { key, isKnown } = this.#cell(cell);
    const { name } = cell.column;
    const whole = this.#value(value);
    this.#keeps(whole, name);
    const text = this.#printer.print(whole, this.#printer.exchange.meaningOf(name));
    this.#see(whole, text, name);
    const list = this.#writes.get(name) ?? [];
    this.#writes.set(name, list);
    list.push({ key, isKnown, value: whole, text });
  }
}

function writesTo({ layout }: LinkedScenario, column: string) {
  const found = layout.column.get(column);
  if (!found) throw new Unprovable(`no column ${column}`);
  return found;
}

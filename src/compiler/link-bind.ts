// SPDX-License-Identifier: Apache-2.0
/**
 * Names in one inlined call: which local of the graph a function's local is, and which parameters and addresses are not
 * locals at all but expressions over the caller's.
 */
import { assert } from '../base/assert.js';
import { constant } from './fold.js';
import type { Closure, Expr, FunctionIR, Local, LocalId, Stmt } from './ir.js';
import { substituteLocals } from './link-graph.js';

export type Binding = { kind: 'expr'; value: Expr } | ClosureBinding;

export interface ClosureBinding {
  kind: 'closure';
  closure: Closure;
  /** the frame that the closure was written in: its names are that frame's */
  frame: Frame;
}

/** Makes locals of the graph. */
interface Locals {
  readonly stable: boolean[];
  fresh(local: Local, stable: boolean): LocalId;
  fold(expr: Expr): Expr;
}

export interface Snapshot {
  dst: LocalId;
  value: Expr;
}

/** The value of a local at some place; undefined: it may have several. */
export type Known = number | undefined;

/** What is true of a function wherever it is inlined. */
export class FunctionFacts {
  /** local -> how many statements assign it */
  readonly assigned: number[];
  /** locals that a closure assigns: they change while a function that was given the closure runs */
  readonly #captured = new Set<LocalId>();
  /** locals assigned once, with the address of something held by value or an element */
  readonly addresses = new Map<LocalId, Expr>();

  /** loop -> the locals that are assigned in it */
  readonly #changed = new WeakMap<Stmt, readonly LocalId[]>();

  constructor(fn: FunctionIR) {
    this.assigned = fn.locals.map(() => 0);
    this.#scan(fn.body, false);
    for (const id of this.addresses.keys()) {
      if (this.assigned[id] !== 1 || id < fn.params) this.addresses.delete(id);
    }
  }

  /** @returns whether the local keeps its value once it has one, wherever that can be used */
  isStable(id: LocalId, isParameter: boolean): boolean {
    return this.assigned[id] + (isParameter ? 1 : 0) <= 1 && !this.#captured.has(id);
  }

  /** @returns whether only the function's own statements assign the local, so that what is known of it can be followed */
  isFollowed(id: LocalId): boolean {
    return !this.#captured.has(id);
  }

  /** @returns the locals that are assigned within one of the function's loops, but for what closures assign */
  changedIn(loop: Stmt): readonly LocalId[] {
    const known = this.#changed.get(loop);
    if (known) return known;
    const found = new Set<LocalId>();
    const visit = (stmt: Stmt): void => {
      if ('dst' in stmt && stmt.dst !== undefined) found.add(stmt.dst);
      for (const inner of bodies(stmt)) inner.forEach(visit);
    };
    visit(loop);
    this.#changed.set(loop, [...found]);
    return [...found];
  }

  #scan(statements: readonly Stmt[], inClosure: boolean): void {
    for (const stmt of statements) {
      if ('dst' in stmt && stmt.dst !== undefined) {
        this.assigned[stmt.dst]++;
        if (inClosure) this.#captured.add(stmt.dst);
      }
      if (stmt.op === 'set' && isAddress(stmt.value)) this.addresses.set(stmt.dst, stmt.value);
      if (stmt.op === 'call') for (const arg of stmt.args) if (arg.op === 'closure') this.#closure(arg);
      for (const inner of bodies(stmt)) this.#scan(inner, inClosure);
    }
  }

  #closure(closure: Closure): void {
    for (const id of closure.params) this.assigned[id]++;
    for (const id of closure.params) this.#captured.add(id);
    if (closure.result !== undefined) this.#captured.add(closure.result);
    this.#scan(closure.body, true);
  }
}

function isAddress(expr: Expr): boolean {
  return expr.op === 'embed' || (expr.op === 'global' && expr.index !== undefined && expr.index.op !== 'const');
}

/** @returns the lists of statements within a statement; those of closures that it hands down are not among them */
export function bodies(stmt: Stmt): Stmt[][] {
  switch (stmt.op) {
    case 'if':
      return [stmt.then, stmt.else];
    case 'loop':
      return [stmt.body, stmt.after];
    case 'block':
      return [stmt.body];
    case 'atomic':
      return stmt.guard ? [stmt.guard.body, stmt.body] : [stmt.body];
    default:
      return [];
  }
}

/** One inlined call of a function. */
export class Frame {
  readonly fn: FunctionIR;
  readonly #facts: FunctionFacts;
  readonly #locals: Locals;
  readonly #ids: (LocalId | undefined)[] = [];
  readonly #bindings = new Map<LocalId, Binding>();
  readonly #addresses = new Map<LocalId, { value: Expr; snapshots: Snapshot[] }>();
  /** what is known of the function's locals where the inliner is */
  known: Known[];

  constructor(fn: FunctionIR, facts: FunctionFacts, locals: Locals) {
    this.known = fn.locals.map(() => undefined);
    this.fn = fn;
    this.#facts = facts;
    this.#locals = locals;
  }

  /** @returns the graph's local for one of the function's */
  local(id: LocalId): LocalId {
    let made = this.#ids[id];
    if (made === undefined) {
      made = this.#locals.fresh(this.fn.locals[id], this.#facts.isStable(id, id < this.fn.params));
      this.#ids[id] = made;
    }
    return made;
  }

  /** Takes note that a local is assigned. @param value if it is known. @returns the graph's local */
  assigned(id: LocalId, value?: Expr): LocalId {
    this.learn(id, value?.op === 'const' ? value.value : undefined);
    return this.local(id);
  }

  learn(id: LocalId, value: Known): void {
    if (this.#facts.isFollowed(id)) this.known[id] = value;
  }

  /** Takes note that a loop begins: anything may be in what it assigns. */
  forget(loop: Stmt): void {
    for (const id of this.#facts.changedIn(loop)) this.known[id] = undefined;
  }

  /** @returns what is known where the inliner is, and there as well where so much is known */
  knownBeside(other: readonly Known[] | undefined): Known[] {
    return other ? this.known.map((value, id) => (value === other[id] ? value : undefined)) : [...this.known];
  }

  closure(param: LocalId): ClosureBinding {
    const binding = this.#bindings.get(param);
    assert(binding?.kind === 'closure', `parameter ${this.fn.locals[param]?.name} of ${this.fn.name} is no closure`);
    return binding;
  }

  /**
   * @param callerMayChange a closure goes down with the call, which could assign the caller's locals meanwhile
   * @returns what the call has to set before the body
   */
  bindParameter(param: LocalId, argument: Binding, callerMayChange: boolean): Snapshot[] {
    if (argument.kind === 'expr' && this.#facts.assigned[param] > 0) {
      return [{ dst: this.assigned(param, argument.value), value: argument.value }];
    }
    if (argument.kind === 'closure') {
      this.#bindings.set(param, argument);
      return [];
    }
    const snapshots: Snapshot[] = [];
    const value = this.#pin(argument.value, this.fn.locals[param], snapshots, !callerMayChange);
    this.#bindings.set(param, { kind: 'expr', value });
    return snapshots;
  }

  /** @returns the expression that stands for a local which is only ever one address, and what to set where it is assigned */
  address(id: LocalId): { value: Expr; snapshots: Snapshot[] } | undefined {
    const source = this.#facts.addresses.get(id);
    if (!source) return undefined;
    let made = this.#addresses.get(id);
    if (!made) {
      const snapshots: Snapshot[] = [];
      made = { value: this.#pin(this.rename(source), this.fn.locals[id], snapshots, false), snapshots };
      this.#addresses.set(id, made);
    }
    return made;
  }

  /**
   * @param trusted locals that are assigned elsewhere too will not change while the expression is used
   * @returns an expression of the same value that holds as long as the frame does; what has to be kept is in `snapshots`
   */
  #pin(source: Expr, as: Local, snapshots: Snapshot[], trusted: boolean): Expr {
    const expr = this.#locals.fold(source);
    if (expr.op === 'const' || expr.op === 'text') return expr;
    if (expr.op === 'local' && (trusted || this.#locals.stable[expr.id])) return expr;
    const inner = (operand: Expr): Expr => this.#pin(operand, as, snapshots, trusted);
    if (expr.op === 'embed') {
      const base = inner(expr.base);
      return expr.index ? { ...expr, base, index: inner(expr.index) } : { ...expr, base };
    }
    if (expr.op === 'global' && expr.index) return { ...expr, index: inner(expr.index) };
    const dst = this.#locals.fresh({ name: as.name, type: expr.type }, true);
    snapshots.push({ dst, value: expr });
    return { op: 'local', type: expr.type, id: dst };
  }

  /** @returns the expression in terms of the graph's locals */
  rename(expr: Expr): Expr {
    const types = this.fn.locals;
    return substituteLocals(expr, (id) => {
      const value = this.known[id];
      if (value !== undefined) return constant(types[id].type, value);
      const binding = this.#bindings.get(id);
      if (!binding) return this.address(id)?.value ?? { op: 'local', type: types[id].type, id: this.local(id) };
      assert(binding.kind === 'expr', `a closure is used as a value in ${this.fn.name}`);
      return binding.value;
    });
  }
}

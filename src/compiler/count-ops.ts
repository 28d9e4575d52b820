// SPDX-License-Identifier: Apache-2.0
/**
 * What a program can do to one counter: every atomic operation on a field, the function that it stands in once what the C compiler
 * inlines is inlined, and the values that it can add or store. A static walk of the IR over all branches that constants do
 * not exclude: what it finds may still be impossible, what it does not find cannot happen.
 */
import type { Closure, Expr, FunctionIR, ProgramIR, Stmt } from './ir.js';

/** Numbers that an expression can have: `any`, or these. */
type Values = readonly number[] | 'any';

/** One operation, as Linux's atomic_t has it: the call and the values of its number, `any` where those are not known. */
export interface CountOp {
  /** the atomic function: `atomic_add_unless` */
  atomic: string;
  /** numbers that it is given, in the order of its arguments, the counter left out */
  numbers: Values[];
}

/** May the call be inlined, so that stacks do not show the callee? */
export type Inlines = (callee: FunctionIR, caller: FunctionIR) => boolean;

interface Call {
  callee: string;
  args: Values[];
  /** nothing is left to do after it: a compiler jumps there, and the stack does not show the caller */
  tail: boolean;
}

interface Facts {
  calls: Call[];
  ops: (CountOp & { tail: boolean })[];
  returns: Values;
}

/** More than so many values are any. */
const MOST_VALUES = 16;
const MOST_PAIRS = 64;
const NONE: Values = [];

/** The walk over one program; `struct.field` is the counter. */
export class CountWalk {
  private readonly known = new Map<string, Facts>();
  private readonly busy = new Set<string>();
  /** by function: what its parameters can be, given who calls it */
  private readonly params = new Map<string, Values[]>();

  constructor(
    private readonly program: ProgramIR,
    private readonly struct: string,
    private readonly field: string,
  ) {
    this.settle();
  }

  /** @returns what can happen in `name` and in what is inlined into it; `tail` are operations of callees that jump there */
  ops(name: string, inlines: Inlines): CountOp[] {
    const found = new Map<string, CountOp>();
    this.collect(name, this.params.get(name) ?? [], inlines, found, new Set());
    return [...found.values()];
  }

  private collect(
    name: string,
    args: readonly Values[],
    inlines: Inlines,
    found: Map<string, CountOp>,
    seen: Set<string>,
  ): void {
    const key = keyOf(name, args);
    if (seen.has(key)) return;
    seen.add(key);
    const add = ({ atomic, numbers }: CountOp) =>
      found.set(`${atomic} ${JSON.stringify(numbers)}`, { atomic, numbers });
    const { calls, ops } = this.facts(name, args);
    ops.forEach(add);
    const caller = this.program.functions.get(name);
    for (const call of calls) {
      const callee = this.program.functions.get(call.callee);
      if (!callee || !caller) continue;
      if (inlines(callee, caller)) this.collect(call.callee, call.args, inlines, found, seen);
      else this.tails(call, inlines, seen).forEach(add);
    }
  }

  /** Operations that a function which is called, not inlined, ends with: its frame is gone when the tracepoint is. */
  private tails({ callee, args }: Call, inlines: Inlines, seen: ReadonlySet<string>): CountOp[] {
    const key = keyOf(callee, args);
    if (seen.has(key)) return [];
    const { calls, ops } = this.facts(callee, args);
    const own = ops.filter(({ tail }) => tail);
    const deeper = new Set([...seen, key]);
    const caller = this.program.functions.get(callee);
    const inlined = calls.filter((call) => {
      const next = this.program.functions.get(call.callee);
      return call.tail && next !== undefined && caller !== undefined && inlines(next, caller);
    });
    return [...own, ...inlined.flatMap((call) => this.tails(call, inlines, deeper))];
  }

  /** Parameters of all functions, from those that nobody calls downwards, until nothing is new. */
  private settle(): void {
    const called = new Set<string>();
    for (const { body } of this.program.functions.values()) eachCall(body, (callee) => called.add(callee));
    const waiting: string[] = [];
    for (const { name, params } of this.program.functions.values()) {
      if (called.has(name)) continue;
      this.params.set(name, new Array<Values>(params).fill('any'));
      waiting.push(name);
    }
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      for (const { callee, args } of this.facts(name, this.params.get(name) ?? []).calls) {
        const before = this.params.get(callee);
        const after = args.map((arg, at) => join(before?.[at] ?? NONE, arg));
        if (before && after.every((values, at) => same(values, before[at]))) continue;
        this.params.set(callee, after);
        waiting.push(callee);
      }
    }
  }

  private facts(name: string, args: readonly Values[]): Facts {
    const key = keyOf(name, args);
    const known = this.known.get(key);
    if (known) return known;
    const fn = this.program.functions.get(name);
    if (!fn || this.busy.has(key)) return { calls: [], ops: [], returns: 'any' };
    this.busy.add(key);
    const body = new Body(fn, args, this.struct, this.field, (callee, given) => this.facts(callee, given).returns);
    const facts = body.walk();
    this.busy.delete(key);
    this.known.set(key, facts);
    return facts;
  }
}

/** One function with its arguments: values of locals whatever the order of statements. */
class Body {
  private readonly locals: Values[];
  private changed = false;
  private facts: Facts = { calls: [], ops: [], returns: NONE };

  constructor(
    private readonly fn: FunctionIR,
    args: readonly Values[],
    private readonly struct: string,
    private readonly field: string,
    private readonly returned: (callee: string, args: Values[]) => Values,
  ) {
    this.locals = fn.locals.map((_, id) => (id < fn.params ? (args[id] ?? 'any') : NONE));
  }

  walk(): Facts {
    do {
      this.changed = false;
      this.facts = { calls: [], ops: [], returns: NONE };
      this.block(this.fn.body, true);
    } while (this.changed);
    return this.facts;
  }

  /**
   * @param last whether nothing follows the block but the function's return
   * @returns whether it is always left before its end: what stands after is dead
   */
  private block(stmts: readonly Stmt[], last: boolean): boolean {
    for (const [at, stmt] of stmts.entries()) {
      const next = stmts[at + 1];
      const ends =
        next === undefined ? last : next.op === 'return' && (next.value === undefined || isResult(next.value, stmt));
      if (this.stmt(stmt, ends)) return true;
    }
    return false;
  }

  private stmt(stmt: Stmt, last: boolean): boolean {
    switch (stmt.op) {
      case 'set':
        this.assign(stmt.dst, this.value(stmt.value));
        return false;
      case 'load':
      case 'choose':
        this.assign(stmt.dst, 'any');
        return false;
      case 'callParam':
        if (stmt.dst !== undefined) this.assign(stmt.dst, 'any');
        return false;
      case 'call':
        this.call(stmt, last);
        return false;
      case 'if':
        return this.branch(stmt, last);
      case 'loop':
        this.block(stmt.body, false);
        this.block(stmt.after, false);
        return false;
      case 'block':
        this.block(stmt.body, last);
        return false;
      case 'atomic':
        if (stmt.guard) this.block(stmt.guard.body, false);
        return this.block(stmt.body, false);
      case 'return':
        if (stmt.value) this.facts.returns = join(this.facts.returns, this.value(stmt.value));
        return true;
      default:
        return stmt.op === 'break' || stmt.op === 'continue';
    }
  }

  private branch({ condition, ...arms }: Extract<Stmt, { op: 'if' }>, last: boolean): boolean {
    const chosen = this.value(condition);
    const then = chosen === 'any' || chosen.some((value) => value !== 0);
    const other = chosen === 'any' || chosen.includes(0);
    const thenLeft = then && this.block(arms.then, last);
    const otherLeft = other && this.block(arms.else, last);
    return (then || other) && (!then || thenLeft) && (!other || otherLeft);
  }

  private call(stmt: Extract<Stmt, { op: 'call' }>, tail: boolean): void {
    const plain = stmt.args.filter((arg): arg is Expr => arg.op !== 'closure');
    for (const arg of stmt.args) if (arg.op === 'closure') this.closure(arg);
    if (plain.some((arg) => this.isCounter(arg))) {
      const numbers = plain.filter((arg) => !this.isCounter(arg)).map((arg) => this.value(arg));
      this.facts.ops.push({ atomic: stmt.callee, numbers, tail });
      if (stmt.dst !== undefined) this.assign(stmt.dst, 'any');
      return;
    }
    const args = stmt.args.map((arg): Values => (arg.op === 'closure' ? 'any' : this.value(arg)));
    this.facts.calls.push({ callee: stmt.callee, args, tail });
    if (stmt.dst !== undefined) this.assign(stmt.dst, this.returned(stmt.callee, args));
  }

  private closure({ params, body }: Closure): void {
    for (const param of params) this.assign(param, 'any');
    this.block(body, false);
  }

  private isCounter(expr: Expr): boolean {
    return expr.op === 'embed' && expr.struct === this.struct && expr.field === this.field;
  }

  private assign(local: number, values: Values): void {
    const after = join(this.locals[local] ?? NONE, values);
    if (same(after, this.locals[local] ?? NONE)) return;
    this.locals[local] = after;
    this.changed = true;
  }

  private value(expr: Expr): Values {
    switch (expr.op) {
      case 'const':
        return [expr.value];
      case 'local':
        return this.locals[expr.id] ?? 'any';
      case 'unary': {
        const operand = this.value(expr.operand);
        return operand === 'any' ? 'any' : unique(operand.map(UNARY[expr.operator]));
      }
      case 'binary':
        return binary(expr.operator, this.value(expr.left), this.value(expr.right));
      case 'select':
        return this.select(expr);
      default:
        return 'any';
    }
  }

  private select({ condition, ...arms }: Extract<Expr, { op: 'select' }>): Values {
    const chosen = this.value(condition);
    const then = chosen === 'any' || chosen.some((value) => value !== 0) ? this.value(arms.then) : NONE;
    const other = chosen === 'any' || chosen.includes(0) ? this.value(arms.else) : NONE;
    return join(then, other);
  }
}

/** Does the return hand on what the statement before it gave? */
const isResult = (value: Expr, stmt: Stmt): boolean =>
  value.op === 'local' && stmt.op === 'call' && stmt.dst === value.id;

const UNARY: Record<string, (value: number) => number> = {
  '-': (value) => -value | 0,
  '~': (value) => ~value,
  '!': (value) => (value === 0 ? 1 : 0),
};

const BINARY: Record<string, (a: number, b: number) => number> = {
  '+': (a, b) => (a + b) | 0,
  '-': (a, b) => (a - b) | 0,
  '*': (a, b) => Math.imul(a, b),
  '/': (a, b) => (b === 0 ? 0 : (a / b) | 0),
  '%': (a, b) => (b === 0 ? 0 : (a % b) | 0),
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
  '<<': (a, b) => a << b,
  '>>': (a, b) => a >> b,
  '>>>': (a, b) => (a >>> b) | 0,
  '<': (a, b) => Number(a < b),
  '<=': (a, b) => Number(a <= b),
  '>': (a, b) => Number(a > b),
  '>=': (a, b) => Number(a >= b),
  '===': (a, b) => Number(a === b),
  '!==': (a, b) => Number(a !== b),
  '&&': (a, b) => Number(a !== 0 && b !== 0),
  '||': (a, b) => Number(a !== 0 || b !== 0),
};

function binary(operator: string, left: Values, right: Values): Values {
  // what is nothing on either side decides some of them alone
  const zero = (values: Values) => values !== 'any' && values.length > 0 && values.every((value) => value === 0);
  if ((operator === '&' || operator === '&&' || operator === '*') && (zero(left) || zero(right))) return [0];
  if (left === 'any' || right === 'any' || left.length * right.length > MOST_PAIRS) return 'any';
  return unique(left.flatMap((a) => right.map((b) => BINARY[operator](a, b))));
}

function unique(values: readonly number[]): Values {
  const all = [...new Set(values)].sort((a, b) => a - b);
  return all.length > MOST_VALUES ? 'any' : all;
}

function join(a: Values, b: Values): Values {
  return a === 'any' || b === 'any' ? 'any' : unique([...a, ...b]);
}

const same = (a: Values, b: Values): boolean => a === b || String(a) === String(b);

const keyOf = (name: string, args: readonly Values[]): string => `${name} ${JSON.stringify(args)}`;

function eachCall(stmts: readonly Stmt[], visit: (callee: string) => void): void {
  for (const stmt of stmts) {
    switch (stmt.op) {
      case 'call':
        visit(stmt.callee);
        for (const arg of stmt.args) if (arg.op === 'closure') eachCall(arg.body, visit);
        break;
      case 'if':
        eachCall(stmt.then, visit);
        eachCall(stmt.else, visit);
        break;
      case 'loop':
        eachCall(stmt.body, visit);
        eachCall(stmt.after, visit);
        break;
      case 'block':
        eachCall(stmt.body, visit);
        break;
      case 'atomic':
        if (stmt.guard) eachCall(stmt.guard.body, visit);
        eachCall(stmt.body, visit);
        break;
      default:
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Rules about what calls what: no recursion, no wait inside a step, no write in the condition of a wait or a predicate.
 *
 * Works on the IR of a program; closures count as part of the function that they stand in.
 */
import type { Closure, Expr, FunctionIR, Loc, LocalId, Stmt } from './ir.js';

export interface FlowProblem {
  rule: 'recursion' | 'nestedWhen' | 'guardWrites' | 'predicateWrites';
  loc: Loc;
  message: string;
  hint: string;
}

/** What a function does, its callees included. */
interface Effects {
  waits: boolean;
  writes: boolean;
  /** parameters (closures) that it calls inside a step, and inside the condition of a wait */
  calledInStep: Set<LocalId>;
  calledInGuard: Set<LocalId>;
}

/** @returns what breaks a rule in `checked`; `functions` has these and all that they call */
export function flowProblems(
  functions: ReadonlyMap<string, FunctionIR>,
  checked: Iterable<string>,
  predicates: ReadonlySet<string>,
): FlowProblem[] {
  const names = [...checked];
  const cycles = recursions(functions, names);
  if (cycles.length > 0) return cycles;
  const flow = new Flow(functions);
  for (const name of names) flow.effects(name);
  const isChecked = new Set(names);
  const writing = names.filter((name) => predicates.has(name) && flow.effects(name).writes);
  const problems = flow.problems.filter((each) => isChecked.has(each.within));
  return [...problems.map(({ within: _, ...problem }) => problem), ...writing.map((name) => writes(functions, name))];
}

function writes(functions: ReadonlyMap<string, FunctionIR>, name: string): FlowProblem {
  const loc = functions.get(name)?.loc ?? { file: '', line: 1, column: 1 };
  return { rule: 'predicateWrites', loc, message: `the predicate ${name} writes`, hint: 'a predicate only reads' };
}

function recursions(functions: ReadonlyMap<string, FunctionIR>, roots: readonly string[]): FlowProblem[] {
  const done = new Set<string>();
  const problems: FlowProblem[] = [];
  const visit = (name: string, path: string[]): void => {
    done.add(name);
    for (const { callee, loc } of callsOf(functions.get(name))) {
      const at = [...path, name].indexOf(callee);
      if (at >= 0) {
        const cycle = [...path, name].slice(at);
        const message = `no recursion: ${[...cycle, callee].join(' calls ')}`;
        problems.push({ rule: 'recursion', loc, message, hint: 'a loop' });
      } else if (!done.has(callee)) {
        visit(callee, [...path, name]);
      }
    }
  };
  for (const root of roots) if (!done.has(root)) visit(root, []);
  return problems;
}

interface Call {
  callee: string;
  loc: Loc;
}

const known = new WeakMap<FunctionIR, Call[]>();

function callsOf(ir: FunctionIR | undefined): Call[] {
  if (!ir) return [];
  const calls = known.get(ir) ?? callsIn(ir.body);
  known.set(ir, calls);
  return calls;
}

function callsIn(statements: readonly Stmt[]): Call[] {
  return statements.flatMap((statement) => {
    const own = statement.op === 'call' ? [{ callee: statement.callee, loc: statement.loc }] : [];
    return [...own, ...callsIn(partsOf(statement).flat())];
  });
}

/** @returns the statements and all that stand inside them, those of closures included */
export function statementsIn(statements: readonly Stmt[]): Stmt[] {
  return statements.flatMap((statement) => [statement, ...statementsIn(partsOf(statement).flat())]);
}

/** the statement lists inside a statement, those of closures included */
function partsOf(statement: Stmt): Stmt[][] {
  switch (statement.op) {
    case 'if':
      return [statement.then, statement.else];
    case 'loop':
      return [statement.body, statement.after];
    case 'block':
      return [statement.body];
    case 'atomic':
      return [statement.guard?.body ?? [], statement.body];
    case 'call':
      return closuresOf(statement.args).map((closure) => closure.body);
    default:
      return [];
  }
}

function closuresOf(args: readonly (Expr | Closure)[]): Closure[] {
  return args.filter((argument): argument is Closure => argument.op === 'closure');
}

type Around = 'nothing' | 'step' | 'guard';

class Flow {
  readonly problems: (FlowProblem & { within: string })[] = [];
  readonly #functions: ReadonlyMap<string, FunctionIR>;
  readonly #known = new Map<string, Effects>();

  constructor(functions: ReadonlyMap<string, FunctionIR>) {
    this.#functions = functions;
  }

  effects(name: string): Effects {
    const known = this.#known.get(name);
    if (known) return known;
    const effects: Effects = { waits: false, writes: false, calledInStep: new Set(), calledInGuard: new Set() };
    this.#known.set(name, effects);
    const ir = this.#functions.get(name);
    if (ir) this.#walk(ir, ir.body, 'nothing', effects);
    return effects;
  }

  #walk(ir: FunctionIR, statements: readonly Stmt[], around: Around, effects: Effects): void {
    for (const statement of statements) this.#statement(ir, statement, around, effects);
  }

  #statement(ir: FunctionIR, statement: Stmt, around: Around, effects: Effects): void {
    const { loc } = statement;
    if (statement.op === 'store' || statement.op === 'choose') this.#write(ir, loc, around, effects);
    if (statement.op === 'atomic') {
      const inner = around === 'guard' ? 'guard' : 'step';
      if (statement.guard) {
        this.#wait(ir, loc, around, effects);
        this.#walk(ir, statement.guard.body, 'guard', effects);
      }
      this.#walk(ir, statement.body, inner, effects);
      return;
    }
    if (statement.op === 'callParam') note(statement.param, around, effects);
    if (statement.op === 'call') {
      this.#call(ir, statement, around, effects);
      return;
    }
    for (const part of partsOf(statement)) this.#walk(ir, part, around, effects);
  }

  #write(ir: FunctionIR, loc: Loc, around: Around, effects: Effects): void {
    effects.writes = true;
    if (around !== 'guard') return;
    const message = 'the condition of a wait writes';
    this.#report(ir, {
      rule: 'guardWrites',
      loc,
      message,
      hint: 'the condition only reads; write in the body, its second argument',
    });
  }

  #wait(ir: FunctionIR, loc: Loc, around: Around, effects: Effects): void {
    effects.waits = true;
    if (around === 'nothing') return;
    const message = around === 'step' ? 'a wait inside a step' : 'a wait inside the condition of a wait';
    this.#report(ir, { rule: 'nestedWhen', loc, message, hint: 'take the lock or wait before one_step' });
  }

  #call(ir: FunctionIR, statement: Stmt & { op: 'call' }, around: Around, effects: Effects): void {
    const callee = this.effects(statement.callee);
    if (callee.writes) this.#write(ir, statement.loc, around, effects);
    if (callee.waits) this.#wait(ir, statement.loc, around, effects);
    for (const [i, argument] of statement.args.entries()) {
      const inside: Around = callee.calledInGuard.has(i) ? 'guard' : callee.calledInStep.has(i) ? 'step' : around;
      if (argument.op === 'closure') this.#walk(ir, argument.body, inside, effects);
      else if (argument.op === 'local' && argument.type.kind === 'closure') note(argument.id, inside, effects);
    }
  }

  #report(ir: FunctionIR, problem: FlowProblem): void {
    this.problems.push({ ...problem, within: ir.name });
  }
}

function note(param: LocalId, around: Around, effects: Effects): void {
  if (around === 'step') effects.calledInStep.add(param);
  if (around === 'guard') effects.calledInGuard.add(param);
}

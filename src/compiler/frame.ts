// SPDX-License-Identifier: Apache-2.0
/**
 * What lowering one function needs to know and keeps: its locals, the list that statements go to, where `return`,
 * `break` and `continue` lead; and what it asks of the program around it.
 *
 * Not here: the lowering itself (lowerExpr.ts, lowerStmt.ts, lowerWords.ts).
 */
import type ts from '#typescript';
import type { Constants } from './consts.js';
import type { Refusal } from './diagnostics.js';
import type { Closure, Expr, GlobalObject, Local, LocalId, Stmt, Type } from './ir.js';
import type { Types } from './types.js';

/** The program that a function is lowered for. */
export interface Surroundings {
  checker: ts.TypeChecker;
  constants: Constants;
  types: Types;
  /** false while all code is being judged: then neither side of a switch is dead */
  pruning: boolean;
  /** what stands in for nodes of the source, in a broken variant */
  edits: ReadonlyMap<ts.Node, string>;
  /** @returns the kernel object that a module-level constant is */
  object(declaration: ts.VariableDeclaration): GlobalObject | undefined;
  /** @returns the function as it is called by `from`; it becomes part of the program */
  callee(declaration: ts.FunctionDeclaration, from: ts.FunctionDeclaration | undefined): Signature;
  report(error: unknown): void;
}

export interface Signature {
  name: string;
  params: Type[];
  returns: Type;
  /** of each parameter that is a closure: what it takes and returns */
  closures: (ClosureType | undefined)[];
  /** of each parameter: whether it is `unknown`, and takes the identity of any object */
  opaque: boolean[];
}

export interface ClosureType {
  params: Type[];
  returns: Type;
}

/** Where `return` leads. */
export type ReturnTarget =
  | { kind: 'function'; type: Type }
  | { kind: 'closure'; type: Type; result?: LocalId }
  /** an arrow lowered in place: its value goes to `result`, made when the first value is seen */
  | { kind: 'inline'; label: string; result?: LocalId };

export interface Jump {
  /** the source's own label */
  named?: string;
  /** a block: a plain `break` does not leave it */
  namedOnly?: boolean;
  breakTo?: string;
  continueTo?: string;
  /** `continue` leaves a block (a do-while's body) rather than going on with a loop */
  continueIsBreak?: boolean;
}

/** The lowering functions that call each other across files. */
export interface Lowerers {
  expression(frame: Frame, node: ts.Expression): Expr;
  /** @returns the value, if the callee has one */
  call(frame: Frame, node: ts.CallExpression): Expr | undefined;
  statements(frame: Frame, nodes: readonly ts.Statement[]): void;
}

export class Frame {
  readonly program: Surroundings;
  readonly lower: Lowerers;
  /** the function being lowered; undefined for a scenario's arrow */
  readonly owner: ts.FunctionDeclaration | undefined;
  readonly locals: Local[] = [];
  readonly ids = new Map<ts.Declaration, LocalId>();
  /** constants that stand for an address computed from immutable locals */
  readonly aliases = new Map<ts.Declaration, Expr>();
  /** of each parameter that is a closure: what it takes and returns */
  readonly closures = new Map<ts.Declaration, ClosureType>();
  /** variables whose declaration was refused, and why */
  readonly broken = new Map<ts.Declaration, Refusal>();
  /** variables that are assigned after their declaration */
  assigned: ReadonlySet<ts.Declaration> = new Set();
  out: Stmt[] = [];
  target: ReturnTarget;
  jumps: Jump[] = [];
  #labels = 0;

  constructor(program: Surroundings, lower: Lowerers, owner: ts.FunctionDeclaration | undefined, returns: Type) {
    this.program = program;
    this.lower = lower;
    this.owner = owner;
    this.target = { kind: 'function', type: returns };
  }

  declare(declaration: ts.Declaration, name: string, type: Type): LocalId {
    this.ids.set(declaration, this.locals.length);
    this.locals.push({ name, type });
    return this.locals.length - 1;
  }

  temporary(type: Type): Expr & { op: 'local' } {
    const id = this.locals.length;
    this.locals.push({ name: `$${id}`, type });
    return { op: 'local', type, id };
  }

  label(kind: string): string {
    this.#labels += 1;
    return `${kind}${this.#labels}`;
  }

  emit(statement: Stmt): void {
    this.out.push(statement);
  }

  /** @returns what `work` emitted, instead of adding it to the code */
  collect(work: () => void): Stmt[] {
    const outer = this.out;
    const inner: Stmt[] = [];
    this.out = inner;
    try {
      work();
    } finally {
      this.out = outer;
    }
    return inner;
  }
}

/** @returns whether the statements assign a local that the expression reads */
export function disturbs(statements: readonly Stmt[], value: Expr): boolean {
  const read = localsOf(value);
  return read.size > 0 && statements.some((statement) => assigns(statement, read));
}

export function localsOf(value: Expr, into = new Set<LocalId>()): Set<LocalId> {
  switch (value.op) {
    case 'local':
      into.add(value.id);
      break;
    case 'unary':
    case 'indexOf':
      localsOf(value.operand, into);
      break;
    case 'binary':
      localsOf(value.left, into);
      localsOf(value.right, into);
      break;
    case 'select':
      for (const part of [value.condition, value.then, value.else]) localsOf(part, into);
      break;
    case 'embed':
    case 'addrOf':
    case 'global':
      if (value.op === 'embed') localsOf(value.base, into);
      if (value.op === 'addrOf') localsOf(value.operand, into);
      if (value.index) localsOf(value.index, into);
      break;
    default:
      break;
  }
  return into;
}

function assigns(statement: Stmt, locals: ReadonlySet<LocalId>): boolean {
  const any = (list: readonly Stmt[]) => list.some((inner) => assigns(inner, locals));
  switch (statement.op) {
    case 'set':
    case 'load':
    case 'choose':
    case 'buffered':
      return locals.has(statement.dst);
    case 'call':
    case 'callParam': {
      const args: readonly (Expr | Closure)[] = statement.args;
      const closures = args.filter((argument): argument is Closure => argument.op === 'closure');
      return (statement.dst !== undefined && locals.has(statement.dst)) || closures.some((each) => any(each.body));
    }
    case 'if':
      return any(statement.then) || any(statement.else);
    case 'loop':
      return any(statement.body) || any(statement.after);
    case 'block':
      return any(statement.body);
    case 'atomic':
      return any(statement.guard?.body ?? []) || any(statement.body);
    default:
      return false;
  }
}

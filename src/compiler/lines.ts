// SPDX-License-Identifier: Apache-2.0
/**
 * Lines of code as something to count: which a function has, which functions a root can call, and numbers for the lines that
 * a linked program marks as it runs.
 *
 * Not here: the marks in code (link-inline.ts, src/explore/emit.ts), and what is made of them (src/app/coverage.ts).
 */
import type { Closure, FunctionIR, Loc, ProgramIR, Stmt } from './ir.js';
import { bodies } from './link-bind.js';

/** Where the code is that is counted: what scenarios and the machine do is no part of a kernel. */
export const KERNEL_CODE = 'src/linux/';

/** Numbers for lines, in the order in which they are asked for. */
export class LineMarks {
  /** number -> `file:line` */
  readonly lines: string[] = [];
  readonly #numbers = new Map<string, number>();

  /** @returns the line's number; the same for the same line */
  number({ file, line }: Loc): number {
    const key = `${file}:${line}`;
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.lines.length;
      this.#numbers.set(key, number);
      this.lines.push(key);
    }
    return number;
  }
}

/**
 * @param fn a function of one kernel: what that kernel does not have is not in it
 * @returns the lines on which a statement begins, in order; its closures' too
 */
export function linesOf(fn: FunctionIR): number[] {
  const lines = new Set<number>();
  visitStatements(fn.body, ({ op, loc }) => {
    if (op !== 'block') lines.add(loc.line);
  });
  return [...lines].sort((a, b) => a - b);
}

/** @returns the functions that `roots` call, directly or not, and the roots */
export function callableFrom(program: ProgramIR, roots: Iterable<string>): Set<FunctionIR> {
  const found = new Set<FunctionIR>();
  const add = (name: string): void => {
    const fn = program.functions.get(name);
    if (!fn || found.has(fn)) return;
    found.add(fn);
    visitStatements(fn.body, (stmt) => {
      if (stmt.op === 'call') add(stmt.callee);
    });
  };
  for (const root of roots) add(root);
  return found;
}

function visitStatements(statements: readonly Stmt[], visit: (stmt: Stmt) => void): void {
  for (const stmt of statements) {
    visit(stmt);
    for (const inner of bodies(stmt)) visitStatements(inner, visit);
    if (stmt.op !== 'call') continue;
    for (const closure of stmt.args.filter((arg): arg is Closure => arg.op === 'closure'))
      visitStatements(closure.body, visit);
  }
}

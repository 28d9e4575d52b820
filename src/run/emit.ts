// SPDX-License-Identifier: Apache-2.0
/**
 * Prints a program as one JavaScript function that takes the memory and gives back the kernel's functions.
 *
 * One statement a line, and for each line the place in kernel code that it stands for: so a JavaScript stack is the
 * kernel's call chain (frames.ts). One task runs, so loads and stores are plain reads and writes of the shared memory and
 * an atomic block is its body: bench/RESULTS.md has what `Atomics` would cost on top. Real threads will print `load`,
 * `store` and `atomic` below in another way; nothing else here knows that there is but one task.
 * Not here: expressions (expression.ts), views of structs for callers (views.ts).
 */
import { assert, unreachable } from '../base/assert.js';
import type { Closure, Expr, FunctionIR, Loc, ProgramIR, Stmt } from '../compiler/ir.js';
import { type Cells, canBePoisoned, columnOf } from './cells.js';
import type { KernelFrame } from './errors.js';
import {
  localName,
  printCell,
  printCondition,
  printElement,
  printNonNull,
  printValue,
  type Scope,
} from './expression.js';

export interface EmitOptions {
  /** how many tasks the kernel believes there are */
  taskCount: number;
  /** stores that do not fit the declared width throw, as a checker's state would have no room for them */
  checkWidths: boolean;
  /** turns of loops that all calls together may make; without it nobody counts */
  turnsMax?: number;
}

/** A body for `new Function('$m', '$host', '$task', text)`. */
export interface Emitted {
  text: string;
  /** place of each line of `text`, from 0 */
  places: (KernelFrame | undefined)[];
  /** what the text calls itself in a stack */
  url: string;
}

/** What the text calls when something must stop; each throws. `$host` in it. */
export interface Host {
  fault(kind: string, detail: string): never;
  fail(kind: string, message: string): void;
  wouldBlock(reason: string): never;
  choose(count: number): number;
}

const prelude = [
  'const $probe = () => $host.probe();',
  "const $null = () => $host.fault('null dereference', '');",
  "const $freed = () => $host.fault('use after free', '');",
  "const $divide = () => $host.fault('division by zero', '');",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: text of the generated program
  "const $outside = (i, n) => $host.fault('index out of range', `${i} of ${n}`);",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: text of the generated program
  "const $wide = (v, what) => $host.fault('value out of range', `${v} does not fit ${what}`);",
];

let emitted = 0;

/** @returns the program's text; the functions' names in it are `functionName`'s */
export function emitProgram(program: ProgramIR, cells: Cells, options: EmitOptions): Emitted {
  const url = `refzero-kernel-${++emitted}.js`;
  const out = new Lines();
  for (const line of prelude) out.add(line);
  const { turnsMax } = options;
  if (turnsMax !== undefined) {
    out.add('let $turns = 0;');
    out.add(`const $turn = () => { if (++$turns > ${turnsMax}) $host.fault('endless loop', ''); };`);
  }
  for (const struct of program.structs.keys()) emitAliveCheck(out, program, cells, struct);
  for (const fn of program.functions.values()) new FunctionPrinter(out, program, cells, options, fn).print();
  const names = [...program.functions.keys()].map((name) => `${JSON.stringify(name)}: ${functionName(program, name)}`);
  out.add(`return { probe: $probe, functions: { ${names.join(', ')} } };`);
  out.add(`//# sourceURL=${url}`);
  return { text: out.text.join('\n'), places: out.places, url };
}

/** Functions keep their names, for profilers; those of two files or with odd signs are told apart by a number. */
export function functionName(program: ProgramIR, name: string): string {
  if (/^[A-Za-z_]\w*$/.test(name)) return `k_${name}`;
  return `k${[...program.functions.keys()].indexOf(name)}_${name.replace(/\W/g, '_')}`;
}

class Lines {
  readonly text: string[] = [];
  readonly places: (KernelFrame | undefined)[] = [];

  add(line: string, place?: KernelFrame): void {
    assert(!line.includes('\n'), 'one statement, one line');
    this.text.push(line);
    this.places.push(place);
  }
}

/** `$alive_S(ref)` throws where the instance, or one that holds it by value, is poisoned. */
function emitAliveCheck(out: Lines, program: ProgramIR, cells: Cells, struct: string): void {
  if (!canBePoisoned(program, cells, struct)) return;
  out.add(`function $alive_${struct}(ref) {`);
  if (program.structs.get(struct)?.poison) {
    const poisoned = columnOf(cells.layout, struct, 'poisoned');
    out.add(`  if ($m[${printElement(cells.base[poisoned.id], 'ref', 1, undefined)}] !== 0) $freed();`);
  }
  for (const { host, first, perHost, count } of cells.holdings.get(struct) ?? []) {
    const hostRef = perHost === 1 ? `ref - ${first}` : `((ref - ${first + 1}) / ${perHost} | 0) + 1`;
    out.add(`  if (ref > ${first} && ref <= ${first + count}) $alive_${host}(${hostRef});`);
  }
  out.add('}');
}

class FunctionPrinter {
  private readonly scope: Scope;
  /** arrow functions around the statement that is printed; a `return` there gives the innermost one's result */
  private readonly closures: Closure[] = [];
  private indent = '  ';

  constructor(
    private readonly out: Lines,
    private readonly program: ProgramIR,
    private readonly cells: Cells,
    private readonly options: EmitOptions,
    private readonly fn: FunctionIR,
  ) {
    this.scope = { cells, fn, globals: program.globals, taskCount: options.taskCount };
  }

  print(): void {
    const { fn } = this;
    const names = fn.locals.map((_, id) => localName(fn, id));
    this.out.add(`function ${functionName(this.program, fn.name)}(${names.slice(0, fn.params).join(', ')}) {`);
    const own = names.slice(fn.params).map((name, i) => `${name} = ${emptyValue(fn, fn.params + i)}`);
    this.out.add(`  let ${['$t = 0', ...own].join(', ')};`);
    this.block(fn.body);
    if (fn.returns.kind !== 'void') this.out.add('  return 0;');
    this.out.add('}');
  }

  private line(text: string, loc: Loc): void {
    this.out.add(this.indent + text, { ...loc, function: this.fn.name });
  }

  private block(body: readonly Stmt[]): void {
    for (const stmt of body) this.statement(stmt);
  }

  private nested(body: readonly Stmt[]): void {
    this.indent += '  ';
    this.block(body);
    this.indent = this.indent.slice(2);
  }

  private statement(stmt: Stmt): void {
    switch (stmt.op) {
      case 'load':
        this.load(stmt);
        break;
      case 'store':
        this.store(stmt);
        break;
      case 'call':
        this.call(stmt);
        break;
      case 'if':
        this.branch(stmt);
        break;
      case 'loop':
        this.loop(stmt);
        break;
      case 'block':
        this.line(`${label(stmt)}: {`, stmt.loc);
        this.nested(stmt.body);
        this.line('}', stmt.loc);
        break;
      case 'atomic':
        this.atomic(stmt);
        break;
      default:
        this.line(`${this.oneLine(stmt)};`, stmt.loc);
    }
  }

  private oneLine(stmt: Exclude<Stmt, { op: 'load' | 'store' | 'call' | 'if' | 'loop' | 'block' | 'atomic' }>): string {
    switch (stmt.op) {
      case 'set':
        return `${this.local(stmt.dst)} = ${this.value(stmt.value)}`;
      case 'callParam':
        return `${this.into(stmt.dst)}${this.local(stmt.param)}(${this.values(stmt.args)})`;
      case 'break':
        return `break ${label(stmt)}`;
      case 'continue':
        return `break ${label(stmt)}$next`;
      case 'return':
        return this.returned(stmt.value);
      case 'fence':
        return '';
      case 'buffered':
        return `${this.local(stmt.dst)} = 0`;
      case 'choose':
        return `${this.local(stmt.dst)} = $host.choose(${this.value(stmt.count)})`;
      case 'fail':
        return `$host.fail(${JSON.stringify(stmt.kind)}, ${this.value(stmt.message)})`;
      default:
        return unreachable(stmt);
    }
  }

  private local(id: number): string {
    return localName(this.fn, id);
  }

  private value(expr: Expr): string {
    return printValue(this.scope, expr);
  }

  private values(args: readonly Expr[]): string {
    return args.map((arg) => this.value(arg)).join(', ');
  }

  private into(dst: number | undefined): string {
    return dst === undefined ? '' : `${this.local(dst)} = `;
  }

  private load(stmt: Extract<Stmt, { op: 'load' }>): void {
    this.alive(stmt);
    this.line(`${this.local(stmt.dst)} = $m[${printCell(this.scope, stmt)}];`, stmt.loc);
  }

  private store(stmt: Extract<Stmt, { op: 'store' }>): void {
    this.alive(stmt);
    const { type, name } = columnOf(this.cells.layout, stmt.struct, stmt.field);
    const value = this.value(stmt.value);
    if (this.options.checkWidths && type.kind === 'int' && type.bits < 32) {
      const [low, high] = type.signed ? [-(2 ** (type.bits - 1)), 2 ** (type.bits - 1) - 1] : [0, 2 ** type.bits - 1];
      const what = JSON.stringify(`${name}, which is ${type.name}`);
      this.line(`$t = ${value}; if ($t < ${low} || $t > ${high}) $wide($t, ${what});`, stmt.loc);
    }
    this.line(`$m[${printCell(this.scope, stmt)}] = ${value};`, stmt.loc);
  }

  /** The check against use after free; the struct around is known where the reference is to what it holds by value. */
  private alive(stmt: Extract<Stmt, { op: 'load' | 'store' }>): void {
    let { struct, ref }: { struct: string; ref: Expr } = stmt;
    if (stmt.ghost) return;
    while (ref.op === 'embed' && !this.program.structs.get(struct)?.poison) ({ struct, base: ref } = ref);
    if (!canBePoisoned(this.program, this.cells, struct)) return;
    this.line(`$alive_${struct}(${printNonNull(this.scope, ref)});`, stmt.loc);
  }

  private call(stmt: Extract<Stmt, { op: 'call' }>): void {
    const callee = functionName(this.program, stmt.callee);
    assert(this.program.functions.has(stmt.callee), `call of unknown ${stmt.callee}`);
    let text = `${this.into(stmt.dst)}${callee}(`;
    stmt.args.forEach((arg, i) => {
      if (i > 0) text += ', ';
      if (arg.op === 'closure') {
        this.closure(text, arg);
        text = '}';
      } else {
        text += this.value(arg);
      }
    });
    this.line(`${text});`, stmt.loc);
  }

  /** Prints `before (params) => {` and the body; the closing brace begins the caller's next line. */
  private closure(before: string, closure: Closure): void {
    const params = closure.params.map((id) => `${this.local(id)}$`);
    this.line(`${before}(${params.join(', ')}) => {`, closure.loc);
    this.closures.push(closure);
    this.indent += '  ';
    this.line(
      ['let $t = 0;', ...closure.params.map((id, i) => `${this.local(id)} = ${params[i]};`)].join(' '),
      closure.loc,
    );
    this.block(closure.body);
    if (closure.result !== undefined) this.line(`return ${this.local(closure.result)};`, closure.loc);
    this.indent = this.indent.slice(2);
    this.closures.pop();
  }

  private returned(value: Expr | undefined): string {
    const closure = this.closures.at(-1);
    if (closure) return closure.result === undefined ? 'return' : `return ${this.local(closure.result)}`;
    return value ? `return ${this.value(value)}` : 'return';
  }

  private branch(stmt: Extract<Stmt, { op: 'if' }>): void {
    this.line(`if (${printCondition(this.scope, stmt.condition)}) {`, stmt.loc);
    this.nested(stmt.then);
    if (stmt.else.length > 0) {
      this.line('} else {', stmt.loc);
      this.nested(stmt.else);
    }
    this.line('}', stmt.loc);
  }

  private loop(stmt: Extract<Stmt, { op: 'loop' }>): void {
    this.line(`${label(stmt)}: for (;;) { ${label(stmt)}$next: {`, stmt.loc);
    if (this.options.turnsMax !== undefined) this.line('$turn();', stmt.loc);
    this.nested(stmt.body);
    this.line('}', stmt.loc);
    this.nested(stmt.after);
    this.line('}', stmt.loc);
  }

  private atomic(stmt: Extract<Stmt, { op: 'atomic' }>): void {
    const { guard, body, loc } = stmt;
    if (guard) {
      this.block(guard.body);
      const enabled = printCondition(this.scope, guard.enabled);
      this.line(`if (!(${enabled})) $host.wouldBlock(${JSON.stringify(guard.reason)});`, loc);
    }
    this.block(body);
  }
}

function label(stmt: { label: string }): string {
  return `at_${stmt.label.replace(/\W/g, '_')}`;
}

function emptyValue(fn: FunctionIR, id: number): string {
  return fn.locals[id].type.kind === 'text' ? "''" : '0';
}

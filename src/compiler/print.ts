// SPDX-License-Identifier: Apache-2.0
/**
 * The IR as text that a person reads: for goldens and for looking at what the compiler made of a function.
 *
 * Not here: the steps of a linked task (link.ts), JavaScript (src/run).
 */
import type { Closure, Expr, FunctionIR, ProgramIR, Stmt, Type } from './ir.js';

/** @returns structs, objects and functions of a program, one after the other */
export function printProgram(program: ProgramIR): string {
  const lines = [`kernel ${program.kernel}`];
  for (const [name, value] of program.params) lines.push(`param ${name} = ${value}`);
  for (const { name, fields, poison } of program.structs.values()) {
    lines.push('', `struct ${name}${poison ? ' (poisoned)' : ''}`);
    for (const field of fields) {
      const array = field.length > 1 ? `[${field.length}]` : '';
      lines.push(
        `  ${field.ghost ? 'ghost ' : ''}${field.cpuState ? 'cpu ' : ''}${field.name}: ${field.embed ? 'by value ' : ''}${printType(field.type)}${array}`,
      );
    }
  }
  if (program.globals.size > 0) lines.push('');
  for (const { name, struct, count, isArray } of program.globals.values()) {
    lines.push(`object ${name}: ${struct}${isArray ? `[${count}]` : ''}`);
  }
  for (const each of program.functions.values()) lines.push('', printFunction(each));
  return `${lines.join('\n')}\n`;
}

export function printType(type: Type): string {
  return type.kind === 'int' ? type.name : type.kind === 'ref' ? `*${type.struct}` : type.kind;
}

export function printFunction(ir: FunctionIR): string {
  const printer = new Printer(ir);
  const params = ir.locals.slice(0, ir.params).map(({ name, type }) => `${name}: ${printType(type)}`);
  const head = `${ir.exported ? 'export ' : ''}function ${ir.name}(${params.join(', ')}): ${printType(ir.returns)}`;
  return [`${head} {`, ...printer.block(ir.body, '  '), '}'].join('\n');
}

class Printer {
  readonly #ir: FunctionIR;

  constructor(ir: FunctionIR) {
    this.#ir = ir;
  }

  block(statements: readonly Stmt[], indent: string): string[] {
    return statements.flatMap((statement) => this.#statement(statement, indent));
  }

  #local(id: number): string {
    const own = this.#ir.locals[id];
    const isAmbiguous = this.#ir.locals.some((other, at) => at !== id && other.name === own?.name);
    return own ? (isAmbiguous ? `${own.name}'${id}` : own.name) : `?${id}`;
  }

  #statement(statement: Stmt, indent: string): string[] {
    const inner = `${indent}  `;
    switch (statement.op) {
      case 'if': {
        const lines = [`${indent}if ${this.expr(statement.condition)}`, ...this.block(statement.then, inner)];
        if (statement.else.length > 0) lines.push(`${indent}else`, ...this.block(statement.else, inner));
        return lines;
      }
      case 'loop': {
        const lines = [`${indent}loop ${statement.label}`, ...this.block(statement.body, inner)];
        if (statement.after.length > 0) lines.push(`${indent}after`, ...this.block(statement.after, inner));
        return lines;
      }
      case 'block':
        return [`${indent}block ${statement.label}`, ...this.block(statement.body, inner)];
      case 'atomic': {
        if (!statement.guard)
          return [`${indent}${statement.plain ? 'plain' : 'atomic'}`, ...this.block(statement.body, inner)];
        const { guard } = statement;
        const when = [
          `${indent}when (${guard.reason}) ${this.expr(guard.enabled)}, by`,
          ...this.block(guard.body, inner),
        ];
        return [...when, `${indent}do`, ...this.block(statement.body, inner)];
      }
      default:
        return [indent + this.#simple(statement)];
    }
  }

  #simple(statement: Exclude<Stmt, { op: 'if' | 'loop' | 'block' | 'atomic' }>): string {
    switch (statement.op) {
      case 'set':
        return `${this.#typed(statement.dst)} = ${this.expr(statement.value)}`;
      case 'load':
        return `${this.#typed(statement.dst)} = ${statement.ghost ? 'ghost ' : ''}load ${this.#cell(statement)}`;
      case 'store':
        return `${statement.ghost ? 'ghost ' : ''}store ${this.#cell(statement)} = ${this.expr(statement.value)}`;
      case 'call':
        return this.#call(statement.callee, statement);
      case 'callParam':
        return this.#call(this.#local(statement.param), statement);
      case 'break':
      case 'continue':
        return `${statement.op} ${statement.label}`;
      case 'return':
        return statement.value ? `return ${this.expr(statement.value)}` : 'return';
      case 'choose':
        return `${this.#typed(statement.dst)} = choose ${this.expr(statement.count)}`;
      case 'fence':
        return 'fence';
      case 'buffered':
        return `${this.#typed(statement.dst)} = buffered cpus`;
      case 'fail':
        return `fail ${statement.kind} ${this.expr(statement.message)}`;
    }
  }

  #typed(id: number): string {
    const type = this.#ir.locals[id]?.type;
    return `${this.#local(id)}: ${type ? printType(type) : '?'}`;
  }

  #cell({ struct, field, ref, index }: { struct: string; field: string; ref: Expr; index?: Expr }): string {
    return `${struct}(${this.expr(ref)}).${field}${index ? `[${this.expr(index)}]` : ''}`;
  }

  #call(name: string, { dst, args }: { dst?: number; args: readonly (Expr | Closure)[] }): string {
    const given = args.map((argument) => (argument.op === 'closure' ? this.#closure(argument) : this.expr(argument)));
    return `${dst === undefined ? '' : `${this.#typed(dst)} = `}${name}(${given.join(', ')})`;
  }

  #closure({ params, body, result }: Closure): string {
    const head = `(${params.map((id) => this.#local(id)).join(', ')}) =>`;
    const inside = this.block(body, '').join('; ').replace(/\s+/g, ' ');
    return `${head} {${inside}}${result === undefined ? '' : ` ${this.#local(result)}`}`;
  }

  expr(value: Expr): string {
    switch (value.op) {
      case 'const':
        return value.type.kind === 'ref'
          ? 'null'
          : value.type.kind === 'bool'
            ? String(value.value !== 0)
            : String(value.value);
      case 'text':
        return JSON.stringify(value.value);
      case 'local':
        return this.#local(value.id);
      case 'unary':
        return `${value.operator}${this.expr(value.operand)}`;
      case 'binary':
        return `(${this.expr(value.left)} ${value.operator} ${this.expr(value.right)})`;
      case 'select':
        return `(${this.expr(value.condition)} ? ${this.expr(value.then)} : ${this.expr(value.else)})`;
      case 'global':
        return value.index ? `${value.name}[${this.expr(value.index)}]` : value.name;
      case 'embed':
        return `${this.expr(value.base)}.${value.field}${value.index ? `[${this.expr(value.index)}]` : ''}`;
      case 'indexOf':
        return `index_of(${value.global}, ${this.expr(value.operand)})`;
      case 'addrOf':
        return `addr_of(${this.expr(value.operand)}${value.field ? `.${value.field}` : ''}${value.index ? `[${this.expr(value.index)}]` : ''})`;
      case 'currentTask':
        return 'current_task()';
      case 'taskCount':
        return 'NR_TASKS';
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Assembles text into WebAssembly. The text is a small part of JavaScript and means the same in both: an arrow function over 32-bit
 * integers and doubles in locals, the words `M[…]` and the doubles `F[…]` of one memory, loops without end, labels, calls of other
 * functions of the module. A name has the type of what it is given first. Nothing else of JavaScript is known here.
 *
 * Who needs more words gives them to a class of its own (src/explore/assemble.ts).
 */
import { assert } from './assert.js';
import { DOUBLE, isNumber, OPERATORS, tokensOf, UNSIGNED } from './tokens.js';
import { F64, I32, NOTHING, OP, putSigned, putUnsigned, signed, unsigned, type WasmFunction } from './wasm.js';

export type Assembled = Pick<WasmFunction, 'parameters' | 'locals' | 'code'>;

/** What an instruction leaves. */
export type Type = typeof I32 | typeof F64;

/** A place in memory, the changing part of whose address was left. */
export interface Place {
  offset: number;
  type: Type;
}

export class Assembler {
  protected readonly code: number[] = [];
  private readonly tokens: readonly string[];
  private readonly locals = new Map<string, number>();
  private readonly types: Type[] = [];
  /** labels of the blocks and loops around, innermost last; '' for one that nothing leaves by name */
  private readonly labels: string[] = [];
  private at = 0;
  /** whether the last operand is to be taken as unsigned */
  private isUnsigned = false;

  /** @param functions of the module, by name */
  constructor(
    text: string,
    protected readonly functions: ReadonlyMap<string, number>,
  ) {
    this.tokens = tokensOf(text);
  }

  /** @returns the function that the text, an arrow function, is */
  function(): Assembled {
    this.expect('(');
    while (!this.take(')')) {
      this.numberOf(this.next(), I32);
      this.take(',');
    }
    const parameters = this.locals.size;
    this.expect('=>');
    this.statement();
    assert(this.at === this.tokens.length, `text goes on after its function: ${this.tokens[this.at]}`);
    this.code.push(OP.unreachable);
    return { parameters, locals: this.types.slice(parameters), code: this.code };
  }

  // ---- tokens and bytes ---------------------------------------------------------------------------------------------

  protected peek(ahead = 0): string {
    return this.tokens[this.at + ahead];
  }

  protected next(): string {
    return this.tokens[this.at++];
  }

  protected take(token: string): boolean {
    if (this.tokens[this.at] !== token) return false;
    this.at++;
    return true;
  }

  protected expect(token: string): void {
    const found = this.next();
    assert(found === token, `generated text has ${found} for ${token}`);
  }

  protected emit(...bytes: number[]): void {
    for (const byte of bytes) this.code.push(byte);
  }

  protected constant(value: number): void {
    assert(value === (value | 0) || value === value >>> 0, `${value} is no 32-bit number`);
    this.code.push(OP.const);
    putSigned(this.code, value);
  }

  /** An instruction on a local. @param type of a name that is new */
  private onLocal(op: number, name: string, type: Type = I32): void {
    this.code.push(op);
    putUnsigned(this.code, this.numberOf(name, type));
  }

  /** @returns LEB128 of the number of a local */
  protected local(name: string): number[] {
    return unsigned(this.numberOf(name, I32));
  }

  private numberOf(name: string, type: Type): number {
    let id = this.locals.get(name);
    if (id === undefined) {
      id = this.locals.size;
      this.locals.set(name, id);
      this.types.push(type);
    }
    return id;
  }

  private typeOf(name: string): Type {
    return this.types[this.locals.get(name) ?? -1] ?? I32;
  }

  // ---- statements -----------------------------------------------------------------------------------------------------

  private statement(): void {
    const token = this.peek();
    if (this.take(';')) return;
    if (token === '{') this.braces();
    else if (token === 'let' || token === 'const') this.declaration();
    else if (token === 'return') this.return();
    else if (token === 'if') this.if();
    else if (token === 'for') this.for('');
    else if (token === 'break' || token === 'continue') this.leave();
    else if (this.peek(1) === ':') this.labelled();
    else {
      this.action(this.next());
      this.expect(';');
    }
  }

  private braces(): void {
    this.expect('{');
    while (!this.take('}')) this.statement();
  }

  private declaration(): void {
    this.next();
    do {
      const name = this.next();
      this.expect('=');
      const type = this.expression();
      this.onLocal(OP.set, name, type);
    } while (this.take(','));
    this.expect(';');
  }

  private return(): void {
    this.next();
    this.expression();
    this.expect(';');
    this.code.push(OP.return);
  }

  private if(): void {
    this.next();
    this.expect('(');
    this.expression();
    this.expect(')');
    this.code.push(OP.if, NOTHING);
    this.labels.push('');
    this.statement();
    if (this.take('else')) {
      this.code.push(OP.else);
      this.statement();
    }
    this.labels.pop();
    this.code.push(OP.end);
  }

  private labelled(): void {
    const label = this.next();
    this.expect(':');
    if (this.peek() === 'for') {
      this.for(label);
      return;
    }
    this.code.push(OP.block, NOTHING);
    this.labels.push(label);
    this.statement();
    this.labels.pop();
    this.code.push(OP.end);
  }

  /** A loop without end; what stands in its head is done before. */
  private for(label: string): void {
    this.next();
    this.expect('(');
    if (!this.take(';')) this.declaration();
    this.expect(';');
    this.expect(')');
    this.code.push(OP.loop, NOTHING);
    this.labels.push(label === '' ? 'continue' : label);
    this.expect('{');
    while (!this.take('}')) {
      if (this.peek() === 'switch') this.switch();
      else this.statement();
    }
    this.code.push(OP.br, 0);
    this.labels.pop();
    this.code.push(OP.end, OP.unreachable);
  }

  /** Its cases neither fall through nor break. */
  private switch(): void {
    this.next();
    this.expect('(');
    const on = this.next();
    this.expect(')');
    const [from, values] = [this.at, this.casesFrom(this.at)];
    this.at = from;
    for (const _ of values) this.code.push(OP.block, NOTHING);
    this.labels.push(...values.map(() => ''));
    const most = Math.max(...values);
    const targets = Array.from({ length: most + 1 }, (_, value) => unsigned(Math.max(0, values.indexOf(value))));
    this.emit(OP.get, ...this.local(on), OP.brTable, ...unsigned(targets.length), ...targets.flat(), 0);
    this.expect('{');
    for (const _ of values) {
      this.expect('case');
      this.next();
      this.expect(':');
      this.labels.pop();
      this.code.push(OP.end);
      this.statement();
    }
    this.expect('}');
  }

  /** @returns the values of the cases of a switch whose brace is at `from` */
  private casesFrom(from: number): number[] {
    const values: number[] = [];
    let depth = 0;
    for (let at = from; ; at++) {
      const token = this.tokens[at];
      if (token === '{') depth++;
      else if (token === '}' && --depth === 0) return values;
      else if (token === 'case' && depth === 1) values.push(Number(this.tokens[at + 1]));
    }
  }

  private leave(): void {
    const word = this.next();
    const label = this.peek() === ';' ? word : this.next();
    this.expect(';');
    const position = this.labels.lastIndexOf(label);
    assert(position >= 0, `nothing around is called ${label}`);
    this.emit(OP.br, ...unsigned(this.labels.length - 1 - position));
  }

  /** A statement that begins with a name: what is assigned to it. */
  protected action(name: string): void {
    if (this.take('=')) {
      this.as(this.typeOf(name), this.expression());
      this.onLocal(OP.set, name);
      return;
    }
    const { offset, type } = this.place(name);
    this.expect('=');
    this.as(type, this.expression());
    if (type === F64) this.code.push(OP.storeDouble, 3);
    else this.code.push(OP.store, 2);
    putUnsigned(this.code, offset);
  }

  // ---- expressions ----------------------------------------------------------------------------------------------------

  /** Makes a double of an integer where one is wanted; there is no way back. */
  private as(wanted: Type, found: Type): void {
    if (wanted === found) return;
    assert(wanted === F64, 'a double stands for an integer');
    this.code.push(this.isUnsigned ? OP.doubleU : OP.doubleS);
    this.isUnsigned = false;
  }

  protected expression(): Type {
    const test = this.either();
    if (!this.take('?')) return test;
    this.code.push(OP.if, I32);
    const typeAt = this.code.length - 1;
    const type = this.expression();
    this.code[typeAt] = type;
    this.expect(':');
    this.code.push(OP.else);
    this.as(type, this.expression());
    this.code.push(OP.end);
    this.isUnsigned = false;
    return type;
  }

  /** Operands of `&&` or `||` are 0 or 1; what stands right is only looked at if need be. */
  private either(): Type {
    const type = this.both();
    while (this.take('||')) {
      this.code.push(OP.if, I32, OP.const, 1, OP.else);
      this.both();
      this.code.push(OP.end);
      this.isUnsigned = false;
    }
    return type;
  }

  private both(): Type {
    const type = this.binary(0);
    while (this.take('&&')) {
      this.code.push(OP.if, I32);
      this.binary(0);
      this.code.push(OP.else, OP.const, 0, OP.end);
      this.isUnsigned = false;
    }
    return type;
  }

  /** @param least operators of lower levels are left to who asks */
  private binary(least: number): Type {
    let type = this.unary();
    for (;;) {
      const operator = OPERATORS.get(this.peek());
      if (operator === undefined || operator.level < least) return type;
      const { op, level } = operator;
      this.next();
      if (op === OP.shrU && this.peek() === '0') {
        this.next();
        this.isUnsigned = true;
        continue;
      }
      const isUnsigned = this.isUnsigned;
      const right = this.binary(level + 1);
      if (type === F64) type = this.ofDoubles(op, right);
      else {
        assert(right === I32, 'of an integer and a double the double has to come first');
        if (op === OP.divS) this.divide();
        else this.code.push(isUnsigned ? (UNSIGNED.get(op) ?? op) : op);
      }
      this.isUnsigned = false;
    }
  }

  /** Two doubles, of which the right one may still be an integer. */
  private ofDoubles(op: number, right: Type): Type {
    this.as(F64, right);
    const double = DOUBLE.get(op);
    assert(double !== undefined, 'doubles have no bits');
    this.code.push(double.op);
    return double.type;
  }

  /** The least number by -1 is itself, as `| 0` makes it in JavaScript. */
  private divide(): void {
    const [by, of] = [this.local('$by'), this.local('$of')];
    this.emit(OP.set, ...by, OP.set, ...of, OP.get, ...by, OP.const, ...signed(-1), OP.eq, OP.if, I32);
    this.emit(OP.const, 0, OP.get, ...of, OP.sub, OP.else, OP.get, ...of, OP.get, ...by, OP.divS, OP.end);
  }

  private unary(): Type {
    const token = this.next();
    if (token === '!') {
      this.unary();
      this.code.push(OP.eqz);
    } else if (token === '~') {
      this.unary();
      this.emit(OP.const, ...signed(-1), OP.xor);
    } else if (token === '-') {
      if (isNumber(this.peek())) {
        this.constant(-Number(this.next()));
      } else {
        this.code.push(OP.const, 0);
        this.unary();
        this.code.push(OP.sub);
      }
    } else if (token === '--') {
      const id = this.local(this.next());
      this.emit(OP.get, ...id, OP.const, 1, OP.sub, OP.tee, ...id);
    } else return this.primary(token);
    return I32;
  }

  private primary(token: string): Type {
    this.isUnsigned = false;
    if (token === '(') {
      const type = this.expression();
      this.expect(')');
      return type;
    }
    if (isNumber(token)) this.constant(Number(token));
    else if (token === 'true' || token === 'false') this.constant(token === 'true' ? 1 : 0);
    else if (token === 'Math') return this.math();
    else if (this.peek() === '(' || (this.peek() === '.' && this.peek(2) === '(')) {
      this.called(this.take('.') ? this.next() : token);
      this.isUnsigned = false;
    } else if (this.peek() === '[' || this.peek() === '.') {
      const { offset, type } = this.place(token);
      if (type === F64) this.code.push(OP.loadDouble, 3);
      else this.code.push(OP.load, 2);
      putUnsigned(this.code, offset);
      return type;
    } else {
      this.onLocal(OP.get, token);
      return this.typeOf(token);
    }
    return I32;
  }

  /** Math.imul(a, b), Math.ceil(double) */
  private math(): Type {
    this.expect('.');
    const name = this.next();
    this.expect('(');
    const type = this.expression();
    if (name === 'imul') {
      this.expect(',');
      this.expression();
    }
    this.expect(')');
    assert(type === (name === 'imul' ? I32 : F64), `Math.${name} is not known, or not of these`);
    this.code.push(name === 'imul' ? OP.mul : OP.ceil);
    this.isUnsigned = false;
    return type;
  }

  /** Calls a function of the module, as such or as a member of something. */
  protected called(name: string): void {
    this.expect('(');
    while (!this.take(')')) {
      this.expression();
      this.take(',');
    }
    const id = this.functions.get(name);
    assert(id !== undefined, `no function ${name}`);
    this.emit(OP.call, ...unsigned(id));
  }

  /** Leaves the changing part of the address of what the name before an index stands for. @returns the rest */
  protected place(name: string): Place {
    const shift = { M: 2, F: 3 }[name];
    assert(shift !== undefined, `${name} is no memory`);
    const { constant, isChanging } = this.index(shift);
    if (!isChanging) this.code.push(OP.const, 0);
    return { offset: constant, type: shift === 3 ? F64 : I32 };
  }

  /** Leaves what changes of an index, in bytes, if something does. @returns the rest */
  protected index(shift = 2): { constant: number; isChanging: boolean } {
    this.expect('[');
    if (isNumber(this.peek()) && this.peek(1) === ']') {
      const constant = Number(this.next()) * 2 ** shift;
      this.next();
      return { constant, isChanging: false };
    }
    let constant = 0;
    if (isNumber(this.peek()) && this.peek(1) === '+') {
      constant = Number(this.next()) * 2 ** shift;
      this.next();
    }
    this.expression();
    this.code.push(OP.const, shift, OP.shl);
    const last = this.tokens[this.at - 1];
    if (this.take('++')) {
      const id = this.local(last);
      this.emit(OP.get, ...id, OP.const, 1, OP.add, OP.set, ...id);
    }
    this.expect(']');
    return { constant, isChanging: true };
  }
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Assembles generated text into WebAssembly. The text is the JavaScript that emit.ts prints and that runs as such where steps
 * are traced: 32-bit integers in locals, the words `n[…]` of a state, K for what is shared with the caller; nothing else
 * of JavaScript is known here. So there is one printer, and one meaning to test.
 *
 * Beyond that, for text that never runs as JavaScript (drive.ts, claim.ts): `M[…]` is any word of memory, functions of the
 * module are called by name, those of the table by `call`, and there are words for states and for what threads share.
 */
import { assert } from '../base/assert.js';
import type { Addresses } from './addresses.js';
import { piecesOf } from './pieces.js';
import { isNumber, OPERATORS, tokensOf, UNSIGNED } from './tokens.js';
import { ATOMIC, I32, IMPORTED, NOTHING, OP, SIMD, signed, signed64, unsigned, type WasmFunction } from './wasm.js';

type Assembled = Pick<WasmFunction, 'parameters' | 'locals' | 'code'>;

/** @returns the function that `text`, an arrow function, is */
export function assemble(text: string, addresses: Addresses): Assembled {
  return new Assembler(tokensOf(text), addresses).function();
}

const NUMBER_32 = [OP.const64, ...signed64(32n)];

class Assembler {
  readonly #tokens: readonly string[];
  readonly #addresses: Addresses;
  readonly #locals = new Map<string, number>();
  readonly #code: number[] = [];
  /** labels of the blocks and loops around, innermost last; '' for one that nothing leaves by name */
  readonly #labels: string[] = [];
  #at = 0;
  /** whether the last operand is to be compared as unsigned */
  #isUnsigned = false;

  constructor(tokens: readonly string[], addresses: Addresses) {
    this.#tokens = tokens;
    this.#addresses = addresses;
  }

  function(): Assembled {
    this.#expect('(');
    while (!this.#take(')')) {
      this.#locals.set(this.#next(), this.#locals.size);
      this.#take(',');
    }
    const parameters = this.#locals.size;
    this.#expect('=>');
    this.#statement();
    assert(this.#at === this.#tokens.length, `text goes on after its function: ${this.#tokens[this.#at]}`);
    this.#emit(OP.unreachable);
    return { parameters, locals: this.#locals.size - parameters, code: this.#code };
  }

  // ---- tokens and bytes ---------------------------------------------------------------------------------------------

  #peek(ahead = 0): string {
    return this.#tokens[this.#at + ahead];
  }

  #next(): string {
    return this.#tokens[this.#at++];
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at++;
    return true;
  }

  #expect(token: string): void {
    const found = this.#next();
    assert(found === token, `generated text has ${found} for ${token}`);
  }

  #emit(...bytes: number[]): void {
    for (const byte of bytes) this.#code.push(byte);
  }

  #constant(value: number): void {
    assert(value === (value | 0) || value === value >>> 0, `${value} is no 32-bit number`);
    this.#emit(OP.const, ...signed(value));
  }

  #local(name: string): number[] {
    const id = this.#locals.get(name) ?? this.#locals.size;
    this.#locals.set(name, id);
    return unsigned(id);
  }

  // ---- statements -----------------------------------------------------------------------------------------------------

  #statement(): void {
    const token = this.#peek();
    if (this.#take(';')) return;
    if (token === '{') this.#braces();
    else if (token === 'let' || token === 'const') this.#declaration();
    else if (token === 'return') this.#return();
    else if (token === 'if') this.#if();
    else if (token === 'for') this.#for('');
    else if (token === 'break' || token === 'continue') this.#leave();
    else if (this.#peek(1) === ':') this.#labelled();
    else this.#assignment();
  }

  #braces(): void {
    this.#expect('{');
    while (!this.#take('}')) this.#statement();
  }

  #declaration(): void {
    this.#next();
    do {
      const name = this.#next();
      this.#expect('=');
      this.#expression();
      this.#emit(OP.set, ...this.#local(name));
    } while (this.#take(','));
    this.#expect(';');
  }

  #return(): void {
    this.#next();
    this.#expression();
    this.#expect(';');
    this.#emit(OP.return);
  }

  #if(): void {
    this.#next();
    this.#expect('(');
    this.#expression();
    this.#expect(')');
    this.#emit(OP.if, NOTHING);
    this.#labels.push('');
    this.#statement();
    if (this.#take('else')) {
      this.#emit(OP.else);
      this.#statement();
    }
    this.#labels.pop();
    this.#emit(OP.end);
  }

  #labelled(): void {
    const label = this.#next();
    this.#expect(':');
    if (this.#peek() === 'for') {
      this.#for(label);
      return;
    }
    this.#emit(OP.block, NOTHING);
    this.#labels.push(label);
    this.#statement();
    this.#labels.pop();
    this.#emit(OP.end);
  }

  /** A loop without end; what stands in its head is done before. */
  #for(label: string): void {
    this.#next();
    this.#expect('(');
    if (!this.#take(';')) this.#declaration();
    this.#expect(';');
    this.#expect(')');
    this.#emit(OP.loop, NOTHING);
    this.#labels.push(label === '' ? 'continue' : label);
    this.#expect('{');
    while (!this.#take('}')) {
      if (this.#peek() === 'switch') this.#switch();
      else this.#statement();
    }
    this.#emit(OP.br, 0);
    this.#labels.pop();
    this.#emit(OP.end, OP.unreachable);
  }

  /** Its cases neither fall through nor break. */
  #switch(): void {
    this.#next();
    this.#expect('(');
    const on = this.#next();
    this.#expect(')');
    const [from, values] = [this.#at, this.#casesFrom(this.#at)];
    this.#at = from;
    for (const _ of values) this.#emit(OP.block, NOTHING);
    this.#labels.push(...values.map(() => ''));
    const most = Math.max(...values);
    const targets = Array.from({ length: most + 1 }, (_, value) => unsigned(Math.max(0, values.indexOf(value))));
    this.#emit(OP.get, ...this.#local(on), OP.brTable, ...unsigned(targets.length), ...targets.flat(), 0);
    this.#expect('{');
    for (const _ of values) {
      this.#expect('case');
      this.#next();
      this.#expect(':');
      this.#labels.pop();
      this.#emit(OP.end);
      this.#statement();
    }
    this.#expect('}');
  }

  /** @returns the values of the cases of a switch whose brace is at `from` */
  #casesFrom(from: number): number[] {
    const values: number[] = [];
    let depth = 0;
    for (let at = from; ; at++) {
      const token = this.#tokens[at];
      if (token === '{') depth++;
      else if (token === '}' && --depth === 0) return values;
      else if (token === 'case' && depth === 1) values.push(Number(this.#tokens[at + 1]));
    }
  }

  #leave(): void {
    const word = this.#next();
    const label = this.#peek() === ';' ? word : this.#next();
    this.#expect(';');
    const position = this.#labels.lastIndexOf(label);
    assert(position >= 0, `nothing around is called ${label}`);
    this.#emit(OP.br, ...unsigned(this.#labels.length - 1 - position));
  }

  #assignment(): void {
    const name = this.#next();
    if (name === 'K' && this.#peek(2) === '(') {
      this.#called(name);
      this.#emit(OP.drop);
    } else if (name === 'copy' || name === 'keep') this.#copy(name);
    else if (name === 'publish') this.#publish();
    else if (this.#take('=')) {
      this.#expression();
      this.#emit(OP.set, ...this.#local(name));
    } else {
      const offset = this.#address(name);
      this.#expect('=');
      this.#expression();
      this.#emit(OP.store, 2, ...unsigned(offset));
    }
    this.#expect(';');
  }

  /** copy(to, from) and keep(to, from): two locals that hold addresses in bytes */
  #copy(name: string): void {
    const [to, from] = this.#twoLocals();
    const bytes = name === 'copy' ? this.#addresses.state : this.#addresses.row;
    for (const { at, load, store } of piecesOf(bytes)) {
      this.#emit(OP.get, ...to, OP.get, ...from, ...load, ...at, ...store, ...at);
    }
  }

  /** publish(place, value): a word of memory, seen by others after all that was written before */
  #publish(): void {
    this.#expect('(');
    this.#expression();
    this.#emit(OP.const, 2, OP.shl);
    this.#expect(',');
    this.#expression();
    this.#expect(')');
    this.#emit(OP.atomic, ATOMIC.store, 2, 0);
  }

  #twoLocals(): [number[], number[]] {
    this.#expect('(');
    const one = this.#local(this.#next());
    this.#expect(',');
    const two = this.#local(this.#next());
    this.#expect(')');
    return [one, two];
  }

  // ---- expressions ----------------------------------------------------------------------------------------------------

  #expression(): void {
    this.#either();
    if (!this.#take('?')) return;
    this.#emit(OP.if, I32);
    this.#expression();
    this.#expect(':');
    this.#emit(OP.else);
    this.#expression();
    this.#emit(OP.end);
    this.#isUnsigned = false;
  }

  /** Operands of `&&` or `||` are 0 or 1; what stands right is only looked at if need be. */
  #either(): void {
    this.#both();
    while (this.#take('||')) {
      this.#emit(OP.if, I32, OP.const, 1, OP.else);
      this.#both();
      this.#emit(OP.end);
      this.#isUnsigned = false;
    }
  }

  #both(): void {
    this.#binary(0);
    while (this.#take('&&')) {
      this.#emit(OP.if, I32);
      this.#binary(0);
      this.#emit(OP.else, OP.const, 0, OP.end);
      this.#isUnsigned = false;
    }
  }

  /** @param least operators of lower levels are left to who asks */
  #binary(least: number): void {
    this.#unary();
    for (;;) {
      const operator = OPERATORS.get(this.#peek());
      if (operator === undefined || operator.level < least) return;
      const { op, level } = operator;
      this.#next();
      if (op === OP.shrU && this.#peek() === '0') {
        this.#next();
        this.#isUnsigned = true;
        continue;
      }
      const isUnsigned = this.#isUnsigned;
      this.#binary(level + 1);
      if (op === OP.divS) this.#divide();
      else this.#emit(isUnsigned ? (UNSIGNED.get(op) ?? op) : op);
      this.#isUnsigned = false;
    }
  }

  /** The least number by -1 is itself, as `| 0` makes it in JavaScript. */
  #divide(): void {
    const [by, of] = [this.#local('$by'), this.#local('$of')];
    this.#emit(OP.set, ...by, OP.set, ...of, OP.get, ...by, OP.const, ...signed(-1), OP.eq, OP.if, I32);
    this.#emit(OP.const, 0, OP.get, ...of, OP.sub, OP.else, OP.get, ...of, OP.get, ...by, OP.divS, OP.end);
  }

  #unary(): void {
    const token = this.#next();
    if (token === '!') {
      this.#unary();
      this.#emit(OP.eqz);
    } else if (token === '~') {
      this.#unary();
      this.#emit(OP.const, ...signed(-1), OP.xor);
    } else if (token === '-') {
      if (isNumber(this.#peek())) {
        this.#constant(-Number(this.#next()));
      } else {
        this.#emit(OP.const, 0);
        this.#unary();
        this.#emit(OP.sub);
      }
    } else if (token === '--') {
      const id = this.#local(this.#next());
      this.#emit(OP.get, ...id, OP.const, 1, OP.sub, OP.tee, ...id);
    } else this.#primary(token);
  }

  #primary(token: string): void {
    this.#isUnsigned = false;
    if (token === '(') {
      this.#expression();
      this.#expect(')');
    } else if (isNumber(token)) this.#constant(Number(token));
    else if (token === 'true' || token === 'false') this.#constant(token === 'true' ? 1 : 0);
    else if (token === 'Math') this.#multiplied();
    else if (this.#peek() === '(' || (token === 'K' && this.#peek(2) === '(')) this.#called(token);
    else if (this.#peek() === '[' || this.#peek() === '.') {
      const offset = this.#address(token);
      this.#emit(OP.load, 2, ...unsigned(offset));
    } else this.#emit(OP.get, ...this.#local(token));
  }

  /** Math.imul(a, b) */
  #multiplied(): void {
    this.#expect('.');
    this.#expect('imul');
    this.#expect('(');
    this.#expression();
    this.#expect(',');
    this.#expression();
    this.#expect(')');
    this.#emit(OP.mul);
    this.#isUnsigned = false;
  }

  /** `call(argument, slot)`, a function of the module or from outside, or one of those below */
  #called(name: string): void {
    if (name === 'same') this.#same();
    else {
      if (name === 'K') this.#expect('.');
      const callee = name === 'K' ? this.#next() : name;
      this.#expect('(');
      let count = 0;
      for (; !this.#take(')'); count++) {
        this.#expression();
        if (callee === 'loaded') this.#emit(OP.const, 2, OP.shl);
        if (callee === 'claim') this.#claimed(count);
        if (callee === 'take' && count === 0) this.#emit(OP.const, 2, OP.shl, OP.const, 0);
        if (callee === 'scaled') this.#emit(OP.extendU);
        this.#take(',');
      }
      this.#calling(callee, count);
    }
    this.#isUnsigned = false;
  }

  #calling(callee: string, count: number): void {
    const imported = IMPORTED.indexOf(callee);
    const id = imported < 0 ? this.#addresses.functions.get(callee) : imported;
    if (callee === 'call') this.#emit(OP.callIndirect, 1, 0);
    // (a, b): the upper half of their product
    else if (callee === 'scaled') this.#emit(OP.mul64, ...NUMBER_32, OP.shrU64, OP.wrap);
    // (place): a word of memory, and then all that was written before it was published
    else if (callee === 'loaded') this.#emit(OP.atomic, ATOMIC.load, 2, 0);
    // (place, value): a word at once where it is 0. Leaves what it was.
    else if (callee === 'take') this.#emit(OP.atomic, ATOMIC.exchange, 2, 0);
    else if (callee === 'claim') this.#emit(OP.or64, OP.atomic, ATOMIC.exchange64, 3, 0, OP.wrap);
    else {
      assert(id !== undefined, `no function ${callee}`);
      if (imported >= 0 && count === 1) this.#constant(0);
      this.#emit(OP.call, ...unsigned(id));
    }
  }

  /** (place, first, second): both words at once where they are 0. Leaves what the first was. */
  #claimed(argument: number): void {
    if (argument === 0) this.#emit(OP.const, 2, OP.shl, OP.const64, 0);
    else this.#emit(OP.extendU);
    if (argument === 2) this.#emit(...NUMBER_32, OP.shl64);
  }

  /** same(one, other): two locals that hold addresses in bytes; whether all words of a state are equal */
  #same(): void {
    const [one, other] = this.#twoLocals();
    const pieces = piecesOf(this.#addresses.row);
    const wide = pieces.filter(({ differ }) => differ === undefined);
    wide.forEach(({ at, load }, i) => {
      this.#emit(OP.get, ...one, ...load, ...at, OP.get, ...other, ...load, ...at, OP.simd, ...SIMD.xor);
      if (i > 0) this.#emit(OP.simd, ...SIMD.or);
    });
    if (wide.length > 0) this.#emit(OP.simd, ...SIMD.anyTrue);
    pieces.forEach(({ at, load, differ }, i) => {
      if (differ === undefined) return;
      this.#emit(OP.get, ...one, ...load, ...at, OP.get, ...other, ...load, ...at, differ);
      if (i > 0) this.#emit(OP.or);
    });
    this.#emit(OP.eqz);
  }

  /** Leaves the changing part of the address of a word. @returns the rest */
  #address(name: string): number {
    if (name === 'K') return this.#shared();
    assert(name === 'n' || name === 'M', `${name} is no memory`);
    const { constant, isChanging } = this.#index();
    if (name === 'n') this.#emit(OP.get, ...this.#local('n'));
    else if (!isChanging) this.#emit(OP.const, 0);
    if (name === 'n' && isChanging) this.#emit(OP.add);
    return constant;
  }

  /** K.side[…], K.choice[d++], K.counts[d], K.tables[column][…] */
  #shared(): number {
    this.#expect('.');
    const name = this.#next();
    const { side, choice, counts, hits, tables } = this.#addresses;
    let base: number | undefined = { side, choice, counts, hits }[name];
    if (name === 'tables') {
      this.#expect('[');
      base = tables[Number(this.#next())];
      this.#expect(']');
    }
    assert(base !== undefined, `K has no ${name}`);
    const { constant, isChanging } = this.#index();
    if (!isChanging) this.#emit(OP.const, 0);
    return base + constant;
  }

  /** Leaves what changes of an index, in bytes, if something does. @returns the rest */
  #index(): { constant: number; isChanging: boolean } {
    this.#expect('[');
    if (isNumber(this.#peek()) && this.#peek(1) === ']') {
      const constant = Number(this.#next()) * 4;
      this.#next();
      return { constant, isChanging: false };
    }
    let constant = 0;
    if (isNumber(this.#peek()) && this.#peek(1) === '+') {
      constant = Number(this.#next()) * 4;
      this.#next();
    }
    this.#expression();
    this.#emit(OP.const, 2, OP.shl);
    const last = this.#tokens[this.#at - 1];
    if (this.#take('++')) {
      const id = this.#local(last);
      this.#emit(OP.get, ...id, OP.const, 1, OP.add, OP.set, ...id);
    }
    this.#expect(']');
    return { constant, isChanging: true };
  }
}

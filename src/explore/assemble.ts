// SPDX-License-Identifier: Apache-2.0
/**
 * Assembles generated text into WebAssembly (src/base/assembler.ts). The text is the JavaScript that emit.ts prints and that runs as
 * such where steps are traced: beside what the assembler knows the words `n[…]` of a state, and K for what is shared with the
 * caller. So there is one printer, and one meaning to test.
 *
 * Beyond that, for text that never runs as JavaScript (drive.ts, claim.ts): functions of the table are called by `call`, and there
 * are words for states and for what threads share.
 */
import { type Assembled, Assembler, type Place } from '../base/assembler.js';
import { assert } from '../base/assert.js';
import { ATOMIC, I32, OP, SIMD, signed64, unsigned } from '../base/wasm.js';
import type { Addresses } from './addresses.js';
import { piecesOf } from './pieces.js';

/** Functions from outside, in the order in which they are imported: two numbers go in, one comes out. */
export const IMPORTED: readonly string[] = ['misfit', 'endless', 'badChoice', 'wrong', 'keepFar', 'sameFar'];

/** @returns the function that `text`, an arrow function, is */
export function assemble(text: string, addresses: Addresses): Assembled {
  return new StepAssembler(text, addresses).function();
}

const NUMBER_32 = [OP.const64, ...signed64(32n)];

class StepAssembler extends Assembler {
  readonly #addresses: Addresses;

  constructor(text: string, addresses: Addresses) {
    super(text, addresses.functions);
    this.#addresses = addresses;
  }

  protected override action(name: string): void {
    if (name === 'K' && this.peek(2) === '(') {
      this.expect('.');
      this.called(this.next());
      this.emit(OP.drop);
    } else if (name === 'copy' || name === 'keep') this.#copy(name);
    else if (name === 'publish') this.#publish();
    else super.action(name);
  }

  /** copy(to, from) and keep(to, from): two locals that hold addresses in bytes */
  #copy(name: string): void {
    const [to, from] = this.#twoLocals();
    const bytes = name === 'copy' ? this.#addresses.state : this.#addresses.row;
    for (const { at, load, store } of piecesOf(bytes)) {
      this.emit(OP.get, ...to, OP.get, ...from, ...load, ...at, ...store, ...at);
    }
  }

  /** publish(place, value): a word of memory, seen by others after all that was written before */
  #publish(): void {
    this.expect('(');
    this.expression();
    this.emit(OP.const, 2, OP.shl);
    this.expect(',');
    this.expression();
    this.expect(')');
    this.emit(OP.atomic, ATOMIC.store, 2, 0);
  }

  #twoLocals(): [number[], number[]] {
    this.expect('(');
    const one = this.local(this.next());
    this.expect(',');
    const two = this.local(this.next());
    this.expect(')');
    return [one, two];
  }

  /** `call(argument, slot)`, a function of the module or from outside, or one of those below */
  protected override called(name: string): void {
    if (name === 'same') {
      this.#same();
      return;
    }
    this.expect('(');
    let count = 0;
    for (; !this.take(')'); count++) {
      this.expression();
      if (name === 'loaded') this.emit(OP.const, 2, OP.shl);
      if (name === 'claim') this.#claimed(count);
      if (name === 'take' && count === 0) this.emit(OP.const, 2, OP.shl, OP.const, 0);
      if (name === 'scaled') this.emit(OP.extendU);
      this.take(',');
    }
    this.#calling(name, count);
  }

  #calling(callee: string, count: number): void {
    const imported = IMPORTED.indexOf(callee);
    const id = imported < 0 ? this.functions.get(callee) : imported;
    if (callee === 'call') this.emit(OP.callIndirect, 1, 0);
    // (a, b): the upper half of their product
    else if (callee === 'scaled') this.emit(OP.mul64, ...NUMBER_32, OP.shrU64, OP.wrap);
    // (place): a word of memory, and then all that was written before it was published
    else if (callee === 'loaded') this.emit(OP.atomic, ATOMIC.load, 2, 0);
    // (place, value): a word at once where it is 0. Leaves what it was.
    else if (callee === 'take') this.emit(OP.atomic, ATOMIC.exchange, 2, 0);
    else if (callee === 'claim') this.emit(OP.or64, OP.atomic, ATOMIC.exchange64, 3, 0, OP.wrap);
    else {
      assert(id !== undefined, `no function ${callee}`);
      if (imported >= 0 && count === 1) this.constant(0);
      this.emit(OP.call, ...unsigned(id));
    }
  }

  /** (place, first, second): both words at once where they are 0. Leaves what the first was. */
  #claimed(argument: number): void {
    if (argument === 0) this.emit(OP.const, 2, OP.shl, OP.const64, 0);
    else this.emit(OP.extendU);
    if (argument === 2) this.emit(...NUMBER_32, OP.shl64);
  }

  /** same(one, other): two locals that hold addresses in bytes; whether all words of a state are equal */
  #same(): void {
    const [one, other] = this.#twoLocals();
    const pieces = piecesOf(this.#addresses.row);
    const wide = pieces.filter(({ differ }) => differ === undefined);
    wide.forEach(({ at, load }, i) => {
      this.emit(OP.get, ...one, ...load, ...at, OP.get, ...other, ...load, ...at, OP.simd, ...SIMD.xor);
      if (i > 0) this.emit(OP.simd, ...SIMD.or);
    });
    if (wide.length > 0) this.emit(OP.simd, ...SIMD.anyTrue);
    pieces.forEach(({ at, load, differ }, i) => {
      if (differ === undefined) return;
      this.emit(OP.get, ...one, ...load, ...at, OP.get, ...other, ...load, ...at, differ);
      if (i > 0) this.emit(OP.or);
    });
    this.emit(OP.eqz);
  }

  protected override place(name: string): Place {
    if (name === 'K') return this.#shared();
    if (name !== 'n') return super.place(name);
    const { constant, isChanging } = this.index();
    this.emit(OP.get, ...this.local('n'));
    if (isChanging) this.emit(OP.add);
    return { offset: constant, type: I32 };
  }

  /** K.side[…], K.choice[d++], K.counts[d], K.tables[column][…] */
  #shared(): Place {
    this.expect('.');
    const name = this.next();
    const { side, choice, counts, hits, tables } = this.#addresses;
    let base: number | undefined = { side, choice, counts, hits }[name];
    if (name === 'tables') {
      this.expect('[');
      base = tables[Number(this.next())];
      this.expect(']');
    }
    assert(base !== undefined, `K has no ${name}`);
    const { constant, isChanging } = this.index();
    if (!isChanging) this.emit(OP.const, 0);
    return { offset: base + constant, type: I32 };
  }
}

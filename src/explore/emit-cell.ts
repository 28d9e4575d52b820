// SPDX-License-Identifier: Apache-2.0
/**
 * Prints reads and writes of memory: packed bits of the state where it changes, a table where it does not; and the tests
 * for use after free, which need the objects around the one accessed.
 */
import { assert } from '../base/assert.js';
import type { Expr } from '../compiler/ir.js';
import type { Column } from '../compiler/layout.js';
import type { LinkedScenario } from '../compiler/link.js';
import type { CellAccess } from '../compiler/link-graph.js';
import type { ExprPrinter } from './emit-expr.js';
import { type ColumnPlace, type Encoding, wordOf } from './encode.js';
import { known, type Linear, plus, printLinear, times } from './linear.js';

/** One element, ready to be printed. */
export interface Cell {
  column: Column;
  /** index of the element in its column */
  element: Linear;
  /** where its bits are; absent for memory that does not change */
  bit: Linear | undefined;
  /** the word that they are in, whichever element it is; undefined: that depends */
  word?: number | undefined;
  place: ColumnPlace | undefined;
}

export class CellPrinter {
  readonly #linked: LinkedScenario;
  readonly #encoding: Encoding;
  readonly #poisonable: Set<string>;

  constructor(linked: LinkedScenario, encoding: Encoding) {
    this.#linked = linked;
    this.#encoding = encoding;
    this.#poisonable = poisonable(linked);
  }

  /** Resolves an access; the checks go to `printer`. */
  cell(access: CellAccess, printer: ExprPrinter): Cell {
    const { column } = access;
    const instance = printer.instance(access.ref);
    const index = printer.index(access.index, column.length);
    return this.#at(column, access.ref, instance, index);
  }

  /** @param ref what is known of the instance; undefined: nothing */
  #at(column: Column, ref: Expr | undefined, instance: Linear, index: Linear): Cell {
    const { memory } = this.#linked;
    const element = plus(times(instance, column.length), index);
    const place = this.#encoding.columns.get(column.name);
    const segment = ref && memory.segmentOf(column.struct, ref);
    if (!place) return { column, element, bit: undefined, place: undefined };
    const run = segment ? place.runs.find((r) => r.segment.id === segment.id) : place.runs[0];
    if (!run) return { column, element, bit: undefined, place: undefined };
    assert(segment !== undefined || place.isWhole, `${column.name} is accessed anywhere but partly constant`);
    const bit = plus(times(plus(element, -run.segment.first * column.length), place.width), run.bit);
    return { column, element, bit, word: wordOf(place, segment && run), place };
  }

  /** @returns text of the element's value */
  read(cell: Cell): string {
    if (!cell.bit || !cell.place) {
      if (cell.element.terms.length > 0) return `K.tables[${cell.column.id}][${printLinear(cell.element)}]`;
      return String(this.#linked.memory.initial(cell.column, cell.element.constant));
    }
    const { bits, signed } = cell.place;
    const { word, shift } = bitsAt(cell.bit, cell.word, cell.place.width);
    if (bits === 32) return word;
    if (signed && typeof shift === 'number') return `(${word} << ${32 - bits - shift} >> ${32 - bits})`;
    if (signed) return `(${word} >>> ${shift} << ${32 - bits} >> ${32 - bits})`;
    if (shift === 32 - bits) return `(${word} >>> ${shift})`;
    return shift === 0 ? `(${word} & ${mask(bits)})` : `(${word} >>> ${shift} & ${mask(bits)})`;
  }

  /** @returns the statement that stores the value of `value`, a name or number, which fits */
  write(cell: Cell, value: string): string {
    // it never changes: what is stored is there already
    if (!cell.bit || !cell.place) return '';
    const { bits, signed, width } = cell.place;
    const { word, shift } = bitsAt(cell.bit, cell.word, width);
    if (bits === 32) return `${word} = ${value};`;
    const hole = typeof shift === 'number' ? String(~(mask(bits) << shift)) : `~(${mask(bits)} << ${shift})`;
    const cut = signed ? `(${value} & ${mask(bits)})` : value;
    return `${word} = ${word} & ${hole} | ${shift === 0 ? cut : `${cut} << ${shift}`};`;
  }

  /** Adds the tests that neither the accessed object nor one around it is poisoned. */
  checkPoison(access: CellAccess, printer: ExprPrinter): void {
    if (access.ghost || !this.#poisonable.has(access.column.struct)) return;
    this.#poison(access.column.struct, access.ref, printer.instance(access.ref), [], printer);
  }

  #poison(struct: string, ref: Expr | undefined, instance: Linear, given: string[], printer: ExprPrinter): void {
    const column = this.#linked.layout.column.get(`${struct}.poisoned`);
    if (this.#linked.compiled.program.structs.get(struct)?.poison && column) {
      const cell = this.#at(column, ref, instance, known(0));
      const isNever = cell.bit === undefined && this.#isAllZero(column);
      if (!isNever) {
        const test = [...given, `${this.read(cell)} !== 0`].join(' && ');
        printer.check(test, 'use after free', `a ${struct} is used after it was freed`);
      }
    }
    if (ref?.op === 'embed') {
      if (this.#poisonable.has(ref.struct)) {
        this.#poison(ref.struct, ref.base, printer.instance(ref.base), given, printer);
      }
      return;
    }
    this.#poisonAround(struct, ref, instance, given, printer);
  }

  /** The objects around an instance that is known by its number only. */
  #poisonAround(struct: string, ref: Expr | undefined, instance: Linear, given: string[], printer: ExprPrinter): void {
    const { memory } = this.#linked;
    const segment = ref && memory.segmentOf(struct, ref);
    for (const { first, count, host } of segment ? [segment] : (memory.segments.get(struct) ?? [])) {
      if (!host || !this.#poisonable.has(host.struct)) continue;
      const offset = plus(instance, -first);
      const isKnown = offset.terms.length === 0;
      const around = isKnown
        ? known(Math.trunc(offset.constant / host.length))
        : host.length === 1
          ? offset
          : { constant: 0, terms: [{ factor: 1, text: `(${printLinear(offset)} / ${host.length} | 0)` }] };
      const within = segment ? given : [...given, `(${printLinear(offset)} >>> 0 < ${count})`];
      const outer: Expr | undefined = isKnown
        ? { op: 'const', type: { kind: 'ref', struct: host.struct }, value: around.constant + 1 }
        : undefined;
      this.#poison(host.struct, outer, around, within, printer);
    }
  }

  #isAllZero(column: Column): boolean {
    for (let i = 0; i < column.size; i++) if (this.#linked.memory.initial(column, i) !== 0) return false;
    return true;
  }
}

function mask(width: number): number {
  return 2 ** width - 1;
}

/** The word that holds a bit address, and how far its bits are from the right; both known where the address is. */
function bitsAt(bit: Linear, inWord: number | undefined, width: number): { word: string; shift: number | string } {
  if (bit.terms.length === 0) return { word: `n[${bit.constant >>> 5}]`, shift: bit.constant & 31 };
  if (inWord !== undefined) return { word: `n[${inWord}]`, shift: printLinear(plus(bit, -32 * inWord)) };
  if (width === 32) return { word: `n[${printLinear(divided(bit))}]`, shift: 0 };
  const text = printLinear(bit);
  return { word: `n[${text} >>> 5]`, shift: `(${text} & 31)` };
}

function divided(bit: Linear): Linear {
  return { constant: bit.constant / 32, terms: bit.terms.map((term) => ({ ...term, factor: term.factor / 32 })) };
}

/** @returns the structs that can be poisoned, or be part of something that is */
export function poisonable({ compiled, memory }: LinkedScenario): Set<string> {
  const found = new Set<string>();
  for (const { name, poison } of compiled.program.structs.values()) if (poison) found.add(name);
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const [name, segments] of memory.segments) {
      if (segments.some(({ host }) => host && found.has(host.struct))) found.add(name);
    }
  }
  return found;
}

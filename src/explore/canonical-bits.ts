// SPDX-License-Identifier: Apache-2.0
/** Bits of a packed state as text that reads and writes them, for what brings states into their canonical form. */
import { bitOf, type ColumnPlace, type Encoding, elementsOf } from './encode.js';
import { type Exchange, type Meaning, offsetOf } from './symmetry-map.js';

/** Where a value lies. */
export interface Bits {
  word: number;
  shift: number;
  mask: number;
}

/** Two neighbours in the order of what may change places. */
export interface SortedPair {
  /** 0: tasks; 1 + position in Symmetry.pages */
  sort: number;
  one: number;
  other: number;
  /** function (n): whether the first belongs after the second */
  isAfter: string;
  /** statements that exchange them in all of the state `n`, with locals a, b and pc */
  exchange: string;
}

export function bitsOf(place: ColumnPlace, element: number): Bits {
  const bit = bitOf(place, element);
  return { word: bit >>> 5, shift: bit & 31, mask: place.width === 32 ? -1 : 2 ** place.width - 1 };
}

/** Elements that change places: the first's own, and the second's. */
export interface Own {
  place: ColumnPlace;
  one: Bits;
  two: Bits;
}

/** @returns the elements that change places, in one order for all that may; `one` is the first's, since it comes first */
export function ownElements({ columns }: Encoding, exchange: Exchange): Own[] {
  return [...columns.values()].flatMap((place) =>
    elementsOf(place).flatMap((element) => {
      const to = exchange.element(place.column, element);
      return to > element ? [{ place, one: bitsOf(place, element), two: bitsOf(place, to) }] : [];
    }),
  );
}

export function read({ word, shift, mask }: Bits): string {
  if (mask === -1) return `n[${word}]`;
  return `(n[${word}] >>> ${shift} & ${mask})`;
}

export function write({ word, shift, mask }: Bits, value: string): string {
  if (mask === -1) return `n[${word}] = ${value};`;
  return `n[${word}] = n[${word}] & ${~(mask << shift)} | (${value} & ${mask}) << ${shift};`;
}

export function swap(x: Bits, y: Bits): string {
  return `a = ${read(x)}; b = ${read(y)}; ${write(x, 'b')} ${write(y, 'a')}`;
}

/** Statements that rename two tasks, or two pages, where a number or a set of them is. */
export function renamed(bits: Bits, meaning: Meaning, one: number, other: number): string {
  if (meaning.kind === 'plain') return '';
  if (meaning.kind === 'number') {
    const [first, second] = [one + offsetOf(meaning), other + offsetOf(meaning)];
    return replaced(bits, [
      [first, second],
      [second, first],
    ]);
  }
  const differ = `((a >>> ${one} ^ a >>> ${other}) & 1) !== 0`;
  return `a = ${read(bits)}; if (${differ}) { b = a ^ ${(1 << one) | (1 << other)}; ${write(bits, 'b')} }`;
}

/** Statements that put another value where one of some is. @param changes from, to */
export function replaced(bits: Bits, changes: readonly (readonly [number, number])[]): string {
  const { mask } = bits;
  const cases = changes.map(([from, to]) => `if (a === ${from & mask}) { ${write(bits, String(to & mask))} }`);
  return cases.length === 0 ? '' : `a = ${read(bits)}; ${cases.join(' else ')}`;
}

// SPDX-License-Identifier: Apache-2.0
/**
 * The canonical form of a state under the exchange of tasks: their blocks in increasing order, with what belongs to them and
 * what names them permuted along. Any permutation that is applied to all of a state gives a state that behaves the same,
 * so the form need not be the only one: where two blocks are equal and still are told apart by a name, both orders may stay.
 *
 * Not here: the proof that tasks may be exchanged (symmetry.ts).
 */
import { assert } from '../base/assert.js';
import type { LinkedScenario } from '../compiler/link.js';
import { evaluate } from './code.js';
import { bitOf, type ColumnPlace, type Encoding, elementsOf } from './encode.js';
import type { Symmetry } from './symmetry.js';
import { type Meaning, PLAIN, rowOf, type Uses } from './symmetry-map.js';

export interface Canonical {
  /** Brings the state whose words begin at `at` into its canonical form. */
  apply(words: Int32Array, at: number): void;
  /** The same; @returns task before -> the task that it is then */
  permute(words: Int32Array, at: number): Int32Array;
}

/** Where an element lies. */
interface Bits {
  word: number;
  shift: number;
  mask: number;
}

interface Element extends Bits {
  meaning: Meaning;
}

/** The elements that name tasks. */
interface Names {
  shared: readonly Element[];
  /** they are a task's own at the same time */
  own: readonly Element[];
}

/** @returns undefined where no two tasks may be exchanged */
export function canonicalForm(
  linked: LinkedScenario,
  encoding: Encoding,
  { classes, uses }: Symmetry,
): Canonical | undefined {
  if (classes.length === 0) return undefined;
  const rows = rowsOf(linked, encoding, uses);
  const names = namesIn(linked, encoding, uses);
  const sorters = classes.map((group) => new Sorter(group, encoding, rows, names));
  const lines = sorters.map((sorter, k) => {
    const disorder = sorter.words.slice(1).map((word, i) => {
      const [a, b] = [`n[o + ${sorter.words[i]}]`, `n[o + ${word}]`];
      return `${a} > ${b} || ${a} === ${b} && K[${k}].isAfter(n, o, ${i}, ${i + 1})`;
    });
    return `if (${disorder.join('\n|| ')}) K[${k}].sort(n, o);`;
  });
  const [apply] = evaluate<Canonical['apply']>([`(n, o) => {\n${lines.join('\n')}\n}`], sorters);
  const permute = (words: Int32Array, at: number): Int32Array => {
    for (const sorter of sorters) sorter.sort(words, at);
    // a task is in one class at most
    return Int32Array.from(encoding.tasks, (_, task) => sorters.reduce((now, { to }) => to[now], task));
  };
  return { apply, permute };
}

/** @returns per task the elements that are its own, in one order */
function rowsOf(linked: LinkedScenario, { columns, tasks }: Encoding, uses: Uses): Element[][] {
  const rows: Element[][] = tasks.map(() => []);
  for (const place of columns.values()) {
    const meaning = uses.columns.get(place.column.name) ?? PLAIN;
    for (const element of elementsOf(place)) {
      const task = taskOf(linked, place, element, uses);
      if (task !== undefined) rows[task]?.push({ ...bitsOf(place, element), meaning });
    }
  }
  return rows;
}

/** @returns the task whose own an element is */
function taskOf(linked: LinkedScenario, { column }: ColumnPlace, element: number, uses: Uses): number | undefined {
  const row = rowOf(linked, column.struct, Math.trunc(element / column.length));
  return row && uses.rows.has(row.global) ? row.index : undefined;
}

/** @returns the elements that name tasks; first those that are no task's own */
function namesIn(linked: LinkedScenario, { columns }: Encoding, uses: Uses): Names {
  const shared: Element[] = [];
  const own: Element[] = [];
  for (const [name, meaning] of uses.columns) {
    const place = columns.get(name);
    for (const element of place ? elementsOf(place) : []) {
      if (!place) continue;
      const list = taskOf(linked, place, element, uses) === undefined ? shared : own;
      list.push({ ...bitsOf(place, element), meaning });
    }
  }
  return { shared, own };
}

function bitsOf(place: ColumnPlace, element: number): Bits {
  const bit = bitOf(place, element);
  return { word: bit >>> 5, shift: bit & 31, mask: place.width === 32 ? -1 : 2 ** place.width - 1 };
}

/** Sorts the tasks of one class. */
class Sorter {
  /** first word of each task's block */
  readonly words: number[];
  /** task before the last sort -> task after */
  readonly to: Int32Array;
  readonly #tasks: readonly number[];
  readonly #length: number;
  readonly #rows: readonly (readonly Element[])[];
  readonly #names: Names;
  /** position in the class -> which task comes there */
  readonly #order: number[];
  readonly #blocks: Int32Array;
  readonly #elements: Int32Array;

  constructor(group: readonly number[], encoding: Encoding, rows: readonly Element[][], names: Names) {
    this.#tasks = group;
    this.words = group.map((task) => encoding.tasks[task].word);
    this.#length = encoding.tasks[group[0]].words;
    this.#rows = group.map((task) => rows[task]);
    this.#names = names;
    this.#order = group.map((_, i) => i);
    this.to = Int32Array.from(encoding.tasks, (_, task) => task);
    this.#blocks = new Int32Array(group.length * this.#length);
    this.#elements = new Int32Array(group.length * this.#rows[0].length);
    assert(
      group.every((task) => encoding.tasks[task].words === this.#length),
      'blocks of one class differ in length',
    );
    assert(
      this.#rows.every(({ length }) => length === this.#rows[0].length),
      'what belongs to tasks of one class differs in size',
    );
  }

  /** @returns whether the task at position `i` of the class belongs after the one at `j` */
  isAfter(n: Int32Array, at: number, i: number, j: number): boolean {
    const [a, b] = [at + this.words[i], at + this.words[j]];
    for (let k = 0; k < this.#length; k++) {
      if (n[a + k] !== n[b + k]) return n[a + k] > n[b + k];
    }
    for (let k = 0; k < this.#rows[i].length; k++) {
      // a name is no measure: it may be another in the same state with the tasks exchanged
      if (this.#rows[i][k].meaning.kind !== 'plain') continue;
      const x = read(n, at, this.#rows[i][k]);
      const y = read(n, at, this.#rows[j][k]);
      if (x !== y) return x > y;
    }
    const [one, other] = [this.#tasks[i], this.#tasks[j]];
    for (const element of this.#names.shared) {
      const value = read(n, at, element);
      const [x, y] = [isNamed(element, value, one), isNamed(element, value, other)];
      if (x !== y) return x;
    }
    return false;
  }

  sort(n: Int32Array, at: number): void {
    const order = this.#order;
    for (let i = 0; i < order.length; i++) {
      let to = i;
      for (; to > 0 && this.isAfter(n, at, order[to - 1], i); to--) order[to] = order[to - 1];
      order[to] = i;
    }
    this.#moveBlocks(n, at);
    this.#moveRows(n, at);
    order.forEach((from, i) => {
      this.to[this.#tasks[from]] = this.#tasks[i];
    });
    for (const element of this.#names.shared) this.#rename(n, at, element);
    for (const element of this.#names.own) this.#rename(n, at, element);
  }

  #rename(n: Int32Array, at: number, element: Element): void {
    const value = read(n, at, element);
    const renamed = this.#renamed(element.meaning, value);
    if (renamed !== value) write(n, at, element, renamed);
  }

  #moveBlocks(n: Int32Array, at: number): void {
    const length = this.#length;
    this.words.forEach((word, i) => {
      for (let k = 0; k < length; k++) this.#blocks[i * length + k] = n[at + word + k];
    });
    this.words.forEach((word, i) => {
      for (let k = 0; k < length; k++) n[at + word + k] = this.#blocks[this.#order[i] * length + k];
    });
  }

  #moveRows(n: Int32Array, at: number): void {
    const { length } = this.#rows[0];
    this.#rows.forEach((row, i) => {
      for (let k = 0; k < length; k++) this.#elements[i * length + k] = read(n, at, row[k]);
    });
    this.#rows.forEach((row, i) => {
      for (let k = 0; k < length; k++) write(n, at, row[k], this.#elements[this.#order[i] * length + k]);
    });
  }

  #renamed(meaning: Meaning, value: number): number {
    if (meaning.kind === 'number') {
      const task = value - meaning.offset;
      return task >= 0 && task < this.to.length ? this.to[task] + meaning.offset : value;
    }
    if (meaning.kind === 'plain') return value;
    let renamed = value;
    for (const task of this.#tasks) renamed &= ~(1 << task);
    for (const task of this.#tasks) if ((value >>> task) & 1) renamed |= 1 << this.to[task];
    return renamed;
  }
}

function isNamed({ meaning }: Element, value: number, task: number): boolean {
  if (meaning.kind === 'number') return value - meaning.offset === task;
  return meaning.kind === 'set' && ((value >>> task) & 1) === 1;
}

function read(n: Int32Array, at: number, { word, shift, mask }: Bits): number {
  return (n[at + word] >>> shift) & mask;
}

function write(n: Int32Array, at: number, { word, shift, mask }: Bits, value: number): void {
  n[at + word] = (n[at + word] & ~(mask << shift)) | ((value & mask) << shift);
}

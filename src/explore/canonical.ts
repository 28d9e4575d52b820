// SPDX-License-Identifier: Apache-2.0
/**
 * The canonical form of a state under the exchange of pages and of tasks: each in increasing order, with what belongs to them and
 * what names them permuted along. Any permutation that is applied to all of a state gives a state that behaves the same,
 * so the form need not be the only one: where two are equal and still are told apart by a name, both orders may stay.
 *
 * Not here: the proof that they may be exchanged (symmetry.ts, symmetry-pages.ts), pages (canonical-pages.ts).
 */
import { assert } from '../base/assert.js';
import type { LinkedScenario } from '../compiler/link.js';
import { type Bits, bitsOf, read, renamed, type SortedPair, swap } from './canonical-bits.js';
import { sortedPages } from './canonical-pages.js';
import { type ColumnPlace, type Encoding, elementsOf } from './encode.js';
import type { Places } from './places.js';
import { type Meaning, PLAIN, rowOf, type Symmetry, type Uses } from './symmetry-map.js';

export interface Canonical {
  /** how many exchanges of neighbours one state can need at most */
  exchangesMax: number;
  /** name -> text; `sort` (count): sorts the pages and tasks of so many successors, and notes the exchanges made in the last one */
  texts(places: Places): Map<string, string>;
  /** what changes places in each exchange, by its number as it is noted; and how, as the text of a function of a state */
  exchanges: readonly (Pick<SortedPair, 'sort' | 'one' | 'other'> & { text: string })[];
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

/** @returns undefined where nothing may be exchanged */
export function canonicalForm(linked: LinkedScenario, encoding: Encoding, symmetry: Symmetry): Canonical | undefined {
  const pages = sortedPages(linked, encoding, symmetry);
  // pages first: their order does not depend on that of tasks
  const classes = [...pages.pairs, ...sortedTasks(linked, encoding, symmetry)];
  const pairs = classes.flat();
  if (pairs.length === 0) return undefined;
  const exchangesMax = classes.reduce((sum, { length }) => sum + (length * (length + 1)) / 2, 0);
  const texts = (p: Places): Map<string, string> => {
    const found = new Map(pages.texts);
    pairs.forEach(({ isAfter, exchange }, i) => {
      const note = `M[${p.exchanged}] = M[${p.exchanged}] + 1; M[${p.exchanged} + M[${p.exchanged}]] = ${i};`;
      found.set(`isAfter${i}`, isAfter).set(`exchange${i}`, functionOf(`${exchange}\n${note}`));
    });
    return found.set('sort', sortText(p, classes));
  };
  const exchanges = pairs.map(({ sort, one, other, exchange }) => ({ sort, one, other, text: functionOf(exchange) }));
  return { exchangesMax, texts, exchanges };
}

function functionOf(statements: string): string {
  return `(n) => {\nlet a = 0, b = 0, pc = 0;\n${statements}\nreturn 0;\n}`;
}

function sortedTasks(linked: LinkedScenario, encoding: Encoding, { classes, uses }: Symmetry): SortedPair[][] {
  const rows = rowsOf(linked, encoding, uses);
  const names = namesIn(linked, encoding, uses);
  return classes.map((group) =>
    group.slice(1).map((other, i) => {
      const pair = new Neighbours(group[i], other, encoding, rows, names);
      return { sort: 0, one: group[i], other, isAfter: pair.isAfter(), exchange: pair.exchange() };
    }),
  );
}

/** Each goes to the left for as long as the one there belongs after it. */
function sortText(p: Places, classes: readonly SortedPair[][]): string {
  let first = 0;
  const insertions = classes.flatMap(({ length }) => {
    const begin = first;
    first += length;
    return Array.from({ length }, (_, i) => {
      const steps = Array.from({ length: i + 1 }, (__, back) => {
        const pair = begin + i - back;
        return `if (isAfter${pair}(n) === 0) break B${begin + i}; at = exchange${pair}(n);`;
      });
      return `B${begin + i}: { ${steps.join(' ')} }`;
    });
  });
  return `(count) => {
let k = 0, n = 0, at = 0;
L0: for (;;) {
  if (k === count) return 0;
  n = ${p.states * 4} + k * ${p.stride * 4};
  M[${p.exchanged}] = 0;
  ${insertions.join('\n  ')}
  k = k + 1;
}
}`;
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

/** Two tasks of a class, side by side in its order. */
class Neighbours {
  readonly one: number;
  readonly other: number;
  readonly #words: [number, number][];
  readonly #rows: [Element, Element][];
  readonly #names: Names;

  constructor(one: number, other: number, { tasks }: Encoding, rows: readonly Element[][], names: Names) {
    assert(tasks[one].words === tasks[other].words, 'blocks of one class differ in length');
    assert(rows[one].length === rows[other].length, 'what belongs to tasks of one class differs in size');
    this.one = one;
    this.other = other;
    this.#words = Array.from({ length: tasks[one].words }, (_, k) => [tasks[one].word + k, tasks[other].word + k]);
    this.#rows = rows[one].map((element, k) => [element, rows[other][k]]);
    this.#names = names;
  }

  /** (n): whether the first belongs after the second; by their blocks, by what is their own, and by who is named. */
  isAfter(): string {
    const lines = this.#words.map(([a, b]) => `if (n[${a}] !== n[${b}]) return n[${a}] > n[${b}];`);
    for (const [x, y] of this.#rows) {
      // a name is no measure: it may be another in the same state with the tasks exchanged
      if (x.meaning.kind === 'plain') lines.push(`a = ${read(x)}; b = ${read(y)}; if (a !== b) return a > b;`);
    }
    for (const element of this.#names.shared) {
      const [x, y] = [isNamed(element, this.one), isNamed(element, this.other)];
      lines.push(`a = ${x}; b = ${y}; if (a !== b) return a;`);
    }
    return `(n) => {\nlet a = 0, b = 0;\n${lines.join('\n')}\nreturn 0;\n}`;
  }

  /** Exchanges them in all of the state. */
  exchange(): string {
    const blocks = this.#words.map(([a, b]) => `a = n[${a}]; n[${a}] = n[${b}]; n[${b}] = a;`);
    const rows = this.#rows.map(([x, y]) => swap(x, y));
    const names = [...this.#names.shared, ...this.#names.own].map((element) =>
      renamed(element, element.meaning, this.one, this.other),
    );
    return [...blocks, ...rows, ...names].join('\n');
  }
}

function isNamed(element: Element, task: number): string {
  const { meaning, mask } = element;
  if (meaning.kind === 'set') return `(${read(element)} >>> ${task}) & 1`;
  return meaning.kind === 'number' ? `${read(element)} === ${(task + meaning.offset) & mask}` : '0';
}

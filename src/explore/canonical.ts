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
import { type Bits, bitsOf, type Own, ownElements, read, renamed, type SortedPair, swap } from './canonical-bits.js';
import { sortedPages } from './canonical-pages.js';
import { type Encoding, elementsOf } from './encode.js';
import type { Places } from './places.js';
import { Exchange, type Meaning, PLAIN, type Symmetry } from './symmetry-map.js';

export interface Canonical {
  /** how many exchanges of neighbours one state can need at most */
  exchangesMax: number;
  /** name -> text; `sort` (count): sorts the pages and tasks of so many successors, and notes the exchanges made in the last one */
  texts(places: Places): Map<string, string>;
  /** what changes places in each exchange, by its number as it is noted; and how, as the text of a function of a state */
  exchanges: readonly (Pick<SortedPair, 'sort' | 'one' | 'other'> & { text: string })[];
}

/** Bits that name tasks, or are a task's own. */
interface Name extends Bits {
  meaning: Meaning;
  /** whether they are a task's own at the same time, which says who is meant only together with whose it is */
  isOwn: boolean;
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
  const exchanges = classes.map((group) =>
    group.slice(1).map((other, i) => new Exchange(linked, uses, group[i], other)),
  );
  const owns = exchanges.map((group) => group.map((exchange) => ownElements(encoding, exchange)));
  const names = namesIn(encoding, exchanges.flat());
  return exchanges.map((group, c) =>
    group.map((exchange, i) => {
      const pair = new Neighbours(exchange, encoding, owns[c][i], names);
      return { sort: 0, one: exchange.a, other: exchange.b, isAfter: pair.isAfter(), exchange: pair.exchange() };
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

/** @param exchanges of all tasks that may change places */
function namesIn({ columns }: Encoding, exchanges: readonly Exchange[]): Name[] {
  return [...columns.values()].flatMap((place) => {
    const meaning = exchanges[0]?.meaningOf(place.column.name) ?? PLAIN;
    if (meaning.kind === 'plain') return [];
    return elementsOf(place).map((element): Name => {
      const isOwn = exchanges.some((exchange) => exchange.element(place.column, element) !== element);
      return { ...bitsOf(place, element), meaning, isOwn };
    });
  });
}

/** Two tasks of a class, side by side in its order. */
class Neighbours {
  readonly #exchange: Exchange;
  readonly #words: [number, number][];
  readonly #own: readonly Own[];
  readonly #names: readonly Name[];

  constructor(exchange: Exchange, { tasks }: Encoding, own: readonly Own[], names: readonly Name[]) {
    const [one, other] = [tasks[exchange.a], tasks[exchange.b]];
    assert(one.words === other.words, 'blocks of one class differ in length');
    this.#exchange = exchange;
    this.#words = Array.from({ length: one.words }, (_, k) => [one.word + k, other.word + k]);
    this.#own = own;
    this.#names = names;
  }

  /** (n): whether the first belongs after the second; by their blocks, by what is their own, and by who is named. */
  isAfter(): string {
    const lines = this.#words.map(([a, b]) => `if (n[${a}] !== n[${b}]) return n[${a}] > n[${b}];`);
    for (const { place, one, two } of this.#own) {
      // a name is no measure: it may be another in the same state with the tasks exchanged
      if (this.#exchange.meaningOf(place.column.name).kind !== 'plain') continue;
      lines.push(`a = ${read(one)}; b = ${read(two)}; if (a !== b) return a > b;`);
    }
    for (const name of this.#names) {
      if (name.isOwn) continue;
      const [x, y] = [isNamed(name, this.#exchange.a), isNamed(name, this.#exchange.b)];
      lines.push(`a = ${x}; b = ${y}; if (a !== b) return a;`);
    }
    return `(n) => {\nlet a = 0, b = 0;\n${lines.join('\n')}\nreturn 0;\n}`;
  }

  /** Exchanges them in all of the state. */
  exchange(): string {
    const { a: one, b: other } = this.#exchange;
    const blocks = this.#words.map(([a, b]) => `a = n[${a}]; n[${a}] = n[${b}]; n[${b}] = a;`);
    const own = this.#own.map(({ one: x, two: y }) => swap(x, y));
    const names = this.#names.map((name) => renamed(name, name.meaning, one, other));
    return [...blocks, ...own, ...names].join('\n');
  }
}

function isNamed(name: Name, task: number): string {
  const { meaning, mask } = name;
  if (meaning.kind === 'set') return `(${read(name)} >>> ${task}) & 1`;
  return meaning.kind === 'number' ? `${read(name)} === ${(task + meaning.offset) & mask}` : '0';
}

// SPDX-License-Identifier: Apache-2.0
/**
 * The exchange of two pages in a packed state: what is theirs changes places, and what names them is renamed, in memory and in the
 * locals of tasks. And which of two comes first: by what is their own, then by who names them. Which of the exchangeable tasks
 * that is does not matter, so that pages are sorted first, and tasks after them.
 *
 * Who names a page is summed up to one number. Where that is the same of two pages that are named differently, both orders may
 * stay, which is sound (canonical.ts). Not here: the proof that pages may be exchanged (symmetry-pages.ts).
 */
import type { Type } from '../compiler/ir.js';
import type { LinkedScenario } from '../compiler/link.js';
import {
  type Bits,
  bitsOf,
  type Own,
  ownElements,
  read,
  renamed,
  replaced,
  type SortedPair,
  swap,
} from './canonical-bits.js';
import { type ColumnPlace, type Encoding, elementsOf } from './encode.js';
import { Exchange, type Meaning, offsetOf, type Pages, type Symmetry } from './symmetry-map.js';

/** Bits that name a page, or may: by its number, as an element of a set, or as a pointer to a struct of its. */
interface Name extends Bits {
  meaning: Meaning | { kind: 'pointer'; struct: string };
  /** what it counts for the page that it names: the same of all names that may change places */
  weight: number;
}

/** pc -> the names that a task keeps there; only where there are some */
type Kept = ReadonlyMap<number, readonly Name[]>;

const FACTOR = 0x9e3779b1;

function weightOf(of: number): number {
  return Math.imul(of + 1, FACTOR) ^ (of << 7);
}

/** @returns neighbours, in the order of their classes, and the text of functions that they call */
export function sortedPages(
  linked: LinkedScenario,
  encoding: Encoding,
  symmetry: Symmetry,
): { pairs: SortedPair[][]; texts: Map<string, string> } {
  const sorts = symmetry.pages.map((pages) => new PageNames(linked, encoding, symmetry, pages));
  const texts = new Map(sorts.map((names, i) => [`named${i}`, names.sumText(sorts)]));
  const pairs = symmetry.pages.flatMap(({ classes, uses }, i) =>
    classes.map((group) =>
      group.slice(1).map((other, k): SortedPair => {
        const exchange = new Exchange(linked, uses, group[k], other, 'page');
        const own = ownElements(encoding, exchange);
        const swaps = own.map(({ one, two }) => swap(one, two));
        return {
          sort: 1 + i,
          one: group[k],
          other,
          isAfter: isAfterText(own, symmetry, `named${i}`, exchange),
          exchange: [...swaps, ...sorts[i].renamed(exchange)].join('\n'),
        };
      }),
    ),
  );
  return { pairs, texts };
}

/** A name is no measure: it may be another in the same state sorted otherwise. */
function isAfterText(own: readonly Own[], symmetry: Symmetry, named: string, { a, b }: Exchange): string {
  const isName = ({ column: { name, type } }: ColumnPlace): boolean =>
    type.kind === 'ref' || [symmetry, ...symmetry.pages].some(({ uses }) => uses.columns.has(name));
  const lines = own.flatMap(({ place, one, two }) =>
    isName(place) ? [] : [`a = ${read(one)}; b = ${read(two)}; if (a !== b) return a > b;`],
  );
  return `(n) => {\nlet a = 0, b = 0;\n${lines.join('\n')}\na = ${named}(n, ${a}); b = ${named}(n, ${b});\nreturn a > b;\n}`;
}

/** All that names the pages of one sort. */
class PageNames {
  readonly #linked: LinkedScenario;
  readonly #encoding: Encoding;
  readonly #symmetry: Symmetry;
  readonly #pages: Pages;
  readonly #exchanges: Exchange[];
  readonly #shared: Name[];
  readonly #kept: Kept[];

  constructor(linked: LinkedScenario, encoding: Encoding, symmetry: Symmetry, pages: Pages) {
    this.#linked = linked;
    this.#encoding = encoding;
    this.#symmetry = symmetry;
    this.#pages = pages;
    this.#exchanges = neighbours(linked, pages, 'page');
    this.#shared = this.#sharedNames();
    this.#kept = linked.tasks.map((_, task) => this.#keptNames(task));
  }

  #sharedNames(): Name[] {
    const { classes, uses, pages } = this.#symmetry;
    const all = [
      ...neighbours(this.#linked, { classes, uses }, 'task'),
      ...pages.flatMap((each) => neighbours(this.#linked, each, 'page')),
    ];
    const names: Name[] = [];
    for (const place of this.#encoding.columns.values()) {
      const { name, type, id } = place.column;
      const meaning = this.#meaning(type, this.#pages.uses.columns.get(name));
      if (!meaning) continue;
      for (const element of elementsOf(place)) {
        const isMoved = all.some((exchange) => exchange.element(place.column, element) !== element);
        names.push({ ...bitsOf(place, element), meaning, weight: weightOf(isMoved ? id : id * 4099 + element + 1) });
      }
    }
    return names;
  }

  #keptNames(task: number): Kept {
    const { graph } = this.#linked.tasks[task];
    const locals = this.#pages.uses.locals.get(graph);
    const found = new Map<number, Name[]>();
    this.#encoding.tasks[task].slots.forEach((slots, pc) => {
      const names = slots.flatMap(({ word, shift, bits, local }, i): Name[] => {
        const meaning = this.#meaning(graph.locals[local].type, locals?.get(local));
        const weight = weightOf(this.#isSorted(task) ? i : (task + 1) * 65_537 + i);
        return meaning ? [{ word, shift, mask: bits === 32 ? -1 : 2 ** bits - 1, meaning, weight }] : [];
      });
      if (names.length > 0) found.set(pc, names);
    });
    return found;
  }

  #meaning(type: Type, meaning: Meaning | undefined): Name['meaning'] | undefined {
    if (type.kind !== 'ref') return meaning;
    const { struct } = type;
    return this.#exchanges.some((exchange) => exchange.moves(struct)) ? { kind: 'pointer', struct } : undefined;
  }

  #isSorted(task: number): boolean {
    return this.#symmetry.classes.some((group) => group.includes(task));
  }

  /** @returns statements that rename two pages */
  renamed(exchange: Exchange): string[] {
    const ofTasks = this.#kept.map((_, task) =>
      this.#byPlace(task, (names) => names.map((name) => renamedIn(name, exchange)).join(' ')),
    );
    return [...this.#shared.map((name) => renamedIn(name, exchange)), ...ofTasks];
  }

  /** Statements for where a task is; none where it names no page. */
  #byPlace(task: number, text: (names: readonly Name[]) => string): string {
    const kept = this.#kept[task];
    if (kept.size === 0) return '';
    const { word, shift, pcBits } = this.#encoding.tasks[task];
    const cases = [...kept].map(([pc, names]) => `case ${pc}: { ${text(names)} break T${task}; }`);
    // any other place: assembled, it goes to the first case; in JavaScript, past all of them
    const all = [`case 0: { break T${task}; }`, ...cases].join('\n');
    return `pc = n[${word}] >>> ${shift} & ${2 ** pcBits - 1};\nT${task}: { for (;;) {\nswitch (pc) {\n${all}\n}\nbreak T${task};\n} }`;
  }

  /**
   * (n, page): what names a page, as one number.
   * @param sorts all sorts of pages: what names any of them is no measure of a task that may change places
   */
  sumText(sorts: readonly PageNames[]): string {
    const counted = (name: Name, weight: string): string =>
      `a = ${read(name)}; if (${this.#isNamed(name)}) { sum = sum + (${weight}); }`;
    const ofTasks = this.#encoding.tasks.map(({ pieces }, task) => {
      if (!this.#isSorted(task)) {
        return this.#byPlace(task, (names) => names.map((name) => counted(name, `${name.weight}`)).join(' '));
      }
      const hash = `h = 0; ${pieces.map((_, i) => mixed(`w${i}`)).join(' ')}`;
      const masks = sorts.map((sort) =>
        sort.#hidden(
          task,
          pieces.map(({ word }) => word),
        ),
      );
      const rest = pieces.map(({ word }, i) => `w${i} = n[${word}];`).join(' ');
      return [
        rest,
        ...masks,
        hash,
        this.#byPlace(task, (names) =>
          names.map((name) => counted(name, `Math.imul(h ^ ${name.weight}, ${FACTOR})`)).join(' '),
        ),
      ].join('\n');
    });
    const most = Math.max(0, ...this.#encoding.tasks.map(({ pieces }) => pieces.length));
    const words = Array.from({ length: most }, (_, i) => `, w${i} = 0`).join('');
    const shared = this.#shared.map((name) => counted(name, `${name.weight}`));
    return `(n, page) => {\nlet sum = 0, a = 0, h = 0, pc = 0${words};\n${[...shared, ...ofTasks].join('\n')}\nreturn sum;\n}`;
  }

  /** Statements that take names out of w0, w1, …: the words of a task's block. */
  #hidden(task: number, words: readonly number[]): string {
    return this.#byPlace(task, (names) =>
      names
        .map(({ word, shift, mask }) => `w${words.indexOf(word)} = w${words.indexOf(word)} & ${~(mask << shift)};`)
        .join(' '),
    );
  }

  /** Condition on `a`, the bits of a name, and `page`. */
  #isNamed({ meaning, mask }: Name): string {
    if (meaning.kind === 'set') return '(a >>> page & 1) !== 0';
    if (meaning.kind !== 'pointer') return `a === (page + ${offsetOf(meaning)} & ${mask})`;
    const pointers = this.#pages.classes.flatMap((group) =>
      group.flatMap((page) =>
        this.#pointersTo(meaning.struct, page, group).map((ref) => `a === ${ref} && page === ${page}`),
      ),
    );
    return pointers.join(' || ');
  }

  #pointersTo(struct: string, page: number, group: readonly number[]): number[] {
    const other = group.find((each) => each !== page) ?? page;
    const instances = [...new Exchange(this.#linked, this.#pages.uses, page, other, 'page').instances(struct)];
    return instances.flatMap((to, from) => (to !== from && to > from === other > page ? [1 + from] : []));
  }
}

function mixed(name: string): string {
  return `h = Math.imul(h ^ ${name}, ${FACTOR}); h = h ^ h >>> 15;`;
}

/** @returns the exchanges that all others of the classes are made of */
function neighbours(linked: LinkedScenario, { classes, uses }: Omit<Pages, 'name'>, of: 'task' | 'page'): Exchange[] {
  return classes.flatMap((group) => group.slice(1).map((other, i) => new Exchange(linked, uses, group[i], other, of)));
}

/** Statements that rename two pages in one place. */
function renamedIn(name: Name, exchange: Exchange): string {
  const { meaning } = name;
  if (meaning.kind !== 'pointer') return renamed(name, meaning, exchange.a, exchange.b);
  const moved = [...exchange.instances(meaning.struct)].flatMap((to, from) =>
    to === from ? [] : [[1 + from, 1 + to] as const],
  );
  return replaced(name, moved);
}

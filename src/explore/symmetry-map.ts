// SPDX-License-Identifier: Apache-2.0
/**
 * What it means to exchange two tasks, or two pages (elements of arrays): which objects change places with them, and what
 * becomes of a value that says which one is meant.
 *
 * Not here: whether the program is the same after it (symmetry-proof.ts).
 */
import type { LocalId } from '../compiler/ir.js';
import type { Column } from '../compiler/layout.js';
import type { LinkedScenario } from '../compiler/link.js';
import type { Graph } from '../compiler/link-graph.js';
import { rangeOfType } from '../compiler/link-range.js';

/** What the integers of a column or local say: nothing, `offset` + a position, or a set of positions, a bit each. */
export type Meaning = { kind: 'plain' } | { kind: 'number'; offset: number } | { kind: 'set' };

export const PLAIN: Meaning = { kind: 'plain' };

/** How a program uses the positions of its tasks, or of some pages. */
export interface Uses {
  /** global arrays whose element `i` is the own of task or page `i` */
  rows: ReadonlySet<string>;
  /** the same of arrays within structs (`Zone.count`) */
  arrays: ReadonlySet<string>;
  /** column -> what its values mean, where that is not plain */
  columns: ReadonlyMap<string, Meaning>;
  /** the same of locals that are kept between steps; those that say which task is meant are not */
  locals: ReadonlyMap<Graph, ReadonlyMap<LocalId, Meaning>>;
}

/** Pages that are used alike (symmetry-pages.ts): the elements of all arrays that are indexed with the same numbers. */
export interface Pages {
  /** the arrays: `pages`, `Zone.count` */
  name: string;
  /** positions that may change places with each other; at least two in each, increasing */
  classes: number[][];
  uses: Uses;
}

/** What may change places (symmetry.ts, symmetry-pages.ts). */
export interface Symmetry {
  /** positions of tasks that may change places with each other; at least two in each */
  classes: number[][];
  uses: Uses;
  /** tasks of one function that may not, and why */
  refused: { tasks: string[]; reason: string }[];
  pages: readonly Pages[];
  /** pages that may not, and why */
  refusedPages: { name: string; reason: string }[];
}

const NO_USES: Uses = { rows: new Set(), arrays: new Set(), columns: new Map(), locals: new Map() };

/** Nothing changes places. */
export const NO_SYMMETRY: Readonly<Symmetry> = {
  classes: [],
  uses: NO_USES,
  refused: [],
  pages: [],
  refusedPages: [],
};

/** The element of a global array that an instance is, or is part of. */
export interface Row {
  global: string;
  index: number;
}

/** @returns where an instance (from 0) lies */
export function rowOf({ memory }: LinkedScenario, struct: string, instance: number): Row | undefined {
  let at = memory.segmentAt(struct, instance);
  let position = instance;
  while (at?.host) {
    position = Math.trunc((position - at.first) / at.host.length);
    at = memory.segmentAt(at.host.struct, position);
  }
  return at?.global === undefined ? undefined : { global: at.global, index: position - at.first };
}

/** `a` and `b` change places; the same one twice: nothing does. */
export class Exchange {
  readonly uses: Uses;
  readonly a: number;
  readonly b: number;
  /** what changes places; pages may be pointed to by what is kept between steps, tasks' own objects may not */
  readonly of: 'task' | 'page';
  readonly #linked: LinkedScenario;
  readonly #instances = new Map<string, Int32Array>();
  #identities: Int32Array | undefined;

  constructor(linked: LinkedScenario, uses: Uses, a: number, b: number, of: 'task' | 'page' = 'task') {
    this.#linked = linked;
    this.uses = uses;
    this.a = a;
    this.b = b;
    this.of = of;
  }

  /** For messages. */
  get whose(): string {
    return this.of === 'task' ? "one task's" : "one element's";
  }

  /** The same with nothing exchanged. */
  still(): Exchange {
    return new Exchange(this.#linked, this.uses, 0, 0, this.of);
  }

  task(task: number): number {
    return this.of === 'task' ? this.position(task) : task;
  }

  position(at: number): number {
    if (at === this.a) return this.b;
    return at === this.b ? this.a : at;
  }

  /** @returns why the two have not the same room everywhere: an array has only one of them, a number does not fit */
  misfit(): string | undefined {
    const { layout, compiled } = this.#linked;
    const isHalf = (length: number): boolean => this.a < length !== this.b < length;
    for (const name of this.uses.rows) {
      if (isHalf(compiled.program.globals.get(name)?.count ?? 0)) return `${name} has only one of them`;
    }
    for (const name of this.uses.arrays) {
      if (isHalf(lengthOf(this.#linked, name))) return `${name} has only one of them`;
    }
    const isUneven = (meaning: Meaning, type: Column['type']): boolean => {
      const { low, high } = rangeOfType(type, layout);
      const fits = (at: number): boolean =>
        meaning.kind === 'set'
          ? at < 31 && 2 ** at <= high
          : at + offsetOf(meaning) >= low && at + offsetOf(meaning) <= high;
      return !fits(this.a) || !fits(this.b);
    };
    for (const [name, meaning] of this.uses.columns) {
      const column = layout.column.get(name);
      if (column && isUneven(meaning, column.type)) return `${name} has no room for their numbers`;
    }
    for (const [graph, locals] of this.uses.locals) {
      for (const [local, meaning] of locals) {
        const { name, type } = graph.locals[local];
        if (isUneven(meaning, type)) return `'${name}' has no room for their numbers`;
      }
    }
    return undefined;
  }

  /** @returns per instance of a struct the one whose place it takes; both from 0 */
  instances(struct: string): Int32Array {
    let made = this.#instances.get(struct);
    if (made) return made;
    const { layout, memory } = this.#linked;
    made = Int32Array.from({ length: layout.instances.get(struct) ?? 0 }, (_, i) => i);
    for (const { global, host, first, count } of memory.segments.get(struct) ?? []) {
      if (global !== undefined && this.uses.rows.has(global) && this.a < count && this.b < count) {
        made[first + this.a] = first + this.b;
        made[first + this.b] = first + this.a;
      }
      if (!host) continue;
      const hosts = this.instances(host.struct);
      for (let i = 0; i < count; i++) {
        const within = this.#within(`${host.struct}.${host.field}`, i % host.length);
        made[first + i] = first + hosts[Math.trunc(i / host.length)] * host.length + within;
      }
    }
    this.#instances.set(struct, made);
    return made;
  }

  #within(array: string, index: number): number {
    return this.uses.arrays.has(array) ? this.position(index) : index;
  }

  /** @returns whether any instance of a struct changes places */
  moves(struct: string): boolean {
    return this.instances(struct).some((to, from) => to !== from);
  }

  /** @returns the element of a column whose place one takes */
  element({ name, struct, length }: Column, element: number): number {
    const to = this.instances(struct)[Math.trunc(element / length)];
    return to * length + this.#within(name, element % length);
  }

  /** @param ref 0 for null */
  reference(struct: string, ref: number): number {
    return ref === 0 ? 0 : 1 + this.instances(struct)[ref - 1];
  }

  /** @returns what an identity (`addr_of`) becomes */
  identity(addr: number): number {
    this.#identities ??= this.#allIdentities();
    return this.#identities[addr] ?? addr;
  }

  #allIdentities(): Int32Array {
    const { layout } = this.#linked;
    const made = Int32Array.from({ length: layout.addrEnd }, (_, i) => i);
    for (const [struct, base] of layout.addrBase) {
      this.instances(struct).forEach((to, from) => {
        made[base + from] = base + to;
      });
    }
    for (const column of layout.columns) {
      const base = layout.fieldAddrBase.get(column.name) ?? 0;
      for (let k = 0; k < column.size; k++) made[base + k] = base + this.element(column, k);
    }
    return made;
  }

  value(meaning: Meaning, value: number): number {
    if (meaning.kind === 'plain') return value;
    if (meaning.kind === 'number') return this.position(value - meaning.offset) + meaning.offset;
    const differ = ((value >>> this.a) ^ (value >>> this.b)) & 1;
    return differ ? value ^ ((1 << this.a) | (1 << this.b)) : value;
  }

  meaningOf(column: string): Meaning {
    return this.uses.columns.get(column) ?? PLAIN;
  }

  meaningOfLocal(graph: Graph, local: LocalId): Meaning {
    return this.uses.locals.get(graph)?.get(local) ?? PLAIN;
  }

  /** @returns what an index into a global array, or an array within a struct, means */
  meaningOfIndex(array: string): Meaning {
    return this.uses.rows.has(array) || this.uses.arrays.has(array) ? NUMBER : PLAIN;
  }
}

export const NUMBER: Meaning = { kind: 'number', offset: 0 };

export function offsetOf(meaning: Meaning): number {
  return meaning.kind === 'number' ? meaning.offset : 0;
}

/** @param array of a struct: `Zone.count`, whether its elements are scalars or structs */
export function lengthOf({ layout, compiled }: LinkedScenario, array: string): number {
  const column = layout.column.get(array);
  if (column) return column.length;
  const dot = array.lastIndexOf('.');
  const fields = compiled.program.structs.get(array.slice(0, dot))?.fields ?? [];
  return fields.find(({ name }) => name === array.slice(dot + 1))?.length ?? 1;
}

// SPDX-License-Identifier: Apache-2.0
/**
 * What it means to exchange two tasks: which objects change places with them, and what becomes of a value that says which
 * task is meant.
 *
 * Not here: whether the program is the same after it (symmetry.ts).
 */
import type { LinkedScenario } from '../compiler/link.js';

/** What the integers of a column say of tasks: nothing, `offset` + a task's position, or a set of them, a bit each. */
export type Meaning = { kind: 'plain' } | { kind: 'number'; offset: number } | { kind: 'set' };

export const PLAIN: Meaning = { kind: 'plain' };

/** How a program uses its tasks' positions. */
export interface Uses {
  /** global arrays whose element `i` is task `i`'s own */
  rows: ReadonlySet<string>;
  /** column -> what its values mean, where that is not plain */
  columns: ReadonlyMap<string, Meaning>;
}

/** Which tasks may change places (symmetry.ts). */
export interface Symmetry {
  /** positions of tasks that may change places with each other; at least two in each */
  classes: number[][];
  uses: Uses;
  /** tasks of one function that may not, and why */
  refused: { tasks: string[]; reason: string }[];
}

/** No two tasks change places. */
export const NO_SYMMETRY: Readonly<Symmetry> = {
  classes: [],
  uses: { rows: new Set(), columns: new Map() },
  refused: [],
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

/** Tasks `a` and `b` change places; the same task twice: nothing does. */
export class Exchange {
  readonly uses: Uses;
  readonly a: number;
  readonly b: number;
  readonly #linked: LinkedScenario;
  readonly #instances = new Map<string, Int32Array>();
  #identities: Int32Array | undefined;

  constructor(linked: LinkedScenario, uses: Uses, a: number, b: number) {
    this.#linked = linked;
    this.uses = uses;
    this.a = a;
    this.b = b;
  }

  task(task: number): number {
    if (task === this.a) return this.b;
    return task === this.b ? this.a : task;
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
        made[first + i] = first + hosts[Math.trunc(i / host.length)] * host.length + (i % host.length);
      }
    }
    this.#instances.set(struct, made);
    return made;
  }

  /** @returns whether any instance of a struct changes places */
  moves(struct: string): boolean {
    return this.instances(struct).some((to, from) => to !== from);
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
    for (const { name, struct, length } of layout.columns) {
      const base = layout.fieldAddrBase.get(name) ?? 0;
      this.instances(struct).forEach((to, from) => {
        for (let k = 0; k < length; k++) made[base + from * length + k] = base + to * length + k;
      });
    }
    return made;
  }

  value(meaning: Meaning, value: number): number {
    if (meaning.kind === 'plain') return value;
    if (meaning.kind === 'number') return this.task(value - meaning.offset) + meaning.offset;
    const differ = ((value >>> this.a) ^ (value >>> this.b)) & 1;
    return differ ? value ^ ((1 << this.a) | (1 << this.b)) : value;
  }

  meaningOf(column: string): Meaning {
    return this.uses.columns.get(column) ?? PLAIN;
  }
}

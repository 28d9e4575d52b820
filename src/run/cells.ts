// SPDX-License-Identifier: Apache-2.0
/**
 * Where a column lies in a running machine's memory: one word of 32 bits an element, column after column, behind a
 * small header. And which instances belong to structs that can be poisoned.
 *
 * Not here: the numbering of instances and columns, which both back ends share (src/compiler/layout.ts).
 */
import { assert } from '../base/assert.js';
import type { ProgramIR } from '../compiler/ir.js';
import { type Column, embeddedStruct, type Layout } from '../compiler/layout.js';

/** Words before the first column, a cache line: room for what workers will share beside the kernel's own memory. */
export const headerWords = 16;

export interface Cells {
  layout: Layout;
  /** column id -> the word of its element 0 */
  base: number[];
  /** `Struct.field` of a field held by value -> how many */
  embedLength: Map<string, number>;
  /** struct -> who holds it by value, as far as a poisoned struct is around it */
  holdings: Map<string, Holding[]>;
  /** words in all */
  words: number;
}

export function placeCells(program: ProgramIR, layout: Layout): Cells {
  const embedLength = new Map<string, number>();
  for (const { name, fields } of program.structs.values()) {
    for (const field of fields) if (field.embed) embedLength.set(`${name}.${field.name}`, field.length);
  }
  const base: number[] = [];
  let words = headerWords;
  for (const column of layout.columns) {
    base.push(words);
    words += column.size;
  }
  return { layout, base, embedLength, holdings: findHoldings(program, layout), words };
}

export function columnOf(layout: Layout, struct: string, field: string): Column {
  const column = layout.column.get(`${struct}.${field}`);
  assert(column !== undefined, `no column ${struct}.${field}`);
  return column;
}

/** A run of instances that another struct's instances hold by value. */
export interface Holding {
  /** the struct around it */
  host: string;
  /** the first instance that belongs to instance 0 of the host */
  first: number;
  /** instances each host has */
  perHost: number;
  /** instances in all */
  count: number;
}

/** @returns for each struct that something holds by value: who, as far as a poisoned struct is somewhere around it */
function findHoldings(program: ProgramIR, layout: Layout): Map<string, Holding[]> {
  const holdings = new Map<string, Holding[]>();
  const visit = (struct: string): boolean => {
    const around: Holding[] = holdings.get(struct) ?? [];
    if (!holdings.has(struct)) {
      holdings.set(struct, around);
      for (const holding of holdersOf(program, layout, struct)) if (visit(holding.host)) around.push(holding);
    }
    return around.length > 0 || program.structs.get(struct)?.poison === true;
  };
  for (const struct of program.structs.keys()) visit(struct);
  return holdings;
}

function holdersOf(program: ProgramIR, layout: Layout, struct: string): Holding[] {
  const holders: Holding[] = [];
  for (const host of program.structs.values()) {
    const hosts = layout.instances.get(host.name) ?? 0;
    for (const field of host.fields) {
      if (hosts === 0 || !field.embed || embeddedStruct(field) !== struct) continue;
      const first = layout.embedBase.get(`${host.name}.${field.name}`);
      assert(first !== undefined, `${host.name}.${field.name} has no place`);
      holders.push({ host: host.name, first, perHost: field.length, count: hosts * field.length });
    }
  }
  return holders;
}

/** @returns whether an instance of `struct`, or one around it, can be poisoned */
export function canBePoisoned(program: ProgramIR, cells: Cells, struct: string): boolean {
  return program.structs.get(struct)?.poison === true || (cells.holdings.get(struct) ?? []).length > 0;
}

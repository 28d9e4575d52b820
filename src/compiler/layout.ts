// SPDX-License-Identifier: Apache-2.0
/**
 * Where things are: how many instances of each struct a program has, which index each object and each struct held by
 * value got, and the columns. Both back ends use this one numbering, so a reference is the same number in both.
 *
 * Not here: how a back end stores a column (src/run: 32-bit words in a row; src/explore: packed bits, or a constant).
 */
import { assert } from '../base/assert.js';
import type { Field, ProgramIR, Type } from './ir.js';

export interface Column {
  /** position in Layout.columns */
  id: number;
  struct: string;
  field: string;
  /** `Page.flags` */
  name: string;
  type: Type;
  ghost: boolean;
  cpuState: boolean;
  /** elements an instance has: 1, or the length of an array */
  length: number;
  /** instances times length */
  size: number;
}

export interface Layout {
  columns: Column[];
  /** `Struct.field` of a scalar or pointer field -> column */
  column: Map<string, Column>;
  /** struct -> number of instances */
  instances: Map<string, number>;
  /** global -> index of its first instance */
  globalBase: Map<string, number>;
  /** `Struct.field` of a field held by value -> index of the first instance that belongs to instance 0 of Struct */
  embedBase: Map<string, number>;
  /** struct -> identity of instance 0; identities of all objects and scalar fields are distinct and not 0 */
  addrBase: Map<string, number>;
  /** column name -> identity of its element 0 */
  fieldAddrBase: Map<string, number>;
  /** exclusive upper bound of identities */
  addrEnd: number;
}

/** @returns the layout of a program; instances are numbered globals first, in declaration order, then what is by value */
export function layOut(program: ProgramIR): Layout {
  const instances = new Map<string, number>();
  const globalBase = new Map<string, number>();
  const embedBase = new Map<string, number>();
  for (const name of program.structs.keys()) instances.set(name, 0);
  for (const global of program.globals.values()) {
    const base = instances.get(global.struct);
    assert(base !== undefined, `global ${global.name} of unknown struct ${global.struct}`);
    globalBase.set(global.name, base);
    instances.set(global.struct, base + global.count);
  }
  for (const name of outermostFirst(program)) {
    const hosts = instances.get(name) ?? 0;
    for (const field of program.structs.get(name)?.fields ?? []) {
      if (!field.embed) continue;
      const inner = embeddedStruct(field);
      const base = instances.get(inner) ?? 0;
      embedBase.set(`${name}.${field.name}`, base);
      instances.set(inner, base + hosts * field.length);
    }
  }
  return { ...columnsOf(program, instances), instances, globalBase, embedBase };
}

export function embeddedStruct(field: Field): string {
  assert(field.embed && field.type.kind === 'ref', `${field.name} holds nothing by value`);
  return field.type.struct;
}

function columnsOf(program: ProgramIR, instances: Map<string, number>) {
  const columns: Column[] = [];
  const column = new Map<string, Column>();
  const addrBase = new Map<string, number>();
  const fieldAddrBase = new Map<string, number>();
  let addr = 1;
  for (const { name: struct, fields } of program.structs.values()) {
    const count = instances.get(struct) ?? 0;
    addrBase.set(struct, addr);
    addr += count;
    for (const field of fields) {
      if (field.embed) continue;
      const name = `${struct}.${field.name}`;
      const { type, ghost, cpuState, length } = field;
      const size = count * length;
      const made = { id: columns.length, struct, field: field.name, name, type, ghost, cpuState, length, size };
      columns.push(made);
      column.set(name, made);
      fieldAddrBase.set(name, addr);
      addr += made.size;
    }
  }
  return { columns, column, addrBase, fieldAddrBase, addrEnd: addr };
}

/** Structs in an order in which each comes before what it holds by value. A struct that holds itself is refused by the subset. */
function outermostFirst(program: ProgramIR): string[] {
  const order: string[] = [];
  const done = new Set<string>();
  const visit = (name: string): void => {
    if (done.has(name)) return;
    done.add(name);
    for (const field of program.structs.get(name)?.fields ?? []) if (field.embed) visit(embeddedStruct(field));
    order.push(name);
  };
  for (const name of program.structs.keys()) visit(name);
  return order.reverse();
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Instances as people name them (`mem_map[3]._refcount`), and what they hold as plain data.
 */
import type { Field, ProgramIR, Type } from '../compiler/ir.js';
import { embeddedStruct, type Layout } from '../compiler/layout.js';
import { type Cells, columnOf } from './cells.js';

/** @returns the name of the instance that reference `ref` means; `null` for 0 */
export function instanceName(program: ProgramIR, layout: Layout, struct: string, ref: number): string {
  if (ref === 0) return 'null';
  const index = ref - 1;
  for (const global of program.globals.values()) {
    const base = layout.globalBase.get(global.name) ?? 0;
    if (global.struct !== struct || index < base || index >= base + global.count) continue;
    return global.isArray ? `${global.name}[${index - base}]` : global.name;
  }
  for (const host of program.structs.values()) {
    for (const field of host.fields) {
      if (!field.embed || embeddedStruct(field) !== struct) continue;
      const first = layout.embedBase.get(`${host.name}.${field.name}`) ?? 0;
      const count = (layout.instances.get(host.name) ?? 0) * field.length;
      if (index < first || index >= first + count) continue;
      const hostRef = Math.floor((index - first) / field.length) + 1;
      const element = field.length === 1 ? '' : `[${(index - first) % field.length}]`;
      return `${instanceName(program, layout, host.name, hostRef)}.${field.name}${element}`;
    }
  }
  return `${struct}#${ref}`;
}

/** @returns the fields of an instance as plain data: numbers, booleans, names of what pointers point to */
export function describeInstance(
  program: ProgramIR,
  cells: Cells,
  words: Int32Array,
  struct: string,
  ref: number,
): Record<string, unknown> {
  const described: Record<string, unknown> = {};
  for (const field of program.structs.get(struct)?.fields ?? []) {
    const elements = Array.from({ length: field.length }, (_, i) =>
      field.embed
        ? describeEmbedded(program, cells, words, struct, field, (ref - 1) * field.length + i)
        : describeScalar(program, cells.layout, field.type, words[wordOf(cells, struct, field, ref) + i]),
    );
    described[field.name] = field.length === 1 ? elements[0] : elements;
  }
  return described;
}

function wordOf(cells: Cells, struct: string, field: Field, ref: number): number {
  return cells.base[columnOf(cells.layout, struct, field.name).id] + (ref - 1) * field.length;
}

function describeEmbedded(
  program: ProgramIR,
  cells: Cells,
  words: Int32Array,
  struct: string,
  field: Field,
  element: number,
): Record<string, unknown> {
  const first = cells.layout.embedBase.get(`${struct}.${field.name}`) ?? 0;
  return describeInstance(program, cells, words, embeddedStruct(field), first + element + 1);
}

function describeScalar(program: ProgramIR, layout: Layout, type: Type, word: number): unknown {
  if (type.kind === 'bool') return word !== 0;
  if (type.kind === 'ref') return word === 0 ? null : instanceName(program, layout, type.struct, word);
  return type.kind === 'int' && type.bits === 32 && !type.signed ? word >>> 0 : word;
}

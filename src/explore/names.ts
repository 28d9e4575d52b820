// SPDX-License-Identifier: Apache-2.0
/** What people call a piece of memory and a value in it: `mem_map[1]._refcount`, `null`, `&inode.i_mutex`. */
import type { Type } from '../compiler/ir.js';
import type { Column, Layout } from '../compiler/layout.js';
import type { LinkedScenario } from '../compiler/link.js';
import type { Segment } from '../compiler/link-memory.js';

export class Names {
  readonly #linked: LinkedScenario;

  constructor(linked: LinkedScenario) {
    this.#linked = linked;
  }

  /** @param element index within the column */
  cell(column: Column, element: number): string {
    const instance = Math.trunc(element / column.length);
    const index = column.length > 1 ? `[${element % column.length}]` : '';
    const owner = this.instance(column.struct, instance);
    return this.#isWrapper(column.struct) ? `${owner}${index}` : `${owner}.${column.field}${index}`;
  }

  /** @param instance index from 0 */
  instance(struct: string, instance: number): string {
    const { memory, compiled } = this.#linked;
    const segment = memory.segmentAt(struct, instance);
    if (!segment) return `${struct}#${instance}`;
    const offset = instance - segment.first;
    if (segment.host) return this.#held(segment.host, offset);
    const isArray = compiled.program.globals.get(segment.global ?? '')?.isArray;
    return `${segment.global}${isArray ? `[${offset}]` : ''}`;
  }

  #held(host: NonNullable<Segment['host']>, offset: number): string {
    const owner = this.instance(host.struct, Math.trunc(offset / host.length));
    return `${owner}.${host.field}${host.length > 1 ? `[${offset % host.length}]` : ''}`;
  }

  value(type: Type, value: number): string {
    switch (type.kind) {
      case 'bool':
        return value ? 'true' : 'false';
      case 'ref':
        return value === 0 ? 'null' : this.instance(type.struct, value - 1);
      case 'addr':
        return this.#identity(value);
      default:
        return String(value);
    }
  }

  #identity(value: number): string {
    if (value === 0) return '0';
    const { addrBase, instances, fieldAddrBase, columns } = this.#linked.layout satisfies Layout;
    for (const [struct, base] of addrBase) {
      const offset = value - base;
      if (offset >= 0 && offset < (instances.get(struct) ?? 0)) return `&${this.instance(struct, offset)}`;
    }
    for (const column of columns) {
      const offset = value - (fieldAddrBase.get(column.name) ?? 0);
      if (offset >= 0 && offset < column.size) return `&${this.cell(column, offset)}`;
    }
    return String(value);
  }

  /** A typedef around one number, such as atomic_t: shown as the field that holds it. */
  #isWrapper(struct: string): boolean {
    const fields = this.#linked.compiled.program.structs.get(struct)?.fields ?? [];
    const scalars = fields.filter(({ ghost }) => !ghost);
    return scalars.length === 1 && !scalars[0].embed;
  }

  /** The object that holds what a column's element belongs to, and through which field; undefined for an object itself. */
  hostField(column: Column, element: number): { struct: string; field: string } | undefined {
    return this.#linked.memory.segmentAt(column.struct, Math.trunc(element / column.length))?.host;
  }
}

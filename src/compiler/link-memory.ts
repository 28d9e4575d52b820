// SPDX-License-Identifier: Apache-2.0
/**
 * Which memory can change: columns cut into segments (the instances that one object, or one by-value field of one struct,
 * holds), and which of them some task writes. The rest keeps what `init` left and is constant: no step, no room in a state.
 */
import { assert } from '../base/assert.js';
import type { Expr, ProgramIR } from './ir.js';
import { type Column, embeddedStruct, type Layout } from './layout.js';
import { type CellAccess, type Graph, type NodeId, reachable } from './link-graph.js';

/** A run of instances of one struct. */
export interface Segment {
  struct: string;
  /** position among the struct's segments */
  id: number;
  /** index of the first instance, from 0 */
  first: number;
  count: number;
  /** the object, or the field that holds them by value */
  global?: string;
  host?: { struct: string; field: string; length: number };
}

/** @returns struct -> its segments, in the order of their instances */
export function segmentsOf(program: ProgramIR, layout: Layout): Map<string, Segment[]> {
  const segments = new Map<string, Segment[]>();
  const add = (segment: Omit<Segment, 'id'>): void => {
    const list = segments.get(segment.struct) ?? [];
    segments.set(segment.struct, list);
    if (segment.count > 0) list.push({ ...segment, id: 0 });
  };
  for (const name of program.structs.keys()) segments.set(name, []);
  for (const { name, struct, count } of program.globals.values()) {
    add({ struct, first: layout.globalBase.get(name) ?? 0, count, global: name });
  }
  for (const { name, fields } of program.structs.values()) {
    for (const field of fields) {
      if (!field.embed) continue;
      const count = (layout.instances.get(name) ?? 0) * field.length;
      const host = { struct: name, field: field.name, length: field.length };
      add({ struct: embeddedStruct(field), first: layout.embedBase.get(`${name}.${field.name}`) ?? 0, count, host });
    }
  }
  for (const list of segments.values()) {
    list.sort((a, b) => a.first - b.first);
    list.forEach((segment, id) => {
      segment.id = id;
    });
  }
  return segments;
}

/** Memory as the linker knows it at some point of its work. */
export class Memory {
  readonly layout: Layout;
  readonly segments: Map<string, Segment[]>;
  readonly #initial: readonly Int32Array[];
  /** column name -> ids of the segments that change */
  #mutable = new Map<string, Set<number>>();

  /** @param initial per column (Layout.columns) its elements as `init` left them */
  constructor(program: ProgramIR, layout: Layout, initial: readonly Int32Array[]) {
    this.layout = layout;
    this.segments = segmentsOf(program, layout);
    this.#initial = initial;
    for (const column of layout.columns) {
      assert(initial[column.id]?.length === column.size, `initial memory of ${column.name} has the wrong size`);
    }
  }

  /** @returns the segment that every instance `ref` can be lies in; undefined if that is not known */
  segmentOf(struct: string, ref: Expr): Segment | undefined {
    const list = this.segments.get(struct) ?? [];
    if (list.length === 1) return list[0];
    if (ref.op === 'const') return this.segmentAt(struct, ref.value - 1);
    if (ref.op === 'global') return list.find((segment) => segment.global === ref.name);
    if (ref.op !== 'embed') return undefined;
    return list.find((segment) => segment.host?.struct === ref.struct && segment.host.field === ref.field);
  }

  segmentAt(struct: string, instance: number): Segment | undefined {
    return this.segments.get(struct)?.find(({ first, count }) => instance >= first && instance < first + count);
  }

  /** @returns whether what an access can touch changes while tasks run */
  isMutable(cell: CellAccess): boolean {
    const mutable = this.#mutable.get(cell.column.name);
    if (!mutable) return false;
    const segment = this.segmentOf(cell.column.struct, cell.ref);
    return segment === undefined || mutable.has(segment.id);
  }

  mutableSegments(column: Column): Segment[] {
    const mutable = this.#mutable.get(column.name);
    return (this.segments.get(column.struct) ?? []).filter((segment) => mutable?.has(segment.id));
  }

  initial(column: Column, element: number): number {
    const value = this.#initial[column.id][element];
    assert(value !== undefined, `${column.name} has no element ${element}`);
    return value;
  }

  /** @returns the value of a constant cell, or undefined where it is not constant or not known which one it is */
  constant(cell: CellAccess): number | undefined {
    if (cell.ref.op !== 'const' || cell.ref.value === 0 || this.isMutable(cell)) return undefined;
    if (cell.index !== undefined && cell.index.op !== 'const') return undefined;
    const index = cell.index?.value ?? 0;
    if (index < 0 || index >= cell.column.length) return undefined;
    return this.initial(cell.column, (cell.ref.value - 1) * cell.column.length + index);
  }

  /**
   * Finds what changes from the stores that can be reached.
   * @returns whether that is any different from before
   */
  update(graphs: readonly Graph[]): boolean {
    const before = describe(this.#mutable);
    const mutable = new Map<string, Set<number>>();
    const accesses = graphs.flatMap(accessesOf).filter(({ cell }) => !isNull(cell.ref));
    for (const { cell } of accesses.filter(({ isStore }) => isStore)) this.#touch(mutable, cell);
    // an access that may go anywhere needs all of the column in one place
    for (const { cell } of accesses) {
      const isPartly = mutable.has(cell.column.name) && !this.segmentOf(cell.column.struct, cell.ref);
      if (isPartly) this.#touch(mutable, cell);
    }
    // what tests for use after free reads, from wherever
    for (const { struct, name } of this.layout.columns.filter(({ field }) => field === 'poisoned')) {
      if (mutable.has(name)) mutable.set(name, new Set(this.segments.get(struct)?.map(({ id }) => id)));
    }
    this.#mutable = mutable;
    return describe(mutable) !== before;
  }

  #touch(mutable: Map<string, Set<number>>, { column, ref }: CellAccess): void {
    const set = mutable.get(column.name) ?? new Set<number>();
    mutable.set(column.name, set);
    const segment = this.segmentOf(column.struct, ref);
    if (segment) set.add(segment.id);
    else for (const { id } of this.segments.get(column.struct) ?? []) set.add(id);
  }
}

export function isNull(ref: Expr): boolean {
  return ref.op === 'const' && ref.value === 0;
}

function accessesOf(graph: Graph): { cell: CellAccess; isStore: boolean; id: NodeId }[] {
  return reachable(graph).flatMap((id) => {
    const { op } = graph.nodes[id];
    return op.op === 'load' || op.op === 'store' ? [{ cell: op.cell, isStore: op.op === 'store', id }] : [];
  });
}

function describe(mutable: Map<string, Set<number>>): string {
  return [...mutable]
    .map(([name, ids]) => `${name}:${[...ids].sort((a, b) => a - b).join()}`)
    .sort()
    .join(' ');
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Which memory can change: columns cut into segments (the instances that one object, or one by-value field of one struct,
 * holds). What no task writes is constant: no step, no room in a state. What tasks write but never change (they store what
 * is there) has its steps, but no room in a state either.
 */
import { assert } from '../base/assert.js';
import type { Expr, ProgramIR } from './ir.js';
import { type Column, embeddedStruct, type Layout } from './layout.js';
import type { CellAccess } from './link-graph.js';

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
  readonly #initial: Int32Array[];
  /** column name -> ids of the segments that tasks write */
  #written = new Map<string, Set<number>>();
  /** column name -> ids of the segments whose values tasks change */
  #changing = new Map<string, Set<number>>();

  /** @param initial per column (Layout.columns) its elements as `init` left them */
  constructor(program: ProgramIR, layout: Layout, initial: readonly Int32Array[]) {
    this.layout = layout;
    this.segments = segmentsOf(program, layout);
    this.#initial = [...initial];
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

  /** @returns whether a task writes what an access can touch: it is a step then */
  isWritten(cell: CellAccess): boolean {
    return this.#has(this.#written, cell);
  }

  #has(sets: ReadonlyMap<string, Set<number>>, { column, ref }: CellAccess): boolean {
    const set = sets.get(column.name);
    if (!set) return false;
    const segment = this.segmentOf(column.struct, ref);
    return segment === undefined || set.has(segment.id);
  }

  /** @returns whether tasks change what an access can touch */
  changes(cell: CellAccess): boolean {
    return this.#has(this.#changing, cell);
  }

  /** Takes in a column that is no part of the program: all zero at first, and it changes. */
  addColumn(column: Column, count: number): void {
    this.segments.set(column.struct, [{ struct: column.struct, id: 0, first: 0, count, global: column.struct }]);
    this.#initial[column.id] = new Int32Array(column.size);
    this.#changing.set(column.name, new Set([0]));
  }

  changingSegments(column: Column): Segment[] {
    const changing = this.#changing.get(column.name);
    return (this.segments.get(column.struct) ?? []).filter((segment) => changing?.has(segment.id));
  }

  initial(column: Column, element: number): number {
    const value = this.#initial[column.id][element];
    assert(value !== undefined, `${column.name} has no element ${element}`);
    return value;
  }

  /** @returns what a load gives, wherever it can go: a value that never changes and is the same there; or undefined */
  constant(cell: CellAccess): number | undefined {
    if (isNull(cell.ref) || this.#has(this.#changing, cell)) return undefined;
    const [from, to] = this.#elements(cell);
    if (from < 0 || from >= to || to > cell.column.size) return undefined;
    const value = this.initial(cell.column, from);
    for (let element = from + 1; element < to; element++) {
      if (this.initial(cell.column, element) !== value) return undefined;
    }
    return value;
  }

  /** The elements that an access can touch: from, to before. */
  #elements({ column, ref, index }: CellAccess): [number, number] {
    if (isOneElement({ column, ref, index })) {
      const at = (constantOf(ref) - 1) * column.length + constantOf(index);
      return [at, at + 1];
    }
    const segment = this.segmentOf(column.struct, ref);
    if (!segment) return [0, column.size];
    return [segment.first * column.length, (segment.first + segment.count) * column.length];
  }

  /**
   * Takes note of the accesses that can be reached as far as is known. To be told again until nothing is new, since what
   * changes leads to more accesses.
   * @returns whether more memory changes than before
   */
  learn(accesses: readonly ReachedAccess[]): boolean {
    const before = sizeOf(this.#changing);
    for (const { cell, value } of accesses) {
      if (value === undefined) continue;
      this.#touch(this.#written, cell);
      if (!this.#isThereAlready(cell, value)) this.#touch(this.#changing, cell);
    }
    // an access that may go anywhere needs all of the column in one place
    for (const { cell } of accesses) {
      const isAnywhere = this.segmentOf(cell.column.struct, cell.ref) === undefined;
      if (isAnywhere && this.#changing.has(cell.column.name)) this.#touch(this.#changing, cell);
    }
    // and so does what tests for use after free read, from wherever
    for (const { struct, name } of this.layout.columns.filter(({ field }) => field === 'poisoned')) {
      if (this.#changing.has(name)) this.#changing.set(name, new Set(this.segments.get(struct)?.map(({ id }) => id)));
    }
    return sizeOf(this.#changing) !== before;
  }

  /** Whether a store leaves everything as `init` left it. */
  #isThereAlready(cell: CellAccess, value: Expr): boolean {
    if (value.op !== 'const') return false;
    const [from, to] = this.#elements(cell);
    if (from < 0 || to > cell.column.size) return false;
    for (let element = from; element < to; element++) {
      if (this.initial(cell.column, element) !== value.value) return false;
    }
    return true;
  }

  #touch(sets: Map<string, Set<number>>, { column, ref }: CellAccess): void {
    const set = sets.get(column.name) ?? new Set<number>();
    sets.set(column.name, set);
    const segment = this.segmentOf(column.struct, ref);
    if (segment) set.add(segment.id);
    else for (const { id } of this.segments.get(column.struct) ?? []) set.add(id);
  }
}

/** A load or store with what is known where it stands. */
export interface ReachedAccess {
  cell: CellAccess;
  /** of a store */
  value: Expr | undefined;
}

function sizeOf(sets: ReadonlyMap<string, Set<number>>): number {
  let size = 0;
  for (const set of sets.values()) size += set.size;
  return size;
}

/** Whether it is known which element an access touches, and that there is one. */
export function isOneElement({ column, ref, index }: Pick<CellAccess, 'column' | 'ref' | 'index'>): boolean {
  if (ref.op !== 'const' || ref.value === 0) return false;
  return index === undefined || (index.op === 'const' && index.value >= 0 && index.value < column.length);
}

function constantOf(expr: Expr | undefined): number {
  return expr?.op === 'const' ? expr.value : 0;
}

export function isNull(ref: Expr): boolean {
  return ref.op === 'const' && ref.value === 0;
}

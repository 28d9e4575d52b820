// SPDX-License-Identifier: Apache-2.0
/**
 * Which values each local and each element of memory can have at all, as small sets: what a pointer can point to. It does
 * not matter where in the code a local is: after inlining most are assigned once.
 *
 * Not here: what is known at one place (link-fold.ts), bounds of numbers (link-range.ts).
 */
import type { Expr, LocalId, ProgramIR } from './ir.js';
import type { Column } from './layout.js';
import { Folder } from './link-expr.js';
import { type CellAccess, type Graph, type Op, operands, reachable, readLocals, written } from './link-graph.js';
import { liveLocals } from './link-live.js';
import type { Memory } from './link-memory.js';

/** Each once, in no order; a few numbers are found sooner in an array than in a Set. null: too many to count. */
type Values = readonly number[] | null;

const NOTHING: readonly number[] = [];
/** More values than this are not told apart. */
const MANY = 16;
/** Combinations of values that an expression is computed for at most. */
const COMBINATIONS = 64;

/** An operation that can add values, and what it depends on. */
interface Transfer {
  graph: Graph;
  op: Op;
  isWaiting: boolean;
}

/** The values in the graphs of all tasks together, since they share memory. */
export class ValueSets {
  readonly #memory: Memory;
  readonly #locals = new Map<Graph, Values[]>();
  /** column -> element -> its values */
  readonly #elements = new Map<Column, Values[]>();
  /** who is to be asked again when there is more of a local, of a column */
  readonly #readers = new Map<Graph, Transfer[][]>();
  readonly #loaders = new Map<Column, Transfer[]>();
  /** the combination of values that an expression is computed for */
  readonly #chosen: number[] = [];
  readonly #folder: Folder;

  constructor(program: ProgramIR, memory: Memory, graphs: readonly Graph[]) {
    this.#memory = memory;
    const around = { task: 0, taskCount: 0, buffered: false };
    this.#folder = new Folder((id) => this.#chosen[id], memory.layout, program, around);
    const all = graphs.flatMap((graph) => this.#enter(graph));
    for (const graph of graphs) {
      // read before it is assigned, a local is 0
      for (const local of liveLocals(graph, [graph.entry]).get(graph.entry) ?? []) this.#assign(graph, local, [0]);
    }
    for (let isWaiting = true; isWaiting; ) {
      isWaiting = false;
      for (const transfer of all) {
        if (!transfer.isWaiting) continue;
        transfer.isWaiting = false;
        isWaiting = true;
        this.#transfer(transfer);
      }
    }
  }

  #enter(graph: Graph): Transfer[] {
    const readers: Transfer[][] = graph.locals.map(() => []);
    this.#readers.set(graph, readers);
    this.#locals.set(
      graph,
      graph.locals.map(() => NOTHING),
    );
    return reachable(graph).flatMap((id) => {
      const { op } = graph.nodes[id];
      if (written(op) < 0 && op.op !== 'store') return [];
      const transfer: Transfer = { graph, op, isWaiting: true };
      for (const expr of operands(op)) readLocals(expr, (local) => readers[local].push(transfer));
      if (op.op === 'load') {
        const loaders = this.#loaders.get(op.cell.column) ?? [];
        this.#loaders.set(op.cell.column, loaders);
        loaders.push(transfer);
      }
      return [transfer];
    });
  }

  /** @returns the elements of its column that an access can go to */
  elements(graph: Graph, { column, ref, index }: CellAccess): number[] {
    const refs = this.#evaluate(graph, ref);
    const indices = index ? this.#evaluate(graph, index) : [0];
    const segment = this.#memory.segmentOf(column.struct, ref);
    const [first, count] = segment ? [segment.first, segment.count] : [0, column.size / column.length];
    const found: number[] = [];
    for (let instance = first; instance < first + count; instance++) {
      if (refs && !refs.includes(instance + 1)) continue;
      for (let k = 0; k < column.length; k++)
        if (!indices || indices.includes(k)) found.push(instance * column.length + k);
    }
    return found;
  }

  #transfer({ graph, op }: Transfer): void {
    // there is no more of what may be anything
    if (this.#locals.get(graph)?.[written(op)] === null) return;
    if (op.op === 'set') this.#assign(graph, op.dst, this.#evaluate(graph, op.value));
    else if (op.op === 'choose') {
      const counts = this.#evaluate(graph, op.count);
      const most = counts ? Math.max(0, ...counts) : MANY + 1;
      this.#assign(graph, op.dst, most > MANY ? null : Array.from({ length: most }, (_, i) => i));
    } else if (op.op === 'load') {
      const cells = this.#valuesOf(op.cell.column);
      let values: Values = NOTHING;
      for (const element of this.elements(graph, op.cell)) values = union(values, cells[element]);
      this.#assign(graph, op.dst, values);
    } else if (op.op === 'store') this.#store(graph, op.cell, this.#evaluate(graph, op.value));
  }

  #store(graph: Graph, cell: CellAccess, value: Values): void {
    const cells = this.#valuesOf(cell.column);
    let isMore = false;
    for (const element of this.elements(graph, cell)) {
      const more = union(cells[element], value);
      if (more === cells[element]) continue;
      cells[element] = more;
      isMore = true;
    }
    if (isMore) for (const loader of this.#loaders.get(cell.column) ?? []) loader.isWaiting = true;
  }

  #valuesOf(column: Column): Values[] {
    let made = this.#elements.get(column);
    if (!made) {
      made = Array.from({ length: column.size }, (_, element) => [this.#memory.initial(column, element)]);
      this.#elements.set(column, made);
    }
    return made;
  }

  #assign(graph: Graph, local: LocalId, values: Values): void {
    const all = this.#locals.get(graph) ?? [];
    const more = union(all[local], values);
    if (more === all[local]) return;
    all[local] = more;
    for (const reader of this.#readers.get(graph)?.[local] ?? []) reader.isWaiting = true;
  }

  #evaluate(graph: Graph, expr: Expr): Values {
    if (expr.op === 'const') return [expr.value];
    const all = this.#locals.get(graph) ?? [];
    if (expr.op === 'local') return all[expr.id];
    const used: LocalId[] = [];
    let combinations = 1;
    readLocals(expr, (id) => {
      if (used.includes(id)) return;
      used.push(id);
      combinations *= all[id]?.length ?? COMBINATIONS + 1;
    });
    if (combinations > COMBINATIONS) return null;
    const values = used.map((id) => all[id] ?? NOTHING);
    let result: Values = NOTHING;
    for (let i = 0; i < combinations && result !== null; i++) {
      let rest = i;
      used.forEach((id, k) => {
        this.#chosen[id] = values[k][rest % values[k].length];
        rest = Math.trunc(rest / values[k].length);
      });
      result = union(result, this.#value(expr));
    }
    return result;
  }

  /** The value of an expression for the chosen combination. */
  #value(expr: Expr): Values {
    const value = this.#folder.fold(expr);
    if (value.op === 'const') return [value.value];
    // what is left is an address through null or outside, where the path ends, or a division by 0
    return value.op === 'embed' || value.op === 'global' ? NOTHING : null;
  }
}

/** @returns the very `a` where `b` has nothing that it has not */
function union(a: Values, b: Values): Values {
  if (a === null || b === null) return null;
  let both: number[] | undefined;
  for (const value of b) {
    if (a.includes(value)) continue;
    both ??= [...a];
    both.push(value);
  }
  if (!both) return a;
  return both.length > MANY ? null : both;
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Which values each local and each element of memory can have at all, as small sets: what a pointer can point to. It does
 * not matter where in the code a local is: after inlining most are assigned once.
 *
 * Not here: what is known at one place (link-fold.ts), bounds of numbers (link-range.ts).
 */
import type { Expr, LocalId, ProgramIR } from './ir.js';
import type { Column } from './layout.js';
import { foldExpr } from './link-expr.js';
import { type CellAccess, type Graph, type Op, reachable, readLocals } from './link-graph.js';
import { liveLocals } from './link-live.js';
import type { Memory } from './link-memory.js';

/** null: too many to count. */
type Values = ReadonlySet<number> | null;

const NOTHING: ReadonlySet<number> = new Set();
/** More values than this are not told apart. */
const MANY = 16;
/** Combinations of values that an expression is computed for at most. */
const COMBINATIONS = 64;

/** The values in the graphs of all tasks together, since they share memory. */
export class ValueSets {
  readonly #program: ProgramIR;
  readonly #memory: Memory;
  readonly #locals = new Map<Graph, Values[]>();
  /** column -> element -> its values */
  readonly #elements = new Map<string, Values[]>();

  constructor(program: ProgramIR, memory: Memory, graphs: readonly Graph[]) {
    this.#program = program;
    this.#memory = memory;
    const work = graphs.map((graph) => ({ graph, ops: reachable(graph).map((id) => graph.nodes[id].op) }));
    for (const { graph } of work) {
      this.#locals.set(
        graph,
        graph.locals.map(() => NOTHING),
      );
      // read before it is assigned, a local is 0
      for (const local of liveLocals(graph, [graph.entry]).get(graph.entry) ?? [])
        this.#assign(graph, local, new Set([0]));
    }
    for (let changed = true; changed; ) {
      changed = false;
      for (const { graph, ops } of work) for (const op of ops) if (this.#transfer(graph, op)) changed = true;
    }
  }

  /** @returns the elements of its column that an access can go to */
  elements(graph: Graph, { column, ref, index }: CellAccess): number[] {
    const refs = this.#evaluate(graph, ref);
    const indices = index ? this.#evaluate(graph, index) : new Set([0]);
    const segment = this.#memory.segmentOf(column.struct, ref);
    const [first, count] = segment ? [segment.first, segment.count] : [0, column.size / column.length];
    const found: number[] = [];
    for (let instance = first; instance < first + count; instance++) {
      if (refs && !refs.has(instance + 1)) continue;
      for (let k = 0; k < column.length; k++) if (!indices || indices.has(k)) found.push(instance * column.length + k);
    }
    return found;
  }

  /** @returns whether more is known to be possible than before */
  #transfer(graph: Graph, op: Op): boolean {
    if (op.op === 'set') return this.#assign(graph, op.dst, this.#evaluate(graph, op.value));
    if (op.op === 'choose') {
      const counts = this.#evaluate(graph, op.count);
      const most = counts ? Math.max(0, ...counts) : MANY + 1;
      return this.#assign(graph, op.dst, most > MANY ? null : new Set(Array.from({ length: most }, (_, i) => i)));
    }
    if (op.op === 'load') {
      const cells = this.elements(graph, op.cell).map((element) => this.#valuesOf(op.cell.column)[element]);
      return this.#assign(graph, op.dst, cells.reduce(union, NOTHING));
    }
    if (op.op !== 'store') return false;
    const value = this.#evaluate(graph, op.value);
    const cells = this.#valuesOf(op.cell.column);
    let changed = false;
    for (const element of this.elements(graph, op.cell)) {
      const more = union(cells[element], value);
      if (more === cells[element]) continue;
      cells[element] = more;
      changed = true;
    }
    return changed;
  }

  #valuesOf(column: Column): Values[] {
    let made = this.#elements.get(column.name);
    if (!made) {
      made = Array.from({ length: column.size }, (_, element) => new Set([this.#memory.initial(column, element)]));
      this.#elements.set(column.name, made);
    }
    return made;
  }

  #assign(graph: Graph, local: LocalId, values: Values): boolean {
    const all = this.#locals.get(graph) ?? [];
    const more = union(all[local], values);
    if (more === all[local]) return false;
    all[local] = more;
    return true;
  }

  #evaluate(graph: Graph, expr: Expr): Values {
    if (expr.op === 'const') return new Set([expr.value]);
    const all = this.#locals.get(graph) ?? [];
    if (expr.op === 'local') return all[expr.id];
    const used = new Map<LocalId, number[]>();
    let combinations = 1;
    readLocals(expr, (id) => {
      if (used.has(id)) return;
      const values = all[id];
      used.set(id, values ? [...values] : []);
      combinations *= values ? values.size : COMBINATIONS + 1;
    });
    if (combinations > COMBINATIONS) return null;
    let result: Values = NOTHING;
    for (let i = 0; i < combinations; i++) result = union(result, this.#value(expr, used, i));
    return result;
  }

  /** @param which combination of the locals' values */
  #value(expr: Expr, used: ReadonlyMap<LocalId, number[]>, which: number): Values {
    const chosen = new Map<LocalId, number>();
    let rest = which;
    for (const [id, values] of used) {
      chosen.set(id, values[rest % values.length]);
      rest = Math.trunc(rest / values.length);
    }
    const value = foldExpr(expr, (id) => chosen.get(id), this.#memory.layout, this.#program, {
      task: 0,
      taskCount: 0,
      buffered: false,
    });
    if (value.op === 'const') return new Set([value.value]);
    // what is left is an address through null or outside, where the path ends, or a division by 0
    return value.op === 'embed' || value.op === 'global' ? NOTHING : null;
  }
}

function union(a: Values, b: Values): Values {
  if (a === null || b === null) return null;
  let size = a.size;
  for (const value of b) if (!a.has(value)) size++;
  if (size === a.size) return a;
  return size > MANY ? null : new Set([...a, ...b]);
}

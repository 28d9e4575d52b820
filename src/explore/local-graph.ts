// SPDX-License-Identifier: Apache-2.0
/**
 * What one task can do by itself: its places, told apart by the values of those locals that follow from choices and constants
 * alone (which page it works on, which round it is in), and per place what a step from there touches and where it leads.
 * What is loaded may be anything.
 *
 * Not here: what the tasks are to each other (independent.ts).
 */
import type { Expr, LocalId } from '../compiler/ir.js';
import type { LinkedScenario, LinkedTask } from '../compiler/link.js';
import { foldExpr } from '../compiler/link-expr.js';
import type { CellAccess, NodeId, Op } from '../compiler/link-graph.js';
import { type Region, regionFrom } from '../compiler/link-steps.js';

/** Values of a local that are told apart at one place at most, and values of a choice. */
const MANY = 16;
/** Places of a task at most; beyond that locals are not looked at. */
const SPOTS = 20_000;
/** Combinations of values that are told apart at one place at most. */
const COMBINATIONS = 256;
/** Operations that are followed from one place at most before locals are no longer told apart. */
const PATIENCE = 4_000;

/** A place of a task. The end is one, too. */
export interface Spot {
  pc: number;
  /** the values of `LocalGraph.keys[pc]` */
  values: readonly number[];
  /** positions of the spots that a step leads to; 0 is the end */
  next: number[];
  /** operation -> elements of its column that it touches */
  touched: Map<NodeId, Set<number>>;
  /** parts of the region at which its one access or block begins, on one way or another */
  mains: Set<number>;
  /** whether a step from here makes a choice */
  chooses: boolean;
}

export interface LocalGraph {
  /** the first is the end */
  spots: Spot[];
  start: number;
  /** per pc the locals whose values tell its spots apart */
  keys: readonly (readonly LocalId[])[];
  /** per pc its step */
  regions: readonly (Region | undefined)[];
}

type Known = ReadonlyMap<LocalId, number>;
type ElementsOf = (cell: CellAccess) => readonly number[];

/** @param elementsOf where an access may go, if nothing more is known than its expressions say */
export function localGraphOf(linked: LinkedScenario, task: LinkedTask, elementsOf: ElementsOf): LocalGraph {
  const unknown = task.points.map(() => new Set<LocalId>());
  for (;;) {
    const before = unknown.reduce((sum, { size }) => sum + size, 0);
    const found = new Explorer(linked, task, elementsOf, unknown).run();
    forgetWidest(found, unknown);
    if (unknown.reduce((sum, { size }) => sum + size, 0) === before) return found;
  }
}

/** Where too many combinations are there, the local with most values is no longer looked at. */
function forgetWidest({ spots, keys }: LocalGraph, unknown: readonly Set<LocalId>[]): void {
  keys.forEach((locals, pc) => {
    const widths = locals.map((_, i) => widthOf(spots, pc, i).count);
    if (widths.reduce((product, width) => product * width, 1) <= COMBINATIONS) return;
    unknown[pc].add(locals[widths.indexOf(Math.max(...widths))]);
  });
}

/** @returns the least value of a key at its pc, and how many there are from it to the greatest */
export function widthOf(spots: readonly Spot[], pc: number, key: number): { low: number; count: number } {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const spot of spots) {
    if (spot.pc !== pc) continue;
    low = Math.min(low, spot.values[key]);
    high = Math.max(high, spot.values[key]);
  }
  return high < low ? { low: 0, count: 1 } : { low, count: high - low + 1 };
}

class Explorer {
  readonly #linked: LinkedScenario;
  readonly #task: LinkedTask;
  readonly #elementsOf: ElementsOf;
  /** per pc the locals that may be anything there; grows, and while it does the spots found are not the last word */
  readonly #unknown: Set<LocalId>[];
  readonly #keys: readonly (readonly LocalId[])[];
  readonly #spots: Spot[] = [{ pc: 0, values: [], next: [], touched: new Map(), mains: new Set(), chooses: false }];
  readonly #ids = new Map<string, number>([['0:', 0]]);
  readonly #pending: number[] = [];
  readonly #regions: (Region | undefined)[];
  readonly #meetings: (ReadonlySet<number> | undefined)[] = [];
  /** per pc and local the values seen */
  readonly #seen = new Map<string, Set<number>>();

  constructor(linked: LinkedScenario, task: LinkedTask, elementsOf: ElementsOf, unknown: Set<LocalId>[]) {
    this.#linked = linked;
    this.#task = task;
    this.#elementsOf = elementsOf;
    this.#unknown = unknown;
    this.#regions = task.points.map(() => undefined);
    this.#keys = task.points.map((point, pc) => (point?.live ?? []).filter((local) => !unknown[pc].has(local)));
  }

  run(): LocalGraph {
    // read before it is assigned, a local is 0
    const start = this.#spotAt(this.#task.startPc, new Map(this.#keys[this.#task.startPc].map((id) => [id, 0])));
    for (let id = this.#pending.pop(); id !== undefined; id = this.#pending.pop()) {
      this.#step(this.#spots[id]);
      if (this.#spots.length <= SPOTS) continue;
      this.#unknown.forEach((set, pc) => {
        for (const local of this.#task.points[pc]?.live ?? []) set.add(local);
      });
      break;
    }
    return { spots: this.#spots, start, keys: this.#keys, regions: this.#regions };
  }

  #spotAt(pc: number, known: Known): number {
    const unknown = this.#unknown[pc];
    const values = this.#keys[pc].map((local) => {
      const value = known.get(local);
      if (value === undefined || this.#isTooMany(pc, local, value)) unknown.add(local);
      return unknown.has(local) ? Number.NaN : (value ?? 0);
    });
    const key = `${pc}:${values.join()}`;
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#spots.push({ pc, values, next: [], touched: new Map(), mains: new Set(), chooses: false }) - 1;
      this.#ids.set(key, id);
      if (pc !== 0) this.#pending.push(id);
    }
    return id;
  }

  #isTooMany(pc: number, local: LocalId, value: number): boolean {
    const key = `${pc} ${local}`;
    const seen = this.#seen.get(key) ?? new Set();
    this.#seen.set(key, seen);
    seen.add(value);
    return seen.size > MANY;
  }

  #region(pc: number): Region {
    const region =
      this.#regions[pc] ?? regionFrom(this.#task.graph, this.#task.points[pc]?.node ?? 0, this.#linked.memory);
    this.#regions[pc] = region;
    return region;
  }

  /** The parts of a step where ways meet. */
  #meets(pc: number, { next }: Region): ReadonlySet<number> {
    const known = this.#meetings[pc];
    if (known) return known;
    const found = new Set<number>();
    const seen = new Set<number>();
    for (const to of next.flat()) (seen.has(to) ? found : seen).add(to);
    this.#meetings[pc] = found;
    return found;
  }

  /** Follows every way that the step can go. */
  #step(spot: Spot): void {
    const region = this.#region(spot.pc);
    const next = new Set<number>();
    const seen = new Set<string>();
    const meets = this.#meets(spot.pc, region);
    const known = new Map<LocalId, number>();
    this.#keys[spot.pc].forEach((local, i) => {
      if (!Number.isNaN(spot.values[i])) known.set(local, spot.values[i]);
    });
    const pending: { at: number; known: Map<LocalId, number> }[] = [{ at: 0, known }];
    let left = PATIENCE;
    for (let one = pending.pop(); one; one = pending.pop()) {
      // what goes on for so long is followed without values
      if (left-- <= 0) one.known.clear();
      if (meets.has(one.at)) {
        const key = `${one.at} ${[...one.known].sort(([a], [b]) => a - b).join()}`;
        if (seen.has(key)) continue;
        seen.add(key);
      }
      const part = region.parts[one.at];
      const { op } = this.#task.graph.nodes[part.node];
      if (part.kind === 'exit') {
        next.add(this.#spotAt(this.#task.pcOf.get(part.node) ?? 0, one.known));
        continue;
      }
      if (op.op === 'end') next.add(0);
      if (op.op === 'end' || op.op === 'fail') continue;
      if (part.isMain) spot.mains.add(one.at);
      for (const { way, more } of this.#ways(spot, part.node, op, one.known)) {
        const to = region.next[one.at];
        pending.push({ at: to[to.length > 1 ? way : 0], known: more });
      }
    }
    spot.next = [...next];
  }

  /** @returns which ways on an operation leaves, and what is known there */
  #ways(spot: Spot, node: NodeId, op: Op, known: Map<LocalId, number>): { way: number; more: Map<LocalId, number> }[] {
    const on = (dst: LocalId, value: number | undefined, more = known) => {
      if (value === undefined) more.delete(dst);
      else more.set(dst, value);
      return { way: 0, more };
    };
    switch (op.op) {
      case 'set':
        return [on(op.dst, this.#constant(op.value, known))];
      case 'choose': {
        const count = this.#constant(op.count, known);
        spot.chooses ||= op.count.op !== 'const' || count !== 1;
        if (count === undefined || count > MANY) return [on(op.dst, undefined)];
        return Array.from({ length: Math.max(0, count) }, (_, i) => on(op.dst, i, new Map(known)));
      }
      case 'load':
        return [on(op.dst, this.#loaded(op.cell, this.#touch(spot, node, op.cell, known)))];
      case 'store':
        this.#touch(spot, node, op.cell, known);
        return [{ way: 0, more: known }];
      case 'guard':
        return this.#constant(op.enabled, known) === 0 ? [] : [{ way: 0, more: known }];
      case 'branch': {
        const condition = this.#constant(op.condition, known);
        if (condition !== undefined) return [{ way: condition === 0 ? 1 : 0, more: known }];
        return [
          { way: 0, more: new Map(known) },
          { way: 1, more: known },
        ];
      }
      default:
        return [{ way: 0, more: known }];
    }
  }

  #touch(spot: Spot, node: NodeId, cell: CellAccess, known: Known): readonly number[] {
    const { ref, index } = cell;
    const elements = this.#elementsOf({
      ...cell,
      ref: this.#folded(ref, known),
      index: index && this.#folded(index, known),
    });
    const all = spot.touched.get(node) ?? new Set();
    for (const element of elements) all.add(element);
    spot.touched.set(node, all);
    return elements;
  }

  #loaded({ column }: CellAccess, elements: readonly number[]): number | undefined {
    const { memory } = this.#linked;
    if (elements.length !== 1 || memory.changingSegments(column).length > 0) return undefined;
    return memory.initial(column, elements[0]);
  }

  #folded(expr: Expr, known: Known): Expr {
    const around = { task: 0, taskCount: 0, buffered: false };
    return foldExpr(expr, (id) => known.get(id), this.#linked.layout, this.#linked.compiled.program, around);
  }

  #constant(expr: Expr, known: Known): number | undefined {
    const folded = this.#folded(expr, known);
    return folded.op === 'const' ? folded.value : undefined;
  }
}

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
import { Folder } from '../compiler/link-expr.js';
import type { CellAccess, NodeId, Op } from '../compiler/link-graph.js';
import { type Region, regionOf } from '../compiler/link-steps.js';

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
}

type Known = Map<LocalId, number>;
type ElementsOf = (cell: CellAccess) => readonly number[];

/** A way through a step that is still to be followed from a part of it. */
interface Way {
  at: number;
  known: Known;
}

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
  readonly #meetings: (Uint8Array | undefined)[] = [];
  /** what is known on the way that is followed */
  #known: Known = new Map();
  readonly #folder: Folder;
  /** operation -> the elements that it touches where what is known says nothing new of it */
  readonly #everywhere: (readonly number[] | undefined)[] = [];
  /** per pc and local the values seen */
  readonly #seen = new Map<string, Set<number>>();

  constructor(linked: LinkedScenario, task: LinkedTask, elementsOf: ElementsOf, unknown: Set<LocalId>[]) {
    this.#linked = linked;
    this.#task = task;
    this.#elementsOf = elementsOf;
    this.#unknown = unknown;
    const { layout, compiled } = linked;
    const around = { task: 0, taskCount: 0, buffered: false };
    this.#folder = new Folder((id) => this.#known.get(id), layout, compiled.program, around);
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
    return { spots: this.#spots, start, keys: this.#keys };
  }

  #spotAt(pc: number, known: ReadonlyMap<LocalId, number>): number {
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

  /** Per part of a step 2 where ways meet; less elsewhere. */
  #meets(pc: number, { next }: Region): Uint8Array {
    const known = this.#meetings[pc];
    if (known) return known;
    const found = new Uint8Array(next.length);
    for (const ways of next) for (const to of ways) found[to] = Math.min(2, found[to] + 1);
    this.#meetings[pc] = found;
    return found;
  }

  /** Follows every way that the step can go. */
  #step(spot: Spot): void {
    const region = regionOf(this.#task, spot.pc);
    const next = new Set<number>();
    const seen = new Set<string>();
    const meets = this.#meets(spot.pc, region);
    const known: Known = new Map();
    this.#keys[spot.pc].forEach((local, i) => {
      if (!Number.isNaN(spot.values[i])) known.set(local, spot.values[i]);
    });
    const pending: Way[] = [{ at: 0, known }];
    let left = PATIENCE;
    for (let one = pending.pop(); one; one = pending.pop()) {
      this.#known = one.known;
      for (let at = one.at; at >= 0; at = this.#follow(spot, region, at, next, pending)) {
        // what goes on for so long is followed without values
        if (left-- <= 0) this.#known.clear();
        if (meets[at] < 2) continue;
        const key = keyOf(at, this.#known);
        if (seen.has(key)) break;
        seen.add(key);
      }
    }
    spot.next = [...next];
  }

  /**
   * Does what one part of a step does.
   * @param next gets the spot that the step ends at, if it does
   * @param pending gets the ways on but for the last
   * @returns the part that the last way on leads to; -1 where there is none
   */
  #follow(spot: Spot, region: Region, at: number, next: Set<number>, pending: Way[]): number {
    const part = region.parts[at];
    if (part.kind === 'exit') {
      next.add(this.#spotAt(this.#task.pcOf.get(part.node) ?? 0, this.#known));
      return -1;
    }
    const { op } = this.#task.graph.nodes[part.node];
    if (op.op === 'end') next.add(0);
    if (op.op === 'end' || op.op === 'fail') return -1;
    if (part.isMain) spot.mains.add(at);
    const [first, second = first] = region.next[at];
    switch (op.op) {
      case 'set':
        this.#assign(op.dst, this.#constant(op.value));
        return first;
      case 'choose':
        return this.#choose(spot, op, first, pending);
      case 'load':
        this.#assign(op.dst, this.#loaded(op.cell, this.#touch(spot, part.node, op.cell)));
        return first;
      case 'store':
        this.#touch(spot, part.node, op.cell);
        return first;
      case 'guard':
        return this.#constant(op.enabled) === 0 ? -1 : first;
      case 'branch': {
        const condition = this.#constant(op.condition);
        if (condition !== undefined) return condition === 0 ? second : first;
        pending.push({ at: first, known: new Map(this.#known) });
        return second;
      }
      default:
        return first;
    }
  }

  #choose(spot: Spot, op: Op & { op: 'choose' }, to: number, pending: Way[]): number {
    const count = this.#constant(op.count);
    spot.chooses ||= op.count.op !== 'const' || count !== 1;
    if (count === undefined || count > MANY) {
      this.#assign(op.dst, undefined);
      return to;
    }
    for (let i = 0; i < count - 1; i++) pending.push({ at: to, known: new Map(this.#known).set(op.dst, i) });
    this.#assign(op.dst, count - 1);
    return count > 0 ? to : -1;
  }

  #assign(dst: LocalId, value: number | undefined): void {
    if (value === undefined) this.#known.delete(dst);
    else this.#known.set(dst, value);
  }

  #touch(spot: Spot, node: NodeId, cell: CellAccess): readonly number[] {
    const ref = this.#folder.fold(cell.ref);
    const index = cell.index && this.#folder.fold(cell.index);
    const isNews = ref !== cell.ref || index !== cell.index;
    const elements = (isNews ? undefined : this.#everywhere[node]) ?? this.#elementsOf({ ...cell, ref, index });
    if (!isNews) this.#everywhere[node] = elements;
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

  #constant(expr: Expr): number | undefined {
    const folded = this.#folder.fold(expr);
    return folded.op === 'const' ? folded.value : undefined;
  }
}

/** @returns another for other values, or at another part */
function keyOf(at: number, known: Known): string {
  let key = String(at);
  // what was assigned in another order is followed anew, which costs less than to sort
  for (const [local, value] of known) key += ` ${local} ${value}`;
  return key;
}

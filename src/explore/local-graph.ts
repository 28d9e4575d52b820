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
/** The same where values of memory are told apart, which takes long. */
const SPOTS_TOLD = 2_000;
/** Operations that are followed from one place at most before locals are no longer told apart. */
const PATIENCE = 4_000;
/** The same where values of memory are told apart; beyond that they are not. */
const PATIENCE_TOLD = 1_000;

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
  /** the ways that a step can go, where values of memory are told apart; else none */
  ways: Way[];
}

/** Elements of memory, a bit each. */
export type Elements = bigint;

/** One way that a step can go, by the values that it meets. */
export interface Way {
  /** element -> what it has to hold */
  needs: ReadonlyMap<number, number>;
  reads: Elements;
  /** what is changed: not what is stored where it was already */
  changes: Elements;
  /** element -> what is stored there; undefined for anything */
  gives: ReadonlyMap<number, number | undefined>;
  /** the spot that it leads to; -1 where it is a violation */
  next: number;
}

/** Memory whose values are told apart. */
export interface Values {
  /** number of an element; undefined where it never changes */
  element(cell: CellAccess, element: number): number | undefined;
  /** what an element can hold; undefined for too much */
  held(element: number): readonly number[] | undefined;
  /** what is looked at beside what an access says */
  beside(cell: CellAccess): Elements;
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
interface Pending {
  at: number;
  known: Known;
  trail: Trail;
}

/** What was done to memory on a way. */
class Trail {
  readonly needs: Map<number, number>;
  readonly gives: Map<number, number | undefined>;
  reads: Elements;

  constructor(old?: Trail) {
    this.needs = new Map(old?.needs);
    this.gives = new Map(old?.gives);
    this.reads = old?.reads ?? 0n;
  }

  /** @returns what an element holds now, as far as that is known */
  valueOf(element: number): number | undefined {
    return this.gives.has(element) ? this.gives.get(element) : this.needs.get(element);
  }

  ended(next: number): Way {
    let changes = 0n;
    for (const [element, value] of this.gives) {
      if (value === undefined || this.needs.get(element) !== value) changes |= 1n << BigInt(element);
    }
    let { reads } = this;
    for (const element of this.needs.keys()) reads |= 1n << BigInt(element);
    return { needs: this.needs, reads, changes, gives: this.gives, next };
  }

  get key(): string {
    return `${[...this.needs].join()}|${[...this.gives].join()}|${this.reads}`;
  }
}

/**
 * @param elementsOf where an access may go, if nothing more is known than its expressions say
 * @param values memory whose values are told apart; undefined where none are
 */
export function localGraphOf(
  linked: LinkedScenario,
  task: LinkedTask,
  elementsOf: ElementsOf,
  values?: Values,
): LocalGraph {
  const unknown = task.points.map(() => new Set<LocalId>());
  for (;;) {
    const before = unknown.reduce((sum, { size }) => sum + size, 0);
    const found = new Explorer(linked, task, elementsOf, unknown, values).run();
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
  readonly #spots: Spot[] = [spotOf(0, [])];
  readonly #ids = new Map<string, number>([['0:', 0]]);
  readonly #pending: number[] = [];
  readonly #meetings: (Uint8Array | undefined)[] = [];
  /** what is known on the way that is followed, and what it did */
  #known: Known = new Map();
  #trail = new Trail();
  readonly #memory: Values | undefined;
  /** the same, where the step that is followed tells values apart */
  #told: Values | undefined;
  readonly #folder: Folder;
  /** operation -> the elements that it touches where what is known says nothing new of it */
  readonly #everywhere: (readonly number[] | undefined)[] = [];
  /** per pc and local the values seen */
  readonly #seen = new Map<string, Set<number>>();

  constructor(
    linked: LinkedScenario,
    task: LinkedTask,
    elementsOf: ElementsOf,
    unknown: Set<LocalId>[],
    values: Values | undefined,
  ) {
    this.#linked = linked;
    this.#memory = values;
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
      if (this.#spots.length <= (this.#memory ? SPOTS_TOLD : SPOTS)) continue;
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
      id = this.#spots.push(spotOf(pc, values)) - 1;
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
    if (this.#memory && this.#walk(spot, this.#memory)) return;
    Object.assign(spot, spotOf(spot.pc, spot.values));
    this.#walk(spot, undefined);
    if (this.#memory) spot.ways = this.#blurred(spot, this.#memory);
  }

  /**
   * @param told memory whose values are told apart
   * @returns whether all ways were followed: with values, there may be too many
   */
  #walk(spot: Spot, told: Values | undefined): boolean {
    const region = regionOf(this.#task, spot.pc);
    const next = new Set<number>();
    const seen = new Set<string>();
    const meets = this.#meets(spot.pc, region);
    const known: Known = new Map();
    this.#keys[spot.pc].forEach((local, i) => {
      if (!Number.isNaN(spot.values[i])) known.set(local, spot.values[i]);
    });
    this.#told = told;
    const pending: Pending[] = [{ at: 0, known, trail: new Trail() }];
    let left = told ? PATIENCE_TOLD : PATIENCE;
    for (let one = pending.pop(); one; one = pending.pop()) {
      this.#known = one.known;
      this.#trail = one.trail;
      for (let at = one.at; at >= 0; at = this.#follow(spot, region, at, next, pending)) {
        // what goes on for so long is followed without values
        if (left-- <= 0) {
          if (told) return false;
          this.#known.clear();
        }
        if (meets[at] < 2) continue;
        const key = keyOf(at, this.#known) + (told ? this.#trail.key : '');
        if (seen.has(key)) break;
        seen.add(key);
      }
    }
    spot.next = [...next];
    return true;
  }

  /** @returns ways of which nothing is known but what they may touch */
  #blurred({ touched, next }: Spot, memory: Values): Way[] {
    const gives = new Map<number, undefined>();
    let reads = 0n;
    for (const [node, elements] of touched) {
      const { op } = this.#task.graph.nodes[node];
      if (op.op !== 'load' && op.op !== 'store') continue;
      reads |= memory.beside(op.cell);
      for (const element of elements) {
        const number = memory.element(op.cell, element);
        if (number === undefined) continue;
        if (op.op === 'load') reads |= 1n << BigInt(number);
        else gives.set(number, undefined);
      }
    }
    let changes = 0n;
    for (const element of gives.keys()) changes |= 1n << BigInt(element);
    return [-1, ...next].map((to) => ({ needs: new Map(), reads, changes, gives, next: to }));
  }

  /**
   * Does what one part of a step does.
   * @param next gets the spot that the step ends at, if it does
   * @param pending gets the ways on but for the last
   * @returns the part that the last way on leads to; -1 where there is none
   */
  #follow(spot: Spot, region: Region, at: number, next: Set<number>, pending: Pending[]): number {
    const part = region.parts[at];
    if (part.kind === 'exit') {
      const to = this.#spotAt(this.#task.pcOf.get(part.node) ?? 0, this.#known);
      next.add(to);
      return this.#end(spot, to);
    }
    const { op } = this.#task.graph.nodes[part.node];
    if (op.op === 'end') next.add(0);
    if (op.op === 'end' || op.op === 'fail') return this.#end(spot, op.op === 'end' ? 0 : -1);
    if (part.isMain) spot.mains.add(at);
    const [first, second = first] = region.next[at];
    switch (op.op) {
      case 'set':
        this.#assign(op.dst, this.#constant(op.value));
        return first;
      case 'choose':
        return this.#choose(spot, op, first, pending);
      case 'load':
        this.#load(op, this.#touch(spot, part.node, op.cell), first, pending);
        return first;
      case 'store':
        this.#store(op, this.#touch(spot, part.node, op.cell));
        return first;
      case 'guard':
        return this.#constant(op.enabled) === 0 ? -1 : first;
      case 'branch': {
        const condition = this.#constant(op.condition);
        if (condition !== undefined) return condition === 0 ? second : first;
        pending.push(this.#here(first));
        return second;
      }
      default:
        return first;
    }
  }

  /** @returns what goes on as things are now */
  #here(at: number): Pending {
    return { at, known: new Map(this.#known), trail: this.#told ? new Trail(this.#trail) : this.#trail };
  }

  #end(spot: Spot, next: number): -1 {
    if (this.#told) spot.ways.push(this.#trail.ended(next));
    return -1;
  }

  /** Goes on with one of the values that an element can hold, and leaves the others for later. */
  #load({ dst, cell }: Op & { op: 'load' }, elements: readonly number[], to: number, pending: Pending[]): void {
    const value = this.#loaded(cell, elements);
    this.#assign(dst, value);
    if (!this.#told) return;
    this.#trail.reads |= this.#told.beside(cell);
    if (value !== undefined) return;
    const touched = elements.flatMap((element) => this.#told?.element(cell, element) ?? []);
    for (const element of touched) {
      if (!this.#trail.gives.has(element)) this.#trail.reads |= 1n << BigInt(element);
    }
    if (touched.length !== 1 || elements.length !== 1) return;
    const [element] = touched;
    const held = this.#told.held(element);
    if (this.#trail.gives.has(element) || this.#trail.needs.has(element)) {
      this.#assign(dst, this.#trail.valueOf(element));
    } else if (held && held.length > 0) {
      for (const one of held.slice(1)) {
        const other = this.#here(to);
        other.known.set(dst, one);
        other.trail.needs.set(element, one);
        pending.push(other);
      }
      this.#trail.needs.set(element, held[0]);
      this.#assign(dst, held[0]);
    }
  }

  #store({ cell, value }: Op & { op: 'store' }, elements: readonly number[]): void {
    if (!this.#told) return;
    this.#trail.reads |= this.#told.beside(cell);
    const stored = elements.length === 1 ? this.#constant(value) : undefined;
    for (const element of elements) {
      const number = this.#told.element(cell, element);
      if (number !== undefined) this.#trail.gives.set(number, stored);
    }
  }

  #choose(spot: Spot, op: Op & { op: 'choose' }, to: number, pending: Pending[]): number {
    const count = this.#constant(op.count);
    spot.chooses ||= op.count.op !== 'const' || count !== 1;
    if (count === undefined || count > MANY) {
      this.#assign(op.dst, undefined);
      return to;
    }
    for (let i = 0; i < count - 1; i++) {
      const other = this.#here(to);
      other.known.set(op.dst, i);
      pending.push(other);
    }
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

function spotOf(pc: number, values: readonly number[]): Spot {
  return { pc, values, next: [], touched: new Map(), mains: new Set(), chooses: false, ways: [] };
}

/** @returns another for other values, or at another part */
function keyOf(at: number, known: Known): string {
  let key = String(at);
  // what was assigned in another order is followed anew, which costs less than to sort
  for (const [local, value] of known) key += ` ${local} ${value}`;
  return key;
}

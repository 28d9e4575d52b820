// SPDX-License-Identifier: Apache-2.0
/**
 * Steps that need not wait for a choice of who goes next: at such a place of one task, while the others are where they are,
 * nothing that they can do before it moves touches what it touches. Then the step is taken at once, alone, and the state
 * before it is not kept. Sections under a lock shrink to one transition, and so does work on what is one task's own.
 *
 * All is decided by where the tasks are and which values they chose (local-graph.ts): what a step touches, and what each
 * other task can touch before it would have to wait for this one (docs/explorer.md, "Reductions", has the argument).
 * Not here: locks and barriers (waiting.ts), how the steps are taken (collapse.ts).
 */
import type { LinkedScenario, LinkedTask } from '../compiler/link.js';
import type { CellAccess, Graph } from '../compiler/link-graph.js';
import { wholeRegion } from '../compiler/link-steps.js';
import { ValueSets } from '../compiler/link-values.js';
import { poisonable } from './emit-cell.js';
import type { Allowed, Encoding } from './encode.js';
import { type Elements, type LocalGraph, localGraphOf, type Spot, type Values } from './local-graph.js';
import type { Symmetry } from './symmetry-map.js';
import { type Holding, holdings, isCut, type WaitStep, waitingIn } from './waiting.js';

/** Elements that have room for more values than this are not told apart by them. */
const MANY = 16;

/** Which steps are taken alone, and beside what. */
export interface Independence {
  graphs: readonly LocalGraph[];
  /** task -> its first spot, where the spots of all tasks are numbered through */
  firsts: readonly number[];
  rows: readonly Row[];
}

/** Steps of one task that are taken alone beside the same spots. */
export interface Row {
  task: number;
  /** spots of the task */
  spots: number[];
  /** a bit for each spot of all tasks, 1 where the step is alone beside it */
  beside: Int32Array;
  /** what memory has to hold for that */
  allows: readonly Allowed[];
}

/** What is touched; `adds`: only something is added to it, and nobody looks at what was there. */
export interface Footprint {
  reads: Elements;
  writes: Elements;
  adds: Elements;
}

const NONE: Footprint = { reads: 0n, writes: 0n, adds: 0n };

export interface Step extends Footprint, WaitStep {
  chooses: boolean;
}

/**
 * @param symmetry which tasks and pages may change places
 * @returns the steps that may be taken alone; undefined where none ever is beside tasks that have not ended
 */
export function findIndependence(linked: LinkedScenario, symmetry: Symmetry): Independence | undefined {
  const found = new Analysis(linked, symmetry).independence();
  return found.rows.length > 0 ? found : undefined;
}

/** What the code says of all steps. */
export class Analysis {
  readonly #linked: LinkedScenario;
  readonly #values: ValueSets;
  readonly #poisonable: ReadonlySet<string>;
  readonly #bits = new Map<string, number>();
  readonly #room: Encoding | undefined;
  readonly graphs: readonly LocalGraph[];
  readonly steps: readonly (readonly Step[])[];
  /** per task and spot what the task keeps others waiting for there */
  readonly held: readonly (readonly (readonly Holding[])[])[];
  /** per task the spots where its step is never taken alone */
  readonly cuts: readonly ReadonlySet<number>[];
  /** what never and sometimes look at */
  readonly visible: Elements;
  /** task -> its first spot, where the spots of all tasks are numbered through */
  readonly firsts: readonly number[];
  readonly spotCount: number;

  /** @param room where it is given, values of memory are told apart: of elements that have room for few */
  constructor(linked: LinkedScenario, symmetry: Symmetry, room?: Encoding) {
    this.#linked = linked;
    this.#room = room;
    const graphs = linked.tasks.map(({ graph }) => graph);
    const properties = [...linked.never, ...linked.sometimes].map(({ graph }) => graph);
    this.#values = new ValueSets(linked.compiled.program, linked.memory, [...graphs, ...properties]);
    this.#poisonable = poisonable(linked);
    this.graphs = linked.tasks.map((task) =>
      localGraphOf(linked, task, (cell) => this.#values.elements(task.graph, cell), room && this.#told()),
    );
    this.steps = this.graphs.map(({ spots }, t) => spots.map((spot) => this.#step(linked.tasks[t], spot)));
    this.#commute();
    this.visible = properties.reduce((all, graph) => all | this.#seen(graph), 0n);
    const starts = this.graphs.map(({ start }) => start);
    this.held = holdings({ steps: this.steps, starts, initials: this.#initials() });
    this.cuts = this.#cuts(symmetry);
    let count = 0;
    this.firsts = this.graphs.map(({ spots }) => {
      count += spots.length;
      return count - spots.length;
    });
    this.spotCount = count;
  }

  /** Column and element of each bit. */
  get elements(): { column: string; element: number }[] {
    return [...this.#bits.keys()].map((key) => {
      const [column, element] = key.split(' ');
      return { column, element: Number(element) };
    });
  }

  /** @returns what an element (a bit) can hold, where that is little */
  valuesOf(bit: number): readonly number[] | undefined {
    return this.#held[bit];
  }

  independence(): Independence {
    const rows = new Map<string, Row>();
    this.steps.forEach((steps, task) => {
      steps.forEach((step, spot) => {
        const isKept = step.chooses || this.cuts[task].has(spot) || (step.changes & this.visible) !== 0n;
        if (step.pc === 0 || isKept) return;
        const beside = this.#row(task, step, this.held[task][spot]);
        if (beside) addRow(rows, { task, spots: [spot], beside, allows: [] });
      });
    });
    return { graphs: this.graphs, firsts: this.firsts, rows: [...rows.values()] };
  }

  readonly #rows = new Map<string, Int32Array | undefined>();

  /** @returns beside which spots of the other tasks a step is alone; undefined where that is so only once all have ended */
  #row(task: number, step: Step, held: readonly Holding[]): Int32Array | undefined {
    const key = [task, step.reads, step.writes, step.adds, JSON.stringify(held)].join();
    if (this.#rows.has(key)) return this.#rows.get(key);
    const row = new Int32Array((this.spotCount >> 5) + 1);
    let isUseful = false;
    for (let other = 0; other < this.firsts.length; other++) {
      if (other === task) continue;
      this.#future(other, held).forEach((future, spot) => {
        if (doMeet(step, future)) return;
        const at = this.firsts[other] + spot;
        row[at >> 5] |= 1 << (at & 31);
        if (spot > 0) isUseful = true;
      });
    }
    // with all others at their ends there is one way only
    const found = isUseful ? row : undefined;
    this.#rows.set(key, found);
    return found;
  }

  readonly #futures = new Map<string, Footprint[]>();

  /** @returns per spot of a task all that it can touch before it has to wait for what is held */
  #future(task: number, held: readonly Holding[]): Footprint[] {
    const key = `${task} ${JSON.stringify(held)}`;
    const known = this.#futures.get(key);
    if (known) return known;
    const steps = this.steps[task];
    const all: Footprint[] = steps.map(() => NONE);
    for (let changed = true; changed; ) {
      changed = false;
      for (let spot = steps.length - 1; spot > 0; spot--) {
        const step = steps[spot];
        if (isCut(step, held)) continue;
        let { reads, writes, adds } = step;
        for (const to of step.next) {
          reads |= all[to].reads;
          writes |= all[to].writes;
          adds |= all[to].adds;
        }
        const old = all[spot];
        if (reads === old.reads && writes === old.writes && adds === old.adds) continue;
        all[spot] = { reads, writes, adds };
        changed = true;
      }
    }
    this.#futures.set(key, all);
    return all;
  }

  /** Per task the spots where its step is never taken alone: at least one of every cycle that they form. */
  #cuts({ classes, pages }: Symmetry): Set<number>[] {
    const own = this.steps.map((steps, task) => cycleHeads(steps, this.graphs[task].start));
    return own.map((heads, task) => {
      const alike = classes.find((group) => group.includes(task)) ?? [task];
      if (alike.length === 1 && pages.length === 0) return heads;
      // who may change places with it may come to its cycle, and come there from its own; and so with another page
      const pcs = new Set(alike.flatMap((other) => [...own[other]].map((spot) => this.steps[other][spot].pc)));
      return new Set([...this.steps[task].keys()].filter((spot) => pcs.has(this.steps[task][spot].pc)));
    });
  }

  #bit(column: string, element: number): number {
    const key = `${column} ${element}`;
    let bit = this.#bits.get(key);
    if (bit === undefined) {
      bit = this.#bits.size;
      this.#bits.set(key, bit);
      const range = this.#room?.columns.get(column)?.range;
      const values = range && range.high - range.low < MANY ? range.high - range.low + 1 : 0;
      this.#held.push(values > 0 && range ? Array.from({ length: values }, (_, i) => range.low + i) : undefined);
    }
    return bit;
  }

  /** Element -> what it holds at first. */
  #initials(): number[] {
    return [...this.#bits.keys()].map((key) => {
      const [name, element] = key.split(' ');
      const column = this.#linked.layout.column.get(name);
      return column ? this.#linked.memory.initial(column, Number(element)) : -1;
    });
  }

  readonly #held: (readonly number[] | undefined)[] = [];

  /** Memory as local-graph.ts asks for it. */
  #told(): Values {
    return {
      element: ({ column }, element) =>
        this.#linked.memory.changingSegments(column).length === 0 ? undefined : this.#bit(column.name, element),
      held: (bit) => this.#held[bit],
      beside: (cell) => this.#poison(cell),
    };
  }

  #elements({ column }: CellAccess, touched: Iterable<number>): number[] {
    if (this.#linked.memory.changingSegments(column).length === 0) return [];
    return [...touched].map((element) => this.#bit(column.name, element));
  }

  #poison(cell: CellAccess): Elements {
    return !cell.ghost && this.#poisonable.has(cell.column.struct) ? this.#allPoison : 0n;
  }

  /** All that says whether something was freed. */
  get #allPoison(): Elements {
    let all = 0n;
    for (const { field, name, size } of this.#linked.layout.columns) {
      if (field !== 'poisoned') continue;
      for (let element = 0; element < size; element++) all |= 1n << BigInt(this.#bit(name, element));
    }
    return all;
  }

  /** What a predicate looks at. */
  #seen(graph: Graph): Elements {
    let all = 0n;
    for (const part of wholeRegion(graph).parts) {
      const { op } = graph.nodes[part.node];
      if (op.op !== 'load') continue;
      all |= sumOf(this.#elements(op.cell, this.#values.elements(graph, op.cell))) | this.#poison(op.cell);
    }
    return all;
  }

  #step({ graph, points, pcOf }: LinkedTask, spot: Spot): Step {
    const { pc, next } = spot;
    const region = points[pc]?.region;
    const waiting = { lowers: [], added: [], isOnce: true };
    if (!region) return { ...NONE, pc, next: [], changes: 0n, chooses: false, ...waiting };
    let [reads, writes] = [0n, 0n];
    const elementsAt = new Map<number, number[]>();
    for (const [node, touched] of spot.touched) {
      const { op } = graph.nodes[node];
      if (op.op !== 'load' && op.op !== 'store') continue;
      const elements = this.#elements(op.cell, touched);
      elementsAt.set(node, elements);
      if (op.op === 'load') reads |= sumOf(elements);
      else writes |= sumOf(elements);
      reads |= this.#poison(op.cell);
    }
    const exits = region.parts.flatMap((part) => (part.kind === 'exit' ? [pcOf.get(part.node) ?? 0] : []));
    const kept = new Set([pc, ...exits].flatMap((at) => points[at]?.live ?? []));
    const waits = waitingIn({ graph, region, spot, elementsAt, kept });
    return { reads, writes, adds: 0n, changes: writes, pc, next, chooses: spot.chooses, ...waits };
  }

  /** Takes what all only add to, and only up or only down, for something whose order does not matter. */
  #commute(): void {
    const signs = new Map<number, Set<number>>();
    const all = this.steps.flat();
    for (const { added } of all) {
      for (const { element, by } of added) signs.set(element, (signs.get(element) ?? new Set()).add(Math.sign(by)));
    }
    for (const step of all) {
      const adds = sumOf(step.added.flatMap(({ element }) => (signs.get(element)?.size === 1 ? [element] : [])));
      step.adds = adds;
      step.reads &= ~adds;
      step.writes &= ~adds;
    }
  }
}

function sumOf(bits: readonly number[]): Elements {
  return bits.reduce((all, bit) => all | (1n << BigInt(bit)), 0n);
}

/** Whether the order of two matters. */
export function doMeet(a: Footprint, b: Footprint): boolean {
  const writes = a.writes & (b.reads | b.writes | b.adds);
  const reads = a.reads & (b.writes | b.adds);
  const adds = a.adds & (b.reads | b.writes);
  return (writes | reads | adds) !== 0n;
}

/** Adds a row, to the spots of one that is the same. */
export function addRow(rows: Map<string, Row>, row: Row): void {
  const key = `${row.task} ${row.beside.join()} ${JSON.stringify(row.allows)}`;
  const known = rows.get(key);
  if (known) known.spots.push(...row.spots);
  else rows.set(key, row);
}

/** @returns at least one place of every cycle */
function cycleHeads(steps: readonly WaitStep[], start: number): Set<number> {
  const heads = new Set<number>();
  const state = new Uint8Array(steps.length);
  const stack = [{ pc: start, rest: [...steps[start].next] }];
  state[start] = 1;
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    const next = top.rest.pop();
    if (next === undefined) {
      state[top.pc] = 2;
      stack.pop();
    } else if (state[next] === 1) heads.add(next);
    else if (state[next] === 0) {
      state[next] = 1;
      stack.push({ pc: next, rest: [...steps[next].next] });
    }
  }
  return heads;
}

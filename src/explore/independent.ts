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
import { type LocalGraph, localGraphOf, type Spot } from './local-graph.js';
import type { Symmetry } from './symmetry-map.js';
import { type Holding, holdings, isCut, type WaitStep, waitingIn } from './waiting.js';

/** Which steps are taken alone, and beside what. */
export interface Independence {
  graphs: readonly LocalGraph[];
  /** task -> its first spot, where the spots of all tasks are numbered through */
  firsts: readonly number[];
  /** task -> spot -> a bit for each spot of all tasks, 1 where the two do not meet; undefined where no step is alone */
  beside: readonly (readonly (Int32Array | undefined)[])[];
}

/** Elements of memory, a bit each. */
export type Elements = bigint;

/** What is touched; `adds`: only something is added to it, and nobody looks at what was there. */
export interface Footprint {
  reads: Elements;
  writes: Elements;
  adds: Elements;
}

const NONE: Footprint = { reads: 0n, writes: 0n, adds: 0n };

interface Step extends Footprint, WaitStep {
  chooses: boolean;
}

/**
 * @param symmetry which tasks and pages may change places
 * @returns the steps that may be taken alone; undefined where none ever is beside tasks that have not ended
 */
export function findIndependence(linked: LinkedScenario, symmetry: Symmetry): Independence | undefined {
  const found = new Analysis(linked).independence(symmetry);
  return found.beside.some((steps) => steps.some((beside) => beside !== undefined)) ? found : undefined;
}

class Analysis {
  readonly #linked: LinkedScenario;
  readonly #values: ValueSets;
  readonly #poisonable: ReadonlySet<string>;
  readonly #bits = new Map<string, number>();
  readonly #graphs: LocalGraph[];
  readonly #steps: Step[][];
  /** what never and sometimes look at */
  readonly #visible: Elements;

  constructor(linked: LinkedScenario) {
    this.#linked = linked;
    const graphs = linked.tasks.map(({ graph }) => graph);
    const properties = [...linked.never, ...linked.sometimes].map(({ graph }) => graph);
    this.#values = new ValueSets(linked.compiled.program, linked.memory, [...graphs, ...properties]);
    this.#poisonable = poisonable(linked);
    this.#graphs = linked.tasks.map((task) =>
      localGraphOf(linked, task, (cell) => this.#values.elements(task.graph, cell)),
    );
    this.#steps = linked.tasks.map((task, t) => this.#graphs[t].spots.map((spot) => this.#step(task, spot)));
    this.#commute();
    this.#visible = properties.reduce((all, graph) => all | this.#seen(graph), 0n);
  }

  independence(symmetry: Symmetry): Independence {
    const { tasks } = this.#linked;
    const starts = this.#graphs.map(({ start }) => start);
    const held = holdings({ steps: this.#steps, starts, initials: this.#initials() });
    const cuts = this.#cuts(symmetry);
    const firsts: number[] = [];
    let count = 0;
    for (const { spots } of this.#graphs) {
      firsts.push(count);
      count += spots.length;
    }
    const rows = new Map<string, Int32Array | undefined>();
    const beside = tasks.map((_, t) =>
      this.#steps[t].map((step, spot) => {
        const isKept = step.chooses || cuts[t].has(spot) || (step.changes & this.#visible) !== 0n;
        if (step.pc === 0 || isKept) return undefined;
        const key = [t, step.reads, step.writes, step.adds, JSON.stringify(held[t][spot])].join();
        if (!rows.has(key)) rows.set(key, this.#row(t, step, held[t][spot], firsts, count));
        return rows.get(key);
      }),
    );
    return { graphs: this.#graphs, firsts, beside };
  }

  /** @returns beside which spots of the other tasks a step is alone; undefined where that is so only once all have ended */
  #row(
    task: number,
    step: Step,
    held: readonly Holding[],
    firsts: readonly number[],
    count: number,
  ): Int32Array | undefined {
    const row = new Int32Array((count >> 5) + 1);
    let isUseful = false;
    for (let other = 0; other < firsts.length; other++) {
      if (other === task) continue;
      this.#future(other, held).forEach((future, spot) => {
        if (doMeet(step, future)) return;
        const at = firsts[other] + spot;
        row[at >> 5] |= 1 << (at & 31);
        if (spot > 0) isUseful = true;
      });
    }
    // with all others at their ends there is one way only
    return isUseful ? row : undefined;
  }

  readonly #futures = new Map<string, Footprint[]>();

  /** @returns per spot of a task all that it can touch before it has to wait for what is held */
  #future(task: number, held: readonly Holding[]): Footprint[] {
    const key = `${task} ${JSON.stringify(held)}`;
    const known = this.#futures.get(key);
    if (known) return known;
    const steps = this.#steps[task];
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
    const own = this.#steps.map((steps, task) => cycleHeads(steps, this.#graphs[task].start));
    return own.map((heads, task) => {
      const alike = classes.find((group) => group.includes(task)) ?? [task];
      if (alike.length === 1 && pages.length === 0) return heads;
      // who may change places with it may come to its cycle, and come there from its own; and so with another page
      const pcs = new Set(alike.flatMap((other) => [...own[other]].map((spot) => this.#steps[other][spot].pc)));
      return new Set([...this.#steps[task].keys()].filter((spot) => pcs.has(this.#steps[task][spot].pc)));
    });
  }

  #bit(column: string, element: number): number {
    const key = `${column} ${element}`;
    let bit = this.#bits.get(key);
    if (bit === undefined) {
      bit = this.#bits.size;
      this.#bits.set(key, bit);
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
    const all = this.#steps.flat();
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
function doMeet(a: Footprint, b: Footprint): boolean {
  const writes = a.writes & (b.reads | b.writes | b.adds);
  const reads = a.reads & (b.writes | b.adds);
  const adds = a.adds & (b.reads | b.writes);
  return (writes | reads | adds) !== 0n;
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

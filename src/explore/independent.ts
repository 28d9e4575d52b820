// SPDX-License-Identifier: Apache-2.0
/**
 * Steps that need not wait for a choice of who goes next: at such a place of one task, while the others are where they are,
 * nothing that they can do before it moves touches what it touches. Then the step is taken at once, alone, and the state
 * before it is not kept. Sections under a lock shrink to one transition, and so does work on what is one task's own.
 *
 * All is decided by where the tasks are: what a step touches, and what each other task can touch before it would have to take
 * a lock that this one holds (docs/explorer.md, "Reductions", has the argument).
 */
import type { LinkedScenario, LinkedTask } from '../compiler/link.js';
import type { CellAccess, Graph, Node } from '../compiler/link-graph.js';
import { type Region, regionFrom, wholeRegion } from '../compiler/link-steps.js';
import { ValueSets } from '../compiler/link-values.js';
import { poisonable } from './emit-cell.js';

/** task -> pc -> other task -> pc -> 1 where the two cannot touch each other's things; undefined where a step never is alone */
export type Independence = (Uint8Array[] | undefined)[][];

/** Elements of memory, a bit each. */
type Elements = bigint;

interface Footprint {
  reads: Elements;
  writes: Elements;
}

/** How a lock is held: alone, or with other readers. */
type Mode = 'alone' | 'shared';

interface Taken {
  lock: number;
  mode: Mode;
  /** what it stores to take it alone is below 0: who waits to share it sees that */
  below?: boolean;
}

interface Step extends Footprint {
  next: number[];
  chooses: boolean;
  /** the lock that it takes, waiting until it is free; the lock's element */
  takes?: Taken;
  /** locks to which it stores one less than was there */
  lowers: number[];
}

const NONE: Footprint = { reads: 0n, writes: 0n };

/** @returns the steps that may be taken alone, and beside what; undefined where none ever is beside tasks that have not ended */
export function findIndependence(linked: LinkedScenario): Independence | undefined {
  const found = new Analysis(linked).independence();
  return found.some((steps) => steps.some((beside) => beside !== undefined)) ? found : undefined;
}

class Analysis {
  readonly #linked: LinkedScenario;
  readonly #values: ValueSets;
  readonly #poisonable: ReadonlySet<string>;
  readonly #bits = new Map<string, number>();
  readonly #steps: Step[][];
  /** what never and sometimes look at */
  readonly #visible: Elements;

  constructor(linked: LinkedScenario) {
    this.#linked = linked;
    const graphs = linked.tasks.map(({ graph }) => graph);
    const properties = [...linked.never, ...linked.sometimes];
    this.#values = new ValueSets(linked.compiled.program, linked.memory, [
      ...graphs,
      ...properties.map(({ graph }) => graph),
    ]);
    this.#poisonable = poisonable(linked);
    this.#steps = linked.tasks.map((task) => task.points.map((_, pc) => this.#step(task, pc)));
    this.#visible = properties.reduce((all, { graph }) => {
      const { reads, writes } = this.#footprint(graph, wholeRegion(graph));
      return all | reads | writes;
    }, 0n);
  }

  independence(): Independence {
    const { tasks } = this.#linked;
    const locks = this.#sound(tasks.map((_, task) => this.#held(task)));
    const futures = new Map<string, Footprint[]>();
    return tasks.map((task, t) => {
      const cuts = cycleHeads(this.#steps[t], task.startPc);
      return this.#steps[t].map((step, pc) => {
        if (pc === 0 || step.chooses || cuts.has(pc) || (step.writes & this.#visible) !== 0n) return undefined;
        const held = (locks.held[t][pc] ?? []).filter(({ lock }) => locks.sound.has(lock));
        const beside = tasks.map((_, other) => {
          if (other === t) return new Uint8Array();
          const key = JSON.stringify([other, held]);
          const future = futures.get(key) ?? this.#future(other, held);
          futures.set(key, future);
          return Uint8Array.from(future, ({ reads, writes }) =>
            (step.writes & (reads | writes)) === 0n && (step.reads & writes) === 0n ? 1 : 0,
          );
        });
        // at its end a task is in nobody's way; what is left then is one way only
        const isUseful = beside.every((at, other) => other === t || at.indexOf(1, 1) > 0);
        return isUseful ? beside : undefined;
      });
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

  #elements(graph: Graph, cell: CellAccess): number[] {
    const changing = this.#linked.memory.changingSegments(cell.column);
    if (changing.length === 0) return [];
    return this.#values.elements(graph, cell).map((element) => this.#bit(cell.column.name, element));
  }

  #footprint(graph: Graph, region: Region): Footprint {
    let [reads, writes] = [0n, 0n];
    for (const part of region.parts) {
      const { op } = graph.nodes[part.node];
      if (part.kind === 'exit' || (op.op !== 'load' && op.op !== 'store')) continue;
      const touched = this.#elements(graph, op.cell).reduce((all, bit) => all | (1n << BigInt(bit)), 0n);
      if (op.op === 'load') reads |= touched;
      else writes |= touched;
      if (!op.cell.ghost && this.#poisonable.has(op.cell.column.struct)) reads |= this.#poison();
    }
    return { reads, writes };
  }

  /** All that says whether something was freed. */
  #poison(): Elements {
    let all = 0n;
    for (const { field, name, size } of this.#linked.layout.columns) {
      if (field !== 'poisoned') continue;
      for (let element = 0; element < size; element++) all |= 1n << BigInt(this.#bit(name, element));
    }
    return all;
  }

  #step(task: LinkedTask, pc: number): Step {
    const point = task.points[pc];
    if (!point) return { ...NONE, next: [], chooses: false, lowers: [] };
    const region = regionFrom(task.graph, point.node, this.#linked.memory);
    const next = new Set<number>();
    for (const part of region.parts) {
      if (part.kind === 'exit') next.add(task.pcOf.get(part.node) ?? 0);
      else if (task.graph.nodes[part.node].op.op === 'end') next.add(0);
    }
    const takes = this.#lockTaken(task.graph, region);
    const footprint = this.#footprint(task.graph, region);
    const lowers = this.#lowered(task.graph, region);
    return { ...footprint, next: [...next], chooses: point.chooses, lowers, ...(takes && { takes }) };
  }

  /** @returns elements to which one less than a value is stored, and nothing else */
  #lowered(graph: Graph, { parts }: Region): number[] {
    const stores = parts.map((part) => graph.nodes[part.node].op).filter((op) => op.op === 'store');
    const isLower = ({ value }: (typeof stores)[number]): boolean =>
      value.op === 'binary' && value.operator === '-' && value.right.op === 'const' && value.right.value === 1;
    const all = stores.filter(isLower).flatMap(({ cell }) => this.#elements(graph, cell));
    const others = stores.filter((op) => !isLower(op)).flatMap(({ cell }) => this.#elements(graph, cell));
    return all.filter((element) => !others.includes(element));
  }

  /** A step that waits until one element is 0 (or not negative) and then makes it something else. */
  #lockTaken(graph: Graph, { parts, next }: Region): Step['takes'] {
    const ops: Node['op'][] = [];
    for (let at = 0; ops.length < parts.length; at = next[at][0]) {
      const part = parts[at];
      const { op } = graph.nodes[part.node];
      if (part.kind === 'exit' || op.op === 'branch' || next[at].length !== 1) break;
      ops.push(op);
    }
    const [enter, load, guard, ...rest] = ops;
    if (enter?.op !== 'enter' || load?.op !== 'load' || guard?.op !== 'guard') return undefined;
    const { enabled } = guard;
    if (enabled.op !== 'binary' || enabled.left.op !== 'local' || enabled.left.id !== load.dst) return undefined;
    if (enabled.right.op !== 'const' || enabled.right.value !== 0) return undefined;
    const [lock, ...others] = this.#elements(graph, load.cell);
    if (lock === undefined || others.length > 0) return undefined;
    const stores = rest.filter((op) => op.op === 'store' && this.#elements(graph, op.cell).includes(lock));
    const [store] = stores;
    if (stores.length !== 1 || store.op !== 'store') return undefined;
    if (enabled.operator === '===') {
      if (store.value.op !== 'const' || store.value.value === 0) return undefined;
      return { lock, mode: 'alone', below: store.value.value < 0 };
    }
    const { value } = store;
    const isOneMore =
      value.op === 'binary' && value.operator === '+' && value.right.op === 'const' && value.right.value === 1;
    return enabled.operator === '>=' && isOneMore ? { lock, mode: 'shared' } : undefined;
  }

  /** @returns per pc the locks that the task holds there, whichever way it came */
  #held(task: number): (Held[] | undefined)[] {
    const steps = this.#steps[task];
    const held: (Held[] | undefined)[] = steps.map(() => undefined);
    const { startPc } = this.#linked.tasks[task];
    held[startPc] = [];
    for (const pending = [startPc]; pending.length > 0; ) {
      const pc = pending.pop() ?? 0;
      const after = heldAfter(steps[pc], held[pc] ?? []);
      for (const to of steps[pc].next) {
        const old = held[to];
        const both = old ? old.filter((one) => after.some((other) => isSame(one, other))) : after;
        if (old && both.length === old.length) continue;
        held[to] = both;
        pending.push(to);
      }
    }
    return held;
  }

  /** Of all locks those that nobody changes but who waited for them, or holds them. */
  #sound(held: (Held[] | undefined)[][]) {
    const sound = new Set<number>();
    const initial = new Map([...this.#bits].map(([key, bit]) => [bit, this.#initial(key)]));
    const taking = this.#steps.flat().flatMap(({ takes }) => (takes ? [takes] : []));
    for (const { lock } of taking) if (initial.get(lock) === 0) sound.add(lock);
    for (const { lock, mode, below } of taking) {
      const isShared = mode === 'alone' && taking.some((other) => other.lock === lock && other.mode === 'shared');
      if (isShared && below !== true) sound.delete(lock);
    }
    this.#steps.forEach((steps, task) => {
      steps.forEach((step, pc) => {
        for (const lock of sound) {
          if (((step.writes >> BigInt(lock)) & 1n) === 0n || step.takes?.lock === lock) continue;
          const mode = held[task][pc]?.find((one) => one.lock === lock)?.mode;
          if (mode === undefined || (mode === 'shared' && !step.lowers.includes(lock))) sound.delete(lock);
        }
      });
    });
    return { sound, held };
  }

  #initial(key: string): number {
    const [name, element] = key.split(' ');
    const column = this.#linked.layout.column.get(name);
    return column ? this.#linked.memory.initial(column, Number(element)) : -1;
  }

  /** @returns per pc of a task all that it can touch before it has to wait for one of these locks */
  #future(task: number, held: readonly Held[]): Footprint[] {
    const steps = this.#steps[task];
    const all: Footprint[] = steps.map(() => NONE);
    for (let changed = true; changed; ) {
      changed = false;
      for (let pc = steps.length - 1; pc > 0; pc--) {
        const { takes, next } = steps[pc];
        if (
          takes &&
          held.some(({ lock, mode }) => lock === takes.lock && (mode === 'alone' || takes.mode === 'alone'))
        ) {
          continue;
        }
        let { reads, writes } = steps[pc];
        for (const to of next) {
          reads |= all[to].reads;
          writes |= all[to].writes;
        }
        if (reads === all[pc].reads && writes === all[pc].writes) continue;
        all[pc] = { reads, writes };
        changed = true;
      }
    }
    return all;
  }
}

interface Held {
  lock: number;
  mode: Mode;
}

function isSame(a: Held, b: Held): boolean {
  return a.lock === b.lock && a.mode === b.mode;
}

function heldAfter(step: Step, held: readonly Held[]): Held[] {
  const kept = held.filter(({ lock }) => ((step.writes >> BigInt(lock)) & 1n) === 0n);
  return step.takes ? [...kept, { lock: step.takes.lock, mode: step.takes.mode }] : kept;
}

/** @returns at least one place of every cycle */
function cycleHeads(steps: readonly Step[], start: number): Set<number> {
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

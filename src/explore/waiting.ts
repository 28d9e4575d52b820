// SPDX-License-Identifier: Apache-2.0
/**
 * What keeps a task waiting until another moves: locks, which only their holder gives up, and barriers, counters that reach a
 * number only once all have added to them. Both are recognised in the code, and checked in all of it.
 *
 * Not here: what follows for the order of steps (independent.ts).
 */
import type { Expr, LocalId } from '../compiler/ir.js';
import { type Graph, type NodeId, operands, readLocals } from '../compiler/link-graph.js';
import type { Region } from '../compiler/link-steps.js';
import type { Spot } from './local-graph.js';

/** How a lock is held: alone, or with other readers. */
type Mode = 'alone' | 'shared';

interface Taken {
  lock: number;
  mode: Mode;
  /** what it stores to take it alone is below 0: who waits to share it sees that */
  below?: boolean;
}

/** To an element `by` is added, and what was there before matters to nothing else in the step. */
export interface Added {
  element: number;
  by: number;
}

/** A step, as far as waiting goes. Elements are numbered by the caller. */
export interface WaitStep {
  pc: number;
  /** spots of the task that it leads to; 0 is the end */
  next: readonly number[];
  /** elements whose value it may change, a bit each */
  changes: bigint;
  /** the lock that it takes, waiting until it is free */
  takes?: Taken;
  /** it waits until an element has come to a value, counting up */
  awaits?: { element: number; value: number };
  /** locks to which it stores one less than was there */
  lowers: readonly number[];
  added: readonly Added[];
  /** nothing in it is done twice */
  isOnce: boolean;
}

/** What a task at some place keeps others waiting for: a lock, or that an element comes to a value. */
export type Holding = { lock: number; mode: Mode } | { element: number; value: number };

/** The code of a step; `elementsAt`: operation -> the elements that it touches, of those that change. */
export interface StepCode {
  graph: Graph;
  region: Region;
  spot: Spot;
  elementsAt: ReadonlyMap<NodeId, readonly number[]>;
  /** locals that are kept where it begins and where it may end */
  kept: ReadonlySet<LocalId>;
}

/** @returns whether a step has to wait until whoever holds one of these moves */
export function isCut({ takes, awaits }: WaitStep, held: readonly Holding[]): boolean {
  return held.some((one) =>
    'lock' in one
      ? takes?.lock === one.lock && (one.mode === 'alone' || takes.mode === 'alone')
      : awaits?.element === one.element && awaits.value >= one.value,
  );
}

// ---- one step -----------------------------------------------------------------------------------------------------

/** @returns what the code says of waiting */
export function waitingIn(code: StepCode): Pick<WaitStep, 'takes' | 'awaits' | 'lowers' | 'added' | 'isOnce'> {
  const isOnce = !hasCycle(code.region);
  return { ...guardIn(code), lowers: loweredIn(code), added: addedIn(code), isOnce };
}

function hasCycle({ next }: Region): boolean {
  const state = new Uint8Array(next.length);
  const visit = (part: number): boolean => {
    state[part] = 1;
    const found = next[part].some((to) => state[to] === 1 || (state[to] === 0 && visit(to)));
    state[part] = 2;
    return found;
  };
  return visit(0);
}

/** A step that waits for one element and for nothing else: a lock where it then makes it something else. */
function guardIn({ graph, region: { parts, next }, spot, elementsAt }: StepCode): Pick<WaitStep, 'takes' | 'awaits'> {
  const [main, ...otherMains] = spot.mains;
  if (main === undefined || otherMains.length > 0) return {};
  const nodes: NodeId[] = [];
  for (let at = main; nodes.length < parts.length; at = next[at][0]) {
    const part = parts[at];
    if (part.kind === 'exit' || graph.nodes[part.node].op.op === 'branch' || next[at].length !== 1) break;
    nodes.push(part.node);
  }
  const ops = nodes.map((node) => graph.nodes[node].op);
  const [enter, load, guard, ...rest] = ops;
  if (enter?.op !== 'enter' || load?.op !== 'load' || guard?.op !== 'guard') return {};
  const [element, ...others] = elementsAt.get(nodes[1]) ?? [];
  const test = testOf(guard.enabled, load.dst);
  if (element === undefined || others.length > 0 || !test) return {};
  const stores = rest.filter((op, i) => op.op === 'store' && elementsAt.get(nodes[i + 3])?.includes(element));
  const [store] = stores;
  const awaits = { element, value: test.value };
  if (stores.length !== 1 || store.op !== 'store' || test.value !== 0) return test.value > 0 ? { awaits } : {};
  const { value } = store;
  if (test.operator === '===') {
    if (value.op !== 'const' || value.value === 0) return {};
    return { takes: { lock: element, mode: 'alone', below: value.value < 0 } };
  }
  return byOf(value, load.dst) === 1 ? { takes: { lock: element, mode: 'shared' } } : {};
}

/** `local === value`, `local >= value` or `!local`. */
function testOf(test: Expr, local: LocalId): { operator: '===' | '>='; value: number } | undefined {
  const isLocal = (expr: Expr): boolean => expr.op === 'local' && expr.id === local;
  if (test.op === 'unary' && test.operator === '!' && isLocal(test.operand)) return { operator: '===', value: 0 };
  if (test.op !== 'binary' || !isLocal(test.left) || test.right.op !== 'const') return undefined;
  if (test.operator !== '===' && test.operator !== '>=') return undefined;
  return { operator: test.operator, value: test.right.value };
}

/** @returns what is added to a local; undefined where the value is no such sum */
function byOf(value: Expr, local: LocalId): number | undefined {
  if (value.op !== 'binary' || (value.operator !== '+' && value.operator !== '-')) return undefined;
  if (value.left.op !== 'local' || value.left.id !== local || value.right.op !== 'const') return undefined;
  return value.operator === '+' ? value.right.value : -value.right.value;
}

/** @returns elements of which what is stored is one less than what the step has read there, and nothing else */
function loweredIn({ graph, elementsAt }: StepCode): number[] {
  const [all, others] = [new Set<number>(), new Set<number>()];
  const loads = [...elementsAt].flatMap(([node, elements]) => {
    const { op } = graph.nodes[node];
    return op.op === 'load' && elements.length === 1 ? [{ dst: op.dst, element: elements[0] }] : [];
  });
  for (const [node, elements] of elementsAt) {
    const { op } = graph.nodes[node];
    if (op.op !== 'store') continue;
    const from = loads.find(({ dst }) => byOf(op.value, dst) === -1);
    for (const element of elements) (from?.element === element && elements.length === 1 ? all : others).add(element);
  }
  return [...all].filter((element) => !others.has(element));
}

/** A load, and a store of it with something added to the same element, of which neither is about anything else. */
function addedIn({ graph, region, elementsAt, kept }: StepCode): Added[] {
  const nodes = region.parts.flatMap((part) => (part.kind === 'exit' ? [] : [part.node]));
  const readers = new Map<LocalId, NodeId[]>();
  const setters = new Map<LocalId, number>();
  for (const node of new Set(nodes)) {
    const { op } = graph.nodes[node];
    for (const expr of operands(op)) {
      readLocals(expr, (id) => {
        const known = readers.get(id);
        if (known) known.push(node);
        else readers.set(id, [node]);
      });
    }
    if ('dst' in op) setters.set(op.dst, (setters.get(op.dst) ?? 0) + 1);
  }
  const touching = (element: number): number => {
    let count = 0;
    for (const elements of elementsAt.values()) if (elements.includes(element)) count++;
    return count;
  };
  return [...elementsAt].flatMap(([node, elements]): Added[] => {
    const { op } = graph.nodes[node];
    if (op.op !== 'load' || elements.length !== 1 || kept.has(op.dst) || setters.get(op.dst) !== 1) return [];
    const [element] = elements;
    const [reader, ...others] = readers.get(op.dst) ?? [];
    const store = reader === undefined ? undefined : graph.nodes[reader].op;
    if (store?.op !== 'store' || others.length > 0 || touching(element) !== 2) return [];
    const by = byOf(store.value, op.dst);
    const target = elementsAt.get(reader) ?? [];
    return by === undefined || target.length !== 1 || target[0] !== element ? [] : [{ element, by }];
  });
}

// ---- all steps ----------------------------------------------------------------------------------------------------

/** The program: task -> spot -> step, the spots where tasks start, and element -> what it holds at first. */
interface Program {
  steps: readonly (readonly WaitStep[])[];
  starts: readonly number[];
  initials: readonly number[];
}

/** @returns per task and spot what the task keeps others waiting for there, whichever way it came */
export function holdings(program: Program): Holding[][][] {
  const held = program.steps.map((steps, task) => locksHeld(steps, program.starts[task]));
  const sound = soundLocks(program, held);
  const barriers = barriersOf(program);
  return program.steps.map((steps, task) =>
    steps.map((_, spot): Holding[] => [
      ...(held[task][spot] ?? []).filter(({ lock }) => sound.has(lock)),
      ...barriers.flatMap(({ element, value, left }) => (left[task][spot] > 0 ? [{ element, value }] : [])),
    ]),
  );
}

interface Held {
  lock: number;
  mode: Mode;
}

const has = (elements: bigint, element: number): boolean => ((elements >> BigInt(element)) & 1n) !== 0n;

/** @returns per spot the locks that the task holds there; undefined where it never comes */
function locksHeld(steps: readonly WaitStep[], start: number): (Held[] | undefined)[] {
  const held: (Held[] | undefined)[] = steps.map(() => undefined);
  held[start] = [];
  for (const pending = [start]; pending.length > 0; ) {
    const spot = pending.pop() ?? 0;
    const { changes, takes, next } = steps[spot];
    const kept = (held[spot] ?? []).filter(({ lock }) => !has(changes, lock));
    const after = takes ? [...kept, { lock: takes.lock, mode: takes.mode }] : kept;
    for (const to of next) {
      const old = held[to];
      const both =
        old?.filter((one) => after.some(({ lock, mode }) => lock === one.lock && mode === one.mode)) ?? after;
      if (old && both.length === old.length) continue;
      held[to] = both;
      pending.push(to);
    }
  }
  return held;
}

/** Of all locks those that nobody changes but who waited for them, or holds them. */
function soundLocks({ steps: all, initials }: Program, held: readonly (Held[] | undefined)[][]): Set<number> {
  const taking = all.flat().flatMap(({ takes }) => (takes ? [takes] : []));
  const sound = new Set(taking.flatMap(({ lock }) => (initials[lock] === 0 ? [lock] : [])));
  for (const { lock, mode, below } of taking) {
    const isShared = mode === 'alone' && taking.some((other) => other.lock === lock && other.mode === 'shared');
    if (isShared && below !== true) sound.delete(lock);
  }
  all.forEach((steps, task) => {
    steps.forEach((step, spot) => {
      for (const lock of sound) {
        if (!has(step.changes, lock) || step.takes?.lock === lock) continue;
        const mode = held[task][spot]?.find((one) => one.lock === lock)?.mode;
        if (mode === undefined || (mode === 'shared' && !step.lowers.includes(lock))) sound.delete(lock);
      }
    });
  });
  return sound;
}

interface Barrier {
  element: number;
  /** what it comes to once all have added to it */
  value: number;
  /** task -> spot -> how often it may still add to it at most */
  left: number[][];
}

/** Elements that somebody waits for, and that nobody does anything to but add 1, a bounded number of times. */
function barriersOf({ steps: all, starts, initials }: Program): Barrier[] {
  const steps = all.flat();
  const awaited = new Set(steps.flatMap(({ awaits }) => (awaits ? [awaits.element] : [])));
  return [...awaited].flatMap((element): Barrier[] => {
    const isCounter = steps.every(
      ({ changes, added, isOnce }) =>
        !has(changes, element) || (isOnce && added.some((one) => one.element === element && one.by === 1)),
    );
    if (!isCounter) return [];
    const left = all.map((ofTask) => mostFrom(ofTask, (step) => (has(step.changes, element) ? 1 : 0)));
    const value = starts.reduce((sum, start, task) => sum + left[task][start], initials[element]);
    return Number.isFinite(value) ? [{ element, value, left }] : [];
  });
}

/** @returns per spot the most that the steps from there on can weigh together; infinite where they go round */
function mostFrom(steps: readonly WaitStep[], weigh: (step: WaitStep) => number): number[] {
  const most = steps.map(() => 0);
  // without a cycle of positive weight no way is longer than there are spots
  for (let round = 0; round <= steps.length; round++) {
    let isChanged = false;
    for (let spot = steps.length - 1; spot > 0; spot--) {
      const after = steps[spot].next.reduce((sum, to) => Math.max(sum, most[to]), 0) + weigh(steps[spot]);
      if (after === most[spot]) continue;
      most[spot] = after;
      isChanged = true;
    }
    if (!isChanged) return most;
  }
  return steps.map(() => Number.POSITIVE_INFINITY);
}

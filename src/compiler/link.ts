// SPDX-License-Identifier: Apache-2.0
/**
 * From a compiled scenario to flat programs: every task and predicate inlined, folded for the memory that `init` left, and
 * tasks cut into steps.
 *
 * Not here: how a state is stored and a step is run (src/explore).
 */
import { assert } from '../base/assert.js';
import type { CompiledScenario, Named } from './api.js';
import type { Layout } from './layout.js';
import type { LineMarks } from './lines.js';
import type { Surroundings } from './link-expr.js';
import { Propagation } from './link-fold.js';
import type { Graph, Node } from './link-graph.js';
import { inlineFunction } from './link-inline.js';
import { Memory } from './link-memory.js';
import { localRanges, type Range } from './link-range.js';
import { cutIntoSteps, type Steps } from './link-steps.js';
import { bufferStores, drainBuffer, layOutBuffers, type StoreBuffers } from './link-tso.js';
import { bufferFacts, Sharing } from './link-tso-facts.js';

export interface LinkedTask extends Named, Steps {
  /** per local what is assigned to it */
  ranges: Range[];
  /** the task of a store buffer: it never ends, and no run waits for it */
  isBuffer: boolean;
}

/** How many stores a store buffer may hold, for x86-TSO; undefined: memory is sequentially consistent. */
export type BufferDepth = number | undefined;

export interface LinkedPredicate extends Named {
  graph: Graph;
}

export interface LinkedScenario {
  compiled: CompiledScenario;
  layout: Layout;
  memory: Memory;
  /** the lines that tasks mark, where that was asked for */
  marks?: LineMarks;
  tasks: LinkedTask[];
  never: LinkedPredicate[];
  sometimes: LinkedPredicate[];
  finally: LinkedPredicate[];
  depth: BufferDepth;
}

export interface LinkOptions {
  /** if given, tasks mark the lines that they execute; it gets the lines there are */
  marks?: LineMarks | undefined;
  depth?: BufferDepth;
}

/**
 * @param initial per column (Layout.columns) its elements after `init`
 * @throws InputError RZ2101 where a task is too large
 */
export function link(
  compiled: CompiledScenario,
  programLayout: Layout,
  initial: readonly Int32Array[],
  { marks, depth }: LinkOptions = {},
): LinkedScenario {
  const { program, never, sometimes, storesAreSeen } = compiled;
  const layout = depth === undefined ? programLayout : copyOf(programLayout);
  const memory = new Memory(program, layout, initial);
  const taskCount = compiled.tasks.length;
  const surroundings = (task: number): Surroundings => ({ task, taskCount, buffered: depth !== undefined });
  const graphOf = (named: Named, task: number, lines?: LineMarks): Graph => {
    const fn = program.functions.get(named.function);
    assert(fn !== undefined, `no function ${named.function}`);
    return inlineFunction(program, layout, fn, named.name, surroundings(task), lines);
  };
  const tasks = compiled.tasks.map((named, task) => graphOf(named, task, marks));
  // what happens when a task's store buffer has become empty
  const emptied =
    depth === undefined
      ? []
      : compiled.tasks.map((_, task) =>
          storesAreSeen ? graphOf(storesAreSeen, task) : emptyGraph(compiled.tasks[task]),
        );
  const predicateOf = (named: Named): LinkedPredicate => ({ ...named, graph: graphOf(named, 0) });
  const predicates = [never, sometimes, compiled.finally].map((list) => list.map(predicateOf));
  const isolated = predicates.flat().map(({ graph }) => graph);
  settle([...tasks, ...emptied], isolated, memory, compiled, (graph) => surroundings(graph % taskCount));
  const buffers = depth === undefined ? undefined : orderStores(tasks, isolated, layout, memory, depth);
  const linked = (named: Named, graph: Graph, isBuffer: boolean): LinkedTask => ({
    ...named,
    ...cutIntoSteps(graph, memory),
    ranges: localRanges(graph, layout),
    isBuffer,
  });
  const drains = [...(buffers?.ofTask ?? [])].map(([task, buffer]) => {
    const { name, loc } = compiled.tasks[task];
    drainBuffer(emptied[task], buffer, buffers as StoreBuffers);
    return linked({ name: `store buffer of ${name}`, function: `store buffer ${task}`, loc }, emptied[task], true);
  });
  return {
    compiled,
    layout,
    memory,
    ...(marks && { marks }),
    tasks: [...tasks.map((graph, i) => linked(compiled.tasks[i], graph, false)), ...drains],
    never: predicates[0],
    sometimes: predicates[1],
    finally: predicates[2],
    depth,
  };
}

/** Has stores wait in store buffers. @returns those, where a task needs one */
function orderStores(
  tasks: readonly Graph[],
  predicates: readonly Graph[],
  layout: Layout,
  memory: Memory,
  depth: number,
): StoreBuffers | undefined {
  const sharing = new Sharing(tasks, predicates, memory);
  const facts = tasks.map((graph, task) => bufferFacts(graph, task, memory, sharing));
  const buffers = layOutBuffers(tasks, facts, layout, memory, depth);
  tasks.forEach((graph, task) => {
    bufferStores(graph, task, buffers, facts[task], memory);
  });
  return buffers;
}

function emptyGraph({ name, function: fn, loc }: Named): Graph {
  const place = { loc, function: fn, text: '', up: undefined };
  const end: Node = { op: { op: 'end' }, next: -1, other: -1, place, atomic: false, plain: false };
  return { name, nodes: [end], entry: 0, locals: [], result: undefined };
}

/** The columns of store buffers are added to it. */
function copyOf(layout: Layout): Layout {
  return {
    ...layout,
    columns: [...layout.columns],
    column: new Map(layout.column),
    instances: new Map(layout.instances),
  };
}

/**
 * What is known of locals depends on which memory changes, and the other way round: it is taken not to change until a
 * store is reached that changes it.
 */
function settle(
  tasks: Graph[],
  predicates: Graph[],
  memory: Memory,
  { program }: CompiledScenario,
  surroundings: (graph: number) => Surroundings,
): void {
  const propagation = (graph: Graph, i: number) => new Propagation(graph, program, memory, surroundings(i));
  const all = [...tasks.map(propagation), ...predicates.map((graph) => propagation(graph, 0))];
  do {
    for (const one of all) one.solve();
  } while (memory.learn(all.flatMap((one) => one.accesses())));
  for (const one of all) one.rewrite();
}

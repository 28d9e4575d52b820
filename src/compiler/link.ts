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
import { Propagation } from './link-fold.js';
import type { Graph } from './link-graph.js';
import { inlineFunction } from './link-inline.js';
import { Memory } from './link-memory.js';
import { localRanges, type Range } from './link-range.js';
import { cutIntoSteps, type Steps } from './link-steps.js';

export interface LinkedTask extends Named, Steps {
  /** per local what is assigned to it */
  ranges: Range[];
}

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
}

/**
 * @param initial per column (Layout.columns) its elements after `init`
 * @param marks if given, tasks mark the lines that they execute; it gets the lines there are
 * @throws InputError RZ2101 where a task is too large
 */
export function link(
  compiled: CompiledScenario,
  layout: Layout,
  initial: readonly Int32Array[],
  marks?: LineMarks,
): LinkedScenario {
  const { program, never, sometimes } = compiled;
  const memory = new Memory(program, layout, initial);
  const taskCount = compiled.tasks.length;
  const graphOf = (named: Named, task: number, lines?: LineMarks): Graph => {
    const fn = program.functions.get(named.function);
    assert(fn !== undefined, `no function ${named.function}`);
    return inlineFunction(program, layout, fn, named.name, { task, taskCount }, lines);
  };
  const tasks = compiled.tasks.map((named, task) => graphOf(named, task, marks));
  const predicateOf = (named: Named): LinkedPredicate => ({ ...named, graph: graphOf(named, 0) });
  const predicates = [never, sometimes, compiled.finally].map((list) => list.map(predicateOf));
  const isolated = predicates.flat().map(({ graph }) => graph);
  settle(tasks, isolated, memory, compiled, taskCount);
  return {
    compiled,
    layout,
    memory,
    ...(marks && { marks }),
    tasks: tasks.map((graph, i) => ({
      ...compiled.tasks[i],
      ...cutIntoSteps(graph, memory),
      ranges: localRanges(graph, layout),
    })),
    never: predicates[0],
    sometimes: predicates[1],
    finally: predicates[2],
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
  taskCount: number,
): void {
  const propagation = (graph: Graph, task: number) => new Propagation(graph, program, memory, { task, taskCount });
  const all = [...tasks.map(propagation), ...predicates.map((graph) => propagation(graph, 0))];
  do {
    for (const one of all) one.solve();
  } while (memory.learn(all.flatMap((one) => one.accesses())));
  for (const one of all) one.rewrite();
}

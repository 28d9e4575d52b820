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
import type { Surroundings } from './link-expr.js';
import { propagateConstants } from './link-fold.js';
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
  tasks: LinkedTask[];
  never: LinkedPredicate[];
  sometimes: LinkedPredicate[];
  finally: LinkedPredicate[];
}

/**
 * @param initial per column (Layout.columns) its elements after `init`
 * @throws InputError RZ2101 where a task is too large
 */
export function link(compiled: CompiledScenario, layout: Layout, initial: readonly Int32Array[]): LinkedScenario {
  const { program, never, sometimes } = compiled;
  const memory = new Memory(program, layout, initial);
  const taskCount = compiled.tasks.length;
  const graphOf = (named: Named, task: number): Graph => {
    const fn = program.functions.get(named.function);
    assert(fn !== undefined, `no function ${named.function}`);
    return inlineFunction(program, layout, fn, named.name, { task, taskCount });
  };
  const tasks = compiled.tasks.map(graphOf);
  const predicateOf = (named: Named): LinkedPredicate => ({ ...named, graph: graphOf(named, 0) });
  const predicates = [never, sometimes, compiled.finally].map((list) => list.map(predicateOf));
  const isolated = predicates.flat().map(({ graph }) => graph);
  settle(tasks, isolated, memory, compiled, taskCount);
  return {
    compiled,
    layout,
    memory,
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

/** Less memory that changes means more known values, means fewer stores: until nothing is gained any more. */
function settle(
  tasks: Graph[],
  predicates: Graph[],
  memory: Memory,
  { program }: CompiledScenario,
  taskCount: number,
): void {
  const around = (task: number): Surroundings => ({ task, taskCount });
  memory.update([...tasks, ...predicates]);
  do {
    tasks.forEach((graph, task) => {
      propagateConstants(graph, program, memory, around(task));
    });
    for (const graph of predicates) propagateConstants(graph, program, memory, around(0));
  } while (memory.update([...tasks, ...predicates]));
}

// SPDX-License-Identifier: Apache-2.0
/** What the tests of random programs share: a program that a generator put together, as a model. */
import type { CompiledScenario, Named, Scenario } from '../../src/compiler/api.js';
import type { ProgramIR } from '../../src/compiler/ir.js';
import { layOut } from '../../src/compiler/layout.js';
import { buildModel, type Model } from '../../src/explore/model.js';

/** Where all of such a program is said to be. */
export const LOC = { file: 'src/scenarios/random.ts', line: 1, column: 1 };

export interface Shape {
  /** the function of each task; the tasks are t0, t1, … */
  tasks: readonly string[];
  /** functions that must never be true */
  never?: readonly string[];
  /** functions that must be true at each end */
  atEnd?: readonly string[];
  reductions?: boolean;
}

/** All memory is 0 at the start. */
export function modelOfProgram(
  program: ProgramIR,
  { tasks, never = [], atEnd = [], reductions = false }: Shape,
): Model {
  const layout = layOut(program);
  const named = (name: string, of: string): Named => ({ name, function: of, loc: LOC });
  const compiled: CompiledScenario = {
    scenario: { name: 'random', loc: LOC, progress: [] as string[], endless: false } as Scenario,
    kernel: 'v1.0',
    program,
    tasks: tasks.map((of, i) => named(`t${i}`, of)),
    never: never.map((name) => named(name, name)),
    sometimes: [],
    finally: atEnd.map((name) => named(name, name)),
  };
  const initial = layout.columns.map(({ size }) => new Int32Array(size));
  return buildModel(compiled, layout, initial, { reductions });
}

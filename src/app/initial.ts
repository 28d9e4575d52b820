// SPDX-License-Identifier: Apache-2.0
/**
 * The memory that a scenario's tasks start from: its `init`, run on a machine of src/run.
 *
 * Not here: linking and searching (src/compiler/link.ts, src/explore).
 */
import { InputError } from '../base/diagnostic.js';
import type { CompiledScenario } from '../compiler/api.js';
import type { Layout } from '../compiler/layout.js';
import { KernelError } from '../run/errors.js';
import { loadMachine } from '../run/machine.js';

export interface InitialMemory {
  layout: Layout;
  /** per column of the layout its elements */
  columns: Int32Array[];
}

/** @throws InputError RZ4006 where `init` itself fails */
export function initialMemory(compiled: CompiledScenario): InitialMemory {
  const { program, tasks, init, scenario, kernel } = compiled;
  const machine = loadMachine(program, { taskCount: tasks.length, task: 0, checkWidths: true });
  try {
    if (init !== undefined) machine.call(init);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const { file, line } = error;
    throw new InputError({
      code: 'RZ4006',
      message: `init of ${scenario.name} fails on ${kernel}: ${error.message}`,
      place: { file, line, column: 1 },
      hint: 'init runs alone, before the tasks: nothing may be waited for, and no assertion may fail',
    });
  }
  return { layout: machine.layout, columns: machine.columns() };
}

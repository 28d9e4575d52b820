// SPDX-License-Identifier: Apache-2.0
/**
 * From a compiled scenario to its flat programs: `init` is run (src/run) to have the memory that the tasks start from, then
 * the tasks are linked for it (src/compiler/link.ts).
 */
import { InputError } from '../base/diagnostic.js';
import type { CompiledScenario } from '../compiler/api.js';
import { type LinkedScenario, link } from '../compiler/link.js';
import { KernelError } from '../run/errors.js';
import { loadMachine } from '../run/machine.js';

/** @throws InputError RZ4006 where `init` itself fails, RZ2101 where a task is too large */
export function linkScenario(compiled: CompiledScenario): LinkedScenario {
  const { program, tasks, init } = compiled;
  const machine = loadMachine(program, { taskCount: tasks.length, task: 0, checkWidths: true });
  if (init !== undefined) runInit(compiled, () => machine.call(init));
  return link(compiled, machine.layout, machine.columns());
}

function runInit({ scenario, kernel }: CompiledScenario, work: () => void): void {
  try {
    work();
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
}

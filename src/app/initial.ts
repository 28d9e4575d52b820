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
import { loadMachine, type Machine } from '../run/machine.js';

export interface InitialMemory {
  layout: Layout;
  /** per column of the layout its elements */
  columns: Int32Array[];
}

/** What loops of `init` may turn together: some seconds. Nothing useful takes as long. */
const turnsMax = 2 ** 27;
/** Ways through what `init` chooses. */
const runsMax = 1024;

/**
 * Runs `init` once for each way that its `choose` may go: a search starts from one memory, so all must come to the same.
 * @throws InputError RZ4006 where `init` fails, does not end, or comes to different memories
 */
export function initialMemory(compiled: CompiledScenario): InitialMemory {
  const { program, tasks, init } = compiled;
  const ways = new Ways();
  const choose = (count: number) => ways.choose(count);
  const machine = loadMachine(program, { taskCount: tasks.length, task: 0, checkWidths: true, turnsMax, choose });
  const { layout } = machine;
  const columns = machine.columns();
  if (init === undefined) return { layout, columns };
  run(compiled, machine, init);
  if (!ways.next()) return { layout, columns };
  const first = columns.map((column) => column.slice());
  for (let runs = 1; runs === 1 || ways.next(); runs++) {
    for (const column of columns) column.fill(0);
    run(compiled, machine, init);
    const isSame = columns.every((column, i) => column.every((word, at) => word === first[i][at]));
    if (!isSame) throw openStart(compiled, init, 'the tasks start from one memory, and what init chooses changes it');
    if (runs === runsMax)
      throw openStart(compiled, init, `there are more than ${runsMax} ways through what it chooses`);
  }
  return { layout, columns: first };
}

/** Every sequence of answers to `choose`, one after the other. */
class Ways {
  private answers: { choice: number; count: number }[] = [];
  private at = 0;

  choose(count: number): number {
    const answer = this.answers[this.at] ?? { choice: 0, count };
    this.answers[this.at++] = answer;
    return answer.choice;
  }

  /** @returns whether there is another way; it is then the one that `choose` goes */
  next(): boolean {
    this.at = 0;
    for (let last = this.answers.pop(); last; last = this.answers.pop()) {
      if (last.choice + 1 >= last.count) continue;
      this.answers.push({ ...last, choice: last.choice + 1 });
      return true;
    }
    return false;
  }
}

function run({ scenario, kernel }: CompiledScenario, machine: Machine, init: string): void {
  try {
    machine.call(init);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const { file, line } = error;
    throw new InputError({
      code: 'RZ4006',
      message: `init of ${scenario.name} fails on ${kernel}: ${error.message}`,
      place: { file, line, column: 1 },
      hint:
        HINTS[error.kind] ?? 'init runs alone, before the tasks: nothing may be waited for, and no assertion may fail',
    });
  }
}

const HINTS: Partial<Record<KernelError['kind'], string>> = {
  'endless loop': 'init runs alone: what its loops wait for never comes',
  'value out of range': 'declare it with a wider type',
};

function openStart({ scenario, kernel, program }: CompiledScenario, init: string, hint: string): InputError {
  const place = program.functions.get(init)?.loc ?? scenario.loc;
  return new InputError({
    code: 'RZ4006',
    message: `init of ${scenario.name} leaves open what the tasks start from on ${kernel}`,
    place: { ...place },
    hint: `${hint}: let a task choose`,
  });
}

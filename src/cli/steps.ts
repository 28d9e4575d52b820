// SPDX-License-Identifier: Apache-2.0
/** `refzero check --show-steps`: the steps of each task, each with its source line. */
import type { CheckOptions } from '../app/check-data.js';
import { isPath, plan } from '../app/check-plan.js';
import { listSteps, type StepListing, type StepText } from '../app/steps.js';
import { Programs } from '../app/workspace.js';
import { InputError } from '../base/diagnostic.js';
import type { Frame } from '../explore/verdict.js';
import { EXIT } from './errors.js';
import { chainLines } from './render-path.js';
import { count, printable, type Screen } from './terminal.js';

/** @throws InputError where not exactly one scenario and one kernel are named, or one is unknown */
export async function printSteps(options: CheckOptions, json: boolean, screen: Screen): Promise<number> {
  const { scenarios, kernels, variant } = options;
  if (scenarios.length !== 1 || kernels.length !== 1)
    throw new InputError({
      code: 'RZ4007',
      message: '--show-steps needs one scenario and one kernel',
      hint: 'refzero check dax-truncate --kernel v7.3 --show-steps; --list has the names',
    });
  const listing = await new Programs(scenarios.filter(isPath)).use((workspace) => {
    const [{ scenario, kernel }] = plan(workspace, options).outcomes;
    const choice = { kernel, with: [...options.with], without: [...options.without] };
    return listSteps(workspace, scenario, choice, variant);
  });
  process.stdout.write(json ? `${JSON.stringify(listing, null, 2)}\n` : printable(renderSteps(listing, screen)));
  return EXIT.ok;
}

/** @returns the listing as text: a line of functions wherever they change, below it the steps */
export function renderSteps({ scenario, kernel, tasks }: StepListing, screen: Screen): string {
  const { style } = screen;
  const all = tasks.reduce((sum, { steps }) => sum + steps.length, 0);
  const lines = [`${style.bold(scenario)} on ${style.bold(kernel)}: ${count(all, 'step')}`];
  for (const { task, steps } of tasks) {
    lines.push('', style.bold(`${task}: ${count(steps.length, 'step')}`));
    let above: Frame[] | undefined;
    for (const step of steps) {
      lines.push(...chainLines(step.stack, above, screen, style.series(0)));
      above = step.stack;
      lines.push(stepLine(step, screen));
    }
  }
  return `${lines.join('\n')}\n`;
}

function stepLine({ number, kind, stack, source }: StepText, { width, style }: Screen): string {
  const lead = `${String(number).padStart(3)} `;
  const place = `${`:${stack[0]?.line ?? 0}`.padEnd(5)} ${kind.padEnd(6)}`;
  const room = width - lead.length - place.length - 2;
  const text = source.trim();
  return `${lead}${style.dim(place)}  ${text.length <= room ? text : `${text.slice(0, room - 1)}…`}`;
}

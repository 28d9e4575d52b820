// SPDX-License-Identifier: Apache-2.0
/** `refzero check --list`: the scenarios with their titles, questions and verdicts on record. */
import { chosenScenarios, isPath } from '../app/check-plan.js';
import { Programs } from '../app/workspace.js';
import type { Scenario } from '../compiler/api.js';
import { EXIT } from './errors.js';
import { hang, printable, type Screen } from './terminal.js';

/**
 * @param wanted names and the user's own files; all scenarios if none
 * @throws InputError for a name or file that is not there
 */
export async function printList(wanted: readonly string[], json: boolean, screen: Screen): Promise<number> {
  const { kernels, scenarios } = await new Programs(wanted.filter(isPath)).use((workspace) => ({
    kernels: workspace.kernels,
    scenarios: chosenScenarios(workspace, wanted),
  }));
  const data = scenarios.map((scenario) => ({
    name: scenario.name,
    file: scenario.file,
    title: scenario.title,
    question: scenario.question,
    about: scenario.about,
    expect: Object.fromEntries(scenario.expect),
    variants: scenario.variants.map(({ name }) => name),
  }));
  const text = json
    ? `${JSON.stringify({ kernels, scenarios: data }, null, 2)}\n`
    : printable(renderList(scenarios, kernels, screen));
  process.stdout.write(text);
  return EXIT.ok;
}

/** @returns the list as text */
export function renderList(scenarios: readonly Scenario[], kernels: readonly string[], screen: Screen): string {
  const { style, width } = screen;
  const lines: string[] = [];
  for (const { name, title, question, expect, variants } of scenarios) {
    const indent = (text: string) => hang(text, width - 4, 2).map((line) => `    ${line}`);
    lines.push(style.bold(name), ...hang(title, width - 2, 0).map((line) => `  ${line}`), ...indent(question));
    const verdicts = kernels.flatMap((kernel) => {
      const verdict = expect.get(kernel);
      return verdict === undefined ? [] : [`${kernel} ${verdict === 'not applicable' ? 'n/a' : verdict}`];
    });
    lines.push(...indent(`on record: ${verdicts.join(', ')}`).map(style.dim));
    if (variants.length > 0)
      lines.push(...indent(`broken variants: ${variants.map((variant) => variant.name).join(', ')}`).map(style.dim));
    lines.push('');
  }
  return `${lines.join('\n')}kernels: ${kernels.join(', ')}\n`;
}

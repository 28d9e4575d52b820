// SPDX-License-Identifier: Apache-2.0
/** The examples of docs/language.md: read out of the page, compiled, and what is printed about them. */
import { readFileSync } from 'node:fs';
import { readSources } from '../../src/app/sources.js';
import { type Diagnostic, InputError } from '../../src/base/diagnostic.js';
import { renderDiagnostic } from '../../src/cli/errors.js';
import { PLAIN } from '../../src/cli/terminal.js';
import { analyse } from '../../src/compiler/analyse.js';

export interface Example {
  /** of the rule that it stands under */
  code: string;
  line: number;
  verdict: 'accepted' | 'rejected';
  isScenario: boolean;
  text: string;
  /** what the page says is printed */
  printed?: string;
}

const BLOCK = /^```ts (accepted|rejected)( scenario)?\n([\s\S]*?)^```\n(?:\n```text\n([\s\S]*?)^```\n)?/gm;

export function examplesOf(page: string): Example[] {
  return [...page.matchAll(BLOCK)].map((match) => {
    const before = page.slice(0, match.index);
    const code = [...before.matchAll(/^### (RZ\d{4})/gm)].at(-1)?.[1] ?? 'none';
    const [, verdict, scenario, text, printed] = match;
    return {
      code,
      line: before.split('\n').length,
      verdict: verdict === 'accepted' ? 'accepted' : 'rejected',
      isScenario: scenario !== undefined,
      text: text ?? '',
      ...(printed !== undefined && { printed }),
    };
  });
}

const machine = [...readSources([], false).files].filter(([name]) => name.startsWith('src/machine/'));
const COMMITS = `export const kernels = ['v6.1'] as const;\n`;

/**
 * @param isProven src/machine is taken to be without fault, as where a build has compiled it before
 * @returns what the compiler says about the example, compiled beside src/machine
 */
export function diagnosticsOf({ text, isScenario }: Example, isProven = false): readonly Diagnostic[] {
  const own = new Map([...machine, ['src/linux/commits.ts', COMMITS]]);
  const files = new Map([...own, ['example.ts', text]]);
  const proven = isProven ? { proven: new Set(own.keys()) } : {};
  try {
    const workspace = analyse({ files, scenarios: isScenario ? ['example.ts'] : [], ...proven });
    if (!isScenario) workspace.compileKernel({ kernel: 'v6.1' });
    for (const { name, variants } of workspace.scenarios) {
      for (const variant of [undefined, ...variants])
        workspace.compileScenario(name, { kernel: 'v6.1' }, variant?.name);
    }
    return [];
  } catch (error) {
    if (error instanceof InputError) return error.diagnostics;
    throw error;
  }
}

export function printed(diagnostics: readonly Diagnostic[]): string {
  return diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, { width: 100, style: PLAIN })).join('\n');
}

export const pagePath = new URL('../../docs/language.md', import.meta.url);

export function readPage(): string {
  return readFileSync(pagePath, 'utf8');
}

/** @returns the page with what is printed now under each rejected example; for REFZERO_UPDATE=1, to be read before it is committed */
export function filledIn(page: string): string {
  return page.replace(BLOCK, (block: string, verdict: string, scenario: string | undefined, text: string) => {
    const code = block.slice(0, block.indexOf('\n```\n', 4) + 5);
    if (verdict === 'accepted') return block;
    const example: Example = { code: '', line: 0, verdict: 'rejected', isScenario: scenario !== undefined, text };
    return `${code}\n\`\`\`text\n${printed(diagnosticsOf(example))}\`\`\`\n`;
  });
}

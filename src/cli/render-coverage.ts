// SPDX-License-Identifier: Apache-2.0
/**
 * The lines of kernel code that no search executed, as text, kernel by kernel.
 *
 * Not here: finding them (src/app/coverage.ts).
 */
import type { KernelCoverage, MissedFunction } from '../app/check-data.js';
import { fileOf } from './render-path.js';
import { count, grouped, hang, type Screen } from './terminal.js';

/** @returns a paragraph a kernel, each after an empty line */
export function renderCoverage(coverage: readonly KernelCoverage[], screen: Screen): string {
  return coverage.map((kernel) => `\n${kernelLines(kernel, screen).join('\n')}\n`).join('');
}

function kernelLines(coverage: KernelCoverage, screen: Screen): string[] {
  const { kernel, lines, executed, missed, uncalled = [] } = coverage;
  const sum = `${grouped(executed)} of the ${count(lines, 'line')} of kernel code that tasks can come to were executed`;
  const entered = missed.filter((fn) => fn.executed > 0);
  const skipped = missed.filter((fn) => fn.executed === 0);
  const before = uncalled.filter(({ init }) => init);
  const never = uncalled.filter(({ init }) => !init);
  return [
    ...hang(`${kernel}: ${sum}, in ${searchesOf(coverage)}. What was not executed is not proven.`, screen.width, 2),
    ...part('Lines never executed:', entered, missedLines, screen),
    ...part('Functions never called:', skipped, nameLines, screen),
    ...part('Run only before the tasks, alone:', before, nameLines, screen),
    ...part('Called by no scenario:', never, nameLines, screen),
  ];
}

/** A search that ended early has not executed what would have come later. */
function searchesOf({ searches, unfinished }: KernelCoverage): string {
  const all = searches === 1 ? '1 search' : `${grouped(searches)} searches`;
  if (unfinished === 0) return all;
  const which = searches === 1 ? 'which' : `${grouped(unfinished)} of which`;
  return `${all}, ${which} ended before every state was seen`;
}

/** @param show gets the functions of one file, and that file. @returns nothing where there is none */
function part<F extends { file: string }>(
  title: string,
  functions: readonly F[],
  show: (here: readonly F[], file: string, width: number) => string[],
  { width, style }: Screen,
): string[] {
  const files = [...new Set(functions.map(({ file }) => file))];
  const lines = files.flatMap((file) =>
    show(
      functions.filter((fn) => fn.file === file),
      fileOf({ file }),
      width - 2,
    ),
  );
  return lines.length > 0 ? [style.bold(title), ...lines.map((line) => `  ${line}`)] : [];
}

/** `try_grab_folio: 88-90, 97`, below the file */
function missedLines(functions: readonly MissedFunction[], file: string, width: number): string[] {
  const texts = functions.map((fn) => `${fn.function}: ${fn.missed.join(', ')}`);
  return [file, ...texts.flatMap((text) => hang(text, width - 2, 2)).map((line) => `  ${line}`)];
}

function nameLines(functions: readonly { function: string }[], file: string, width: number): string[] {
  return hang(`${file}: ${functions.map((fn) => fn.function).join(', ')}`, width, 2);
}

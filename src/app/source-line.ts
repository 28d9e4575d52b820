// SPDX-License-Identifier: Apache-2.0
/**
 * What a search refuses knows its place as numbers only: here it gets the source line that all other diagnostics show.
 *
 * Not here: how a diagnostic is printed (src/cli/errors.ts).
 */
import { type Diagnostic, InputError, type Place } from '../base/diagnostic.js';
import type { CompiledScenario, Workspace } from '../compiler/api.js';

type Lines = Pick<Workspace, 'sourceLine'>;

/** @returns what `work` returns. @throws InputError what `work` refuses, every place with its source line */
export function withSourceLines<T>(lines: Lines, work: () => T): T {
  return rewording(work, (diagnostic) => withLine(lines, diagnostic));
}

/**
 * A value that does not fit is mended where it is declared, and a kernel's field is not the user's to declare.
 * @returns what `work` returns. @throws InputError what `work` refuses, with a hint that its reader can follow
 */
export function withWidthHints<T>({ program }: CompiledScenario, work: () => T): T {
  return rewording(work, (diagnostic) => withWidthHint(program, diagnostic));
}

function rewording<T>(work: () => T, reword: (diagnostic: Diagnostic) => Diagnostic): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(...error.diagnostics.map(reword));
  }
}

function withLine(lines: Lines, diagnostic: Diagnostic): Diagnostic {
  const { place } = diagnostic;
  if (!place || place.text !== undefined) return diagnostic;
  const text = lines.sourceLine(place);
  return text === '' ? diagnostic : { ...diagnostic, place: underlined(place, text) };
}

/** The word that stands there; all of the line where only the line is known, and so the place is in its indentation. */
function underlined({ file, line, column }: Place, text: string): Place {
  const word = /^\w+/.exec(text.slice(column - 1))?.[0];
  if (word !== undefined) return { file, line, column, text, length: word.length };
  const indentation = text.length - text.trimStart().length;
  if (column > indentation) return { file, line, column, text, length: 1 };
  return { file, line, column: indentation + 1, text, length: text.trim().length };
}

function withWidthHint({ structs }: CompiledScenario['program'], diagnostic: Diagnostic): Diagnostic {
  if (!/\d does not fit /.test(diagnostic.message)) return diagnostic;
  const [, value, struct, field] = /(-?\d+) does not fit (\w+)\.(\w+)/.exec(diagnostic.message) ?? [];
  const declared = structs.get(struct ?? '')?.fields.find(({ name }) => name === field)?.loc ?? diagnostic.place;
  if (!declared || !/^src\/(linux|machine)\//.test(declared.file)) return diagnostic;
  const what = struct === undefined ? 'this value' : `${struct}.${field}, here ${value},`;
  const where = `${declared.file}:${declared.line}`;
  const hint = `the width of ${what} is a limit of the model (${where}), not of Linux: use fewer tasks or smaller sizes`;
  return { ...diagnostic, hint };
}

// SPDX-License-Identifier: Apache-2.0
/**
 * The end of a command: exit codes, and how wrong input and our own bugs are shown.
 *
 * Not here: findings; those are results (render.ts).
 */
import { InternalError } from '../base/assert.js';
import { type Diagnostic, InputError } from '../base/diagnostic.js';
import type { Screen, Style } from './terminal.js';
import { wrap } from './terminal.js';

/** Of a file that is no TypeScript at all there are thousands. */
const SHOWN_MAX = 20;

export const EXIT = { ok: 0, finding: 1, wrongInput: 2, inconclusive: 3, internal: 70, interrupted: 130 } as const;

/** @returns the message, the place, the line with a caret under what is meant, and the hint */
export function renderDiagnostic(diagnostic: Diagnostic, screen: Screen): string {
  const { style } = screen;
  const { code, message, place, hint } = diagnostic;
  const lines = [`${style.bad(`error[${code}]`)}${style.bold(`: ${message}`)}`];
  if (place) {
    const gutter = ' '.repeat(String(place.line).length);
    lines.push(`${gutter}${style.dim('-->')} ${place.file}:${place.line}:${place.column}`);
    if (place.text !== undefined) lines.push(...caretLines(place.text, place, gutter, style));
  }
  if (hint !== undefined) {
    const [first, ...rest] = wrap(hint, screen.width - 6);
    lines.push(`${style.good('hint')}: ${first}`, ...rest.map((line) => `      ${line}`));
  }
  return `${lines.join('\n')}\n`;
}

function caretLines(
  text: string,
  place: { line: number; column: number; length?: number },
  gutter: string,
  style: Style,
) {
  const bar = style.dim('|');
  const before = text.slice(0, place.column - 1).replace(/[^\t]/g, ' ');
  const room = Math.max(1, text.length - before.length);
  const carets = '^'.repeat(Math.max(1, Math.min(place.length ?? 1, room)));
  return [
    `${gutter} ${bar}`,
    `${style.dim(String(place.line))} ${bar} ${text}`,
    `${gutter} ${bar} ${before}${style.bad(carets)}`,
  ];
}

/**
 * @param error whatever a command threw
 * @param debug print stacks
 * @returns what to say on stderr and the exit code
 */
export function renderError(error: unknown, screen: Screen, debug: boolean): { text: string; exit: number } {
  const { style } = screen;
  if (error instanceof InputError) {
    const shown = error.diagnostics.slice(0, SHOWN_MAX).map((diagnostic) => renderDiagnostic(diagnostic, screen));
    const rest = error.diagnostics.length - shown.length;
    const text = shown.join('\n') + (rest > 0 ? `\nand ${rest} more\n` : '');
    return { text, exit: EXIT.wrongInput };
  }
  const message = error instanceof Error ? error.message : String(error);
  const said = error instanceof InternalError ? message : `internal: ${message}`;
  const stack = error instanceof Error && error.stack ? `${error.stack}\n` : '';
  const how = debug ? stack : 'hint: run it again with REFZERO_DEBUG=1 in the environment, and add what it prints.\n';
  const text = `${style.bad(said)}\nThis is a bug in refzero. Please report it, with the command that you ran.\n${how}`;
  return { text, exit: EXIT.internal };
}

/** @returns the same as data, for `--json` */
export function errorData(
  error: unknown,
): { exit: number; diagnostics: readonly Diagnostic[] } | { exit: number; message: string } {
  if (error instanceof InputError) return { exit: EXIT.wrongInput, diagnostics: error.diagnostics };
  return { exit: EXIT.internal, message: error instanceof Error ? error.message : String(error) };
}

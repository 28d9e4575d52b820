// SPDX-License-Identifier: Apache-2.0
/**
 * Wrong input of any kind, as a value: what is wrong, where, and what to do about it. One shape for TypeScript outside
 * the subset, wrong options and damaged recordings; src/cli prints it and exits with 2.
 */

/** A place in a text file; line and column count from 1. */
export interface Place {
  file: string;
  line: number;
  column: number;
  /** the text of that line, for the caret */
  text?: string;
  /** how many characters the caret underlines; 1 if absent */
  length?: number;
}

export interface Diagnostic {
  /** stable: `RZ` and four digits; 1xxx the language, 2xxx scenarios and kernels, 3xxx recordings, 4xxx the command line */
  code: string;
  message: string;
  place?: Place;
  hint?: string;
}

/** Carries diagnostics out of a function that cannot go on; never empty. */
export class InputError extends Error {
  readonly diagnostics: readonly Diagnostic[];

  constructor(...diagnostics: Diagnostic[]) {
    super(diagnostics.map((d) => d.message).join('\n'));
    this.name = 'InputError';
    this.diagnostics = diagnostics;
  }
}

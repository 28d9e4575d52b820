// SPDX-License-Identifier: Apache-2.0
/** A line of a source as its author wrote it, for listings. */
import type { Loc } from './ir.js';

/** What TypeScript's scanner ends a line at. */
const LINE_END = /\r\n|[\r\n\u2028\u2029]/;

/** @returns the line, without what ends it; '' where there is none */
export function sourceLine(files: ReadonlyMap<string, string>, { file, line }: Loc): string {
  return files.get(file)?.split(LINE_END)[line - 1] ?? '';
}

// SPDX-License-Identifier: Apache-2.0
/**
 * What the compiler refuses: the codes, and how one becomes a diagnostic with a place and a caret.
 *
 * docs/language.md has every code with an accepted and a rejected example. Not here: printing (src/cli).
 */
import type ts from '#typescript';
import type { Diagnostic, Place } from '../base/diagnostic.js';
import type { Loc } from './ir.js';

/** Rule -> its stable code. Never renumber; add at the end. */
export const CODES = {
  typescript: 'RZ1000',
  builtin: 'RZ1001',
  any: 'RZ1002',
  declaration: 'RZ1003',
  moduleState: 'RZ1004',
  var: 'RZ1005',
  looseEquality: 'RZ1006',
  exceptions: 'RZ1007',
  async: 'RZ1008',
  destructuring: 'RZ1009',
  strings: 'RZ1010',
  literals: 'RZ1011',
  integers: 'RZ1012',
  optionalChaining: 'RZ1013',
  operator: 'RZ1014',
  forOf: 'RZ1015',
  functionForm: 'RZ1016',
  closures: 'RZ1017',
  recursion: 'RZ1018',
  truthiness: 'RZ1019',
  selfByValue: 'RZ1020',
  fieldType: 'RZ1021',
  type: 'RZ1022',
  arrays: 'RZ1023',
  constant: 'RZ1024',
  cast: 'RZ1025',
  mismatch: 'RZ1026',
  byValue: 'RZ1027',
  word: 'RZ1028',
  nestedWhen: 'RZ1029',
  fallthrough: 'RZ1030',
  duplicate: 'RZ1031',
  callee: 'RZ1032',
  imports: 'RZ1033',
  statement: 'RZ1034',
  guardWrites: 'RZ1035',
  uninitialised: 'RZ1036',
  unknownScenario: 'RZ2001',
  unknownKernel: 'RZ2002',
  unknownCommit: 'RZ2003',
  unknownVariant: 'RZ2004',
  edit: 'RZ2005',
  standIn: 'RZ2006',
  scenarioText: 'RZ2007',
  scenarioKernels: 'RZ2008',
  predicateWrites: 'RZ2009',
  unknownSize: 'RZ2010',
} as const;

export type Rule = keyof typeof CODES;

/** Leaves the lowering of one statement; whoever lowers a list of statements catches it and goes on with the next. */
export class Refusal extends Error {
  readonly diagnostic: Diagnostic;

  constructor(diagnostic: Diagnostic) {
    super(diagnostic.message);
    this.name = 'Refusal';
    this.diagnostic = diagnostic;
  }
}

export function diagnose(node: ts.Node, rule: Rule, message: string, hint?: string): Diagnostic {
  return { code: CODES[rule], message, place: placeOf(node), ...(hint === undefined ? {} : { hint }) };
}

/** @throws Refusal always */
export function refuse(node: ts.Node, rule: Rule, message: string, hint?: string): never {
  throw new Refusal(diagnose(node, rule, message, hint));
}

/** The same for a place that is known by line and column only; the caret underlines the word there. */
export function diagnoseAt(
  files: readonly ts.SourceFile[],
  { rule, loc, message, hint }: { rule: Rule; loc: Loc; message: string; hint: string },
): Diagnostic {
  const file = files.find((each) => each.fileName === loc.file);
  if (!file) return { code: CODES[rule], message, hint };
  const start = file.getPositionOfLineAndCharacter(loc.line - 1, loc.column - 1);
  const word = /^\w+/.exec(file.text.slice(start, start + 80))?.[0].length ?? 1;
  return { code: CODES[rule], message, place: placeAt(file, start, start + word), hint };
}

export function placeOf(node: ts.Node): Place {
  const file = node.getSourceFile();
  return placeAt(file, node.getStart(file), node.getEnd());
}

export function placeAt(file: ts.SourceFile, start: number, end: number): Place {
  const { line, character } = file.getLineAndCharacterOfPosition(start);
  const text = lineText(file, line);
  const length = Math.max(1, Math.min(end - start, text.length - character));
  return { file: file.fileName, line: line + 1, column: character + 1, text, length };
}

export function locOf(node: ts.Node): Loc {
  const file = node.getSourceFile();
  const { line, character } = file.getLineAndCharacterOfPosition(node.getStart(file));
  return { file: file.fileName, line: line + 1, column: character + 1 };
}

/** @param line counts from 0 */
function lineText(file: ts.SourceFile, line: number): string {
  const starts = file.getLineStarts();
  return file.text.slice(starts[line], starts[line + 1] ?? file.text.length).replace(/[\r\n]+$/, '');
}

/** @returns the source of a node on one line, at most 80 characters */
export function foldedText(node: ts.Node): string {
  const text = foldSpace(node.getText());
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}

export function foldSpace(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** @returns the candidate nearest to `name` in letters, if one is near enough to be meant */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

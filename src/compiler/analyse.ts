// SPDX-License-Identifier: Apache-2.0
/**
 * The compiler's front door: source texts in, a Workspace out, from which programs for any kernel come.
 *
 * All code is judged here once; a program then lowers only what it needs (programs.ts).
 */
import ts from '#typescript';
import { type Diagnostic, InputError } from '../base/diagnostic.js';
import type { Sources, Workspace } from './api.js';
import { diagnose, Refusal } from './diagnostics.js';
import { judge } from './judge.js';
import { kernelsIn, switchesIn } from './kernels.js';
import { calledWord } from './names.js';
import { compileKernel, compileScenario, type Known } from './programs.js';
import { readScenario, type ScenarioSource } from './scenarioText.js';
import { sourceLine } from './source-line.js';
import { type Checked, checkSources } from './sources.js';
import { type Offence, offencesIn } from './subset.js';

/** @returns all sources, checked. @throws InputError with every diagnostic found */
export function analyse(sources: Sources): Workspace {
  return withinStack(sources, () => analysed(sources));
}

/** Compilers follow nesting by recursion. @throws InputError RZ2106 where a source is nested deeper than the stack */
function withinStack<T>({ scenarios }: Sources, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RangeError && error.message.includes('call stack'))) throw error;
    const hint = `split it; the scenarios are ${scenarios.join(', ')}`;
    throw new InputError({ code: 'RZ2106', message: 'an expression or block is nested too deeply', hint });
  }
}

function analysed(sources: Sources): Workspace {
  const checked = checkSources(sources);
  throwIfAny(syntaxAndTypes(checked));
  const diagnostics: Diagnostic[] = [];
  const known = read(checked, new Set(sources.scenarios), diagnostics);
  throwIfAny(diagnostics);
  throwIfAny(judge(known));
  const { switches, kernels, scenarios } = known;
  return {
    commits: switches.map(({ declaration: _, ...commit }) => commit),
    kernels,
    scenarios: [...scenarios.values()].map(({ scenario }) => scenario),
    compileScenario: (name, choice, variant) =>
      withinStack(sources, () => compileScenario(known, name, choice, variant)),
    compileKernel: (choice, params) => withinStack(sources, () => compileKernel(known, choice, params ?? new Map())),
    sourceLine: (loc) => sourceLine(sources.files, loc),
  };
}

/** @throws InputError, the diagnostics in the order of their places */
function throwIfAny(diagnostics: Diagnostic[]): void {
  if (diagnostics.length === 0) return;
  const key = ({ place }: Diagnostic) =>
    (place ? [place.file, place.line, place.column] : ['', 0, 0]) as [string, number, number];
  const inOrder = [...diagnostics].sort((left, right) => {
    const [a, b] = [key(left), key(right)];
    return a[0] === b[0] ? a[1] - b[1] || a[2] - b[2] : a[0] < b[0] ? -1 : 1;
  });
  throw new InputError(...inOrder);
}

/** What TypeScript says of lines that the subset refuses anyway is left out: the subset's word is the one with a hint. */
function syntaxAndTypes({ doubtful, errors }: Checked): Diagnostic[] {
  const offences = doubtful.flatMap(offencesIn);
  const telling = errors.filter(({ file, start, end }) => {
    return !file || !offences.some((offence) => covers(offence, file, start, end));
  });
  return [...offences.map(({ diagnostic }) => diagnostic), ...telling.map(({ diagnostic }) => diagnostic)];
}

function covers({ node }: Offence, file: ts.SourceFile, start: number, end: number): boolean {
  if (node.getSourceFile() !== file) return false;
  const line = (position: number) => file.getLineAndCharacterOfPosition(position).line;
  return line(start) <= line(node.getEnd()) && line(end) >= line(node.getStart());
}

/** Reads commits, kernels, sizes and scenarios. */
function read(checked: Checked, scenarioNames: ReadonlySet<string>, diagnostics: Diagnostic[]): Known {
  const attempt = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      diagnostics.push(error.diagnostic);
      return undefined;
    }
  };
  const kernelFiles = checked.files.filter((file) => !scenarioNames.has(file.fileName));
  const switches = attempt(() => switchesIn(kernelFiles, checked.checker)) ?? [];
  const sizes = sizesIn(checked);
  const known: Known = { checked, kernelFiles, switches, kernels: kernelsIn(kernelFiles), scenarios: new Map(), sizes };
  for (const file of checked.files) {
    if (!scenarioNames.has(file.fileName)) continue;
    const source = attempt(() => readScenario(file, checked.checker, (each) => diagnostics.push(each)));
    if (!source) continue;
    const other = known.scenarios.get(source.scenario.name);
    if (other) diagnostics.push(sameName(source, other));
    known.scenarios.set(source.scenario.name, source);
  }
  return known;
}

function sameName({ file, scenario }: ScenarioSource, other: ScenarioSource): Diagnostic {
  const message = `two scenarios are called ${scenario.name}: ${other.scenario.file}, ${scenario.file}`;
  return diagnose(file.statements[0] ?? file, 'scenarioText', message, 'a scenario is called as its file is');
}

/** @returns the names that `param` is called with anywhere */
function sizesIn({ files, checker }: Checked): Set<string> {
  const sizes = new Set<string>();
  const visit = (node: ts.Node): void => {
    const name = ts.isCallExpression(node) ? node.arguments[0] : undefined;
    if (name && ts.isStringLiteralLike(name) && calledWord(checker, node) === 'param') sizes.add(name.text);
    else ts.forEachChild(node, visit);
  };
  for (const file of files) {
    for (const statement of file.statements) if (ts.isVariableStatement(statement)) visit(statement);
  }
  return sizes;
}

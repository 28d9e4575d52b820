// SPDX-License-Identifier: Apache-2.0
/**
 * Judges all code that is not proven: every function of every file is lowered on both sides of every switch, for its
 * diagnostics.
 *
 * Each scenario is judged by itself beside the kernel, since two of them may use one name.
 */
import ts from '#typescript';
import { type Diagnostic, InputError } from '../base/diagnostic.js';
import { Build } from './build.js';
import { diagnose, diagnoseAt, nearest, placeOf, Refusal, refuse } from './diagnostics.js';
import { flowProblems } from './flow.js';
import type { FunctionIR } from './ir.js';
import { changedSwitches, chooseSwitches, findSwitch, isKernel, unknownKernel } from './kernels.js';
import { isMachineFile } from './names.js';
import { addScenario, type Known, optionsFor, predicatesOf, unknownSize } from './programs.js';
import type { ScenarioSource } from './scenarioText.js';
import { unsetLocks } from './unset.js';
import { editsOf, standInsOf } from './variants.js';

/** @returns all that is wrong with the code and the scenarios' texts */
export function judge(known: Known): Diagnostic[] {
  const doubtful = new Set(known.checked.doubtful);
  // files may be without fault each and not go together: the kernel's are judged all or none
  const kernel = known.kernelFiles.some((file) => doubtful.has(file)) ? judgeKernel(known) : undefined;
  const found = kernel ? [...kernel.diagnostics] : [];
  for (const source of known.scenarios.values()) {
    if (!doubtful.has(source.file)) continue;
    found.push(...judgeFiles(known, [source.file], source, kernel?.functions).diagnostics);
    found.push(...judgeText(source, known));
  }
  return found;
}

interface Judged {
  diagnostics: Diagnostic[];
  functions: Map<string, FunctionIR>;
}

function judgeKernel(known: Known): Judged {
  return judgeFiles(known, known.kernelFiles, undefined, new Map());
}

/** @param beside functions judged before, that these may call; undefined: they are proven, and lowered as far as they are called */
function judgeFiles(
  known: Known,
  files: readonly ts.SourceFile[],
  source: ScenarioSource | undefined,
  beside: ReadonlyMap<string, FunctionIR> | undefined,
): Judged {
  const all = source ? [...known.kernelFiles, source.file] : files;
  const build = new Build({ ...optionsFor(known, 'v0.0', all, new Set()), pruning: false, only: new Set(files) });
  for (const file of files) judgeDeclarations(build, file);
  const code = source && addScenario(build, source);
  const { functions } = build.finish();
  const { diagnostics } = build;
  if (diagnostics.length === 0) {
    const predicates = code ? predicatesOf(code) : new Set<string>();
    const together = new Map([...(beside ?? provenFunctions(known, build.beside)), ...functions]);
    for (const problem of flowProblems(together, functions.keys(), predicates)) {
      diagnostics.push(diagnoseAt(known.checked.files, problem));
    }
    if (source) {
      const others = () => (beside ?? judgeKernel(known).functions).values();
      diagnostics.push(...unsetLocks(source.file, known.checked.checker, functions.values(), others));
    }
  }
  return { diagnostics, functions };
}

/** @returns these of the kernel's functions and all that they call, on both sides of every switch */
function provenFunctions(known: Known, wanted: readonly ts.FunctionDeclaration[]): Map<string, FunctionIR> {
  const build = new Build({ ...optionsFor(known, 'v0.0', known.kernelFiles, new Set()), pruning: false });
  for (const each of wanted) build.add(each);
  return build.finish().functions;
}

function judgeDeclarations(build: Build, file: ts.SourceFile): void {
  const isOurs = isMachineFile(file) && /\/(core|scenario)\.ts$/.test(file.fileName);
  for (const statement of file.statements) {
    if (ts.isFunctionDeclaration(statement) && statement.body) build.attempt(() => build.add(statement));
    if (ts.isVariableStatement(statement)) {
      for (const each of statement.declarationList.declarations) build.attempt(() => judgeConstant(build, each));
    }
    if (ts.isInterfaceDeclaration(statement) && !isOurs) {
      build.attempt(() => build.types.fields(build.types.struct(statement)));
    }
    if (ts.isTypeAliasDeclaration(statement) && !isOurs) build.attempt(() => judgeAlias(build, statement));
  }
}

function judgeAlias(build: Build, alias: ts.TypeAliasDeclaration): void {
  if (alias.typeParameters) refuse(alias.name, 'type', 'a type has no type parameters', 'one name for each type');
  build.types.ofAnnotation(alias.type);
}

/** What stands at module level: an object, a number, a switch, a size, or a list for scenarios. */
function judgeConstant(build: Build, declaration: ts.VariableDeclaration): void {
  let { initializer } = declaration;
  if (!initializer || build.object(declaration)) return;
  if (build.constants.ofDeclaration(declaration)) return;
  while (ts.isAsExpression(initializer) || ts.isParenthesizedExpression(initializer))
    initializer = initializer.expression;
  if (ts.isStringLiteralLike(initializer) || ts.isArrayLiteralExpression(initializer)) return;
  if (ts.isObjectLiteralExpression(initializer)) {
    judgeConstObject(build, initializer);
    return;
  }
  refuse(
    initializer,
    'constant',
    'what stands at module level is known at once',
    'a number, param, commit, object or objects',
  );
}

function judgeConstObject(build: Build, literal: ts.ObjectLiteralExpression): void {
  for (const property of literal.properties) {
    if (!ts.isPropertyAssignment(property)) refuse(property, 'literals', 'a constant object has names and numbers');
    const value = property.initializer;
    if (!ts.isStringLiteralLike(value) && !build.constants.ofExpression(value)) {
      refuse(value, 'constant', 'a constant object has names and numbers');
    }
  }
}

/** Kernels, commits, sizes, edits and stand-ins that a scenario names. */
function judgeText(source: ScenarioSource, known: Known): Diagnostic[] {
  return [
    ...judgeKernels(source, known),
    ...judgeNames(source),
    ...judgeProgress(source),
    ...judgeViolations(source, known),
    ...judgeVariants(source, known),
  ];
}

function entryOf(source: ScenarioSource, key: string): ts.Node {
  return source.entries.get(key) ?? source.file;
}

function judgeKernels(source: ScenarioSource, known: Known): Diagnostic[] {
  const { expect, violates, sizes } = source.scenario;
  const at = (key: string) => ({ place: placeOf(entryOf(source, key)) });
  const found: Diagnostic[] = [];
  const missing = known.kernels.filter((kernel) => !expect.has(kernel));
  if (missing.length > 0) {
    const message = `\`expect\` does not list ${missing.join(', ')}`;
    found.push(diagnose(entryOf(source, 'expect'), 'scenarioKernels', message, EXPECTATIONS));
  }
  const isKnown = (kernel: string) => isKernel(kernel, known.kernels);
  for (const kernel of expect.keys()) {
    if (!isKnown(kernel)) found.push({ ...unknownKernel(kernel, known.kernels), ...at('expect') });
  }
  for (const kernel of violates.keys()) {
    if (!isKnown(kernel)) found.push({ ...unknownKernel(kernel, known.kernels), ...at('violates') });
  }
  for (const [name, size] of sizes) {
    if (size > SIZE_MAX) {
      const hint = `from 0 to ${SIZE_MAX}`;
      found.push(diagnose(entryOf(source, 'sizes'), 'unknownSize', `${name}: ${size} is no size`, hint));
    }
    if (!known.sizes.has(name)) found.push({ ...unknownSize(name, known), ...at('sizes') });
  }
  return found;
}

/** Nobody has the memory for more; `boot` has the same bound. */
const SIZE_MAX = 2 ** 24;

const EXPECTATIONS = "'holds', 'violated' or 'not applicable'";

/** What is violated without being named by the scenario (see src/explore/verdict.ts). */
const KINDS = [
  ...['stuck', 'deadlock', 'cannot end', 'null', 'null dereference', 'use after free', 'index out of range'],
  ...['assert', 'BUG', 'WARN', 'spec', 'livelock'],
];

/** `violates` and a verdict name a property without saying whether it is a `never` or a `finally`. */
function judgeNames({ never, finally: atTheEnd }: ScenarioSource): Diagnostic[] {
  const twice = atTheEnd.filter(({ name }) => never.some((each) => each.name === name));
  const hint = '`violates` and verdicts go by the name alone: give one of them another';
  return twice.map(({ name, at }) =>
    diagnose(at, 'scenarioText', `a \`never\` and a \`finally\` are both called "${name}"`, hint),
  );
}

/** Progress is of tasks that there are. */
function judgeProgress(source: ScenarioSource): Diagnostic[] {
  const tasks = source.tasks.map(({ name }) => name);
  const unknown = source.scenario.progress.filter((name) => !tasks.includes(name));
  return unknown.map((name) => {
    const near = nearest(name, tasks);
    const hint = near === undefined ? `tasks: ${tasks.join(', ')}` : `did you mean ${near}?`;
    return diagnose(entryOf(source, 'progress'), 'scenarioText', `\`progress\` names no task ${name}`, hint);
  });
}

/** A violation is a kind, a property, or the message of an assertion, which stands in quotes somewhere. */
function judgeViolations(source: ScenarioSource, known: Known): Diagnostic[] {
  const names = [...source.never, ...source.finally].map(({ name }) => name).concat(KINDS);
  const texts = [...known.kernelFiles, source.file].map(({ text }) => text);
  const isKnown = (wanted: string) =>
    names.includes(wanted) || texts.some((text) => isQuotedTwice(text, wanted, source));
  const said = [...source.scenario.violates.values()].map((wanted) => ({ wanted, node: entryOf(source, 'violates') }));
  for (const { name, violates } of source.scenario.variants) {
    const node = source.variants.get(name)?.violates;
    if (node) said.push({ wanted: violates, node });
  }
  return said.flatMap(({ wanted, node }) => {
    if (isKnown(wanted)) return [];
    const near = nearest(wanted, names);
    const hint = near === undefined ? `a \`never\` or \`finally\`, ${KINDS.join(', ')}` : `did you mean ${near}?`;
    return [diagnose(node, 'scenarioText', `nothing here can be violated by the name of "${wanted}"`, hint)];
  });
}

/** whether a file has the text in quotes, the scenario's own `violates` not counted */
function isQuotedTwice(text: string, wanted: string, { file, scenario }: ScenarioSource): boolean {
  const pieces = text.split(new RegExp(`['"]${wanted.replace(/\W/g, '\\$&')}['"]`)).length - 1;
  const said = [...scenario.violates.values(), ...scenario.variants.map(({ violates }) => violates)];
  return pieces > (text === file.text ? said.filter((each) => each === wanted).length : 0);
}

function judgeVariants(source: ScenarioSource, known: Known): Diagnostic[] {
  const found: Diagnostic[] = [];
  const attempt = (node: ts.Node, work: () => unknown): void => {
    try {
      work();
    } catch (error) {
      if (error instanceof Refusal) found.push(error.diagnostic);
      else if (error instanceof InputError)
        found.push(...error.diagnostics.map((d) => ({ ...d, place: placeOf(node) })));
      else throw error;
    }
  };
  const files = [...known.kernelFiles, source.file];
  for (const variant of source.scenario.variants) {
    const from = source.variants.get(variant.name);
    if (!from) continue;
    for (const kernel of variant.kernels) {
      attempt(from.node, () => chooseSwitches({ kernel }, known.switches, known.kernels));
    }
    const before = found.length;
    for (const each of [...variant.with, ...variant.without])
      attempt(from.node, () => findSwitch(each, known.switches));
    if (found.length === before) attempt(from.node, () => changedSwitches(variant, known.switches));
    attempt(from.node, () => editsOf(from, files));
    attempt(from.node, () => standInsOf(from, known.kernelFiles, known.checked.checker));
  }
  return found;
}

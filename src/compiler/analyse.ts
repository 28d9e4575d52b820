// SPDX-License-Identifier: Apache-2.0
/**
 * The compiler's front door: source texts in, a Workspace out, from which programs for any kernel come.
 *
 * All code is judged here once, on both sides of every switch; a program then lowers only what it needs.
 */
import ts from 'typescript';
import { assert } from '../base/assert.js';
import { type Diagnostic, InputError } from '../base/diagnostic.js';
import type { CompiledScenario, KernelChoice, Named, Sources, Workspace } from './api.js';
import { Build, type BuildOptions } from './build.js';
import { CODES, locOf, nearest, Refusal } from './diagnostics.js';
import type { Constant } from './fold.js';
import type { Loc, ProgramIR } from './ir.js';
import { chooseSwitches, kernelsIn, type Switch, switchesIn } from './kernels.js';
import { type Code, readScenario, type ScenarioSource } from './scenarioText.js';
import { type Checked, checkSources } from './sources.js';
import { editsOf, functionsOf, standInsOf } from './variants.js';

interface Known {
  checked: Checked;
  kernelFiles: ts.SourceFile[];
  switches: Switch[];
  kernels: string[];
  scenarios: Map<string, ScenarioSource>;
}

/** @returns all sources, checked. @throws InputError with every diagnostic found */
export function analyse(sources: Sources): Workspace {
  const checked = checkSources(sources.files);
  const diagnostics: Diagnostic[] = checked.errors.map((error) => error.diagnostic);
  if (diagnostics.length > 0) throw new InputError(...diagnostics);
  const attempt = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      diagnostics.push(error.diagnostic);
      return undefined;
    }
  };
  const kernelFiles = checked.files.filter((file) => !sources.scenarios.includes(file.fileName));
  const known: Known = {
    checked,
    kernelFiles,
    switches: attempt(() => switchesIn(kernelFiles, checked.checker)) ?? [],
    kernels: kernelsIn(kernelFiles),
    scenarios: new Map(),
  };
  for (const file of checked.files) {
    if (!sources.scenarios.includes(file.fileName)) continue;
    const source = attempt(() => readScenario(file, checked.checker, (each) => diagnostics.push(each)));
    if (source) known.scenarios.set(source.scenario.name, source);
  }
  diagnostics.push(...judge(known));
  if (diagnostics.length > 0) throw new InputError(...diagnostics);
  return workspace(known);
}

/** Lowers every function of every file on both sides of every switch, for the diagnostics. */
function judge(known: Known): Diagnostic[] {
  const { checked } = known;
  const build = new Build({ ...optionsFor(known, 'v0.0', checked.files, new Set()), pruning: false });
  for (const file of checked.files) {
    for (const declaration of functionsOf(file)) if (declaration.body) build.attempt(() => build.add(declaration));
  }
  for (const source of known.scenarios.values()) addScenario(build, source);
  build.finish();
  return build.diagnostics;
}

function optionsFor(
  known: Known,
  kernel: string,
  files: readonly ts.SourceFile[],
  on: ReadonlySet<ts.VariableDeclaration>,
): BuildOptions {
  return {
    kernel,
    files,
    checker: known.checked.checker,
    isOn: (declaration) => on.has(declaration),
    sizes: new Map(),
    tasks: 1,
    pruning: true,
    edits: new Map(),
    standIns: new Map(),
  };
}

function workspace(known: Known): Workspace {
  const { switches, kernels, scenarios, checked } = known;
  return {
    commits: switches.map(({ declaration: _, ...commit }) => commit),
    kernels,
    scenarios: [...scenarios.values()].map(({ scenario }) => scenario),
    compileScenario: (name, choice, variant) => compileScenario(known, name, choice, variant),
    compileKernel: (choice, params) => compileKernel(known, choice, params ?? new Map()),
    sourceLine: (loc) => sourceLine(checked, loc),
  };
}

function sourceLine(checked: Checked, loc: Loc): string {
  const file = checked.files.find((each) => each.fileName === loc.file);
  const starts = file?.getLineStarts();
  return file?.text.slice(starts?.[loc.line - 1], starts?.[loc.line] ?? file.text.length).replace(/[\r\n]+$/, '') ?? '';
}

function compileKernel(known: Known, choice: KernelChoice, params: ReadonlyMap<string, number>): ProgramIR {
  const on = chooseSwitches(choice, known.switches, known.kernels);
  const tasks = params.get('NR_TASKS') ?? 1;
  const build = new Build({ ...optionsFor(known, choice.kernel, known.kernelFiles, on), sizes: params, tasks });
  for (const file of known.kernelFiles) {
    for (const statement of file.statements) {
      if (ts.isFunctionDeclaration(statement) && statement.body && isExported(statement)) build.add(statement);
      if (!ts.isVariableStatement(statement)) continue;
      for (const each of statement.declarationList.declarations) build.addObject(each);
    }
  }
  return { ...finished(build), constants: exportedConstants(known, build) };
}

/** What callers from outside pass to the functions: flags, sizes, switches. */
function exportedConstants(known: Known, build: Build): Map<string, Constant> {
  const constants = new Map<string, Constant>();
  for (const file of known.kernelFiles) {
    for (const statement of file.statements) {
      if (!ts.isVariableStatement(statement) || !isExported(statement)) continue;
      for (const declaration of statement.declarationList.declarations) {
        const value = build.constants.ofDeclaration(declaration);
        if (value) constants.set(declaration.name.getText(), value);
      }
    }
  }
  return constants;
}

function isExported(node: ts.FunctionDeclaration | ts.VariableStatement): boolean {
  return node.modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword) ?? false;
}

/** @throws InputError where something was refused that only this program shows */
function finished(build: Build): ProgramIR {
  const program = build.finish();
  if (build.diagnostics.length > 0) throw new InputError(...build.diagnostics);
  return program;
}

function compileScenario(known: Known, name: string, choice: KernelChoice, variant?: string): CompiledScenario {
  const source = known.scenarios.get(name);
  if (!source) throw new InputError(unknown(CODES.unknownScenario, 'scenario', name, known.scenarios.keys()));
  const broken = variant === undefined ? undefined : source.variants.get(variant);
  if (variant !== undefined && !broken) {
    throw new InputError(unknown(CODES.unknownVariant, `broken variant of ${name}`, variant, source.variants.keys()));
  }
  const stated = source.scenario.variants.find((each) => each.name === variant);
  const on = chooseSwitches(
    {
      kernel: choice.kernel,
      with: [...(choice.with ?? []), ...(stated?.with ?? [])],
      without: [...(choice.without ?? []), ...(stated?.without ?? [])],
    },
    known.switches,
    known.kernels,
  );
  const files = [...known.kernelFiles, source.file];
  const edits = asInput(() => (broken ? editsOf(broken, files) : new Map()));
  const standIns = asInput(() => (broken ? standInsOf(broken, known.kernelFiles, known.checked.checker) : new Map()));
  const { sizes } = source.scenario;
  const setting = { sizes, tasks: source.tasks.length, edits, standIns };
  const build = new Build({ ...optionsFor(known, choice.kernel, files, on), ...setting });
  const code = addScenario(build, source);
  const program = finished(build);
  return {
    scenario: source.scenario,
    kernel: choice.kernel,
    ...(variant !== undefined && { variant }),
    program,
    ...code,
  };
}

function asInput<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof Refusal ? new InputError(error.diagnostic) : error;
  }
}

function unknown(code: string, what: string, name: string, all: Iterable<string>): Diagnostic {
  const names = [...all];
  const near = nearest(name, names);
  return {
    code,
    message: `no ${what} ${name}`,
    hint: near === undefined ? `known: ${names.join(', ')}` : `did you mean ${near}?`,
  };
}

type ScenarioCode = Pick<CompiledScenario, 'init' | 'tasks' | 'never' | 'sometimes' | 'finally'>;

/** Adds a scenario's code to a program. */
function addScenario(build: Build, source: ScenarioSource): ScenarioCode {
  const add = (code: Code, kind: string, isPredicate: boolean): string => {
    if (ts.isArrowFunction(code.node)) return build.addArrow(code.node, `${kind}:${code.name}`, isPredicate);
    const declaration = code.node;
    return build.attempt(() => build.add(declaration)) ?? code.name;
  };
  const named = (codes: Code[], kind: string, isPredicate: boolean): Named[] =>
    codes.map((code) => ({ name: code.name, function: add(code, kind, isPredicate), loc: locOf(code.at) }));
  const init = source.init && add(source.init, 'init', false);
  assert(source.tasks.length > 0, 'a scenario without tasks was accepted');
  return {
    ...(init !== undefined && { init }),
    tasks: named(source.tasks, 'task', false),
    never: named(source.never, 'never', true),
    sometimes: named(source.sometimes, 'sometimes', true),
    finally: named(source.finally, 'finally', true),
  };
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Programs out of checked sources: one for a kernel alone, one for a scenario on a kernel, whole or broken.
 */
import ts from '#typescript';
import { type Diagnostic, InputError } from '../base/diagnostic.js';
import type { CompiledScenario, KernelChoice, Named } from './api.js';
import { Build, type BuildOptions } from './build.js';
import { CODES, diagnoseAt, locOf, nearest, Refusal } from './diagnostics.js';
import { exportedConstants } from './exported.js';
import { flowProblems } from './flow.js';
import type { ProgramIR } from './ir.js';
import { chooseSwitches, type Switch } from './kernels.js';
import type { Code, ScenarioSource } from './scenarioText.js';
import type { Checked } from './sources.js';
import { editsOf, standInsOf } from './variants.js';

/** Everything that is known of the sources once they are read. */
export interface Known {
  checked: Checked;
  /** all files but the scenarios' */
  kernelFiles: ts.SourceFile[];
  switches: Switch[];
  kernels: string[];
  scenarios: Map<string, ScenarioSource>;
  /** the names that `param` is called with */
  sizes: Set<string>;
}

/** @returns the settings of a program without sizes, edits and stand-ins, for one task */
export function optionsFor(
  { checked }: Known,
  kernel: string,
  files: readonly ts.SourceFile[],
  on: ReadonlySet<ts.VariableDeclaration>,
): BuildOptions {
  return {
    kernel,
    files,
    checker: checked.checker,
    isOn: (declaration) => on.has(declaration),
    sizes: new Map(),
    tasks: 1,
    pruning: true,
    edits: new Map(),
    standIns: new Map(),
  };
}

/** @throws InputError RZ2002, RZ2003, RZ2010 */
export function compileKernel(known: Known, choice: KernelChoice, params: ReadonlyMap<string, number>): ProgramIR {
  const on = chooseSwitches(choice, known.switches, known.kernels);
  for (const name of params.keys()) {
    if (name !== 'NR_TASKS' && !known.sizes.has(name)) throw new InputError(unknownSize(name, known));
  }
  const tasks = params.get('NR_TASKS') ?? 1;
  const build = new Build({ ...optionsFor(known, choice.kernel, known.kernelFiles, on), sizes: params, tasks });
  for (const file of known.kernelFiles) {
    for (const statement of file.statements) {
      if (ts.isFunctionDeclaration(statement) && statement.body && isExported(statement)) build.add(statement);
      if (!ts.isVariableStatement(statement)) continue;
      for (const each of statement.declarationList.declarations) build.addObject(each);
    }
  }
  const constants = exportedConstants(known.kernelFiles, build.constants);
  return { ...finished(build, known, new Set()), constants };
}

export function unknownSize(name: string, known: Known): Diagnostic {
  return unknown(CODES.unknownSize, 'size', name, known.sizes);
}

function isExported(node: ts.FunctionDeclaration): boolean {
  return node.modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword) ?? false;
}

/** @throws InputError where something was refused that only this program shows */
function finished(build: Build, known: Known, predicates: ReadonlySet<string>): ProgramIR {
  const program = build.finish();
  const { functions } = program;
  const problems = build.diagnostics.length > 0 ? [] : flowProblems(functions, functions.keys(), predicates);
  const flow = problems.map((problem) => diagnoseAt(known.checked.files, problem));
  if (build.diagnostics.length + flow.length > 0) throw new InputError(...build.diagnostics, ...flow);
  return program;
}

/** @throws InputError RZ2001 to RZ2006 */
export function compileScenario(known: Known, name: string, choice: KernelChoice, variant?: string): CompiledScenario {
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
  const edits = asInput(() => (broken ? editsOf(broken, files) : new Map<ts.Node, string>()));
  const standIns = asInput(() => (broken ? standInsOf(broken, known.kernelFiles, known.checked.checker) : new Map()));
  const { sizes } = source.scenario;
  const setting = { sizes, tasks: source.tasks.length, edits, standIns };
  const build = new Build({ ...optionsFor(known, choice.kernel, files, on), ...setting });
  const own = addScenario(build, source);
  const cleanEnd = primitive(build, known, CLEAN_END, true);
  const storesAreSeen = primitive(build, known, STORES_ARE_SEEN, false);
  // part of every scenario's end without being said
  const code = { ...own, finally: [...own.finally, ...(cleanEnd ? [cleanEnd] : [])] };
  const program = finished(build, known, predicatesOf(code));
  return {
    scenario: source.scenario,
    kernel: choice.kernel,
    ...(variant !== undefined && { variant }),
    program,
    ...code,
    ...(storesAreSeen && { storesAreSeen }),
  };
}

/** Adds a function that the tool itself calls. @returns undefined where the primitives are not among the sources */
function primitive(build: Build, known: Known, wanted: Primitive, isPredicate: boolean): Named | undefined {
  const file = known.kernelFiles.find(({ fileName }) => fileName === PRIMITIVES);
  const found = file?.statements.find(
    (each): each is ts.FunctionDeclaration => ts.isFunctionDeclaration(each) && each.name?.text === wanted.function,
  );
  return found && { name: wanted.name, function: build.addNamed(found, isPredicate), loc: locOf(found) };
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
  const hint = near === undefined ? `known: ${names.join(', ')}` : `did you mean ${near}?`;
  return { code, message: `no ${what} ${name}`, hint };
}

/** A function among the primitives that the tool itself calls. */
interface Primitive {
  function: string;
  name: string;
}

const PRIMITIVES = 'src/machine/task.ts';

const CLEAN_END: Primitive = {
  function: 'tasks_end_clean',
  name: 'no task ended with a spin lock, as an RCU reader or with interrupts off',
};

const STORES_ARE_SEEN: Primitive = { function: 'stores_are_seen', name: 'a store buffer is empty' };

export type ScenarioCode = Pick<CompiledScenario, 'init' | 'tasks' | 'never' | 'sometimes' | 'finally'>;

/** Adds a scenario's code to a program; what is refused is reported to it. */
export function addScenario(build: Build, source: ScenarioSource): ScenarioCode {
  const add = (code: Code, kind: string, isPredicate: boolean): string => {
    const { node } = code;
    if (ts.isArrowFunction(node)) return build.addArrow(node, `${kind}:${code.name}`, isPredicate);
    return build.attempt(() => build.addNamed(node, isPredicate)) ?? code.name;
  };
  const named = (codes: Code[], kind: string, isPredicate: boolean): Named[] =>
    codes.map((code) => ({ name: code.name, function: add(code, kind, isPredicate), loc: locOf(code.at) }));
  const init = source.init && add(source.init, 'scenario', false);
  return {
    ...(init !== undefined && { init }),
    tasks: named(source.tasks, 'task', false),
    never: named(source.never, 'never', true),
    sometimes: named(source.sometimes, 'sometimes', true),
    finally: named(source.finally, 'finally', true),
  };
}

/** @returns the functions that may only read */
export function predicatesOf(code: ScenarioCode): Set<string> {
  return new Set([...code.never, ...code.sometimes, ...code.finally].map((each) => each.function));
}

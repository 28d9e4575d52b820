// SPDX-License-Identifier: Apache-2.0
/**
 * Compiled scenarios as text, and back: whoever has the text needs neither the sources nor TypeScript.
 *
 * A line each: first what is known of commits, kernels and scenarios; then functions, structs and objects, each once however
 * many programs have it, and programs, which name their parts by line. A line is read when it is wanted.
 * Not here: whether the text is of these sources (src/app/prepared.ts).
 */
import { assert } from '../base/assert.js';
import { InputError } from '../base/diagnostic.js';
import type { Commit, CompiledScenario, KernelChoice, Scenario, Variant, Workspace } from './api.js';
import type { FunctionIR, GlobalObject, ProgramIR, Struct } from './ir.js';

/** Thrown for a program that is not among the packed: the sources are to be compiled. */
export class NotPacked extends Error {}

/** A map in a form that JSON has. */
type Pairs<T> = [string, T][];

interface Head {
  commits: readonly Commit[];
  kernels: readonly string[];
  scenarios: PackedScenario[];
  /** programs by `keyOf`, with their lines */
  programs: Pairs<number>;
}

type PackedScenario = Omit<Scenario, 'expect' | 'violates' | 'sizes' | 'variants'> & {
  expect: Pairs<'holds' | 'violated' | 'not applicable'>;
  violates: Pairs<string>;
  sizes: Pairs<number>;
  variants: (Omit<Variant, 'functions'> & { functions: Pairs<string> })[];
};

type PackedProgram = Omit<CompiledScenario, 'scenario' | 'program'> & {
  params: Pairs<number>;
  structs: number[];
  globals: number[];
  functions: number[];
};

function keyOf(scenario: string, kernel: string, variant: string | undefined): string {
  return JSON.stringify(variant === undefined ? [scenario, kernel] : [scenario, kernel, variant]);
}

/** @returns every scenario on every kernel on offer, and every broken variant on those and on the kernels that it names */
export function pack(workspace: Workspace): string {
  const { commits, kernels, scenarios } = workspace;
  const lines = new Lines();
  const programs: Pairs<number> = [];
  for (const { name, variants } of scenarios) {
    for (const kernel of kernels)
      programs.push([keyOf(name, kernel, undefined), lines.program(workspace, name, kernel)]);
    for (const variant of variants) {
      for (const kernel of new Set([...kernels, ...variant.kernels])) {
        const line = unlessRefused(() => lines.program(workspace, name, kernel, variant.name));
        if (line !== undefined) programs.push([keyOf(name, kernel, variant.name), line]);
      }
    }
  }
  const head: Head = { commits, kernels, scenarios: scenarios.map(packedScenario), programs };
  return [JSON.stringify(head), ...lines.all].join('\n');
}

/** A variant need not go with each kernel; who asks for it there is told why by the compiler. */
function unlessRefused<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

function packedScenario({ expect, violates, sizes, variants, ...rest }: Scenario): PackedScenario {
  return {
    ...rest,
    expect: [...expect],
    violates: [...violates],
    sizes: [...sizes],
    variants: variants.map(({ functions, ...variant }) => ({ ...variant, functions: [...functions] })),
  };
}

/** All lines but the first, equal ones once; numbered from 1. */
class Lines {
  readonly all: string[] = [];
  readonly #numbers = new Map<string, number>();

  program(workspace: Workspace, name: string, kernel: string, variant?: string): number {
    const { scenario: _, program, ...rest } = workspace.compileScenario(name, { kernel }, variant);
    assert(
      program.constants === undefined && program.kernel === rest.kernel,
      'a program of a scenario has no constants',
    );
    const packed: PackedProgram = {
      ...rest,
      params: [...program.params],
      structs: this.#parts(program.structs),
      globals: this.#parts(program.globals),
      functions: this.#parts(program.functions),
    };
    return this.#number(packed);
  }

  #parts(parts: ReadonlyMap<string, Struct | GlobalObject | FunctionIR>): number[] {
    return [...parts].map(([name, part]) => {
      assert(part.name === name, `${part.name} goes by the name of ${name}`);
      return this.#number(part);
    });
  }

  #number(value: object): number {
    const line = JSON.stringify(value);
    let number = this.#numbers.get(line);
    if (number === undefined) {
      number = this.all.push(line);
      this.#numbers.set(line, number);
    }
    return number;
  }
}

/** What a Workspace says, as far as it was packed. */
export class Unpacked implements Pick<Workspace, 'commits' | 'kernels' | 'scenarios' | 'compileScenario'> {
  readonly commits: readonly Commit[];
  readonly kernels: readonly string[];
  readonly scenarios: readonly Scenario[];
  readonly #lines: readonly string[];
  readonly #programs: ReadonlyMap<string, number>;
  /** line -> the part that it is */
  readonly #read = new Map<number, unknown>();

  /** @param text as `pack` made it */
  constructor(text: string) {
    this.#lines = text.split('\n');
    const { commits, kernels, scenarios, programs }: Head = JSON.parse(this.#lines[0]);
    this.commits = commits;
    this.kernels = kernels;
    this.scenarios = scenarios.map(unpackedScenario);
    this.#programs = new Map(programs);
  }

  /** @throws NotPacked where only the sources can tell */
  compileScenario(name: string, choice: KernelChoice, variant?: string): CompiledScenario {
    const line = this.#programs.get(keyOf(name, choice.kernel, variant));
    const scenario = this.scenarios.find((each) => each.name === name);
    const isChanged = (choice.with?.length ?? 0) + (choice.without?.length ?? 0) > 0;
    if (line === undefined || !scenario || isChanged) throw new NotPacked(name);
    const { params, structs, globals, functions, ...rest }: PackedProgram = JSON.parse(this.#lines[line]);
    const program: ProgramIR = {
      kernel: rest.kernel,
      structs: this.#parts<Struct>(structs),
      globals: this.#parts<GlobalObject>(globals),
      functions: this.#parts<FunctionIR>(functions),
      params: new Map(params),
    };
    return { ...rest, scenario, program };
  }

  #parts<T extends { name: string }>(lines: readonly number[]): Map<string, T> {
    return new Map(
      lines.map((line) => {
        // programs share most of their parts, and nobody changes one
        const part = (this.#read.get(line) ?? JSON.parse(this.#lines[line])) as T;
        this.#read.set(line, part);
        return [part.name, part];
      }),
    );
  }
}

function unpackedScenario({ expect, violates, sizes, variants, ...rest }: PackedScenario): Scenario {
  return {
    ...rest,
    expect: new Map(expect),
    violates: new Map(violates),
    sizes: new Map(sizes),
    variants: variants.map(({ functions, ...variant }) => ({ ...variant, functions: new Map(functions) })),
  };
}

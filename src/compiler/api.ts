// SPDX-License-Identifier: Apache-2.0
/**
 * What the compiler takes and gives: the contract between it, the two back ends and src/app. Types only.
 */
import type { FunctionIR, Loc, ProgramIR } from './ir.js';

/** Reads nothing itself: src/app hands it the text of every file of src/machine, src/linux and the scenarios wanted. */
export interface Sources {
  /** path as the user shall see it (`src/linux/mm/gup.ts`, `my/scenario.ts`) -> text */
  files: Map<string, string>;
  /** the files among them that hold scenarios */
  scenarios: string[];
  /** files that were analysed before and found without fault; all that they import is among them */
  proven?: ReadonlySet<string>;
}

/** One switch of commits.ts. */
export interface Commit {
  /** the constant's name in commits.ts */
  name: string;
  id: string;
  subject: string;
  since: string;
  until?: string;
}

export type Expectation = 'holds' | 'violated' | 'not applicable';

export interface Edit {
  in: string;
  replace: string;
  by: string;
}

export interface Variant {
  name: string;
  kernels: string[];
  violates: string;
  edits: Edit[];
  /** names of the functions that stand in: kernel name -> the scenario's function */
  functions: Map<string, string>;
  with: string[];
  without: string[];
}

/** A scenario as its file states it; the same for every kernel. */
export interface Scenario {
  /** the file's name without `.ts`: `dax-truncate` */
  name: string;
  file: string;
  title: string;
  question: string;
  about: string[];
  expect: Map<string, Expectation>;
  violates: Map<string, string>;
  sizes: Map<string, number>;
  /** names of the tasks that end on every fair run */
  progress: string[];
  /** tasks go on for ever, and whether they can end is not asked */
  endless: boolean;
  variants: Variant[];
  loc: Loc;
}

/** A predicate or task, by the name of its function in ProgramIR.functions. */
export interface Named {
  name: string;
  function: string;
  loc: Loc;
}

/** A scenario compiled for one kernel. */
export interface CompiledScenario {
  scenario: Scenario;
  kernel: string;
  variant?: string;
  program: ProgramIR;
  init?: string;
  tasks: Named[];
  /** predicates: functions of no parameters that return bool; their loads happen in one state, together */
  never: Named[];
  sometimes: Named[];
  finally: Named[];
  /** what happens once others have seen all that a task stored (x86-TSO); absent without the primitives */
  storesAreSeen?: Named;
}

export interface KernelChoice {
  /** a kernel on offer: `v5.14`, `seed`, … or any release name `vX.Y` */
  kernel: string;
  /** commit ids or switch names added and removed */
  with?: string[];
  without?: string[];
}

/** All sources, type-checked once; programs for any kernel come out of it. Made by `analyse` (analyse.ts). */
export interface Workspace {
  commits: readonly Commit[];
  /** the kernels that a check without `--kernel` covers, in order */
  kernels: readonly string[];
  scenarios: readonly Scenario[];
  /** @throws InputError RZ2xxx for an unknown scenario, kernel, commit or variant, an edit that does not match once, … */
  compileScenario(name: string, choice: KernelChoice, variant?: string): CompiledScenario;
  /** every exported function of src/linux and src/machine, for `boot`; `params`: sizes by name */
  compileKernel(choice: KernelChoice, params?: Map<string, number>): ProgramIR;
  /** the function as the user wrote it, for listings */
  sourceLine(loc: Loc): string;
}

export type { FunctionIR, ProgramIR };

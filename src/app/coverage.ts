// SPDX-License-Identifier: Apache-2.0
/**
 * Which lines of the kernel's code searches have executed, and which not: what is not executed is not proven.
 *
 * A line counts where control comes to a statement on it, on a step of a task. Counted are the lines of src/linux that the
 * tasks could call, and of those the ones that the kernel has: what a switch takes out is not there.
 * Not here: the marks in generated code (src/explore/emit.ts) and how this is shown (src/cli/render-coverage.ts).
 */
import type { KernelChoice, ProgramIR, Workspace } from '../compiler/api.js';
import type { FunctionIR } from '../compiler/ir.js';
import { callableFrom, KERNEL_CODE, linesOf } from '../compiler/lines.js';
import { executedLines, type Model } from '../explore/check.js';
import type { Covered, FunctionLines, KernelCoverage, MissedFunction, Outcome } from './check-data.js';

/** @param model one built with coverage, and searched. @returns what its tasks could have executed, and did */
export function coveredBy(model: Model): Covered {
  const { program, tasks, init } = model.linked.compiled;
  const executed = executedLines(model);
  const callable = callableFrom(
    program,
    tasks.map((task) => task.function),
  );
  const functions = kernelFunctions(callable).map((fn) => ({
    ...fn,
    missed: fn.lines.filter((line) => !executed.has(`${fn.file}:${line}`)),
  }));
  const first = init === undefined ? [] : kernelFunctions(callableFrom(program, [init]));
  return { functions, init: first.map(keyOf) };
}

/** @returns all functions of a kernel that have lines to execute */
export function functionsOf(workspace: Workspace, choice: KernelChoice): FunctionLines[] {
  const { functions }: ProgramIR = workspace.compileKernel(choice);
  return kernelFunctions(functions.values());
}

function kernelFunctions(functions: Iterable<FunctionIR>): FunctionLines[] {
  return [...functions]
    .filter(({ loc }) => loc.file.startsWith(KERNEL_CODE))
    .map((fn) => ({ function: fn.name, file: fn.loc.file, line: fn.loc.line, lines: linesOf(fn) }))
    .filter(({ lines }) => lines.length > 0);
}

function keyOf({ file, line }: { file: string; line: number }): string {
  return `${file}:${line}`;
}

/** The searches on one kernel so far. */
interface Sum {
  searches: number;
  unfinished: number;
  functions: Map<string, { of: FunctionLines; lines: Set<number>; executed: Set<number> }>;
  /** functions that some scenario's `init` calls */
  init: Set<string>;
}

/** What all searches of a check have executed together, kernel by kernel. */
export class CoverageSum {
  readonly #kernels = new Map<string, Sum>();

  add({ kernel, result }: Outcome, { functions, init }: Covered): void {
    const sum: Sum = this.#kernels.get(kernel) ?? { searches: 0, unfinished: 0, functions: new Map(), init: new Set() };
    this.#kernels.set(kernel, sum);
    sum.searches++;
    if (result?.complete !== true) sum.unfinished++;
    for (const key of init) sum.init.add(key);
    for (const fn of functions) {
      const known = sum.functions.get(keyOf(fn)) ?? { of: fn, lines: new Set(), executed: new Set() };
      sum.functions.set(keyOf(fn), known);
      for (const line of fn.lines) known.lines.add(line);
      for (const line of fn.lines) if (!fn.missed.includes(line)) known.executed.add(line);
    }
  }

  /** @param all per kernel its functions, where those that no task calls are of interest */
  report(kernels: readonly string[], all: Readonly<Record<string, FunctionLines[]>> = {}): KernelCoverage[] {
    return kernels.flatMap((kernel) => {
      const sum = this.#kernels.get(kernel);
      if (!sum) return [];
      const uncalled = all[kernel] ? { uncalled: uncalledOf(sum, all[kernel]) } : {};
      return [{ kernel, ...coverageOf(sum), ...uncalled }];
    });
  }
}

function coverageOf({ searches, unfinished, functions }: Sum): Omit<KernelCoverage, 'kernel'> {
  const missed: MissedFunction[] = [];
  let [lines, executed] = [0, 0];
  for (const fn of functions.values()) {
    lines += fn.lines.size;
    executed += fn.executed.size;
    if (fn.executed.size === fn.lines.size) continue;
    const { function: name, file, line } = fn.of;
    missed.push({
      function: name,
      file,
      line,
      lines: fn.lines.size,
      executed: fn.executed.size,
      missed: rangesOf(fn.lines, fn.executed),
    });
  }
  return { searches, unfinished, lines, executed, missed: inOrder(missed) };
}

function uncalledOf({ functions, init }: Sum, all: readonly FunctionLines[]) {
  const uncalled = all.filter((fn) => !functions.has(keyOf(fn)));
  return inOrder(
    uncalled.map((fn) => ({ function: fn.function, file: fn.file, line: fn.line, init: init.has(keyOf(fn)) })),
  );
}

function inOrder<F extends { file: string; line: number }>(functions: readonly F[]): F[] {
  return [...functions].sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1));
}

/** @returns the lines not executed as `12` and `14-17`: with no executed line between the two */
function rangesOf(lines: ReadonlySet<number>, executed: ReadonlySet<number>): string[] {
  const ranges: [number, number][] = [];
  let open = false;
  for (const line of [...lines].sort((a, b) => a - b)) {
    if (executed.has(line)) open = false;
    else if (open) ranges[ranges.length - 1][1] = line;
    else {
      ranges.push([line, line]);
      open = true;
    }
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`));
}

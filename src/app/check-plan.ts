// SPDX-License-Identifier: Apache-2.0
/**
 * From what was asked to the searches that answer it, and from a result to whether it is as recorded.
 *
 * Not here: running them (check-pool.ts), compiling and searching (check-job.ts).
 */
import { assert } from '../base/assert.js';
import { type Diagnostic, InputError } from '../base/diagnostic.js';
import type { Scenario, Variant, Workspace } from '../compiler/api.js';
import type { CheckResult, Violation } from '../explore/verdict.js';
import type { CheckOptions, Job, Outcome, Planned, Recorded } from './check-data.js';
import { functionsOf } from './coverage.js';
import { sourceName } from './own-sources.js';
import { proveSpill } from './spill.js';

/** @returns whether a scenario is meant as a file rather than by its name */
export function isPath(scenario: string): boolean {
  return scenario.endsWith('.ts') || scenario.includes('/');
}

/**
 * @returns an outcome without result for each search and each pair that is not applicable, and the kernels
 * @throws InputError for unknown names, options that exclude each other, and where no search is left
 */
export function plan(workspace: Workspace, options: CheckOptions): Planned {
  if (options.exact && options.fingerprints) throw new InputError(BOTH_STORAGES);
  if (typeof options.spill === 'string') proveSpill(options.spill);
  const all = planAll(workspace, options);
  const { length: searches } = all.outcomes.filter(isSearch);
  if ((options.checkpoint ?? options.resume) === undefined) return all;
  if (searches > 1) throw new InputError(oneSearch(searches));
  return all;
}

function oneSearch(searches: number): Diagnostic {
  return {
    code: 'RZ4009',
    message: `--checkpoint and --resume are about one search, not ${searches}`,
    hint: 'name one scenario, and one kernel with --kernel',
  };
}

function planAll(workspace: Workspace, options: CheckOptions): Planned {
  if (options.variants && options.variant !== undefined) throw new InputError(BOTH_VARIANTS);
  const scenarios = chosenScenarios(workspace, options.scenarios);
  if (options.variant !== undefined) return planVariant(workspace, scenarios, options.variant, options);
  const kernels = options.kernels.length > 0 ? [...new Set(options.kernels)] : [...workspace.kernels];
  proveKernels(workspace, scenarios[0], kernels, options);
  const outcomes: Outcome[] = [];
  for (const scenario of scenarios) {
    const { name, variants } = scenario;
    outcomes.push(...kernels.map((kernel) => planned({ scenario: name, kernel }, scenario, options)));
    if (!options.variants) continue;
    for (const variant of variants) {
      const named = kernels.filter((kernel) => variant.kernels.includes(kernel));
      outcomes.push(
        ...named.map((kernel) => planned({ scenario: name, kernel, variant: variant.name }, scenario, options)),
      );
    }
  }
  if (!outcomes.some(isSearch)) throw new InputError(nothingApplies(scenarios, kernels));
  return { outcomes, kernels, ...(wantsAll(options) && { functions: allFunctions(workspace, kernels, options) }) };
}

/** What no scenario reaches can be told only where every scenario is asked. */
function wantsAll({ coverage, scenarios }: CheckOptions): boolean {
  return coverage === true && scenarios.length === 0;
}

function allFunctions(workspace: Workspace, kernels: readonly string[], options: CheckOptions) {
  const changes = { with: [...options.with], without: [...options.without] };
  return Object.fromEntries(kernels.map((kernel) => [kernel, functionsOf(workspace, { kernel, ...changes })]));
}

const BOTH_STORAGES: Diagnostic = {
  code: 'RZ4008',
  message: '--exact and --fingerprints exclude each other',
  hint: 'with neither, whole states are kept as far as memory goes, and fingerprints from there on',
};

const BOTH_VARIANTS: Diagnostic = {
  code: 'RZ4008',
  message: '--variant and --variants exclude each other',
  hint: '--variant checks that one alone; --variants checks the scenarios and all their broken variants',
};

/** @returns whether an outcome of `plan` asks for a search */
export function isSearch(outcome: Outcome): boolean {
  return outcome.recorded?.verdict !== 'not applicable';
}

function planVariant(
  workspace: Workspace,
  scenarios: readonly Scenario[],
  name: string,
  options: CheckOptions,
): Planned {
  if (scenarios.length !== 1)
    throw new InputError({
      code: 'RZ4003',
      message: '--variant needs the one scenario that it is a variant of',
      hint: 'name it before the option; --variants runs all broken variants of all scenarios',
    });
  const [scenario] = scenarios;
  const variant = scenario.variants.find((candidate) => candidate.name === name);
  const kernels =
    options.kernels.length > 0 ? [...new Set(options.kernels)] : [...(variant?.kernels ?? workspace.kernels)];
  proveKernels(workspace, scenario, kernels, options, name);
  const job = (kernel: string) => ({ scenario: scenario.name, kernel, variant: name });
  return { outcomes: kernels.map((kernel) => planned(job(kernel), scenario, options)), kernels };
}

/** Names that are not on offer are the compiler's to judge, and to be judged before the first search. */
function proveKernels(
  workspace: Workspace,
  { name }: Scenario,
  kernels: string[],
  options: CheckOptions,
  variant?: string,
) {
  const changed = options.with.length + options.without.length > 0 || variant !== undefined;
  const doubtful = changed ? kernels.slice(0, 1) : [];
  doubtful.push(...kernels.filter((kernel) => !workspace.kernels.includes(kernel)));
  for (const kernel of new Set(doubtful))
    workspace.compileScenario(name, { kernel, with: [...options.with], without: [...options.without] }, variant);
}

function planned(job: Job, scenario: Scenario, options: CheckOptions): Outcome {
  const recorded = recordOf(job, scenario, options);
  return { ...job, ...(recorded && { recorded }), seconds: 0 };
}

function recordOf({ kernel, variant: name }: Job, scenario: Scenario, options: CheckOptions): Recorded | undefined {
  if (options.with.length + options.without.length > 0) return undefined;
  if (name !== undefined) {
    const variant = scenario.variants.find((candidate) => candidate.name === name) as Variant;
    return variant.kernels.includes(kernel) && options.memory !== 'tso'
      ? { verdict: 'violated', violates: variant.violates }
      : undefined;
  }
  const verdict = scenario.expect.get(kernel);
  // files record verdicts for sequentially consistent memory
  if (verdict === undefined || (options.memory === 'tso' && verdict !== 'not applicable')) return undefined;
  const violates = scenario.violates.get(kernel);
  return violates === undefined ? { verdict } : { verdict, violates };
}

/**
 * @param wanted names and files
 * @returns those scenarios, each once; all by their names if none is wanted
 * @throws InputError RZ2001 for one that is not there
 */
export function chosenScenarios(workspace: Workspace, wanted: readonly string[]): readonly Scenario[] {
  const { scenarios, kernels } = workspace;
  if (wanted.length === 0) return inOrder(scenarios);
  const chosen = wanted.map((name) => {
    const found = scenarios.find((scenario) => (isPath(name) ? isIn(scenario, name) : scenario.name === name));
    if (!found) workspace.compileScenario(name, { kernel: kernels[0] });
    assert(found !== undefined, `scenario ${name} is compiled but not listed`);
    return found;
  });
  return [...new Set(chosen)];
}

/** @returns the scenarios by their names */
export function inOrder(scenarios: readonly Scenario[]): Scenario[] {
  return [...scenarios].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function isIn({ file }: Scenario, path: string): boolean {
  return file === sourceName(path);
}

function nothingApplies(scenarios: readonly Scenario[], kernels: readonly string[]): Diagnostic {
  const [first] = scenarios;
  const applies = [...first.expect].filter(([, verdict]) => verdict !== 'not applicable').map(([kernel]) => kernel);
  return {
    code: 'RZ4002',
    message: `nothing to check: ${scenarios.map(({ name }) => name).join(', ')} does not apply to ${kernels.join(', ')}`,
    hint: `${first.name} is about ${applies.join(', ')}`,
  };
}

/** @returns whether a result is what the file records; undefined where there is no saying */
export function isAsRecorded(result: CheckResult, recorded: Recorded | undefined): boolean | undefined {
  if (!recorded || result.verdict === 'inconclusive') return undefined;
  if (result.verdict !== recorded.verdict) return false;
  if (recorded.violates === undefined || !result.violation) return true;
  return isViolationOf(result.violation, recorded.violates);
}

/** @param wanted a property's name or a kind, as scenario files write them (`null` is short for `null dereference`) */
export function isViolationOf({ kind, name }: Violation, wanted: string): boolean {
  return wanted === kind || wanted === name || (wanted === 'null' && kind === 'null dereference');
}

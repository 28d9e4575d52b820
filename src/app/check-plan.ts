// SPDX-License-Identifier: Apache-2.0
/**
 * From what was asked to the searches that answer it, and from a result to whether it is as recorded.
 *
 * Not here: running them (check-pool.ts), compiling and searching (check-job.ts).
 */
import { basename, resolve } from 'node:path';
import { type Diagnostic, InputError } from '../base/diagnostic.js';
import { nearest } from '../base/nearest.js';
import type { Scenario, Variant } from '../compiler/api.js';
import type { CheckResult, Violation } from '../explore/verdict.js';
import type { Catalogue, CheckOptions, Job, Outcome, Recorded } from './check-data.js';

/** @returns whether a scenario is meant as a file rather than by its name */
export function isPath(scenario: string): boolean {
  return scenario.endsWith('.ts') || scenario.includes('/');
}

/**
 * @returns an outcome without result for each search and each pair that is not applicable, and the kernels
 * @throws InputError for unknown names and where no search is left
 */
export function plan(catalogue: Catalogue, options: CheckOptions): { outcomes: Outcome[]; kernels: string[] } {
  const scenarios = chosenScenarios(catalogue, options.scenarios);
  if (options.variant !== undefined) return planVariant(scenarios, options.variant, options);
  const kernels = options.kernels.length > 0 ? [...options.kernels] : [...catalogue.kernels];
  const outcomes: Outcome[] = [];
  for (const scenario of scenarios) {
    for (const kernel of kernels) outcomes.push(planned({ scenario: scenario.name, kernel }, scenario, options));
    if (!options.variants) continue;
    for (const variant of scenario.variants) {
      const named = kernels.filter((kernel) => variant.kernels.includes(kernel));
      for (const kernel of named)
        outcomes.push(planned({ scenario: scenario.name, kernel, variant: variant.name }, scenario, options));
    }
  }
  if (!outcomes.some(isSearch)) throw new InputError(nothingApplies(scenarios, kernels));
  return { outcomes, kernels };
}

/** @returns whether an outcome of `plan` asks for a search */
export function isSearch(outcome: Outcome): boolean {
  return outcome.recorded?.verdict !== 'not applicable';
}

function planVariant(scenarios: readonly Scenario[], name: string, options: CheckOptions) {
  if (scenarios.length !== 1)
    throw new InputError({
      code: 'RZ4003',
      message: '--variant needs the one scenario that it is a variant of',
      hint: 'name it before the option; --variants runs all broken variants of all scenarios',
    });
  const [scenario] = scenarios;
  const variant = scenario.variants.find((candidate) => candidate.name === name);
  if (!variant)
    throw new InputError(unknown('RZ4004', `broken variant of ${scenario.name}`, name, variantNames(scenario)));
  const kernels = options.kernels.length > 0 ? [...options.kernels] : [...variant.kernels];
  const job = (kernel: string) => ({ scenario: scenario.name, kernel, variant: name });
  return { outcomes: kernels.map((kernel) => planned(job(kernel), scenario, options)), kernels };
}

function variantNames({ variants }: Scenario): string[] {
  return variants.map(({ name }) => name);
}

function planned(job: Job, scenario: Scenario, options: CheckOptions): Outcome {
  const recorded = recordOf(job, scenario, options);
  return { ...job, ...(recorded && { recorded }), seconds: 0 };
}

function recordOf({ kernel, variant: name }: Job, scenario: Scenario, options: CheckOptions): Recorded | undefined {
  if (options.with.length + options.without.length > 0) return undefined;
  if (name !== undefined) {
    const variant = scenario.variants.find((candidate) => candidate.name === name) as Variant;
    return variant.kernels.includes(kernel) ? { verdict: 'violated', violates: variant.violates } : undefined;
  }
  const verdict = scenario.expect.get(kernel);
  if (verdict === undefined) return undefined;
  const violates = scenario.violates.get(kernel);
  return violates === undefined ? { verdict } : { verdict, violates };
}

function chosenScenarios({ scenarios }: Catalogue, wanted: readonly string[]): readonly Scenario[] {
  if (wanted.length === 0) return scenarios;
  return wanted.map((name) => {
    const found = scenarios.find((scenario) => isScenario(scenario, name));
    if (found) return found;
    const names = scenarios.map((scenario) => scenario.name);
    throw new InputError(unknown('RZ4001', 'scenario', name, names));
  });
}

function isScenario(scenario: Scenario, wanted: string): boolean {
  if (!isPath(wanted)) return scenario.name === wanted;
  const sameFile = scenario.file === wanted || resolve(scenario.file) === resolve(wanted);
  return sameFile && scenario.name === basename(wanted, '.ts');
}

function unknown(code: string, what: string, name: string, names: readonly string[]): Diagnostic {
  const near = nearest(name, names);
  const listed = names.length > 0 ? names.join(', ') : 'none';
  const hint = near === undefined ? `there are: ${listed}` : `did you mean '${near}'? There are: ${listed}`;
  return { code, message: `no ${what} is named '${name}'`, hint };
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

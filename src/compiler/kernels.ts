// SPDX-License-Identifier: Apache-2.0
/**
 * Kernels: which commits one contains. A release has what came in by then; `seed` is v5.14 and the posted patch.
 *
 * Commits and kernels are read from the source of commits.ts; known of them here is only where a series of releases ended.
 */
import ts from '#typescript';
import { type Diagnostic, InputError } from '../base/diagnostic.js';
import type { Commit, KernelChoice } from './api.js';
import { CODES, nearest, refuse } from './diagnostics.js';
import { calledWord, unwrap } from './names.js';

export type Switch = Commit & { declaration: ts.VariableDeclaration };

const BASE_OF_SEED = 'v5.14';

/** The last release of each series that is over; the newest kernel on offer bounds the one that is not. */
const LAST_RELEASES = ['v3.19', 'v4.20', 'v5.19', 'v6.19'];

/** @returns the switches that the files declare, in order. @throws Refusal for one whose texts are not literal */
export function switchesIn(files: readonly ts.SourceFile[], checker: ts.TypeChecker): Switch[] {
  const switches: Switch[] = [];
  for (const declaration of moduleConstants(files)) {
    const call = declaration.initializer && unwrap(declaration.initializer);
    if (!call || calledWord(checker, call) !== 'commit' || !ts.isCallExpression(call)) continue;
    const [id, subject, since, until] = call.arguments.map((argument) => {
      if (ts.isStringLiteralLike(argument)) return argument.text;
      return refuse(argument, 'word', 'commit takes texts in quotes', "commit('id', 'subject', 'v5.18')");
    });
    if (id === undefined || subject === undefined || since === undefined) continue;
    const name = declaration.name.getText();
    switches.push({ name, id, subject, since, ...(until !== undefined && { until }), declaration });
  }
  return switches;
}

/** @returns the list `export const kernels = [...]` of a commits.ts, or [] */
export function kernelsIn(files: readonly ts.SourceFile[]): string[] {
  for (const declaration of moduleConstants(files)) {
    if (declaration.name.getText() !== 'kernels' || !declaration.getSourceFile().fileName.endsWith('commits.ts'))
      continue;
    let list = declaration.initializer;
    while (list && (ts.isAsExpression(list) || ts.isParenthesizedExpression(list))) list = list.expression;
    if (!list || !ts.isArrayLiteralExpression(list)) continue;
    return list.elements.filter(ts.isStringLiteralLike).map((element) => element.text);
  }
  return [];
}

function* moduleConstants(files: readonly ts.SourceFile[]): Generator<ts.VariableDeclaration> {
  for (const file of files) {
    for (const statement of file.statements) {
      if (ts.isVariableStatement(statement)) yield* statement.declarationList.declarations;
    }
  }
}

/** @returns the switches that are on. @throws InputError RZ2002 for an unknown kernel; RZ2003 as changedSwitches does */
export function chooseSwitches(
  choice: KernelChoice,
  switches: readonly Switch[],
  kernels: readonly string[],
): Set<ts.VariableDeclaration> {
  if (!isKernel(choice.kernel, kernels)) throw new InputError(unknownKernel(choice.kernel, kernels));
  const on = new Set(switches.filter((each) => contains(choice.kernel, each)).map((each) => each.declaration));
  const { added, removed } = changedSwitches(choice, switches);
  for (const each of added) on.add(each.declaration);
  for (const each of removed) on.delete(each.declaration);
  return on;
}

/** @throws InputError RZ2003 for an unknown commit, and for one that is both to be added and to be taken out */
export function changedSwitches(
  choice: Pick<KernelChoice, 'with' | 'without'>,
  switches: readonly Switch[],
): { added: Switch[]; removed: Switch[] } {
  const added = (choice.with ?? []).map((each) => findSwitch(each, switches));
  const removed = (choice.without ?? []).map((each) => findSwitch(each, switches));
  const both = added.find((each) => removed.includes(each));
  if (!both) return { added, removed };
  throw new InputError({
    code: CODES.unknownCommit,
    message: `${both.name} (${both.id}) is to be added and to be taken out`,
    hint: 'one of the two; the `with` and `without` of a broken variant count too',
  });
}

function contains(kernel: string, { since, until }: Pick<Commit, 'since' | 'until'>): boolean {
  if (!isRelease(kernel)) {
    if (until === kernel) return false;
    return since === kernel || contains(BASE_OF_SEED, { since, ...(until !== undefined && { until }) });
  }
  if (!isRelease(since) || compareReleases(since, kernel) > 0) return false;
  return until === undefined || !isRelease(until) || compareReleases(until, kernel) > 0;
}

/**
 * @returns whether it is on offer, or a release that there was between two that are (nothing is known of others); any
 * release where none is on offer
 */
export function isKernel(kernel: string, kernels: readonly string[]): boolean {
  if (kernels.includes(kernel)) return true;
  if (endOfSeries(kernel) !== undefined) return false;
  const [oldest, newest] = span(kernels);
  if (!isRelease(kernel) || oldest === undefined || newest === undefined) return isRelease(kernel);
  return compareReleases(oldest, kernel) <= 0 && compareReleases(kernel, newest) <= 0;
}

/** @returns the last release of the series that `kernel` would come after: `v5.19` for `v5.20` */
function endOfSeries(kernel: string): string | undefined {
  const major = /^v\d+\./.exec(kernel)?.[0];
  const last = LAST_RELEASES.find((release) => release.startsWith(major ?? ' '));
  return last !== undefined && isRelease(kernel) && compareReleases(kernel, last) > 0 ? last : undefined;
}

/** @returns the oldest and the newest release, [] where there is none */
function span(kernels: readonly string[]): string[] {
  const releases = kernels.filter(isRelease).sort(compareReleases);
  return releases.length === 0 ? [] : [releases[0] as string, releases[releases.length - 1] as string];
}

/** @returns what to say about a kernel that is none (isKernel) */
export function unknownKernel(kernel: string, kernels: readonly string[]): Diagnostic {
  const near = nearest(kernel, kernels);
  const last = endOfSeries(kernel);
  const releases = `a release from ${span(kernels).join(' to ')}, or one of ${kernels.join(', ')}`;
  const meant = near === undefined ? '' : `did you mean ${near}? `;
  const hint = `${last === undefined ? meant : `the last release of its series is ${last}: `}${releases}`;
  return { code: CODES.unknownKernel, message: `no kernel ${kernel}`, hint };
}

export function isRelease(kernel: string): boolean {
  return /^v(0|[1-9]\d*)\.(0|[1-9]\d*)$/.test(kernel);
}

/** @returns below 0, 0 or above 0, as `a` is before, at or after `b` */
export function compareReleases(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.slice(1).split('.').map(Number);
  const [majorB = 0, minorB = 0] = b.slice(1).split('.').map(Number);
  return majorA - majorB || minorA - minorB;
}

/** @throws InputError RZ2003 where the name, id or beginning of an id is unknown or means several */
export function findSwitch(wanted: string, switches: readonly Switch[]): Switch {
  const exact = switches.find((each) => each.name === wanted || each.id === wanted);
  if (exact) return exact;
  const begun = wanted.length >= 4 ? switches.filter((each) => each.id.startsWith(wanted)) : [];
  const [only, another] = begun;
  if (only && !another) return only;
  const message = another ? `several commits begin with ${wanted}` : `no commit ${wanted}`;
  const near = nearest(
    wanted,
    switches.flatMap((each) => [each.name, each.id]),
  );
  const hint = begun.length > 1 ? begun.map((each) => each.id).join(', ') : near && `did you mean ${near}?`;
  throw new InputError({ code: CODES.unknownCommit, message, hint: hint ?? 'src/linux/commits.ts lists them' });
}

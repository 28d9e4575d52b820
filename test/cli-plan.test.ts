// SPDX-License-Identifier: Apache-2.0
/** Which searches a command line asks for, and whether a result is as its scenario's file records it. */
import { describe, expect, it } from 'vitest';
import type { CheckOptions, Outcome } from '../src/app/check-data.js';
import { isAsRecorded, isSearch, isViolationOf, plan } from '../src/app/check-plan.js';
import { InputError } from '../src/base/diagnostic.js';
import type { CheckResult } from '../src/explore/verdict.js';
import { tinyWorkspace } from './helpers/tiny.js';

const workspace = tinyWorkspace();
const ALL: CheckOptions = { scenarios: [], kernels: [], with: [], without: [], variants: false };

/** @returns `scenario kernel [variant]: record` of every planned outcome */
function planned(options: Partial<CheckOptions>): string[] {
  return plan(workspace, { ...ALL, ...options }).outcomes.map(textOf);
}

function textOf({ scenario, kernel, variant, recorded }: Outcome): string {
  const record = recorded ? [recorded.verdict, recorded.violates].filter(Boolean).join(' ') : 'nothing';
  return `${[scenario, kernel, variant].filter(Boolean).join(' ')}: ${record}`;
}

function diagnostic(options: Partial<CheckOptions>): { code: string; message: string; hint?: string } {
  try {
    planned(options);
  } catch (error) {
    if (error instanceof InputError) return error.diagnostics[0];
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('a plan', () => {
  it('is all scenarios on all kernels unless some are named', () => {
    const all = [
      'lost-update v5.14: violated both count',
      'lost-update v6.1: holds',
      'put-back v5.14: not applicable',
      'put-back v6.1: holds',
    ];
    expect(planned({})).toEqual(all);
    expect(planned({ scenarios: ['put-back'] })).toEqual(all.slice(2));
    expect(planned({ kernels: ['v6.1'] })).toEqual([all[1], all[3]]);
    expect(planned({ scenarios: ['src/scenarios/lost-update.ts'], kernels: ['v5.14'] })).toEqual([all[0]]);
  });

  it('keeps one search', () => {
    const one = { scenarios: ['lost-update'], kernels: ['v6.1'], checkpoint: 'file' };
    expect(planned(one)).toHaveLength(1);
    expect(diagnostic({ ...one, kernels: [] })).toMatchObject({ code: 'RZ4009' });
    expect(planned({ ...one, fingerprints: true })).toHaveLength(1);
  });

  it('has broken variants on the kernels that they name', () => {
    expect(planned({ scenarios: ['lost-update'], variants: true })).toEqual([
      'lost-update v5.14: violated both count',
      'lost-update v6.1: holds',
      'lost-update v6.1 forgotten: violated both count',
    ]);
    const one = { scenarios: ['lost-update'], variant: 'forgotten' };
    expect(planned(one)).toEqual(['lost-update v6.1 forgotten: violated both count']);
    expect(planned({ ...one, kernels: ['v5.14'] })).toEqual(['lost-update v5.14 forgotten: nothing']);
  });

  it('expects nothing of a kernel that is not on record, or was changed', () => {
    expect(planned({ scenarios: ['put-back'], kernels: ['v5.19'] })).toEqual(['put-back v5.19: nothing']);
    const changed = { scenarios: ['lost-update'], kernels: ['v6.1'], without: ['0123456789ab'] };
    expect(planned(changed)).toEqual(['lost-update v6.1: nothing']);
  });

  it('asks once for what is named twice', () => {
    const once = planned({ scenarios: ['put-back'], kernels: ['v6.1'] });
    expect(planned({ scenarios: ['put-back', 'put-back'], kernels: ['v6.1', 'v6.1'] })).toEqual(once);
    expect(planned({ scenarios: ['put-back', './src/scenarios/put-back.ts'], kernels: ['v6.1'] })).toEqual(once);
  });

  it('searches what applies', () => {
    const { outcomes, kernels } = plan(workspace, ALL);
    expect(outcomes.map(isSearch)).toEqual([true, true, false, true]);
    expect(kernels).toEqual(['v5.14', 'v6.1']);
  });

  it.each([
    ['a scenario', { scenarios: ['lost-updates'] }, /^RZ2001 .*lost-updates.*lost-update\?/],
    ['a file', { scenarios: ['src/scenarios/nothing.ts'] }, /^RZ2001 /],
    ['a kernel', { kernels: ['v6.1', 'v6.x'] }, /^RZ2002 .*v6\.x.*v6\.1/],
    ['a kernel newer than any known', { kernels: ['v6.2'] }, /^RZ2002 .*v6\.2.*from v5\.14 to v6\.1/],
    ['a kernel older than any known', { kernels: ['v5.13'] }, /^RZ2002 .*v5\.13.*from v5\.14 to v6\.1/],
    ['a release that never was', { kernels: ['v5.99'] }, /^RZ2002 .*v5\.99.*v5\.19.*from v5\.14 to v6\.1/],
    [
      'a kernel with a commit and without it',
      { with: ['COUNT_AT_ONCE'], without: ['01234'] },
      /^RZ2003 .*COUNT_AT_ONCE/,
    ],
    ['a commit', { with: ['0123456789ac'] }, /^RZ2003 /],
    ['a variant', { scenarios: ['lost-update'], variant: 'forgoten' }, /^RZ2004 .*forgotten/],
    ['one variant and all', { scenarios: ['lost-update'], variant: 'forgotten', variants: true }, /^RZ4008 .*alone/],
    ['a variant of nothing', { variant: 'forgotten' }, /^RZ4003 /],
    ['what does not apply', { scenarios: ['put-back'], kernels: ['v5.14'] }, /^RZ4002 .*put-back.*v5\.14.*v6\.1/],
  ])('refuses before the first search %s that is not there', (_, options, said) => {
    const { code, message, hint } = diagnostic(options);
    expect(`${code} ${message} ${hint}`).toMatch(said);
  });
});

describe('a result', () => {
  const base = { verdict: 'holds' } as CheckResult;
  const violated = (kind: string, name = kind) =>
    ({ ...base, verdict: 'violated', violation: { kind, name, message: '' } }) as CheckResult;

  it.each([
    [base, { verdict: 'holds' }, true],
    [base, { verdict: 'violated', violates: 'stuck' }, false],
    [violated('stuck'), { verdict: 'violated', violates: 'stuck' }, true],
    [violated('never', 'two owners'), { verdict: 'violated', violates: 'two owners' }, true],
    [violated('never', 'two owners'), { verdict: 'violated', violates: 'stuck' }, false],
    [violated('stuck'), { verdict: 'violated' }, true],
    [violated('stuck'), { verdict: 'holds' }, false],
    [{ ...base, verdict: 'inconclusive' }, { verdict: 'holds' }, undefined],
    [base, undefined, undefined],
  ] as const)('%j against %j: %s', (result, recorded, asRecorded) => {
    expect(isAsRecorded(result as CheckResult, recorded)).toBe(asRecorded);
  });

  it('may be named by kind', () => {
    expect(isViolationOf({ kind: 'null dereference', name: 'page', message: '' }, 'null')).toBe(true);
    expect(isViolationOf({ kind: 'BUG', name: 'VM_BUG_ON', message: '' }, 'BUG')).toBe(true);
    expect(isViolationOf({ kind: 'BUG', name: 'VM_BUG_ON', message: '' }, 'WARN')).toBe(false);
  });
});

// SPDX-License-Identifier: Apache-2.0
/**
 * All scenarios on all kernels, and every broken variant: verdicts as recorded in the scenarios' files, numbers of states
 * as pinned in pinned.json, and every path to a failure walked again. Reduced searches (`name, reduced`) are held against the
 * plain one: the small ones always, all of them with ALL_PLAIN=1.
 *
 * After a change that is meant to change numbers: UPDATE_PINNED=1 npx vitest run test/table.test.ts, and read the difference.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import type { CheckOptions, Job } from '../src/app/check-data.js';
import { modelOf, runJob } from '../src/app/check-job.js';
import { isAsRecorded, isSearch, plan } from '../src/app/check-plan.js';
import { openWorkspace } from '../src/app/workspace.js';
import { replay, scheduleOf } from '../src/explore/check.js';
import type { CheckResult } from '../src/explore/verdict.js';

const FILE = new URL('pinned.json', import.meta.url);
const UPDATE = process.env.UPDATE_PINNED === '1';
const ALL_PLAIN = UPDATE || process.env.ALL_PLAIN === '1';
/** States up to which the plain graph is always searched too. */
const FEW = 60_000;
const ALL: CheckOptions = { scenarios: [], kernels: [], with: [], without: [], variants: true };

const workspace = await openWorkspace();
const { outcomes } = plan(workspace, ALL);
const jobs = outcomes.filter(isSearch).map((outcome) => ({ ...outcome, name: nameOf(outcome) }));
const pinned: Record<string, string> = JSON.parse(readFileSync(FILE, 'utf8'));
const found: Record<string, string> = {};

function nameOf({ scenario, kernel, variant }: Job): string {
  return variant === undefined ? `${scenario} ${kernel}` : `${scenario}/${variant} ${kernel}`;
}

/** @returns all that must not change unnoticed, in one line */
function pinOf({ verdict, violation, states, transitions, depth, path }: CheckResult): string {
  const failure = violation ? ` (${violation.kind}: ${violation.name}) in ${path?.length} steps` : '';
  return `${verdict}${failure}; ${states} states, ${transitions} transitions, depth ${depth}`;
}

/** The name under which a result is pinned. */
function keyOf(name: string, { reductions }: CheckResult): string {
  return reductions.length === 0 ? name : `${name}, reduced`;
}

function statesOf(pin: string | undefined): number {
  return Number(/(\d+) states/.exec(pin ?? '')?.[1] ?? 0);
}

/** A reduced search is another graph with the same answer. */
function expectSame(reduced: CheckResult, plain: CheckResult): void {
  expect(reduced.verdict).toBe(plain.verdict);
  expect(reduced.violation?.name).toBe(plain.violation?.name);
  expect(reduced.violation?.kind).toBe(plain.violation?.kind);
  expect(reduced.path?.length).toBe(plain.path?.length);
  if (plain.verdict === 'holds') expect(reduced.sometimes).toEqual(plain.sometimes);
  expect(reduced.states).toBeLessThan(plain.states);
}

describe('every search', () => {
  it.each(jobs)('$name', ({ recorded, asRecorded: _, seconds: __, name, ...job }) => {
    const { result } = runJob(workspace, job, ALL);
    const key = keyOf(name, result);
    found[key] = pinOf(result);
    expect(isAsRecorded(result, recorded), `${found[key]}; recorded: ${JSON.stringify(recorded)}`).toBe(true);
    if (!UPDATE) expect(found[key]).toBe(pinned[key]);
    if (key !== name && (ALL_PLAIN || statesOf(pinned[name]) < FEW)) {
      const plain = runJob(workspace, job, { ...ALL, noReductions: true }).result;
      found[name] = pinOf(plain);
      if (!UPDATE) expect(found[name]).toBe(pinned[name]);
      expectSame(result, plain);
    }
    if (result.verdict !== 'violated') return;
    const model = modelOf(workspace, job, ALL);
    const again = replay(model, scheduleOf(model, result));
    expect(again?.path).toEqual([...(result.path ?? []), ...(result.loop ?? [])]);
    if (!['cannot end', 'livelock'].includes(result.violation?.kind ?? ''))
      expect(again?.violation).toEqual(result.violation);
  });

  it('is pinned, and nothing else is', () => {
    const names = jobs.map(({ name }) => name);
    const all = Object.keys(pinned).map((key) => key.replace(/, reduced$/, ''));
    if (!UPDATE) expect([...new Set(all)].sort()).toEqual(names.sort());
    const reduced = Object.keys(found).filter((key) => key.endsWith(', reduced'));
    if (!UPDATE) expect(Object.keys(pinned).filter((key) => key.endsWith(', reduced'))).toEqual(reduced);
  });
});

describe('every scenario', () => {
  it.each(workspace.scenarios)(
    '$name is about all kernels, and is caught when it is broken',
    ({ expect: recorded, variants }) => {
      expect([...recorded.keys()]).toEqual([...workspace.kernels]);
      expect(variants.length).toBeGreaterThan(0);
    },
  );
});

afterAll(() => {
  if (!UPDATE) return;
  const keys = jobs.flatMap(({ name }) => [name, `${name}, reduced`]);
  const known = Object.fromEntries(keys.map((key) => [key, found[key] ?? pinned[key]]));
  writeFileSync(FILE, `${JSON.stringify(known, null, 2)}\n`);
});

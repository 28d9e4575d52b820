// SPDX-License-Identifier: Apache-2.0
/**
 * All scenarios on all kernels, and every broken variant: verdicts as recorded in the scenarios' files, numbers of states
 * as pinned in pinned.json, and every path to a failure walked again.
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
const ALL: CheckOptions = { scenarios: [], kernels: [], with: [], without: [], variants: true };

const workspace = openWorkspace();
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

describe('every search', () => {
  it.each(jobs)('$name', ({ recorded, asRecorded: _, seconds: __, name, ...job }) => {
    const { result } = runJob(workspace, job, ALL);
    found[name] = pinOf(result);
    expect(isAsRecorded(result, recorded), `${found[name]}; recorded: ${JSON.stringify(recorded)}`).toBe(true);
    if (!UPDATE) expect(found[name]).toBe(pinned[name]);
    if (result.verdict !== 'violated') return;
    const model = modelOf(workspace, job, ALL);
    const again = replay(model, scheduleOf(model, result));
    expect(again?.path).toEqual(result.path);
    if (result.violation?.kind !== 'cannot end') expect(again?.violation).toEqual(result.violation);
  });

  it('is pinned, and nothing else is', () => {
    if (!UPDATE) expect(Object.keys(pinned).sort()).toEqual(jobs.map(({ name }) => name).sort());
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
  const known = Object.fromEntries(jobs.map(({ name }) => [name, found[name] ?? pinned[name]]));
  writeFileSync(FILE, `${JSON.stringify(known, null, 2)}\n`);
});

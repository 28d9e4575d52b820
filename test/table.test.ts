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

interface Pinned {
  verdict: string;
  /** what is violated */
  violates?: string;
  states: number;
  transitions: number;
  depth: number;
  /** length of the path */
  steps?: number;
}

const FILE = new URL('pinned.json', import.meta.url);
const UPDATE = process.env.UPDATE_PINNED === '1';
const ALL: CheckOptions = { scenarios: [], kernels: [], with: [], without: [], variants: true };

const workspace = openWorkspace();
const { outcomes } = plan(workspace, ALL);
const jobs = outcomes.filter(isSearch).map((outcome) => ({ ...outcome, name: nameOf(outcome) }));
const pinned: Record<string, Pinned> = JSON.parse(readFileSync(FILE, 'utf8'));
const found: Record<string, Pinned> = {};

function nameOf({ scenario, kernel, variant }: Job): string {
  return variant === undefined ? `${scenario} ${kernel}` : `${scenario}/${variant} ${kernel}`;
}

function pinOf({ verdict, violation, states, transitions, depth, path }: CheckResult): Pinned {
  const pin = { verdict, states, transitions, depth };
  return violation ? { ...pin, violates: `${violation.kind}: ${violation.name}`, steps: path?.length ?? 0 } : pin;
}

describe('every search', () => {
  it.each(jobs)('$name', ({ recorded, asRecorded: _, seconds: __, name, ...job }) => {
    const { result } = runJob(workspace, job, ALL);
    found[name] = pinOf(result);
    const { verdict, violates } = found[name];
    expect(isAsRecorded(result, recorded), `${verdict} ${violates ?? ''}; recorded: ${JSON.stringify(recorded)}`).toBe(
      true,
    );
    if (!UPDATE) expect(found[name]).toEqual(pinned[name]);
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
  const lines = Object.entries(known).map(([name, pin]) => {
    const fields = Object.entries(pin).map(([field, value]) => `${JSON.stringify(field)}: ${JSON.stringify(value)}`);
    return `  ${JSON.stringify(name)}: { ${fields.join(', ')} }`;
  });
  writeFileSync(FILE, `{\n${lines.join(',\n')}\n}\n`);
});

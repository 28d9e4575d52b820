// SPDX-License-Identifier: Apache-2.0
/**
 * A search by fingerprints finds what an exact one finds: counts, verdict, path. With so little memory that states wait on disk
 * and edges lie there; and where the disk is full it says so.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Protocol, Sizes } from '../bench/protocols/instance.mjs';
import type { CheckOptions, Job } from '../src/app/check-data.js';
import { type JobOptions, modelOf, runJob } from '../src/app/check-job.js';
import { isSearch, plan } from '../src/app/check-plan.js';
import { FileSpill } from '../src/app/spill.js';
import { openWorkspace } from '../src/app/workspace.js';
import { InputError } from '../src/base/diagnostic.js';
import { check, type Model, type Spill, SpillError } from '../src/explore/check.js';
import type { CheckResult } from '../src/explore/verdict.js';
import { protocolModel } from './helpers/protocol.js';

interface Count {
  protocol: Protocol;
  sizes: Sizes;
  states?: number;
}

const folder = mkdtempSync(join(tmpdir(), 'refzero-fingerprints-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ALL: CheckOptions = { scenarios: [], kernels: ['seed', 'v7.3'], with: [], without: [], variants: true };
const PLAIN: JobOptions = { with: [], without: [], noReductions: true };
const HOLDS: Job = { scenario: 'dax-truncate-dma', kernel: 'v7.3' };
/** with less not even the table of a small search fits */
const LITTLE = 4 * 2 ** 20;
const STATES_MAX = 60_000;

const workspace = await openWorkspace();

/** Files, and how many bytes were written to them. */
function counting(): { spill: Spill; written: () => number } {
  let written = 0;
  const files = new FileSpill(folder);
  const spill: Spill = {
    bytes: 0,
    open() {
      const file = files.open();
      return {
        ...file,
        write(at, bytes) {
          written += bytes.length;
          file.write(at, bytes);
        },
      };
    },
  };
  return { spill, written: () => written };
}

/** What does not depend on how states are stored. */
function common({ storage: _, collisionProbability: __, ...rest }: CheckResult): object {
  // what is asked beyond a path takes whole states
  return { ...rest, inevitable: undefined };
}

function expectSame(model: Model): number {
  const exact = check(model, { statesMax: STATES_MAX });
  if (exact.bound) return 0;
  const { spill, written } = counting();
  const found = check(model, { storage: 'fingerprints', memoryMax: LITTLE, spill });
  expect(common(found)).toEqual(common(exact));
  expect(found).toMatchObject({ storage: 'fingerprints', collisionProbability: exact.states ** 2 / 2 ** 65 });
  expect(readdirSync(folder)).toEqual([]);
  return written();
}

describe('finds the same', () => {
  const counts: Count[] = JSON.parse(readFileSync(new URL('../bench/protocols/counts.json', import.meta.url), 'utf8'));
  const small = counts.filter(({ states = 0 }) => states < STATES_MAX);

  it.each(small.map((count) => ({ ...count, of: `${count.protocol} ${JSON.stringify(count.sizes)}` })))(
    'of $of',
    ({ protocol, sizes, states = 0 }) => {
      const written = expectSame(protocolModel(protocol, sizes));
      if (states > 20_000) expect(written).toBeGreaterThan(states * 8);
    },
  );

  const jobs = plan(workspace, ALL)
    .outcomes.filter(isSearch)
    .map(({ scenario, kernel, variant }) => ({ scenario, kernel, ...(variant !== undefined && { variant }) }));

  it.each(jobs)('of $scenario $variant on $kernel', (job) => {
    const model = modelOf(workspace, job, { with: [], without: [] });
    if (model.linked.compiled.scenario.progress.length === 0) expectSame(model);
  });
});

describe('with whole states as far as memory goes', () => {
  it('goes on by fingerprints', () => {
    const exact = runJob(workspace, HOLDS, PLAIN).result;
    const { result } = runJob(workspace, HOLDS, { ...PLAIN, memoryMax: 12 * 2 ** 20 });
    expect(result).toEqual({
      ...exact,
      storage: 'fingerprints',
      wholeStates: expect.toSatisfy((states) => states > 30_000 && states < exact.states),
      collisionProbability: exact.states ** 2 / 2 ** 65,
    });
  });

  it('does not where that is refused', () => {
    const { result } = runJob(workspace, HOLDS, { ...PLAIN, exact: true, memoryMax: 12 * 2 ** 20 });
    expect(result).toMatchObject({ verdict: 'inconclusive', bound: 'memory', storage: 'exact' });
    expect(() => plan(workspace, { ...ALL, exact: true, fingerprints: true })).toThrow(/exclude each other/);
  });

  it('asks whole states whether tasks get on, and says where there is no memory for them', () => {
    const job: Job = { scenario: 'device-private-retry', kernel: 'v6.1' };
    const options: JobOptions = { with: [], without: [], fingerprints: true };
    const { storage: _, ...exact } = runJob(workspace, job, { with: [], without: [] }).result;
    expect(runJob(workspace, job, options).result).toMatchObject(exact);
    const { result } = runJob(workspace, job, { ...options, memoryMax: LITTLE });
    expect(result.inconclusive).toMatch(/ of memory before it was known if fault, .* that takes whole states$/);
  });
});

describe('a disk', () => {
  it('that is full ends a search, which says what it had found', () => {
    const model = modelOf(workspace, HOLDS, PLAIN);
    for (const room of [0, 300_000, 2_000_000]) {
      const result = check(model, { storage: 'fingerprints', memoryMax: 2 * LITTLE, spill: fullAfter(room) });
      expect(result).toMatchObject({
        verdict: 'inconclusive',
        bound: 'disk',
        complete: false,
        inconclusive: 'nowhere: no space left',
      });
      expect(result.states).toBeGreaterThan(1000);
      expect(result.finishedDepth).toBeGreaterThan(5);
    }
  });

  it('is not asked for where all is to stay in memory', () => {
    const options: JobOptions = { ...PLAIN, fingerprints: true, spill: false };
    const { result } = runJob(workspace, HOLDS, options);
    expect(result).toMatchObject({ verdict: 'holds', storage: 'fingerprints' });
    expect(runJob(workspace, HOLDS, { ...options, memoryMax: LITTLE }).result.bound).toBe('memory');
  });

  it('where no files can be made is refused before the search', () => {
    const nowhere = join(folder, 'not', 'there');
    const refused = () => plan(workspace, { ...ALL, spill: nowhere });
    expect(refused).toThrow(InputError);
    expect(refused).toThrow(/--spill .*not.there: ENOENT/);
  });
});

/** Files with room for so many bytes together. */
function fullAfter(room: number): Spill {
  const { spill } = counting();
  let left = room;
  return {
    bytes: 0,
    open() {
      const file = spill.open();
      return {
        ...file,
        write(at, bytes) {
          left -= bytes.length;
          if (left < 0) throw new SpillError('nowhere: no space left', 'ENOSPC');
          file.write(at, bytes);
        },
      };
    },
  };
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Several threads on one search find what one thread finds: the same counts, the same verdict, the same path. They meet on
 * every level, however small, so that they get in each other's way as often as can be.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { scenarioOf } from '../bench/protocols/instance.mjs';
import type { CheckOptions, Job } from '../src/app/check-data.js';
import { type JobOptions, modelOf } from '../src/app/check-job.js';
import { isSearch, plan } from '../src/app/check-plan.js';
import { FileSpill } from '../src/app/spill.js';
import { openWorkspace } from '../src/app/workspace.js';
import { InternalError } from '../src/base/assert.js';
import { InputError } from '../src/base/diagnostic.js';
import { check, help, type Invitation, type Model, type SearchOptions } from '../src/explore/check.js';
import type { CheckResult } from '../src/explore/verdict.js';
import { Crew } from './helpers/crew.js';

const ALL: CheckOptions = { scenarios: [], kernels: [], with: [], without: [], variants: true };
const PLAIN: JobOptions = { with: [], without: [], noReductions: true };
/** the plain graphs of these are large enough to meet on, and small enough for a test */
const KERNELS = ['seed', 'v7.3'];
const STATES_MAX = 40_000;

const workspace = await openWorkspace();
let crew: Crew;
beforeAll(async () => {
  crew = await Crew.start(2);
});
afterAll(() => crew.end());

async function together(job: Job, options: JobOptions, search: SearchOptions = {}): Promise<CheckResult> {
  const helpers = await crew.ready(job, options);
  let threads = 0;
  const result = check(modelOf(workspace, job, options), {
    ...search,
    meetFrom: 1,
    isPatient: true,
    helpers: (known) => helpers.slice(known),
    onProgress: (progress) => {
      threads = progress.threads;
    },
  });
  expect(threads).toBe(3);
  return result;
}

const jobs = plan(workspace, ALL)
  .outcomes.filter((outcome) => isSearch(outcome) && KERNELS.includes(outcome.kernel))
  .map(({ scenario, kernel, variant }) => ({ scenario, kernel, ...(variant !== undefined && { variant }) }));

describe('three threads find what one finds', () => {
  it.each(jobs)('$scenario $variant on $kernel', async (job) => {
    const alone = check(modelOf(workspace, job, PLAIN), { statesMax: STATES_MAX });
    // where the bound is met depends on the order; what is within it does not
    if (alone.bound === 'states') return;
    expect(await together(job, PLAIN)).toEqual(alone);
  });

  it('by fingerprints, with little memory', async () => {
    const search: SearchOptions = { storage: 'fingerprints', memoryMax: 12 * 2 ** 20, spill: new FileSpill(tmpdir()) };
    for (const job of jobs.filter(({ scenario }) => scenario === 'teardown-fault')) {
      expect(await together(job, PLAIN, search)).toEqual(check(modelOf(workspace, job, PLAIN), search));
    }
  });

  it('whose states have room for what is expected', async () => {
    const job: Job = { scenario: 'teardown-fault', kernel: 'v7.3' };
    const wide = check(modelOf(workspace, job, PLAIN));
    const { stateBytes, ...found } = await together(job, PLAIN, { narrowFrom: 1 });
    expect(stateBytes).toBeLessThan(wide.stateBytes);
    expect(found).toMatchObject({ states: wide.states, transitions: wide.transitions, verdict: wide.verdict });
  });

  it('and expect the same, whoever found what', async () => {
    const job: Job = { scenario: 'dax-munmap-dma', kernel: 'v7.3' };
    const search: SearchOptions = { narrowFrom: 1 << 15 };
    expect(await together(job, PLAIN, search)).toEqual(check(modelOf(workspace, job, PLAIN), search));
  });

  it('with sorted tasks and steps taken alone', async () => {
    const job: Job = { scenario: 'device-private-fault', kernel: 'v7.3' };
    const options = { with: [], without: [] };
    expect(await together(job, options)).toEqual(check(modelOf(workspace, job, options)));
  });

  it('and execute the same lines', async () => {
    const job: Job = { scenario: 'teardown-fault', kernel: 'v7.3' };
    const options = { ...PLAIN, coverage: true };
    const model = modelOf(workspace, job, options);
    check(model);
    const helpers = await crew.ready(job, options);
    const shared = modelOf(workspace, job, options);
    check(shared, { meetFrom: 1, isPatient: true, helpers: (known) => helpers.slice(known) });
    expect(shared.code.hits).toEqual(model.code.hits);
  });

  it('and what one cannot go on with ends the search', () => {
    const job: Job = { scenario: 'teardown-fault', kernel: 'v7.3' };
    const failing = (send: (invitation: Invitation) => void) => () =>
      check(modelOf(workspace, job, PLAIN), {
        meetFrom: 1,
        isPatient: true,
        helpers: (known) => (known === 0 ? [{ send }] : []),
      });
    const broken = {} as Model;
    expect(failing((invitation) => help(broken, invitation, () => undefined))).toThrow(InternalError);
    const wrong = new InputError({ code: 'RZ2100', message: 'a loop without end', hint: 'end it' });
    const thrown = vi.fn(() => {
      throw wrong;
    });
    const model = Object.defineProperty({} as Model, 'collapse', { get: thrown, enumerable: true });
    expect(failing((invitation) => help(model, invitation, () => undefined))).toThrow(wrong);
    expect(thrown).toHaveBeenCalledOnce();
  });

  it('and none stores more than it may', async () => {
    const job: Job = { scenario: 'dax-truncate-dma', kernel: 'v7.3' };
    const { verdict, states, bound } = await together(job, PLAIN, { statesMax: 10_000 });
    expect({ verdict, states, bound }).toEqual({ verdict: 'inconclusive', states: 10_000, bound: 'states' });
    const memory = await together(job, PLAIN, { storage: 'exact', memoryMax: 10 * 2 ** 20 });
    expect(memory).toMatchObject({ verdict: 'inconclusive', bound: 'memory' });
  });
});

/** A protocol in a file, and a crew that knows it for as long as the tests around last. */
function protocol(scenario: string, text: string) {
  const folder = mkdtempSync(join(tmpdir(), 'refzero-workers-'));
  const file = join(folder, `${scenario}.ts`);
  writeFileSync(file, text);
  const job: Job = { scenario, kernel: 'v7.3' };
  let own: Crew;
  beforeAll(async () => {
    own = await Crew.start(2, [file]);
  });
  afterAll(async () => {
    await own.end();
    rmSync(folder, { recursive: true });
  });
  return { file, job, ready: (options: JobOptions) => own.ready(job, options) };
}

describe('and where pages may change places', () => {
  /** The allocator takes any page that is free, not the lowest. */
  const ANY = `function lowest_free(): int {
  const p: int = choose(PAGES);
  return one_step(() => {
    if (!zone.in_buddy[p]) return NONE;
    zone.in_buddy[p] = false;
    return p;
  });
}
`;
  const SHARED = 'zone.count[0] > 1 || zone.count[1] > 1 || zone.count[2] > 1';
  const text = scenarioOf('refcount', { NPAGES: 3, NTHREADS: 3 })
    .replace(/function lowest_free\(\)[\s\S]*?\n\}\n/, ANY)
    .replace('zone.count[0] > 1', SHARED);
  const { file, job, ready } = protocol('refcount', text);

  it.each([
    ['sorted', { with: [], without: [] }, true],
    ['not sorted', PLAIN, false],
  ])('%s', async (_, options, isSorted) => {
    const models = await openWorkspace([file]);
    const model = modelOf(models, job, options);
    expect(model.symmetry.pages.map(({ classes }) => classes)).toEqual(isSorted ? [[[0, 1, 2]]] : []);
    const helpers = await ready(options);
    const alone = check(model);
    expect(alone.states).toBe(isSorted ? 281 : 7702);
    const shared = { meetFrom: 1, isPatient: true, helpers: (known: number) => helpers.slice(known) };
    expect(check(modelOf(models, job, options), shared)).toEqual(alone);
  });
});

describe('and where the table grows under their hands', () => {
  const { file, job, ready } = protocol('daxtruncate', scenarioOf('daxtruncate', { NPAGES: 2 }));

  it.each(['exact', 'fingerprints'] as const)('%s', async (storage) => {
    const model = modelOf(await openWorkspace([file]), job, PLAIN);
    const helpers = await ready(PLAIN);
    const found = check(model, { storage, isPatient: true, helpers: (known) => helpers.slice(known) });
    // as Spin: bench/protocols/counts.json
    expect(found).toMatchObject({ verdict: 'holds', states: 1_474_063, transitions: 6_247_890 });
  });
});

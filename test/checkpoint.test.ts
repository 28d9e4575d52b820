// SPDX-License-Identifier: Apache-2.0
/**
 * A search that was stopped and gone on with finds what one finds that was not; a file that is not what was written, or of
 * another search, is refused.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Job } from '../src/app/check-data.js';
import { type JobOptions, runJob } from '../src/app/check-job.js';
import { openWorkspace } from '../src/app/workspace.js';
import { InputError } from '../src/base/diagnostic.js';
import { build, refzero } from './helpers/command.js';

const folder = mkdtempSync(join(tmpdir(), 'refzero-checkpoint-'));
beforeAll(build);
afterAll(() => rmSync(folder, { recursive: true }));

const workspace = await openWorkspace();
const PLAIN: JobOptions = { with: [], without: [], noReductions: true };
const HOLDS: Job = { scenario: 'teardown-fault', kernel: 'v7.3' };
const VIOLATED: Job = { scenario: 'dax-munmap-dma', kernel: 'seed' };
const file = join(folder, 'search.ckpt');

/** Stops at each of the bounds and goes on, at last without one. */
function inPieces(job: Job, bounds: readonly number[], options: JobOptions = PLAIN) {
  bounds.forEach((statesMax, i) => {
    const resume = i > 0 ? { resume: file } : {};
    const { result, checkpoint } = runJob(workspace, job, { ...options, ...resume, statesMax, checkpoint: file });
    expect({ bound: result.bound, checkpoint }).toEqual({ bound: 'states', checkpoint: { file } });
  });
  return runJob(workspace, job, { ...options, resume: file });
}

function refusalOf(job: Job, options: JobOptions): string {
  try {
    runJob(workspace, job, { ...options, resume: file });
  } catch (error) {
    if (error instanceof InputError) return `${error.diagnostics[0].code} ${error.diagnostics[0].message}`;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('a search in pieces', () => {
  it.each([
    ['that holds', HOLDS, [1, 2, 70, 1000, 3000]],
    ['that is violated', VIOLATED, [500, 2000]],
  ])('%s ends as it does in one', (_, job, bounds) => {
    expect(inPieces(job, bounds).result).toEqual(runJob(workspace, job, PLAIN).result);
    const options = { ...PLAIN, fingerprints: true };
    expect(inPieces(job, bounds, options).result).toEqual(runJob(workspace, job, options).result);
  });

  it('by fingerprints, that waits on disk', () => {
    const options: JobOptions = { ...PLAIN, fingerprints: true, memoryMax: 8 * 2 ** 20 };
    const job: Job = { scenario: 'dax-truncate-dma', kernel: 'v7.3' };
    const { result } = inPieces(job, [10_000, 50_000], options);
    // what goes on keeps the states that it was put down with; the other has made them smaller on its way
    const { stateBytes: _, ...whole } = runJob(workspace, job, options).result;
    expect(result).toEqual({ ...whole, stateBytes: result.stateBytes });
    expect(result.states).toBeGreaterThan(100_000);
  });

  it('with sorted tasks and the lines executed', () => {
    const job: Job = { scenario: 'lost-update', kernel: 'v7.3' };
    const options: JobOptions = { with: [], without: [], coverage: true };
    const { result, covered } = inPieces(job, [20, 70], options);
    const whole = runJob(workspace, job, options);
    expect({ result, covered }).toEqual({ result: whole.result, covered: whole.covered });
  });

  it('under x86-TSO, whose store buffers grow', () => {
    const job: Job = { scenario: 'unpin-idle-wait', kernel: 'v7.3' };
    const options: JobOptions = { ...PLAIN, memory: 'tso' };
    const whole = runJob(workspace, job, options).result;
    expect(inPieces(job, [Math.floor(whole.states / 2)], options).result).toEqual(whole);
    runJob(workspace, job, { ...options, statesMax: 50, checkpoint: file });
    expect(refusalOf(job, PLAIN)).toMatch(/^RZ4051 /);
  });

  it('is stopped by any bound', () => {
    const late = runJob(workspace, HOLDS, { ...PLAIN, checkpoint: file }, { shouldStop: stopAfter(3) });
    expect(late).toMatchObject({ result: { bound: 'interrupt' }, checkpoint: { file } });
    expect(runJob(workspace, HOLDS, { ...PLAIN, resume: file }).result.verdict).toBe('holds');
  });
});

function stopAfter(times: number): () => boolean {
  let left = times;
  return () => left-- <= 0;
}

describe('a checkpoint', () => {
  it('of other sources, options or searches is refused', () => {
    runJob(workspace, HOLDS, { ...PLAIN, statesMax: 500, checkpoint: file });
    expect(refusalOf({ ...HOLDS, kernel: 'v6.1' }, PLAIN)).toMatch(/^RZ4051 .* is of teardown-fault on v7\.3, not of /);
    expect(refusalOf(VIOLATED, PLAIN)).toMatch(/^RZ4051 /);
    const changed = /^RZ4051 .* is of teardown-fault on v7\.3 as it was: its sources or options have changed since$/;
    expect(refusalOf(HOLDS, { ...PLAIN, coverage: true })).toMatch(changed);
    expect(refusalOf(HOLDS, { ...PLAIN, fingerprints: true })).toMatch(/^RZ4051 .* holds whole states$/);
    expect(refusalOf(HOLDS, { ...PLAIN, without: ['38607c62b34b'] })).toMatch(changed);
  });

  it('that is cut or has a wrong byte is refused', () => {
    runJob(workspace, HOLDS, { ...PLAIN, statesMax: 300, checkpoint: file });
    const good = readFileSync(file);
    const isRefused = (bytes: Uint8Array) => {
      writeFileSync(file, bytes);
      expect(refusalOf(HOLDS, PLAIN)).toMatch(/^RZ4050 .* is (no checkpoint|not what was written: )/);
    };
    for (const length of [0, 1, 20, 30, 200, good.length - 33, good.length - 1]) isRefused(good.subarray(0, length));
    isRefused(Buffer.concat([good, Buffer.from([0])]));
    isRefused(Buffer.from(good.toString('latin1').replace('checkpoint 2', 'checkpoint 1'), 'latin1'));
    const wrong = fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(wrong, ([at, change]) => {
        const bytes = Uint8Array.from(good);
        bytes[at] ^= change;
        isRefused(bytes);
      }),
      { numRuns: 30, seed: 3 },
    );
    writeFileSync(file, good);
    expect(runJob(workspace, HOLDS, { ...PLAIN, resume: file }).result.verdict).toBe('holds');
  });

  it('that cannot be written is told, and what was found is not lost', () => {
    const nowhere = join(folder, 'not', 'there');
    const { result, checkpoint } = runJob(workspace, HOLDS, { ...PLAIN, statesMax: 300, checkpoint: nowhere });
    expect(result).toMatchObject({ verdict: 'inconclusive', states: 300 });
    expect(checkpoint).toEqual({ file: nowhere, problem: expect.stringContaining('ENOENT') });
    expect(existsSync(`${nowhere}.part`)).toBe(false);
  });

  it('is named in the command that goes on', async () => {
    const check = ['check', 'teardown-fault', '--kernel', 'v7.3', '--memory', 'tso', '--no-reductions'];
    const stopped = await refzero([...check, '--states-max', '400', '--checkpoint', file]);
    expect(stopped.exit).toBe(3);
    const command = /^ *go on: npx refzero (.*)$/m.exec(stopped.stdout)?.[1].split(' ') ?? [];
    expect(command).toEqual([...check, '--resume', file]);
    expect((await refzero(command)).exit).toBe(0);
    const many = await refzero(['check', 'teardown-fault', '--resume', file]);
    expect([many.exit, many.stderr]).toEqual([2, expect.stringContaining('error[RZ4009]: ')]);
  });
});

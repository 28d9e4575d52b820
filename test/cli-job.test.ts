// SPDX-License-Identifier: Apache-2.0
/** One search in this thread: a kernel of a few lines with a lost update, and the same with the commit that mends it. */
import { describe, expect, it } from 'vitest';
import { modelOf, runJob } from '../src/app/check-job.js';
import { isAsRecorded } from '../src/app/check-plan.js';
import { renderOutcome } from '../src/cli/render.js';
import { PLAIN } from '../src/cli/terminal.js';
import { replay, scheduleOf } from '../src/explore/check.js';
import { tinyWorkspace } from './helpers/tiny.js';

const workspace = tinyWorkspace();
const UNCHANGED = { with: [], without: [] };
const JOB = { scenario: 'lost-update', kernel: 'v5.14' };

describe('a search', () => {
  it('finds the lost update, and its path replays', async () => {
    const done = runJob(workspace, JOB, UNCHANGED);
    expect(isAsRecorded(done.result, { verdict: 'violated', violates: 'both count' })).toBe(true);
    expect(done.result.path?.map(({ task }) => task)).toEqual(['one', 'two', 'two', 'one']);
    const model = modelOf(workspace, JOB, UNCHANGED);
    const again = replay(model, scheduleOf(model, done.result));
    expect(again?.violation).toEqual(done.result.violation);
    expect(again?.path).toEqual(done.result.path);
    const outcome = { ...JOB, ...done, seconds: 0.01 };
    const text = renderOutcome(outcome, { scenario: 'lost-update', ...UNCHANGED }, { width: 80, style: PLAIN });
    await expect(text).toMatchFileSnapshot('golden/cli/lost-update.txt');
  });

  it('holds with the commit, by release or by hand, and says how large it was', () => {
    const { result, explored } = runJob(workspace, { ...JOB, kernel: 'v6.1' }, UNCHANGED);
    expect(result).toMatchObject({ verdict: 'holds', sometimes: { 'one counts': true } });
    expect(explored).toMatchObject({ tasks: ['one', 'two'], pages: 2 });
    const byHand = runJob(workspace, JOB, { ...UNCHANGED, with: ['0123456789ab'] });
    expect(byHand.result).toMatchObject({ verdict: 'holds', states: result.states });
  });

  it('is inconclusive at a bound and when it is stopped, and says so', () => {
    const bounded = runJob(workspace, { ...JOB, kernel: 'v6.1' }, { ...UNCHANGED, statesMax: 2 });
    expect(bounded.result).toMatchObject({ verdict: 'inconclusive', states: 2 });
    expect(bounded.result.inconclusive).toMatch(/2 states/);
    const stopped = runJob(workspace, { ...JOB, kernel: 'v6.1' }, UNCHANGED, { shouldStop: () => true });
    expect(stopped.result.verdict).toBe('inconclusive');
    const late = runJob(workspace, { ...JOB, kernel: 'v6.1' }, { ...UNCHANGED, secondsMax: 0 });
    expect(late.result).toMatchObject({ verdict: 'inconclusive', bound: 'time' });
  });

  it('is inconclusive before it takes more memory than it may', () => {
    const { result } = runJob(workspace, { ...JOB, kernel: 'v6.1' }, { ...UNCHANGED, memoryMax: 64 });
    expect(result).toMatchObject({ verdict: 'inconclusive', inconclusive: expect.stringContaining('memory') });
  });

  it('checks broken variants', () => {
    const { result } = runJob(workspace, { ...JOB, kernel: 'v6.1', variant: 'forgotten' }, UNCHANGED);
    expect(isAsRecorded(result, { verdict: 'violated', violates: 'both count' })).toBe(true);
  });
});

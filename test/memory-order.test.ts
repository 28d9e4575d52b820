// SPDX-License-Identifier: Apache-2.0
/** Scenarios under x86's memory order: the verdicts that they have where memory is sequentially consistent, and how it is told. */
import { beforeAll, expect, it } from 'vitest';
import { runJob } from '../src/app/check-job.js';
import { openWorkspace } from '../src/app/workspace.js';
import { build, refzero } from './helpers/command.js';

beforeAll(build);

const SMALL = ['lost-update', 'ordinary-page', 'unpin-idle-wait', 'layout-break-refault', 'teardown'];

it.each(SMALL)('%s has its verdicts under x86-TSO too', async (name) => {
  const workspace = await openWorkspace();
  const scenario = workspace.scenarios.find((each) => each.name === name);
  for (const [kernel, expected] of scenario?.expect ?? []) {
    if (expected === 'not applicable') continue;
    const { result } = runJob(workspace, { scenario: name, kernel }, { with: [], without: [], memory: 'tso' });
    expect([kernel, result.verdict, result.memoryModel]).toEqual([kernel, expected, 'x86-TSO']);
  }
});

it('a report names the memory order, the steps of store buffers, and how to see it again', async () => {
  const { stdout, exit } = await refzero(['check', 'lost-update', '--kernel', 'v5.18', '--memory', 'tso']);
  expect(exit).toBe(1);
  expect(stdout).toContain('memory model: x86-TSO');
  expect(stdout).toContain('replay: npx refzero check lost-update --kernel v5.18 --memory tso');
});

it('another order than those two is refused', async () => {
  const { stderr, exit } = await refzero(['check', 'lost-update', '--memory', 'arm']);
  expect({ exit, says: stderr.includes('sc, tso') }).toEqual({ exit: 2, says: true });
});

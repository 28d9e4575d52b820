// SPDX-License-Identifier: Apache-2.0
/** `--show-steps` and `--list` on a kernel of a few lines. */
import { expect, it } from 'vitest';
import { initialMemory } from '../src/app/initial.js';
import { listSteps } from '../src/app/steps.js';
import { InputError } from '../src/base/diagnostic.js';
import { renderList } from '../src/cli/list.js';
import { renderSteps } from '../src/cli/steps.js';
import { PLAIN } from '../src/cli/terminal.js';
import { tinyWorkspace } from './helpers/tiny.js';

const SCREEN = { width: 80, style: PLAIN };
const workspace = tinyWorkspace();

it('lists the steps of the kernel that was chosen, each with its source line', async () => {
  const before = listSteps(workspace, 'lost-update', { kernel: 'v5.14' });
  await expect(renderSteps(before, SCREEN)).toMatchFileSnapshot('golden/cli/steps-v5.14.txt');
  const kinds = ({ tasks }: typeof before) => tasks.map(({ steps }) => steps.map(({ kind }) => kind));
  expect(kinds(before)).toEqual([
    ['read', 'write'],
    ['read', 'write'],
  ]);
  const after = listSteps(workspace, 'lost-update', { kernel: 'v6.1' });
  expect(kinds(after)).toEqual([['atomic'], ['atomic']]);
  expect(after.tasks[0].steps[0]).toMatchObject({ operation: 'atomic_inc(page._refcount)', number: 1 });
  expect(after.tasks[0].steps[0].stack.map((frame) => frame.function)[0]).toBe('get_page');
});

it('lists the scenarios', async () => {
  const text = renderList(workspace.scenarios, workspace.kernels, SCREEN);
  await expect(text).toMatchFileSnapshot('golden/cli/list.txt');
});

it('says of an init that fails where it fails', () => {
  const scenario = `
import { assert } from '../machine/bug.js';
import { object, type u8 } from '../machine/core.js';
import { scenario } from '../machine/scenario.js';
interface Thing { count: u8; }
const thing = object<Thing>();
function set_up(): void {
  assert(thing.count === 1, 'the thing is counted');
}
export default scenario({
  title: 'a', question: 'b', about: [], expect: { 'v5.14': 'holds', 'v6.1': 'holds' },
  init: set_up,
  tasks: { one: () => { thing.count = 2; } },
  sometimes: { 'two': () => thing.count === 2 }, broken: {},
});
`;
  const compiled = tinyWorkspace({ 'src/scenarios/failing.ts': scenario }).compileScenario('failing', {
    kernel: 'v6.1',
  });
  const place = { file: 'src/scenarios/failing.ts', line: 8 };
  try {
    initialMemory(compiled);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).diagnostics[0]).toMatchObject({ code: 'RZ4006', place });
    return;
  }
  expect.unreachable();
});

// SPDX-License-Identifier: Apache-2.0
/** What only a search or `init` can refuse is printed as all else is: with the source line, a caret and a hint. */
import { describe, expect, it } from 'vitest';
import { runJob } from '../src/app/check-job.js';
import { listSteps } from '../src/app/steps.js';
import { InputError } from '../src/base/diagnostic.js';
import { renderDiagnostic } from '../src/cli/errors.js';
import { PLAIN } from '../src/cli/terminal.js';
import { tinyWorkspace } from './helpers/tiny.js';

interface Code {
  init?: string;
  task?: string;
  sometimes?: string;
}

/** @returns a workspace with the scenario `wrong`, of this code */
function workspaceOf({ init = '', task = 'thing.b = 1;', sometimes = 'thing.b === 1' }: Code) {
  const text = `
import { BUG_ON } from '../machine/bug.js';
import { choose, type int, object, type struct, type u8 } from '../machine/core.js';
import type { Completion } from '../machine/lock.js';
import { scenario } from '../machine/scenario.js';
interface Thing { a: u8; b: int; next: Thing; done: struct<Completion>; }
const thing = object<Thing>();
export default scenario({
  title: 't', question: 'q', about: [], expect: { 'v5.14': 'holds', 'v6.1': 'holds' },
  init: () => {
    ${init}
  },
  tasks: {
    one: () => {
      ${task}
    },
  },
  sometimes: { ran: () => ${sometimes} },
  broken: {},
});
`;
  return tinyWorkspace({ 'src/scenarios/wrong.ts': text });
}

function refusalOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof InputError) {
      return error.diagnostics.map((each) => renderDiagnostic(each, { width: 200, style: PLAIN })).join('\n');
    }
    throw error;
  }
  throw new Error('nothing was refused');
}

const JOB = { scenario: 'wrong', kernel: 'v6.1' };

function refused(code: Code): string {
  return refusalOf(() => runJob(workspaceOf(code), JOB, { with: [], without: [] }));
}

describe('what a search refuses', () => {
  it.each([
    ['RZ2102', { task: 'thing.a = 200; thing.a = thing.a + 100;' }],
    ['RZ2103', { task: 'thing.b = 1; for (;;) {}' }],
    ['RZ2104', { task: 'thing.b = choose(thing.b);' }],
    ['RZ2105', { sometimes: 'thing.next.b === 1' }],
    ['RZ4006', { init: 'BUG_ON(thing.a === 0);' }],
  ])('%s has its line and a caret', (code, body) => {
    const text = refused(body);
    expect(text).toMatch(new RegExp(`^error\\[${code}\\]: `));
    const [source] = Object.values(body);
    const [, line, carets] = /\n\d+ \| (.*)\n +\| ( *\^+)\n/.exec(text) ?? [];
    expect(line).toContain(source);
    const from = carets.indexOf('^');
    expect(line.slice(from, carets.length)).toMatch(/^\w/);
    expect(text).toMatch(/^hint: /m);
  });

  it('underlines the whole line where only the line is known', () => {
    const text = refused({ init: 'BUG_ON(thing.a === 0);' });
    expect(text).toContain(`|     BUG_ON(thing.a === 0);\n   |     ${'^'.repeat(22)}\n`);
  });

  it('is the same in a listing of steps', () => {
    const code = { init: 'BUG_ON(thing.a === 0);' };
    const listed = refusalOf(() => listSteps(workspaceOf(code), JOB.scenario, { kernel: JOB.kernel }));
    expect(listed).toBe(refused(code));
  });
});

describe('a value that does not fit', () => {
  it("is to be declared wider where the field is the scenario's", () => {
    expect(refused({ task: 'thing.a = 200; thing.a = thing.a + 100;' })).toMatch('hint: declare it with a wider type');
    expect(refused({ init: 'thing.a = 200; thing.a += 100;' })).toMatch('hint: declare it with a wider type');
  });

  it("is a limit of the model where the field is the kernel's, stored by whom it may", () => {
    const text = refused({ task: 'thing.done.done = 200; thing.done.done = thing.done.done + 100;' });
    expect(text).toMatch(/^error\[RZ2102\]: 300 does not fit Completion\.done/);
    expect(text).toMatch(/hint: .*Completion\.done, here 300, .*src\/machine\/lock\.ts:\d+.*fewer tasks/);
    const first = refused({ init: 'thing.done.done = 200; thing.done.done += 100;' });
    expect(first).toMatch(/hint: .*Completion\.done, here 300, .*fewer tasks/);
  });
});

// SPDX-License-Identifier: Apache-2.0
/** The memory that tasks start from: `init` fails with a place, ends, and comes to one memory. */
import { describe, expect, it } from 'vitest';
import { initialMemory } from '../src/app/initial.js';
import { type Diagnostic, InputError } from '../src/base/diagnostic.js';
import { tinyWorkspace } from './helpers/tiny.js';

/** @returns the first words of `thing` after an init with this body */
function startOf(body: string): number[] {
  const text = `
import { BUG_ON } from '../machine/bug.js';
import { choose, type int, object, when } from '../machine/core.js';
import { scenario } from '../machine/scenario.js';
interface Thing { a: int; b: int; }
const thing = object<Thing>();
function init(): void { ${body} }
export default scenario({
  title: 't', question: 'q', about: [], expect: { 'v5.14': 'holds', 'v6.1': 'holds' },
  init, tasks: { one: () => { thing.a = 7; } },
  sometimes: { ran: () => thing.a === 7 }, never: { 'b is 1': () => thing.b === 1 }, broken: {},
});
`;
  const workspace = tinyWorkspace({ 'src/scenarios/start.ts': text });
  const { layout, columns } = initialMemory(workspace.compileScenario('start', { kernel: 'v6.1' }));
  return ['Thing.a', 'Thing.b'].map((name) => columns[layout.column.get(name)!.id][0]);
}

function refusalOf(body: string): Diagnostic {
  try {
    startOf(body);
  } catch (error) {
    if (error instanceof InputError) return error.diagnostics[0];
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('init', () => {
  it('gives the memory to start from', () => {
    expect(startOf('thing.a = 3; thing.b = thing.a + 1;')).toEqual([3, 4]);
  });

  it('may choose where that changes nothing, and every way is run', () => {
    expect(startOf('thing.a = 3; if (choose(3) === 2 && thing.b > 0) thing.a = choose(2);')).toEqual([3, 0]);
    expect(refusalOf('if (choose(3) === 2) BUG_ON(choose(2) === 1);').message).toMatch('fails on v6.1: BUG: BUG_ON');
  });

  it('is refused where what it chooses changes what the tasks start from', () => {
    const refusal = refusalOf('thing.b = choose(2);');
    expect(refusal).toMatchObject({ code: 'RZ4006', place: { file: 'src/scenarios/start.ts', line: 7 } });
    expect(refusal.message).toBe('init of start leaves open what the tasks start from on v6.1');
    expect(refusalOf('for (let i: int = 0; i < 11; i++) thing.a = choose(2) * 0;').hint).toMatch('more than 1024 ways');
  });

  it('is refused where it fails, waits or does not end', () => {
    expect(refusalOf('BUG_ON(thing.a === 0);')).toMatchObject({ code: 'RZ4006', place: { line: 7 } });
    const wait = "when(() => thing.a > 0, () => {}, 'sleep');";
    expect(refusalOf(wait).message).toMatch('would block for ever (sleep)');
    expect(refusalOf('while (thing.a === 0) thing.b = 1;').message).toMatch('endless loop in init');
    expect(refusalOf('for (;;) {}').message).toMatch('endless loop in init');
  });
});

// SPDX-License-Identifier: Apache-2.0
/** What no scenario needs and somebody will write: too many tasks, too deep, too large; variants of nothing. */
import { describe, expect, it } from 'vitest';
import { initialMemory } from '../../src/app/initial.js';
import { tinyWorkspace } from '../../test/helpers/tiny.js';
import { type Diagnostic, InputError } from '../base/diagnostic.js';
import { buildModel } from '../explore/check.js';

interface Parts {
  code?: string;
  tasks?: string;
  more?: string;
  broken?: string;
}

function build({ code = '', tasks = '{ w: () => { t.a = 1; } }', more = '', broken = '{}' }: Parts): void {
  const text = `
import { type int, object, param } from '../machine/core.js';
import { scenario } from '../machine/scenario.js';
interface Thing { a: int; b: int; }
const t = object<Thing>();
const rounds = param('rounds', 1);
${code}
export default scenario({
  title: 't', question: 'q', about: [], expect: { 'v5.14': 'holds', 'v6.1': 'holds' },
  tasks: ${tasks}, sometimes: { ran: () => t.a > 0 }, ${more} broken: ${broken},
});
`;
  const workspace = tinyWorkspace({ 'src/scenarios/limits.ts': text });
  const compiled = workspace.compileScenario('limits', { kernel: 'v6.1' });
  const { layout, columns } = initialMemory(compiled);
  buildModel(compiled, layout, columns);
}

function refusalOf(parts: Parts): Diagnostic {
  try {
    build(parts);
  } catch (error) {
    if (error instanceof InputError) return error.diagnostics[0];
    throw error;
  }
  throw new Error('nothing was refused');
}

const times = (count: number, text: (i: number) => string, between = '') =>
  Array.from({ length: count }, (_, i) => text(i)).join(between);
const tasks = (count: number) => `{ ${times(count, (i) => `t${i}: () => { t.a = 1; }`, ', ')} }`;
const nested = (expression: string) => ({ code: `function f(): void { t.a = ${expression}; }` });

describe('what is too much is refused', () => {
  it('tasks', () => {
    expect(() => build({ tasks: tasks(16) })).not.toThrow();
    expect(refusalOf({ tasks: tasks(17) }).message).toBe('17 tasks; a scenario has at most 16');
  });

  it('sizes', () => {
    expect(() => build({ more: 'sizes: { rounds: 16777216 },' })).not.toThrow();
    const refusal = refusalOf({ more: 'sizes: { rounds: 16777217 },' });
    expect(refusal).toMatchObject({ code: 'RZ2010', message: 'rounds: 16777217 is no size', place: { line: 10 } });
  });

  it.each([
    ['parentheses', nested(`${'('.repeat(5000)}1${')'.repeat(5000)}`)],
    ['sums', nested(`${'1 + '.repeat(9000)}1`)],
    ['choices', nested(`${'t.b > 0 ? 1 : '.repeat(4000)}1`)],
    ['blocks', { code: `function f(): void { ${'if (t.a > 0) { '.repeat(3000)}${'}'.repeat(3000)} }` }],
  ])('nested %s', (_, parts) => {
    expect(refusalOf(parts)).toMatchObject({
      code: 'RZ2106',
      hint: expect.stringContaining('src/scenarios/limits.ts'),
    });
  });

  it('calls inside calls, and what they come to', () => {
    const chain = (count: number, calls: number) =>
      `function f0(): void { t.a = 1; }\n${times(count, (i) => `function f${i + 1}(): void { ${`f${i}();`.repeat(calls)} }\n`)}`;
    const called = (count: number) => `{ w: () => { f${count}(); } }`;
    expect(() => build({ code: chain(150, 1), tasks: called(150) })).not.toThrow();
    const deep = refusalOf({ code: chain(300, 1), tasks: called(300) });
    expect(deep).toMatchObject({ code: 'RZ2101', message: 'this task has calls nested more than 200 deep' });
    expect(refusalOf({ code: chain(20, 2), tasks: called(20) }).code).toBe('RZ2101');
  });
});

describe('a broken variant', () => {
  it('changes something, somewhere', () => {
    const edits = "edits: [{ in: 'f', replace: 't.a = 1;', by: '' }]";
    const code = 'function f(): void { t.a = 1; }';
    expect(() => build({ code, broken: `{ x: { kernels: ['v6.1'], violates: 'stuck', ${edits} } }` })).not.toThrow();
    const nowhere = refusalOf({ code, broken: `{ x: { kernels: [], violates: 'stuck', ${edits} } }` });
    expect(nowhere.message).toBe('the broken variant x names no kernel');
    const nothing = refusalOf({ code, broken: "{ x: { kernels: ['v6.1'], violates: 'stuck' } }" });
    expect(nothing.message).toBe('the broken variant x changes nothing');
  });
});

describe('what is right at the edge is not refused', () => {
  it('the lowest int', () => {
    expect(() =>
      build({ code: 'const LOW = -2147483648; function f(): void { t.a = -2147483648 - 0; t.b = LOW; }' }),
    ).not.toThrow();
    expect(refusalOf({ code: 'function f(): void { t.a = 2147483648; }' }).code).toBe('RZ1012');
    expect(refusalOf({ code: 'function f(): void { t.a = -2147483649; }' }).code).toBe('RZ1012');
  });
});

it('a name that is not imported is told where to import it from', () => {
  const { hint } = refusalOf({ code: 'function f(): void { get_page(null); }' });
  expect(hint).toBe("import { get_page } from 'refzero/linux/count.js'");
  expect(refusalOf({ code: 'interface X { b: u8 }' }).hint).toBe("import { u8 } from 'refzero/machine/core.js'");
});

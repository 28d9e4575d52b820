// SPDX-License-Identifier: Apache-2.0
/** What a scenario's text may not say beside what docs/language.md shows: contradictions, and locks that nobody sets. */
import { describe, expect, it } from 'vitest';
import { InputError } from '../src/base/diagnostic.js';
import { tinyWorkspace } from './helpers/tiny.js';

interface Parts {
  field?: string;
  task?: string;
  broken?: string;
}

/** @returns what is refused in a scenario made of these, as `code: message` */
function refused({ field = 'b: int;', task = '', broken = '' }: Parts): string[] {
  const text = `
import { type int, object, type struct } from '../machine/core.js';
import { type Completion, complete } from '../machine/lock.js';
import { scenario } from '../machine/scenario.js';
interface Thing { a: int; ${field} }
const thing = object<Thing>();
const completion = object<Completion>();
export default scenario({
  title: 't', question: 'q', about: [], expect: { 'v5.14': 'holds', 'v6.1': 'holds' },
  tasks: { one: () => { thing.a = 1; ${task} } },
  sometimes: { ran: () => thing.a === 1 },
  finally: { 'it ran': () => thing.a === 1 },
  broken: { ${broken} },
});
`;
  try {
    tinyWorkspace({ 'src/scenarios/refused.ts': text });
    return [];
  } catch (error) {
    if (error instanceof InputError) return error.diagnostics.map(({ code, message }) => `${code}: ${message}`);
    throw error;
  }
}

describe('a broken variant', () => {
  it('does not add a commit that it takes out', () => {
    const variant = (more: string) => `both: { kernels: ['v6.1'], violates: 'it ran', with: ['01234']${more} }`;
    expect(refused({ broken: variant('') })).toEqual([]);
    const message = 'RZ2003: COUNT_AT_ONCE (0123456789ab) is to be added and to be taken out';
    expect(refused({ broken: variant(", without: ['COUNT_AT_ONCE']") })).toEqual([message]);
  });
});

describe('a lock of a scenario', () => {
  it.each([
    ['by value', 'done: struct<Completion>;', 'complete(thing.done);'],
    ['a pointer that is set', 'done: Completion;', 'thing.done = completion; complete(thing.done);'],
    ['a pointer that may be null', 'done: Completion | null;', 'if (thing.done !== null) complete(thing.done);'],
  ])('may be %s', (_, field, task) => {
    expect(refused({ field, task })).toEqual([]);
  });

  it('is no pointer that nothing sets, whatever else has a field of that name', () => {
    const message = 'RZ1027: done points to a Completion, and nothing ever sets it';
    expect(refused({ field: 'done: Completion;', task: 'complete(thing.done);' })).toEqual([message]);
  });
});

// SPDX-License-Identifier: Apache-2.0
/** Whatever text is handed to the compiler, it compiles or says what is wrong: nothing but InputError is thrown. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readSources } from '../app/sources.js';
import { InputError } from '../base/diagnostic.js';
import { analyse } from './analyse.js';

const machine = [...readSources([], false).files].filter(([name]) => name.startsWith('src/machine/'));
const COMMITS = `import { commit } from '../machine/core.js';
export const NEW = commit('0123456789ab', 'a change', 'v5.18');
export const kernels = ['v5.14', 'v6.1'] as const;
`;
const SCENARIO = `import { type atomic_t, atomic_dec_and_test, atomic_inc, atomic_read } from '../machine/atomic.js';
import { type array, type bool, choose, fail, type ghost, type int, object, objects, one_step, param, when } from '../machine/core.js';
import { mutex_lock, type Mutex } from '../machine/lock.js';
import { scenario } from '../machine/scenario.js';
import { NEW } from '../linux/commits.js';
const NR = param('things', 2);
export const PG_locked = 1 << 3;
interface Thing { count: atomic_t; flags: int; slots: array<int, typeof NR>; next: Thing | null; gone: ghost<bool>; }
const things = objects<Thing>(NR);
const lock = object<Mutex>();
function put(thing: Thing): bool {
  if (!atomic_dec_and_test(thing.count)) return false;
  thing.gone = true;
  return true;
}
function each(visit: (thing: Thing, at: int) => void): void {
  for (let i: int = 0; i < NR; i++) { if (i === 3) continue; visit(things[i], i); }
}
function work(): void {
  const mine: Thing = things[choose(2)];
  mutex_lock(lock);
  mine.flags |= PG_locked;
  switch (mine.flags & 3) { case 0: mine.slots[1]++; break; default: mine.slots[0] = NEW ? 1 : 2; }
  one_step(() => { mine.next = mine.next === null ? things[0] : mine.next; });
  when(() => mine.slots[0] > 0 && atomic_read(mine.count) >= 0, () => { lock.owner = 0; }, 'sleep');
  each((thing, at) => { if (at > 0 && put(thing)) thing.flags = at; });
  if (mine.flags === 77) fail('assert', 'odd');
}
export default scenario({
  title: 't', question: 'q', about: ['Z-01'], expect: { 'v5.14': 'holds', 'v6.1': 'violated' }, sizes: { things: 2 },
  init: () => { each((thing) => { atomic_inc(thing.count); }); },
  tasks: { a: work, b: () => { put(things[1]); } },
  never: { both: () => things[0].gone && things[1].gone },
  sometimes: { gone: () => things[0].gone },
  finally: { low: () => atomic_read(things[0].count) < 2 },
  broken: { x: { kernels: ['v6.1'], violates: 'low', edits: [{ in: 'put', replace: 'thing.gone = true', by: '' }], without: ['NEW'] } },
});
`;

/** @returns whether the text compiles. @throws what is no InputError */
function compiles(text: string): boolean {
  const file = 'src/scenarios/mutant.ts';
  try {
    const files = new Map([...machine, ['src/linux/commits.ts', COMMITS], [file, text]]);
    const workspace = analyse({ files, scenarios: [file] });
    for (const variant of [undefined, 'x']) workspace.compileScenario('mutant', { kernel: 'v6.1' }, variant);
    return true;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    expect(error.diagnostics.length).toBeGreaterThan(0);
    for (const { code, place } of error.diagnostics) {
      expect(code).toMatch(/^RZ[12]\d{3}$/);
      if (place) expect(place.column).toBeLessThanOrEqual((place.text?.length ?? 0) + 1);
    }
    return false;
  }
}

const PARTS = SCENARIO.split(/(\b|(?<=\W)(?=\W))/).filter((part) => part !== '' && part !== undefined);
const FOREIGN =
  '?. ?? ** 0.5 1e99 "x" `1` /x/ [] {} => () ; } { ) ( class var null this any async new typeof void 99999999999 __proto__ '
    .split(' ')
    .filter((part) => part !== '');

test('a text that compiles', () => {
  expect(compiles(SCENARIO)).toBe(true);
});

test('mutated texts are refused by diagnostics or compile', () => {
  const at = fc.nat({ max: PARTS.length - 1 });
  const part = fc.oneof(
    at.map((i) => PARTS[i] ?? ''),
    fc.constantFrom(...FOREIGN),
  );
  const mutation = fc.oneof(
    fc.record({ at, drop: fc.integer({ min: 0, max: 12 }), put: fc.constant('') }),
    fc.record({ at, drop: fc.integer({ min: 0, max: 2 }), put: part }),
  );
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
      const parts = [...PARTS];
      for (const { at, drop, put } of mutations) parts.splice(Math.min(at, parts.length), drop, put);
      compiles(parts.join(''));
    }),
    { numRuns: Number(process.env.REFZERO_FUZZ ?? 80) },
  );
});

test('texts that are no TypeScript at all', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => void compiles(text)),
    { numRuns: 20 },
  );
});

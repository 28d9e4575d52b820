// SPDX-License-Identifier: Apache-2.0
/** Which elements of arrays may change places, what of memory and locals does so with them, and why others may not. */
import { expect, it } from 'vitest';
import { modelOf, type Program } from '../../test/helpers/explore.js';
import { check } from './check.js';

const CODE = `interface Page { count: u8; mapped: bool; }
const pages = objects<Page>(3);
interface World { last: u8; n: u8; set: u8; page: Page | null; }
const world = object<World>();
interface Zone { free: array<bool, 3>; }
const zone = object<Zone>();
function get(): void { const p: int = choose(3); pages[p].count += 1; zone.free[p] = true; if (pages[p].mapped) world.n = 1; }
function map(): void { const p: int = choose(3); pages[p].mapped = true; world.last = p + 1; world.page = pages[p]; }
function put(): void { const page = world.page; if (page !== null) page.count = 0; }
function mark(): void { const p: int = choose(3); one_step(() => { world.set = world.set | (1 << p); }); pages[p].count = 1; }
function look(): void {
  one_step(() => { for (let p: int = 0; p < 3; p++) if (pages[p].mapped) world.n = 2; });
}
function find(): int {
  return one_step(() => { for (let p: int = 0; p < 3; p++) if (zone.free[p]) return p; return 7; });
}
function take(): void { const p: int = find(); if (p !== 7) pages[p].count = 1; }
function walk(): void { for (let p: int = 0; p < 3; p++) pages[p].count = 1; }
function below(): void { const p: int = choose(3); pages[p].count = 1; if (p < 1) world.n = 1; }
function next(): void { const p: int = choose(3); pages[(p + 1) % 3].count = 1; }
function first(): void { pages[0].count = 1; }
function is_first(): void { const p: int = choose(3); pages[p].count = 1; if (p === 0) world.n = 1; }
function wait(): void { const p: int = choose(3); prepare_to_wait_on(addr_of(pages[p])); finish_wait_on(); }
function two(): void { const p: int = choose(2); pages[p].count = 2; }
function count(): void { const p: int = choose(3); pages[p].count = p; }`;

const pagesOf = (tasks: Record<string, string>, more: Partial<Program> = {}) => {
  const { pages, refusedPages } = modelOf({ code: CODE, tasks, ...more }, undefined, true).symmetry;
  return { found: pages.map(({ name, classes }) => ({ name, classes })), refusedPages, pages };
};

it('are found with what is indexed alike, and what names them', () => {
  const { found, refusedPages, pages } = pagesOf({ one: 'get();', other: 'map();', last: 'put();', set: 'mark();' });
  expect(refusedPages).toEqual([]);
  expect(found).toEqual([{ name: 'pages, Zone.free', classes: [[0, 1, 2]] }]);
  expect([...pages[0].uses.columns].sort()).toEqual([
    ['World.last', { kind: 'number', offset: 1 }],
    ['World.set', { kind: 'set' }],
  ]);
});

it('are found where one step looks at all of them, and their order does not matter', () => {
  expect(pagesOf({ one: 'get();', other: 'map();', all: 'look();' }).found).toEqual([
    { name: 'pages, Zone.free', classes: [[0, 1, 2]] },
  ]);
});

it.each([
  ['a loop over them takes several steps', 'walk();', /^walk at .*:23: an index is used as any other number$/],
  ['they are compared by order', 'below();', /^below at .*:24: an index is compared with 1$/],
  [
    'something is computed with them',
    'next();',
    /^'pages\[\(p \+ 1\) % 3\].count = 1' at .*:25: an index is used as any other number$/,
  ],
  ['one is named', 'first();', /^'pages\[0\].count = 1' at .*:26 names one of them$/],
  ['one is told from the others', 'is_first();', /^is_first at .*:27 is not the same for them$/],
  ['the first that is free is taken', 'take();', /^'zone.free\[p\]' at .*:20 is not the same for them$/],
  ['an address is kept', 'wait();', /may point to one element's own$/],
  ['a number is kept as any other', 'count();', /an index is used as any other number$/],
])('are not where %s, and the place is told', (_, task, reason) => {
  const { found, refusedPages } = pagesOf({ one: 'get();', other: task });
  expect(found).toEqual(
    task === 'first();' || task === 'is_first();' ? [{ name: 'pages, Zone.free', classes: [[1, 2]] }] : [],
  );
  expect(refusedPages.map((refused) => refused.reason)).toEqual([expect.stringMatching(reason)]);
});

it('are told apart by properties, the first state, and choices: the others still change places', () => {
  const tasks = { one: 'get();', other: 'map();' };
  expect(pagesOf(tasks, { sometimes: { first: 'pages[0].mapped' } })).toMatchObject({
    found: [{ classes: [[1, 2]] }],
    refusedPages: [{ reason: "'first' tells them apart" }],
  });
  expect(pagesOf(tasks, { init: 'pages[1].mapped = true;' })).toMatchObject({
    found: [{ classes: [[0, 2]] }],
    refusedPages: [{ reason: 'Page.mapped tells them apart from the beginning' }],
  });
  expect(pagesOf({ ...tasks, two: 'two();' })).toMatchObject({ found: [{ classes: [[0, 1]] }] });
  expect(
    pagesOf(tasks, { sometimes: { all: 'pages[0].mapped && pages[1].mapped && pages[2].mapped' } }).found,
  ).toHaveLength(1);
});

it('make fewer states with the same verdict, and a violation has as short a path, in one numbering', () => {
  const tasks = { one: 'get();', two: 'get();', other: 'map();', last: 'put();' };
  const both = (never: Record<string, string>) =>
    [false, true].map((reductions) => check(modelOf({ code: CODE, tasks, never }, undefined, reductions)));
  const [plain, sorted] = both({});
  expect([plain.verdict, sorted.verdict]).toEqual(['holds', 'holds']);
  expect(sorted.reductions).toContain('sorted elements (0, 1, 2 of pages, Zone.free)');
  expect(sorted.states).toBeLessThan(plain.states / 6);
  const [long, short] = both({ twice: 'pages[0].count === 2 || pages[1].count === 2 || pages[2].count === 2' });
  expect([long.verdict, short.verdict]).toEqual(['violated', 'violated']);
  expect(short.path?.length).toBe(long.path?.length);
  const written = short.path
    ?.flatMap(({ accesses }) => accesses.map(({ cell }) => cell))
    .filter((cell) => cell.endsWith('.count'));
  expect(new Set(written).size).toBe(1);
});

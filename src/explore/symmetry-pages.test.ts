// SPDX-License-Identifier: Apache-2.0
/** Which elements of arrays may change places, what of memory and locals does so with them, and why others may not. */
import { expect, it } from 'vitest';
import { modelOf, type Program } from '../../test/helpers/explore.js';
import { check } from './check.js';

const CODE = `interface Page { count: u8; mapped: bool; }
const pages = objects<Page>(3);
interface World { busy: u8; last: u8; n: u8; page: Page | null; }
const world = object<World>();
interface Zone { free: array<bool, 3>; }
const zone = object<Zone>();
function get(): void { const p: int = choose(3); pages[p].count += 1; zone.free[p] = false; if (pages[p].mapped) pages[p].count -= 1; }
function map(): void { const p: int = choose(3); pages[p].mapped = true; world.last = p + 1; world.page = pages[p]; }
function put(): void { const page = world.page; if (page !== null) page.count = 0; }`;

const program = (tasks: Record<string, string>, more: Partial<Program> = {}): Program => ({
  code: CODE,
  tasks,
  ...more,
});
const pagesOf = (tasks: Record<string, string>, more: Partial<Program> = {}) =>
  modelOf(program(tasks, more), undefined, true).symmetry;
const count = (p: Program, reductions: boolean) => {
  const { states, verdict, reductions: used } = check(modelOf(p, undefined, reductions));
  return { states, verdict, used };
};

it('are found with what is indexed alike, and what names them', () => {
  const { pages, refusedPages } = pagesOf({ one: 'get();', other: 'map();', last: 'put();' });
  expect(refusedPages).toEqual([]);
  expect(pages.map(({ name, classes }) => ({ name, classes }))).toEqual([
    { name: 'pages, Zone.free', classes: [[0, 1, 2]] },
  ]);
  expect([...pages[0].uses.columns]).toEqual([['World.last', { kind: 'number', offset: 1 }]]);
});

it('make fewer states with the same verdict', () => {
  const p = program({ one: 'get();', other: 'map();', last: 'put();' });
  console.log(count(p, true), count(p, false));
});

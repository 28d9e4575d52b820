// SPDX-License-Identifier: Apache-2.0
/** A kernel of one struct and one switch, with a few scenarios: enough to plan, search and list, and nothing of Linux. */
import { readSources } from '../../src/app/sources.js';
import { analyse } from '../../src/compiler/analyse.js';
import type { Workspace } from '../../src/compiler/api.js';

const COMMITS = `
import { commit } from '../machine/core.js';
export const kernels = ['v5.14', 'v6.1'] as const;
export const COUNT_AT_ONCE = commit('0123456789ab', 'count in one step', 'v6.1');
`;

const COUNT = `
import { atomic_dec, atomic_inc, type atomic_t } from '../machine/atomic.js';
import { READ_ONCE, WRITE_ONCE } from '../machine/atomic.js';
import { COUNT_AT_ONCE } from './commits.js';
export interface Page { _refcount: atomic_t; }
/** A lost update where two do it at a time, but for the commit. */
export function get_page(page: Page): void {
  if (COUNT_AT_ONCE) {
    atomic_inc(page._refcount);
  } else {
    const count = page._refcount.counter;
    page._refcount.counter = count + 1;
  }
}
export function put_page(page: Page): void {
  atomic_dec(page._refcount);
}
`;

const LOST = `
import { atomic_read } from '../machine/atomic.js';
import { objects } from '../machine/core.js';
import { scenario } from '../machine/scenario.js';
import { get_page, type Page, put_page } from '../linux/count.js';
const mem_map = objects<Page>(2);
function get_page__forgotten(page: Page): void {}
export default scenario({
  title: 'two references at once',
  question: 'Does each of two references that are taken at once count?',
  about: [],
  expect: { 'v5.14': 'violated', 'v6.1': 'holds' },
  violates: { 'v5.14': 'both count' },
  tasks: {
    one: () => { get_page(mem_map[1]); },
    two: () => { get_page(mem_map[1]); },
  },
  sometimes: { 'one counts': () => atomic_read(mem_map[1]._refcount) === 1 },
  finally: { 'both count': () => atomic_read(mem_map[1]._refcount) === 2 },
  broken: { forgotten: { kernels: ['v6.1'], violates: 'both count', functions: [get_page__forgotten] } },
});
`;

const NEVER_FREE = `
import { atomic_read } from '../machine/atomic.js';
import { objects } from '../machine/core.js';
import { scenario } from '../machine/scenario.js';
import { get_page, type Page, put_page } from '../linux/count.js';
const mem_map = objects<Page>(1);
export default scenario({
  title: 'a reference taken and put',
  question: 'Is the page left as it was?',
  about: [],
  expect: { 'v5.14': 'not applicable', 'v6.1': 'holds' },
  tasks: { one: () => { get_page(mem_map[0]); put_page(mem_map[0]); } },
  sometimes: { 'it is held': () => atomic_read(mem_map[0]._refcount) === 1 },
  never: { 'below zero': () => atomic_read(mem_map[0]._refcount) < 0 },
  broken: {},
});
`;

/** @returns the workspace of `lost-update` and `put-back`, with `files` in addition */
export function tinyWorkspace(files: Record<string, string> = {}): Workspace {
  const texts = new Map([...readSources([], false).files].filter(([path]) => path.startsWith('src/machine/')));
  const ours = {
    'src/linux/commits.ts': COMMITS,
    'src/linux/count.ts': COUNT,
    'src/scenarios/lost-update.ts': LOST,
    'src/scenarios/put-back.ts': NEVER_FREE,
    ...files,
  };
  for (const [path, text] of Object.entries(ours)) texts.set(path, text);
  const scenarios = Object.keys(ours).filter((path) => path.startsWith('src/scenarios/'));
  return analyse({ files: texts, scenarios });
}

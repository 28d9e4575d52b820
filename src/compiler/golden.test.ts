// SPDX-License-Identifier: Apache-2.0
/** What the compiler makes of a small kernel, printed: the goldens under test/golden/compiler are read by people. */
import { describe, expect, it } from 'vitest';
import { readSources } from '../app/sources.js';
import { analyse } from './analyse.js';
import type { Workspace } from './api.js';
import { printFunction, printProgram } from './print.js';

const machine = [...readSources([], false).files].filter(([name]) => name.startsWith('src/machine/'));

const COMMITS = `import { commit } from '../machine/core.js';
export const ZERO_BASED = commit('27674ef6c73f', 'mm: remove the extra ZONE_DEVICE struct page refcount', 'v5.18');
export const REVERTED = commit('aaaabbbbcccc', 'a thing of its time', 'v5.14', 'v6.1');
export const POSTED = commit('20210825@example', 'as posted', 'seed');
export const OLD_WAY = commit('ddddeeeeffff', 'replaced by the posted patch', 'v5.10', 'seed');
export const EITHER = ZERO_BASED || POSTED;
export const kernels = ['v5.14', 'seed', 'v5.18', 'v6.1', 'v6.12'] as const;
`;

const KERNEL = `import { type atomic_t, atomic_dec_and_test, atomic_read, READ_ONCE, WRITE_ONCE, cmpxchg } from '../machine/atomic.js';
import { VM_BUG_ON_PAGE } from '../machine/bug.js';
import { type addr, addr_of, type array, type bool, choose, type ghost, index_of, type int, object, objects } from '../machine/core.js';
import { one_step, param, type struct, type u8, when } from '../machine/core.js';
import { EITHER, OLD_WAY, REVERTED, ZERO_BASED } from './commits.js';

export const NR_PAGES = param('pages', 2);
export const PG_locked = 0;
const mask = { LOCKED: 1 << PG_locked, ALL: ~0 } as const;
type Folio = Page;
interface Waiter { key: addr }
interface List { head: Page | null; nr: u8 }
interface Page extends Waiter {
  _refcount: atomic_t;
  flags: int;
  lru: struct<List>;
  slots: array<u8, 4>;
  waiters: array<struct<Waiter>, typeof NR_PAGES>;
  next: Page | null;
  poisoned: ghost<bool>;
}
export const mem_map = objects<Page>(NR_PAGES);
const free_list = object<List>();

export function put_page(page: Page): void {
  VM_BUG_ON_PAGE(atomic_read(page._refcount) <= (EITHER ? 0 : 1), page);
  if (!ZERO_BASED && OLD_WAY) {
    if (atomic_read(page._refcount) === 2) wake(addr_of(page._refcount));
  } else if (REVERTED) page.flags |= mask.LOCKED;
  if (atomic_dec_and_test(page._refcount)) free_page(page);
}

function free_page(page: Page): void {
  const list = page.lru;
  one_step(() => {
    page.poisoned = true;
    page.next = free_list.head;
    free_list.head = page;
    list.nr++;
  });
}

function wake(key: addr): void {
  for (let i: int = 0; i < mem_map.length; i++) {
    if (mem_map[i].key === key && mem_map[i].flags !== 0) mem_map[i].waiters[1].key = 0;
  }
}

export function find(wanted: (page: Page) => bool): Page | null {
  const start: int = choose(NR_PAGES);
  for (let at: Page | null = mem_map[start]; at !== null; at = at.next) {
    if (wanted(at)) return at;
  }
  return null;
}

export function find_slot(folio: Folio, order: int): int {
  const found = find((page) => page !== folio && page.slots[order] > page.slots.length);
  if (found === null) return -1;
  switch (order) {
    case 0:
    case PG_locked + 1:
      return index_of(mem_map, found);
    case 2: {
      let left: int = found.slots[2];
      do {
        if (left === 7) continue;
        left -= 2;
      } while (left > 0 || cmpxchg(folio.flags, 0, left) !== 0);
      break;
    }
    default:
      WRITE_ONCE(folio.key, addr_of(found.flags));
  }
  return READ_ONCE(folio.flags);
}

export function lock_page(page: Page): void {
  when(
    () => (page.flags & mask.LOCKED) === 0,
    () => {
      page.flags |= mask.LOCKED;
    },
    'lock',
  );
}
`;

const SCENARIO = `import { atomic_set } from '../machine/atomic.js';
import { scenario } from '../machine/scenario.js';
import { lock_page, mem_map, put_page } from '../linux/page.js';
function take(): void {
  lock_page(mem_map[0]);
}
export function put_page__forgets(page: (typeof mem_map)[number]): void {
  put_page(page);
  page.flags = 0;
}
export default scenario({
  title: 'two puts',
  question: 'who frees?',
  about: ['Z-00'],
  expect: { 'v5.14': 'holds', seed: 'holds', 'v5.18': 'violated', 'v6.1': 'not applicable', 'v6.12': 'holds' },
  violates: { 'v5.18': 'freed twice' },
  sizes: { pages: 3 },
  init: () => atomic_set(mem_map[0]._refcount, 2),
  tasks: { one: () => put_page(mem_map[0]), two: take },
  never: { 'freed twice': () => mem_map[0].lru.nr > 1 },
  sometimes: { freed: () => mem_map[0].poisoned },
  finally: { free: () => mem_map[0].poisoned && mem_map[0].flags === 0 },
  broken: {
    'no free': { kernels: ['v6.1'], violates: 'free', edits: [{ in: 'put_page', replace: 'free_page(page);', by: '' }] },
    forgets: { kernels: ['v6.1'], violates: 'free', functions: [put_page__forgets], without: ['27674e'] },
  },
});
`
  .replace('(typeof mem_map)[number]', 'Page')
  .replace('import { lock_page', 'import { type Page, lock_page');

function workspaceOf(): Workspace {
  const texts: [string, string][] = [
    ['src/linux/commits.ts', COMMITS],
    ['src/linux/page.ts', KERNEL.replace('interface Page ', 'export interface Page ')],
    ['src/scenarios/two-puts.ts', SCENARIO],
  ];
  return analyse({ files: new Map([...machine, ...texts]), scenarios: ['src/scenarios/two-puts.ts'] });
}

const workspace = workspaceOf();
const own = new Set(['put_page', 'free_page', 'wake', 'find', 'find_slot', 'lock_page']);

describe('a small kernel', () => {
  it('is lowered as printed', async () => {
    const program = workspace.compileKernel({ kernel: 'v5.14' });
    const functions = [...program.functions].filter(([name]) => own.has(name));
    const text = printProgram({ ...program, functions: new Map(functions) });
    await expect(text).toMatchFileSnapshot('../../test/golden/compiler/kernel.txt');
  });

  it.each(['v5.14', 'seed', 'v5.18', 'v6.1', 'v6.12'])('has in %s its own code only', async (kernel) => {
    const put = workspace.compileKernel({ kernel }).functions.get('put_page');
    const text = put ? `${printFunction(put)}\n` : '';
    await expect(text).toMatchFileSnapshot(`../../test/golden/compiler/put_page-${kernel}.txt`);
  });

  it('takes commits by name, id and beginning of the id, in and out', () => {
    const put = (choice: { with?: string[]; without?: string[] }) => {
      const ir = workspace.compileKernel({ kernel: 'v5.14', ...choice }).functions.get('put_page');
      return ir && printFunction(ir);
    };
    const newer = put({ with: ['ZERO_BASED'] });
    expect(newer).not.toBe(put({}));
    expect(put({ with: ['27674ef6c73f'] })).toBe(newer);
    expect(put({ with: ['27674'] })).toBe(newer);
    const without = workspace.compileKernel({ kernel: 'v6.1', without: ['27674'] }).functions.get('put_page');
    expect(without && printFunction(without)).not.toBe(newer);
  });
});

describe('a scenario', () => {
  it('is read whole', () => {
    const { variants, ...rest } = workspace.scenarios[0] ?? { variants: [] };
    expect(rest).toMatchObject({
      name: 'two-puts',
      file: 'src/scenarios/two-puts.ts',
      title: 'two puts',
      about: ['Z-00'],
    });
    expect(variants.map(({ name }) => name)).toEqual(['no free', 'forgets']);
    expect(variants[1]?.functions).toEqual(new Map([['put_page', 'put_page__forgets']]));
  });

  it('draws in only what it reaches, with its sizes and tasks', () => {
    const { program, tasks, init, never } = workspace.compileScenario('two-puts', { kernel: 'v6.1' });
    expect([...program.functions.keys()]).toContain('lock_page');
    expect([...program.functions.keys()]).not.toContain('find_slot');
    expect(tasks.map((task) => task.function)).toEqual(['task:one', 'take']);
    expect([init, never[0]?.function]).toEqual(['scenario:init', 'never:freed twice']);
    expect(program.globals.get('mem_map')).toMatchObject({ count: 3, isArray: true, struct: 'Page' });
    expect(program.params).toEqual(new Map([['pages', 3]]));
  });

  it('has variants: statements taken out, and functions that stand in for all but themselves', () => {
    const whole = workspace.compileScenario('two-puts', { kernel: 'v6.1' }).program;
    const edited = workspace.compileScenario('two-puts', { kernel: 'v6.1' }, 'no free').program;
    expect(whole.functions.has('free_page')).toBe(true);
    expect(edited.functions.has('free_page')).toBe(false);
    const { program } = workspace.compileScenario('two-puts', { kernel: 'v6.1' }, 'forgets');
    const task = program.functions.get('task:one');
    const standIn = program.functions.get('put_page__forgets');
    expect(task && printFunction(task)).toContain('put_page__forgets(mem_map[0])');
    expect(standIn && printFunction(standIn)).toContain('  put_page(page)');
  });
});

describe('what is asked for and not there', () => {
  it.each([
    ['RZ2001', 'did you mean two-puts?', () => workspace.compileScenario('two-put', { kernel: 'v6.1' })],
    ['RZ2002', 'did you mean seed?', () => workspace.compileKernel({ kernel: 'seeed' })],
    ['RZ2003', 'did you mean ZERO_BASED?', () => workspace.compileKernel({ kernel: 'v6.1', with: ['ZERO_BASE'] })],
    [
      'RZ2003',
      'one of the two',
      () => workspace.compileKernel({ kernel: 'v6.1', with: ['27674'], without: ['ZERO_BASED'] }),
    ],
    ['RZ2002', 'is v5.19', () => workspace.compileKernel({ kernel: 'v5.20' })],
    ['RZ2002', 'a release from', () => workspace.compileKernel({ kernel: 'v6.01' })],
    ['RZ2004', 'did you mean no free?', () => workspace.compileScenario('two-puts', { kernel: 'v6.1' }, 'nofree')],
    ['RZ2010', 'did you mean pages?', () => workspace.compileKernel({ kernel: 'v6.1' }, new Map([['page', 1]]))],
  ])('is %s', (code, hint, work) => {
    expect(work).toThrow(
      expect.objectContaining({
        diagnostics: [expect.objectContaining({ code, hint: expect.stringContaining(hint) })],
      }),
    );
  });
});

// SPDX-License-Identifier: Apache-2.0
/**
 * Random sequential programs on the booted kernel against a naive model: who owns which page, hence every count.
 *
 * The model below knows owners and the rules of facts/eras.md, no code of src/linux. One task: what two tasks do to
 * each other is the checker's business.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BootOptions, boot } from '../src/app/boot.js';
import type { Kernel } from '../src/app/kernel.js';
import { readSources } from '../src/app/sources.js';
import { KernelBug, KernelError, KernelFault, KernelWouldBlock } from '../src/run/errors.js';

const kernels = ['v5.14', 'seed', 'v5.18', 'v6.1', 'v7.3'] as const;
type KernelName = (typeof kernels)[number];
type Memory = 'private' | 'fs-dax';
type Page = Kernel['mem_map'][number];

const pages = 5;
const devicePages = 3;

/** facts/eras.md sections 2 to 5: the count of a device page that nobody uses, and whether its first user raises that. */
const idleCount: Record<Memory, Record<KernelName, number>> = {
  private: { 'v5.14': 1, seed: 0, 'v5.18': 1, 'v6.1': 0, 'v7.3': 0 },
  'fs-dax': { 'v5.14': 1, seed: 0, 'v5.18': 1, 'v6.1': 1, 'v7.3': 0 },
};

/** What a device page's count is with so many users: only up to v5.17 do private ones count on top of the idle one. */
function deviceCount(memory: Memory, kernel: KernelName, owners: number): number {
  const idle = idleCount[memory][kernel];
  if (owners === 0) return idle;
  return memory === 'private' && kernel === 'v5.18' ? owners : idle + owners;
}

/** Whether a private page in use holds the pgmap, as from v6.1 on. */
function pageHoldsPgmap(kernel: KernelName): boolean {
  return kernel === 'v6.1' || kernel === 'v7.3';
}

/** Whether unplugging the memory waits for a page that is in use: not where page references had stopped to matter. */
function teardownWaits(kernel: KernelName): boolean {
  return kernel !== 'seed' && kernel !== 'v5.18';
}

interface State {
  owners: number;
  /** taken away by page_ref_freeze */
  frozen: boolean;
}

class Model {
  readonly ram: State[] = Array.from({ length: pages }, () => ({ owners: 0, frozen: false }));
  readonly device: State[] = Array.from({ length: devicePages }, () => ({ owners: 0, frozen: false }));
  /** device page -> the ordinary page behind it */
  readonly backing = new Map<number, number>();

  constructor(
    readonly kernel: KernelName,
    readonly memory: Memory,
  ) {}

  freeRam(): number {
    return this.ram.filter((page) => page.owners === 0).length;
  }

  ramCount({ owners, frozen }: State): number {
    return frozen ? 0 : owners;
  }

  deviceCount({ owners, frozen }: State): number {
    return frozen ? 0 : deviceCount(this.memory, this.kernel, owners);
  }

  /** Drops one owner of a device page; with the last one a private page gives its backing page back. */
  putDevice(i: number): void {
    if (--this.device[i].owners > 0) return;
    const behind = this.backing.get(i);
    if (behind !== undefined) this.ram[behind].owners--;
    this.backing.delete(i);
  }
}

const operations = [
  ...[
    'alloc_page',
    'get_page',
    'get_page',
    'folio_get',
    'folio_try_get',
    'put_page',
    'put_page',
    'folio_put',
    '__free_page',
  ],
  ...['release_pages', 'freeze', 'unfreeze', 'get_free', 'put_free', 'lock', 'unlock'],
  ...['device_alloc', 'device_alloc', 'device_get', 'device_try_get', 'device_put', 'device_put', 'device_release'],
  ...['device_freeze', 'device_unfreeze', 'pgmap_get'],
] as const;
interface Operation {
  what: (typeof operations)[number];
  /** which of the pages that the operation can be applied to */
  pick: number;
  /** how far from the true count page_ref_freeze is tried */
  off: number;
}

const program = fc.array(
  fc.record({
    what: fc.constantFrom(...operations),
    pick: fc.nat(20),
    off: fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: -1, max: 2 })),
  }),
  // fast-check's usual size would make programs of ten operations
  { maxLength: 60, size: 'max' },
);

/** Does one operation on both, comparing what the kernel says; nothing where it cannot be applied. */
function step(k: Kernel, model: Model, operation: Operation): void {
  if (operation.what === 'alloc_page') allocate(k, model);
  else if (operation.what === 'device_alloc') allocateOnDevice(k, model);
  else if (operation.what === 'pgmap_get') takePgmap(k, model);
  else stepOnPage(k, model, operation);
}

function stepOnPage(k: Kernel, model: Model, { what, pick, off }: Operation): void {
  const onDevice = what.startsWith('device_');
  const states = onDevice ? model.device : model.ram;
  // the page behind a device page belongs to the driver
  const mine = (state: State) => onDevice || ![...model.backing.values()].includes(model.ram.indexOf(state));
  const special: Partial<Record<typeof what, (state: State) => boolean>> = {
    folio_try_get: mine,
    device_try_get: () => true,
    get_free: (state) => state.owners === 0,
    put_free: (state) => state.owners === 0,
    unfreeze: (state) => state.frozen,
    device_unfreeze: (state) => state.frozen,
  };
  const fits = special[what] ?? ((state) => state.owners > 0 && !state.frozen && mine(state));
  const fitting = states.flatMap((state, i) => (fits(state) ? [i] : []));
  if (fitting.length === 0) return;
  const i = fitting[pick % fitting.length];
  const count = onDevice ? model.deviceCount(states[i]) : model.ramCount(states[i]);
  const page = k.mem_map[onDevice ? pages + i : i];
  onPage(k, model, what, { page, i, state: states[i], count, off });
}

interface Target {
  page: Page;
  i: number;
  state: State;
  /** what the model says its count is */
  count: number;
  off: number;
}

function onPage(k: Kernel, model: Model, what: Operation['what'], { page, i, state, count, off }: Target): void {
  switch (what) {
    case 'get_page':
    case 'folio_get':
      k[what](page);
      state.owners++;
      break;
    case 'device_get':
      k.get_page(page);
      state.owners++;
      break;
    case 'folio_try_get':
    case 'device_try_get':
      tryGet(k, model, what, { page, i, state, count, off });
      break;
    case 'put_page':
    case 'folio_put':
    case '__free_page':
    case 'release_pages':
      if (state.owners === 1 && k.folio_test_locked(page)) k.unlock_page(page);
      k[what](page);
      state.owners--;
      break;
    case 'device_put':
    case 'device_release':
      if (what === 'device_put') k.put_page(page);
      else k.release_pages(page);
      model.putDevice(i);
      break;
    case 'freeze':
    case 'device_freeze':
      expect(k.page_ref_freeze(page, count + off)).toBe(off === 0);
      state.frozen = off === 0;
      break;
    case 'unfreeze':
    case 'device_unfreeze':
      state.frozen = false;
      k.page_ref_unfreeze(page, what === 'unfreeze' ? state.owners : model.deviceCount(state));
      break;
    case 'get_free':
    case 'put_free':
      expect(() => (what === 'get_free' ? k.get_page(page) : k.put_page(page))).toThrow(KernelBug);
      break;
    case 'lock':
      if (!k.trylock_page(page)) expect(() => k.lock_page(page)).toThrow(KernelWouldBlock);
      break;
    case 'unlock':
      if (k.folio_test_locked(page)) k.unlock_page(page);
      else expect(() => k.unlock_page(page)).toThrow(KernelBug);
      break;
    default:
      expect.unreachable(what);
  }
}

/** A speculative get succeeds on whatever has a count; one of a page that nobody uses must be undone at once. */
function tryGet(k: Kernel, model: Model, what: string, { page, state, count }: Target): void {
  expect(k.folio_try_get(page)).toBe(count > 0);
  if (count === 0) return;
  if (what === 'device_try_get' && state.owners === 0 && model.memory === 'private') k.page_ref_dec(page);
  else state.owners++;
}

function allocate(k: Kernel, model: Model): void {
  const page = k.alloc_page();
  if (page === null) {
    expect(model.freeRam()).toBe(0);
    return;
  }
  const state = model.ram[k.page_to_pfn(page)];
  expect(state.owners).toBe(0);
  state.owners = 1;
}

/** The driver takes a page of its memory and an ordinary one to keep the content in. */
function allocateOnDevice(k: Kernel, model: Model): void {
  if (model.memory !== 'private') return;
  const possible = model.freeRam() > 0 && model.device.some((page) => page.owners === 0);
  const page = k.dmirror_devmem_alloc_page(k.dmirror_device0);
  expect(page !== null).toBe(possible);
  if (page === null) return;
  const i = k.page_to_pfn(page) - pages;
  expect(model.device[i].owners).toBe(0);
  expect(k.folio_test_locked(page)).toBe(true);
  k.unlock_page(page);
  const behind = page.zone_device_data;
  expect(behind).not.toBe(null);
  const pfn = behind ? k.page_to_pfn(behind) : -1;
  expect(model.ram[pfn].owners).toBe(0);
  model.ram[pfn].owners = 1;
  model.device[i].owners = 1;
  model.backing.set(i, pfn);
}

function takePgmap(k: Kernel, model: Model): void {
  const before = pgmapUsers(k, model);
  for (let pfn = 0; pfn < pages + devicePages; pfn++) {
    const pgmap = k.get_dev_pagemap(pfn);
    expect(pgmap).toBe(pfn < pages ? null : pgmapOf(k, model));
    if (!pgmap) continue;
    expect(pgmapUsers(k, model)).toBe(before + 1);
    k.put_dev_pagemap(pgmap);
  }
}

function pgmapOf(k: Kernel, model: Model) {
  return model.memory === 'private' ? k.dmirror_device0.pagemap : k.pmem_pgmap;
}

/** References to the pgmap besides the one that it begins with. */
function pgmapUsers(k: Kernel, model: Model): number {
  return pgmapOf(k, model).ref.data.count.counter - k.PERCPU_COUNT_BIAS - 1;
}

/** Everything that the model says, held against memory. */
function compare(k: Kernel, model: Model): void {
  const counts = k.mem_map.map((page) => page._refcount.counter);
  const ram = model.ram.map((state) => model.ramCount(state));
  same(counts, [...ram, ...model.device.map((state) => model.deviceCount(state))]);
  const { memory, kernel, device } = model;
  const inUse = device.filter((state) => state.owners > 0).length;
  same([pgmapUsers(k, model)], [memory === 'private' && pageHoldsPgmap(kernel) ? inUse : devicePages]);
  const pcp = k.per_cpu_pageset[0];
  const free = [...linked(k.zone_normal.free_list, 'lru'), ...linked(pcp.list, 'lru')];
  same([free.length], [k.zone_normal.nr_free + pcp.count]);
  same(
    pfns(k, free),
    model.ram.flatMap((state, pfn) => (state.owners === 0 ? [pfn] : [])),
  );
  if (memory !== 'private') return;
  same(
    pfns(k, linked(k.dmirror_device0.free_pages, 'zone_device_data')),
    device.flatMap((state, i) => (state.owners === 0 ? [pages + i] : [])),
  );
}

/** `expect` is slow, and this is asked some hundred thousand times. */
function same(actual: number[], expected: number[]): void {
  if (actual.join() !== expected.join()) expect(actual).toEqual(expected);
}

function linked(first: Page | null, by: 'lru' | 'zone_device_data'): Page[] {
  const found: Page[] = [];
  for (let page = first; page !== null; page = page[by]) {
    if (found.includes(page)) expect.unreachable(`the list goes round at ${page}`);
    found.push(page);
  }
  return found;
}

function pfns(k: Kernel, list: Page[]): number[] {
  return list.map((page) => k.page_to_pfn(page)).sort((a, b) => a - b);
}

/** The memory is unplugged in the end: that waits for users where page references hold the pgmap. */
function teardown(k: Kernel, model: Model): void {
  for (const [i, state] of model.device.entries())
    if (state.frozen) onPage(k, model, 'device_unfreeze', target(k, model, i));
  const inUse = model.device.some((state) => state.owners > 0);
  const unplug = () => k.memunmap_pages(pgmapOf(k, model));
  if (inUse && teardownWaits(model.kernel) && !(model.memory === 'fs-dax' && model.kernel !== 'v5.14')) {
    expect(unplug).toThrow(KernelWouldBlock);
    return;
  }
  unplug();
  for (const page of k.mem_map.slice(pages)) expect(() => k.page_ref_count(page)).toThrow(KernelFault);
}

function target(k: Kernel, model: Model, i: number): Target {
  const state = model.device[i];
  return { page: k.mem_map[pages + i], i, state, count: model.deviceCount(state), off: 0 };
}

/** A kernel for many programs: each begins with all memory zero, as after boot. */
function restart(k: Kernel, memory: Memory): void {
  new Int32Array(k.memory).fill(0);
  k.start_kernel();
  if (memory === 'private') k.dmirror_device_init(k.dmirror_device0);
  else k.pmem_attach_disk();
}

function disagreement(name: KernelName, memory: Memory, options: BootOptions = {}, seed?: number) {
  const k = boot(name, { pages, sizes: { device_pages: devicePages }, ...options });
  return fc.check(
    fc.property(program, (steps) => {
      const model = new Model(name, memory);
      restart(k, memory);
      compare(k, model);
      for (const operation of steps) {
        step(k, model, operation);
        compare(k, model);
      }
      teardown(k, model);
    }),
    { numRuns: 150, ...(seed !== undefined && { seed }) },
  );
}

describe('random programs agree with the naive model', () => {
  for (const memory of ['private', 'fs-dax'] as const) {
    test.each(kernels)(`${memory}, %s`, (name) => {
      const { failed, counterexample, errorInstance, seed } = disagreement(name, memory);
      const error = errorInstance instanceof Error ? `${errorInstance.stack}` : '';
      expect(failed, `seed ${seed}: ${JSON.stringify(counterexample)}\n${error}`).toBe(false);
    });
  }
});

describe('and a kernel with a fault does not', () => {
  const own = readSources([], false).files;

  /** The kernel with one text in one file changed. */
  function edited(file: string, from: string, to: string): BootOptions {
    const text = own.get(file) ?? '';
    expect(text.split(from), `${file}: ${from}`).toHaveLength(2);
    return { sources: new Map([[file, text.replace(from, to)]]) };
  }

  const faults: [string, KernelName, Memory, () => BootOptions][] = [
    [
      'a switch left out: private pages no longer hold the pgmap',
      'v6.1',
      'private',
      () => ({ without: ['PRIVATE_PAGE_HOLDS_PGMAP'] }),
    ],
    [
      'a switch left out: private pages are parked at 1',
      'v6.1',
      'private',
      () => ({ without: ['PRIVATE_FREE_AT_ZERO'] }),
    ],
    ['a switch left out: fs-dax pages idle at 1', 'v7.3', 'fs-dax', () => ({ without: ['FSDAX_COUNTED'] })],
    ['a switch added', 'v5.14', 'private', () => ({ with: ['FREE_EVENT_AT_ZERO'] })],
    [
      'a speculative get that raises a count of 0',
      'v7.3',
      'private',
      () =>
        edited(
          'src/linux/include/linux/page_ref.ts',
          'return folio_ref_add_unless(folio, 1, 0);',
          'return folio_ref_add_unless(folio, 1, -1);',
        ),
    ],
    [
      'a freeze that forgets to compare',
      'v7.3',
      'fs-dax',
      () =>
        edited(
          'src/linux/include/linux/page_ref.ts',
          'atomic_cmpxchg(page._refcount, count, 0) === count',
          'atomic_cmpxchg(page._refcount, count, 0) > 0',
        ),
    ],
    [
      'a free list that loses a page',
      'v5.18',
      'fs-dax',
      () => edited('src/linux/mm/page_alloc.ts', '  page.lru = pcp.list;\n', ''),
    ],
  ];
  test.each(faults)('%s', (_, name, memory, options) => {
    const { failed, errorInstance } = disagreement(name, memory, options(), 20210827);
    expect(failed).toBe(true);
    if (errorInstance instanceof KernelError) expect(errorInstance.frames.length).toBeGreaterThan(0);
  });
});

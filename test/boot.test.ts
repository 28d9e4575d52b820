// SPDX-License-Identifier: Apache-2.0
/** `boot` with the real kernel: what README shows, options and their errors, and the thread's question run by hand. */
import { describe, expect, test } from 'vitest';
import { boot, InputError, KernelBug, KernelFault, KernelWouldBlock, type Structs } from '../src/app/index.js';
import { readSources } from '../src/app/sources.js';

function inputError(run: () => unknown) {
  try {
    run();
  } catch (error) {
    if (error instanceof InputError) return error.diagnostics[0];
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** The number of the only line of a file of src/linux that contains `part`, inside the function `name`. */
function lineIn(file: string, name: string, part: string): number {
  const lines = (readSources([], false).files.get(file) ?? '').split('\n');
  const begin = lines.findIndex((line) => line.startsWith(`export function ${name}(`));
  return lines.findIndex((line, i) => i > begin && line.includes(part)) + 1;
}

/** Names of the functions that src/linux exports, but those that take arrow functions. */
function exportedFunctions(): string[] {
  const names: string[] = [];
  for (const [file, text] of readSources([], false).files) {
    if (!file.startsWith('src/linux/')) continue;
    for (const [, name, parameters] of text.matchAll(/^export function (\w+)\(([\s\S]*?)\): /gm)) {
      if (!parameters.includes('=>')) names.push(name);
    }
  }
  return names;
}

describe('a page', () => {
  test('is had, shared and given back', () => {
    const k = boot('v7.3', { pages: 16 });
    const page = k.alloc_page();
    if (page === null) return expect.unreachable();
    k.get_page(page);
    expect(page._refcount.counter).toBe(2);
    k.put_page(page);
    k.put_page(page);
    expect(k.page_count(page)).toBe(0);
    expect(k.folio_try_get(page)).toBe(false);
    return undefined;
  });

  test('memory is out when every page is had', () => {
    const k = boot('v6.1', { pages: 16 });
    const had = new Set(Array.from({ length: 16 }, () => k.alloc_page()));
    expect(had.size).toBe(16);
    expect(had.has(null)).toBe(false);
    expect(k.alloc_page()).toBe(null);
  });

  test('whose count is 0 must not be got: VM_BUG_ON_PAGE, with the kernel function and line', () => {
    const k = boot('v7.3');
    const page = k.alloc_page();
    if (page === null) return expect.unreachable();
    k.put_page(page);
    const file = 'src/linux/include/linux/mm_page.ts';
    const line = lineIn(file, 'get_page', 'VM_BUG_ON_PAGE');
    const bug = { kind: 'BUG', assertion: 'VM_BUG_ON_PAGE', function: 'get_page', file, line };
    expect(() => k.get_page(page)).toThrow(expect.objectContaining(bug));
    expect(() => k.get_page(page)).toThrow(KernelBug);
    return undefined;
  });

  test('counts far beyond what a checked state has room for', () => {
    const k = boot('v7.3');
    const page = k.alloc_page();
    if (page === null) return expect.unreachable();
    k.page_ref_add(page, 1_000_000);
    expect(page._refcount.counter).toBe(1_000_001);
    const narrow = boot('v7.3', { checkWidths: true });
    expect(() => narrow.page_ref_add(narrow.mem_map[0], 40_000)).toThrow(KernelFault);
    return undefined;
  });
});

describe('the question of the thread, by hand', () => {
  const objects = { mm: 'MmStruct', vma: 'VmArea', file: 'Inode' } as const;

  /** A process that has mapped a DAX file and touched its first page. */
  function mapped(kernel: string) {
    const k = boot(kernel, { pages: 4, sizes: { device_pages: 2 }, objects });
    k.pmem_attach_disk();
    k.ext4_iget(k.file, 1);
    k.mmap_file(k.mm, k.vma, k.file, 0, 0, 1);
    expect(k.do_user_addr_fault(k.mm, 0)).toBe(true);
    return k;
  }

  test.each(['v5.14', 'v5.18', 'v6.1', 'v7.3'])(
    '%s: a mapped page of a DAX file can be had, and comes back',
    (name) => {
      const k = mapped(name);
      const before = k.mem_map.map((page) => page._refcount.counter);
      const page = k.get_user_pages_fast(k.mm, 0, k.FOLL_WRITE);
      if (page === null) return expect.unreachable();
      expect(k.is_fsdax_page(page)).toBe(true);
      expect(page._refcount.counter).toBe(before[k.page_to_pfn(page)] + 1);
      k.put_page(page);
      expect(k.mem_map.map((each) => each._refcount.counter)).toEqual(before);
      const pinned = k.pin_user_pages_fast(k.mm, 0, k.FOLL_WRITE);
      if (pinned === null) return expect.unreachable();
      expect(pinned._refcount.counter).toBe(before[k.page_to_pfn(page)] + k.GUP_PIN_COUNTING_BIAS);
      k.unpin_user_page(pinned);
      expect(k.mem_map.map((each) => each._refcount.counter)).toEqual(before);
      return undefined;
    },
  );

  test('seed: it has a count of 0, and get_user_pages warns and fails: generic/413', () => {
    const loud = mapped('seed');
    expect(() => loud.get_user_pages_fast(loud.mm, 0, loud.FOLL_WRITE)).toThrow(
      expect.objectContaining({ kind: 'WARN', function: 'try_get_page' }),
    );
    const warnings: string[] = [];
    const onWarn = (warning: KernelBug) => warnings.push(warning.function);
    const k = boot('seed', { objects, onWarn });
    k.pmem_attach_disk();
    k.ext4_iget(k.file, 1);
    k.mmap_file(k.mm, k.vma, k.file, 0, 0, 1);
    expect(k.do_user_addr_fault(k.mm, 0)).toBe(true);
    expect(k.get_user_pages_fast(k.mm, 0, k.FOLL_WRITE)).toBe(null);
    expect(warnings).toEqual(['try_get_page']);
  });

  test.each(['v5.14', 'v6.1', 'v7.3'])('%s: truncate waits while a device may write to the page', (name) => {
    const k = mapped(name);
    const page = k.pin_user_pages_fast(k.mm, 0, k.FOLL_WRITE);
    if (page === null) return expect.unreachable();
    const asleep = { kind: 'would block', reason: 'sleep' };
    expect(() => k.ext4_setattr(k.file, 0)).toThrow(expect.objectContaining(asleep));
    const free = mapped(name);
    free.ext4_setattr(free.file, 0);
    expect(free.file.i_size).toBe(0);
    return undefined;
  });
});

describe('kernels and options', () => {
  test('releases and switches', () => {
    expect(boot('v5.17').FREE_EVENT_AT_ZERO).toBe(false);
    expect(boot('v5.18').FREE_EVENT_AT_ZERO).toBe(true);
    expect(boot('v5.18', { without: ['27674ef6c73f'] }).FREE_EVENT_AT_ZERO).toBe(false);
    expect(boot('v5.14', { with: ['FREE_EVENT_AT_ZERO'] }).FREE_EVENT_AT_ZERO).toBe(true);
  });

  test('two machines share nothing', () => {
    const [a, b] = [boot('v7.3'), boot('v7.3')];
    a.mem_map[0].index = 9;
    expect(b.mem_map[0].index).toBe(0);
    expect(a.memory).toBeInstanceOf(SharedArrayBuffer);
    expect(() => b.get_page(a.mem_map[0])).toThrow(TypeError);
  });

  test('objects: one, or several', () => {
    const k = boot('v7.3', { objects: { lock: 'spinlock_t', vmas: ['VmArea', 3] } });
    k.spin_lock(k.lock);
    expect(() => k.spin_lock(k.lock)).toThrow(KernelWouldBlock);
    expect(k.vmas).toHaveLength(3);
    expect(String(k.vmas[2])).toBe('vmas[2]');
  });

  test('unknown kernels, commits, sizes and objects are refused with a hint', () => {
    expect(inputError(() => boot('v7'))).toMatchObject({ code: 'RZ2002' });
    expect(inputError(() => boot('v7.3', { with: ['deadbeef'] }))).toMatchObject({ code: 'RZ2003' });
    const size = inputError(() => boot('v7.3', { sizes: { device_page: 4 } }));
    expect(size).toMatchObject({ code: 'RZ2010', hint: expect.stringContaining('device_pages') });
    for (const pages of [1.5, -1, 2 ** 40, Number.NaN]) {
      expect(inputError(() => boot('v7.3', { pages }))).toMatchObject({ code: 'RZ4031' });
    }
    const named = (objects: object) => inputError(() => boot('v7.3', { objects: objects as { a: 'Inode' } }));
    expect(named({ file: 'inode' })).toMatchObject({ code: 'RZ4032', hint: expect.stringContaining('Inode') });
    expect(named({ mem_map: 'Page' })).toMatchObject({ code: 'RZ4032' });
    expect(named({ get_page: 'Page' })).toMatchObject({ code: 'RZ4032' });
    expect(named({ memory: 'Page' })).toMatchObject({ code: 'RZ4032' });
    expect(named({ 'a b': 'Page' })).toMatchObject({ code: 'RZ4032' });
    expect(named({ none: ['Page', 0] })).toMatchObject({ code: 'RZ4031' });
  });

  test('every struct that has a type for callers is in every kernel', () => {
    const structs: Record<keyof Structs, true> = {
      AddressSpace: true,
      Completion: true,
      DevPagemap: true,
      Dmirror: true,
      DmirrorDevice: true,
      Inode: true,
      MmStruct: true,
      Mutex: true,
      Page: true,
      PerCpuPages: true,
      PercpuRef: true,
      Pte: true,
      RwSemaphore: true,
      VmArea: true,
      Zone: true,
      atomic_t: true,
      memdesc_flags_t: true,
      spinlock_t: true,
    };
    for (const name of ['v5.14', 'seed', 'v7.3']) {
      expect([...boot(name).machine.program.structs.keys()]).toEqual(expect.arrayContaining(Object.keys(structs)));
    }
  });

  test('every exported function of src/linux can be called', () => {
    for (const name of ['v5.14', 'seed', 'v5.18', 'v6.1', 'v7.3']) {
      const k = boot(name) as unknown as Record<string, unknown>;
      const exported = exportedFunctions();
      expect(exported.length).toBeGreaterThan(150);
      for (const each of exported) expect(k[each], each).toBeTypeOf('function');
    }
  });
});

// SPDX-License-Identifier: Apache-2.0
/**
 * The life of device pages, one task, on every kernel: what their counts are when, as facts/eras.md tabulates it.
 *
 * Not here: what other tasks may see in between (src/scenarios).
 */
import { describe, expect, test } from 'vitest';
import { boot } from '../src/app/boot.js';
import { parseKernelVersion } from '../src/spec/kernel-version.js';
import { type PageKind, restRule } from '../src/spec/rest.js';

const PRIVATE = 1;
const COHERENT = 2;
const FS_DAX = 3;
const GENERIC = 4;
const P2PDMA = 5;
const BIAS = 16384;

/** What recordings call the types. */
const KINDS: Record<number, PageKind> = {
  [PRIVATE]: 'private',
  [COHERENT]: 'coherent',
  [FS_DAX]: 'fsdax',
  [GENERIC]: 'devdax',
  [P2PDMA]: 'p2pdma',
};

/** The count of a free page by type, and of a private page that is mapped once. */
const eras: Record<string, { free: Record<number, number>; mapped: number }> = {
  'v5.14': { free: { [PRIVATE]: 1, [FS_DAX]: 1, [GENERIC]: 1, [P2PDMA]: 1 }, mapped: 2 },
  seed: { free: { [PRIVATE]: 0, [FS_DAX]: 0, [GENERIC]: 0, [P2PDMA]: 0 }, mapped: 1 },
  'v5.18': { free: { [PRIVATE]: 1, [FS_DAX]: 1, [GENERIC]: 1, [P2PDMA]: 1 }, mapped: 1 },
  'v6.1': { free: { [PRIVATE]: 0, [COHERENT]: 0, [FS_DAX]: 1, [GENERIC]: 1, [P2PDMA]: 1 }, mapped: 1 },
  'v7.3': { free: { [PRIVATE]: 0, [COHERENT]: 0, [FS_DAX]: 0, [GENERIC]: 1, [P2PDMA]: 0 }, mapped: 1 },
};

const withProcess = {
  pages: 6,
  sizes: { device_pages: 2 },
  objects: { mm: 'MmStruct', vma: 'VmArea', anon: 'AddressSpace', pgmap: 'DevPagemap' },
} as const;

describe.each(Object.entries(eras))('%s', (kernel, { free, mapped }) => {
  /** A process with one page of anonymous memory, and the test device with two pages of its own. */
  function bootDevice() {
    const k = boot(kernel, withProcess);
    k.dmirror_device_init(k.dmirror_device0);
    k.vma.vm_mm = k.mm;
    k.vma.vm_end = 1;
    k.anon_vma_prepare(k.vma, k.anon);
    const pfn = 6;
    const page = k.pfn_to_page(pfn);
    return { k, page, count: () => k.page_ref_count(page), ref: k.dmirror_device0.pagemap.ref };
  }

  test('struct pages of each type begin with the count of a free page, and go again', () => {
    const k = boot(kernel, withProcess);
    for (const [type, count] of Object.entries(free)) {
      k.pgmap.type = Number(type);
      k.pgmap.range_start = 6;
      k.pgmap.range_len = 2;
      k.memremap_pages(k.pgmap);
      expect(k.page_ref_count(k.pfn_to_page(7)), `type ${type}`).toBe(count);
      expect(k.get_dev_pagemap(7)).toBe(k.pgmap);
      k.put_dev_pagemap(k.pgmap);
      k.memunmap_pages(k.pgmap);
      expect(k.pfn_to_page(7).poisoned).toBe(true);
      expect(k.get_dev_pagemap(7)).toBe(null);
    }
  });

  test('recordings of it are judged by the same counts', () => {
    for (const [type, count] of Object.entries(free)) {
      expect(restRule(KINDS[Number(type)], parseKernelVersion(kernel)!)!.idle, `type ${type}`).toBe(count);
    }
  });

  test('a private page goes to the device, is mapped, comes back by a fault, and can go again', () => {
    const { k, page, count } = bootDevice();
    for (let round = 0; round < 3; round++) {
      expect(count()).toBe(free[PRIVATE]);
      expect(k.dmirror_migrate_to_device(k.dmirror0, k.vma, 0)).toBe(true);
      expect(count()).toBe(mapped);
      expect(k.page_mapcount(page)).toBe(1);
      k.do_swap_page(k.vma, 0, k.mm.pgd[0].pte);
      expect(k.pte_present(k.mm.pgd[0].pte)).toBe(true);
      expect(k.page_ref_count(k.pte_page(k.mm.pgd[0].pte))).toBe(1);
      k.madvise_dontneed(k.mm, k.vma, 0, 1);
    }
    expect(k.dmirror_device0.free_pages).toBe(page);
    expect(k.zone_normal.nr_free + k.per_cpu_pageset[0].count).toBe(6);
  });

  test('zapping the entry frees the page', () => {
    const { k, page, count } = bootDevice();
    k.dmirror_migrate_to_device(k.dmirror0, k.vma, 0);
    k.madvise_dontneed(k.mm, k.vma, 0, 1);
    expect([count(), k.page_mapcount(page), k.mm.pgd[0].pte]).toEqual([free[PRIVATE], 0, 0]);
    expect(k.dmirror_device0.free_pages).toBe(page);
  });

  test('the pgmap is held by each page up to v6.0, by the pages in use since', () => {
    const { k, ref } = bootDevice();
    const own = kernel === 'v6.1' || kernel === 'v7.3';
    const held = () => ref.data.count.counter - BIAS - 1;
    expect(held()).toBe(own ? 0 : 2);
    k.dmirror_migrate_to_device(k.dmirror0, k.vma, 0);
    expect(held()).toBe(own ? 1 : 2);
    k.madvise_dontneed(k.mm, k.vma, 0, 1);
    expect(held()).toBe(own ? 0 : 2);
  });

  test('removal leaves no struct page behind, and the process an ordinary page where the driver evicts', () => {
    const { k, page } = bootDevice();
    k.dmirror_migrate_to_device(k.dmirror0, k.vma, 0);
    if (kernel === 'v5.14') {
      expect(() => k.dmirror_device_remove(k.dmirror_device0)).toThrow(/would block for ever.*memunmap_pages/);
      return;
    }
    k.dmirror_device_remove(k.dmirror_device0);
    expect(page.poisoned).toBe(true);
    expect(k.pte_present(k.mm.pgd[0].pte)).toBe(kernel === 'v6.1' || kernel === 'v7.3');
  });
});

test('a reference to an ordinary page outlives the allocation', () => {
  const k = boot('v7.3', { pages: 2 });
  const page = k.alloc_page();
  if (page === null) throw new Error('no page');
  k.get_page(page);
  k.__free_page(page);
  expect(k.page_ref_count(page)).toBe(1);
  expect(k.zone_normal.nr_free + k.per_cpu_pageset[0].count).toBe(1);
  k.put_page(page);
  expect(k.zone_normal.nr_free + k.per_cpu_pageset[0].count).toBe(2);
  expect(k.folio_try_get(page)).toBe(false);
  expect(() => k.get_page(page)).toThrow(/VM_BUG_ON_PAGE/);
});

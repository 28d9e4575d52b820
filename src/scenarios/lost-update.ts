// SPDX-License-Identifier: GPL-2.0-only
/**
 * A device page is freed by one process and at once allocated for another, before its count is what a free page's is.
 *
 * Z-05. v5.18 gives the page to the driver first and writes the count, 1, afterwards; the driver does not touch it, and
 * so allocates a page whose count is still 0. A kernel with CONFIG_DEBUG_VM would BUG at the first get_page of it; this
 * one goes on, and frees the page while it is mapped.
 */

import { FREE_EVENT_AT_ZERO, PRIVATE_PAGE_HOLDS_PGMAP, SEED } from '../linux/commits.js';
import { nr_ram_pages, pfn_to_page } from '../linux/include/asm-generic/memory_model.js';
import { page_pgmap } from '../linux/include/linux/memremap.js';
import type { AddressSpace, MmStruct, Page, VmArea } from '../linux/include/linux/mm_types.js';
import { page_ref_count, page_ref_dec_return, set_page_count } from '../linux/include/linux/page_ref.js';
import { is_device_private_entry } from '../linux/include/linux/pgtable.js';
import { start_kernel } from '../linux/init/main.js';
import { dmirror_device_init, dmirror_device0, dmirror_migrate_to_device, dmirror0 } from '../linux/lib/test_hmm.js';
import { dmirror_devmem_free } from '../linux/lib/test_hmm_free.js';
import { page_is_devmap_managed, put_dev_pagemap } from '../linux/mm/memremap_free.js';
import { madvise_dontneed } from '../linux/mm/mmap.js';
import { anon_vma_prepare } from '../linux/mm/rmap_walk.js';
import { type bool, type int, object } from '../machine/core.js';
import { down_read, up_read } from '../machine/lock.js';
import { scenario } from '../machine/scenario.js';

const mm_a = object<MmStruct>();
const vma_a = object<VmArea>();
const anon_a = object<AddressSpace>();
const mm_b = object<MmStruct>();
const vma_b = object<VmArea>();
const anon_b = object<AddressSpace>();

function mmap_anonymous(mm: MmStruct, vma: VmArea, anon: AddressSpace): void {
  vma.vm_mm = mm;
  vma.vm_end = 1;
  anon_vma_prepare(vma, anon);
}

/** Process a has one page, and it is on the device, which has no other; process b has nothing yet. */
function migrate_to_device(): void {
  start_kernel();
  dmirror_device_init(dmirror_device0);
  mmap_anonymous(mm_a, vma_a, anon_a);
  mmap_anonymous(mm_b, vma_b, anon_b);
  dmirror_migrate_to_device(dmirror0, vma_a, 0);
}

/** Process b puts a new page on the device, if the device has a free one. */
function allocate(): void {
  down_read(mm_b.mmap_lock);
  dmirror_migrate_to_device(dmirror0, vma_b, 0);
  up_read(mm_b.mmap_lock);
}

/** What the page has when process b has it mapped; up to v5.17 one more than the mapping. */
function expected_count(): int {
  return SEED || FREE_EVENT_AT_ZERO ? 1 : 2;
}

export default scenario({
  title: 'A device page is allocated anew while its last user is still freeing it',
  question: 'Is a device page in the driver’s hands only when the core is done with its count?',
  about: [
    'Z-05',
    '27674ef6c73f mm: remove the extra ZONE_DEVICE struct page refcount (v5.18)',
    'ef233450898f mm: free device private pages have zero refcount (v6.1)',
  ],
  expect: { 'v5.14': 'holds', seed: 'holds', 'v5.18': 'violated', 'v6.1': 'holds', 'v7.3': 'holds' },
  violates: { 'v5.18': 'on the free list while mapped' },
  sizes: { pages: 2, device_pages: 1, CONFIG_DEBUG_VM: 0 },
  init: migrate_to_device,
  tasks: {
    free: () => madvise_dontneed(mm_a, vma_a, 0, 1),
    allocate,
  },
  never: {
    'on the free list while mapped': () =>
      dmirror_device0.free_pages !== null && is_device_private_entry(mm_b.pgd[0].pte),
  },
  sometimes: {
    'process b gets the page of process a': () => is_device_private_entry(mm_b.pgd[0].pte),
  },
  finally: {
    'the page is free, or process b has it with its references': () =>
      is_device_private_entry(mm_b.pgd[0].pte)
        ? page_ref_count(pfn_to_page(nr_ram_pages)) === expected_count() && dmirror_device0.free_pages === null
        : dmirror_device0.free_pages !== null,
  },
  broken: {
    'the core writes the count, 1, after it has given the page away': {
      kernels: ['v5.14'],
      violates: 'the page is free, or process b has it with its references',
      functions: [put_devmap_managed_page__writes_late],
    },
    'the core writes the count, 0, after it has given the page away': {
      kernels: ['seed', 'v6.1', 'v7.3'],
      violates: 'the page is free, or process b has it with its references',
      functions: [free_zone_device_page__writes_late],
    },
  },
});

/** v5.18's way, where a free page has a count of 1. */
function put_devmap_managed_page__writes_late(page: Page): bool {
  if (!page_is_devmap_managed(page)) return false;
  if (page_ref_dec_return(page) === 1) {
    page.mapping = null;
    dmirror_devmem_free(page);
    set_page_count(page, 1);
  }
  return true;
}

/** v5.18's way, where a free page has a count of 0. */
function free_zone_device_page__writes_late(page: Page): void {
  page.mapping = null;
  dmirror_devmem_free(page);
  if (PRIVATE_PAGE_HOLDS_PGMAP) put_dev_pagemap(page_pgmap(page));
  set_page_count(page, 0);
}

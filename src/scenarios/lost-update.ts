// SPDX-License-Identifier: GPL-2.0-only
/**
 * A device page is freed by one process and at once allocated for another, before its count is what a free page's is.
 *
 * Z-05. v5.18 gives the page to the driver first and writes the count afterwards.
 */

import { FREE_EVENT_AT_ZERO, PRIVATE_FREE_AT_ZERO, SEED } from '../linux/commits.js';
import { nr_ram_pages, pfn_to_page } from '../linux/include/asm-generic/memory_model.js';
import { page_mapcount } from '../linux/include/linux/mm.js';
import type { AddressSpace, MmStruct, VmArea } from '../linux/include/linux/mm_types.js';
import { page_ref_count } from '../linux/include/linux/page_ref.js';
import { is_device_private_entry } from '../linux/include/linux/pgtable.js';
import { start_kernel } from '../linux/init/main.js';
import { dmirror_device_init, dmirror_device0, dmirror_migrate_to_device, dmirror0 } from '../linux/lib/test_hmm.js';
import { madvise_dontneed } from '../linux/mm/mmap.js';
import { anon_vma_prepare } from '../linux/mm/rmap_walk.js';
import { object } from '../machine/core.js';
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

/** What the page has when process b has it mapped, or nobody has it. */
function expected_count(): number {
  const parked = SEED || PRIVATE_FREE_AT_ZERO ? 0 : 1;
  const in_use = !SEED && !FREE_EVENT_AT_ZERO ? 2 : 1;
  return is_device_private_entry(mm_b.pgd[0].pte) ? in_use : parked;
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
    'the count is what it must be': () => page_ref_count(pfn_to_page(nr_ram_pages)) === expected_count(),
    'it is mapped or free': () =>
      is_device_private_entry(mm_b.pgd[0].pte)
        ? page_mapcount(pfn_to_page(nr_ram_pages)) === 1 && dmirror_device0.free_pages === null
        : dmirror_device0.free_pages !== null,
  },
  broken: {
    'the driver hands the page out with the count it finds': {
      kernels: ['seed'],
      violates: 'on the free list while mapped',
      edits: [{ in: 'dmirror_devmem_alloc_page', replace: 'init_page_count(dpage)', by: '' }],
    },
    'the core writes the count after it has given the page away': {
      kernels: ['v6.1'],
      violates: 'the count is what it must be',
      edits: [
        {
          in: 'free_zone_device_page_5_18',
          replace: 'PRIVATE_FREE_AT_ZERO && is_private_or_coherent(type)',
          by: 'false',
        },
      ],
    },
  },
});

// SPDX-License-Identifier: GPL-2.0-only
/**
 * A driver goes away while a process touches its page in the device's memory.
 *
 * Z-01 and Z-06 together: the fault hands the page to a driver that is going, and to memory that is going.
 */

import { nr_ram_pages, pfn_to_page } from '../linux/include/asm-generic/memory_model.js';
import type { AddressSpace, MmStruct, VmArea } from '../linux/include/linux/mm_types.js';
import { percpu_ref_is_dying } from '../linux/include/linux/percpu-refcount.js';
import { pte_offset, pte_pfn, pte_present, ptep_get_lockless } from '../linux/include/linux/pgtable.js';
import { start_kernel } from '../linux/init/main.js';
import {
  dmirror_device_init,
  dmirror_device_remove,
  dmirror_device0,
  dmirror_migrate_to_device,
  dmirror0,
} from '../linux/lib/test_hmm.js';
import { do_swap_page } from '../linux/mm/memory_swap.js';
import { anon_vma_prepare } from '../linux/mm/rmap_walk.js';
import { type bool, type ghost, object } from '../machine/core.js';
import { down_read, up_read } from '../machine/lock.js';
import { scenario } from '../machine/scenario.js';

const mm = object<MmStruct>();
const vma = object<VmArea>();
const anon = object<AddressSpace>();

interface User {
  done: ghost<bool>;
}
const user = object<User>();

/** The process has one page of anonymous memory, and it is on the device. */
function migrate_to_device(): void {
  start_kernel();
  dmirror_device_init(dmirror_device0);
  vma.vm_mm = mm;
  vma.vm_end = 1;
  anon_vma_prepare(vma, anon);
  dmirror_migrate_to_device(dmirror0, vma, 0);
}

/** A CPU accesses the page: it faults until the page is there. */
function touch(): void {
  for (;;) {
    down_read(mm.mmap_lock);
    const pte = ptep_get_lockless(pte_offset(mm, 0));
    if (!pte_present(pte)) do_swap_page(vma, 0, pte);
    up_read(mm.mmap_lock);
    if (pte_present(pte)) break;
  }
  user.done = true;
}

export default scenario({
  title: 'The device memory goes away while a fault brings a page of it back',
  question: 'Can a driver be removed while the CPU faults on its memory?',
  about: [
    'Z-01',
    'Z-06',
    '16ce101db85d mm/memory.c: fix race when faulting a device private page (v6.1)',
    '0dc45ca1ce18 mm/memremap.c: take a pgmap reference on page allocation (v6.1)',
  ],
  expect: { 'v5.14': 'violated', seed: 'violated', 'v5.18': 'violated', 'v6.1': 'holds', 'v7.3': 'holds' },
  violates: { 'v5.14': 'null', seed: 'use after free', 'v5.18': 'use after free' },
  sizes: { pages: 3, device_pages: 1 },
  init: migrate_to_device,
  tasks: {
    touch,
    remove: () => dmirror_device_remove(dmirror_device0),
  },
  sometimes: {
    'the user is not done when the ref is killed': () => percpu_ref_is_dying(dmirror_device0.pagemap.ref) && !user.done,
  },
  finally: {
    'the struct pages are gone': () => pfn_to_page(nr_ram_pages).poisoned,
    'the process has an ordinary page': () => pte_present(mm.pgd[0].pte) && pte_pfn(mm.pgd[0].pte) < nr_ram_pages,
  },
  broken: {
    'teardown does not wait': {
      kernels: ['v6.1', 'v7.3'],
      violates: 'use after free',
      edits: [{ in: 'memunmap_pages', replace: 'wait_for_completion(pgmap.done);', by: '' }],
    },
    'a page in use does not hold the pgmap': {
      kernels: ['v6.1', 'v7.3'],
      violates: 'use after free',
      without: ['0dc45ca1ce18'],
    },
  },
});

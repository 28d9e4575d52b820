// SPDX-License-Identifier: GPL-2.0-only
/**
 * A driver goes away while a process still has a page of the device's memory.
 *
 * Z-06. Whoever drops the last reference must find a struct page there, and on v5.14 so must who drops the last but
 * one: the page is given to the driver after the drop from 2 to 1, and nothing holds the struct page meanwhile but that
 * this is done with the page table lock held, and that the hotplug lock waits for a grace period. A put without any spin
 * lock, as the last one in migrate_vma_finalize, finds no struct page there any more if its task was preempted meanwhile.
 * Not looked at: that v5.14's teardown, whose put is the drop from 2 to 1 while a process has the page, gives the page to
 * the driver under that process.
 */

import { nr_ram_pages, pfn_to_page } from '../linux/include/asm-generic/memory_model.js';
import type { AddressSpace, MmStruct, VmArea } from '../linux/include/linux/mm_types.js';
import { percpu_ref_is_dying } from '../linux/include/linux/percpu-refcount.js';
import { is_device_private_entry } from '../linux/include/linux/pgtable.js';
import { start_kernel } from '../linux/init/main.js';
import {
  dmirror_device_init,
  dmirror_device_remove,
  dmirror_device0,
  dmirror_migrate_to_device,
  dmirror0,
} from '../linux/lib/test_hmm.js';
import { madvise_dontneed } from '../linux/mm/mmap.js';
import { anon_vma_prepare } from '../linux/mm/rmap_walk.js';
import { type bool, type ghost, object } from '../machine/core.js';
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

/** The process lets go of its memory. */
function unmap(): void {
  madvise_dontneed(mm, vma, 0, 1);
  user.done = true;
}

export default scenario({
  title: 'The device memory goes away while a page of it is in use',
  question: 'Does memunmap_pages wait for everybody who has a page of that memory?',
  about: [
    'Z-06',
    '27674ef6c73f mm: remove the extra ZONE_DEVICE struct page refcount (v5.18), and the seed before it',
    '0dc45ca1ce18 mm/memremap.c: take a pgmap reference on page allocation (v6.1)',
  ],
  expect: { 'v5.14': 'holds', seed: 'violated', 'v5.18': 'violated', 'v6.1': 'holds', 'v7.3': 'holds' },
  violates: { seed: 'use after free', 'v5.18': 'use after free' },
  sizes: { pages: 2, device_pages: 1 },
  init: migrate_to_device,
  tasks: {
    unmap,
    remove: () => dmirror_device_remove(dmirror_device0),
  },
  sometimes: {
    'the user is not done when the ref is killed': () => percpu_ref_is_dying(dmirror_device0.pagemap.ref) && !user.done,
  },
  finally: {
    'the struct pages are gone': () => pfn_to_page(nr_ram_pages).poisoned,
    'the process has nothing of the device': () => !is_device_private_entry(mm.pgd[0].pte),
  },
  broken: {
    'teardown does not wait': {
      kernels: ['v5.14'],
      violates: 'use after free',
      edits: [{ in: 'memunmap_pages', replace: 'wait_for_completion(pgmap.done);', by: '' }],
    },
    'the hotplug lock costs no grace period': {
      kernels: ['v5.14'],
      violates: 'use after free',
      edits: [{ in: 'mem_hotplug_begin', replace: 'synchronize_rcu();', by: '' }],
    },
    'the driver does not evict, and teardown does not wait': {
      kernels: ['v6.1', 'v7.3'],
      violates: 'use after free',
      without: ['e778406b40db'],
      edits: [{ in: 'memunmap_pages', replace: 'wait_for_completion(pgmap.done);', by: '' }],
    },
    'the driver does not evict, and a page in use does not hold the pgmap': {
      kernels: ['v6.1', 'v7.3'],
      violates: 'use after free',
      without: ['e778406b40db', '0dc45ca1ce18'],
    },
  },
});

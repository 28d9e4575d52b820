// SPDX-License-Identifier: GPL-2.0-only
/**
 * Two CPUs touch a page that is in a device's own memory, and the driver brings it back of its own accord as well.
 *
 * Z-01. Up to v6.0 a fault that is late calls the driver for a page that the driver has got back already.
 */

import { PRIVATE_FREE_AT_ZERO, SEED } from '../linux/commits.js';
import { nr_ram_pages, pfn_to_page } from '../linux/include/asm-generic/memory_model.js';
import { page_mapcount } from '../linux/include/linux/mm.js';
import type { AddressSpace, MmStruct, VmArea } from '../linux/include/linux/mm_types.js';
import { page_ref_count } from '../linux/include/linux/page_ref.js';
import {
  is_device_private_entry,
  pte_offset,
  pte_page,
  pte_present,
  ptep_get_lockless,
} from '../linux/include/linux/pgtable.js';
import { start_kernel } from '../linux/init/main.js';
import {
  dmirror_device_init,
  dmirror_device0,
  dmirror_migrate_to_device,
  dmirror_migrate_to_system,
  dmirror0,
} from '../linux/lib/test_hmm.js';
import { do_swap_page } from '../linux/mm/memory_swap.js';
import { anon_vma_prepare } from '../linux/mm/rmap_walk.js';
import { current_task, type ghost, object, type u8 } from '../machine/core.js';
import { down_read, up_read } from '../machine/lock.js';
import { scenario } from '../machine/scenario.js';

const mm = object<MmStruct>();
const vma = object<VmArea>();
const anon = object<AddressSpace>();

interface Seen {
  /** the tasks, a bit each, whose fault has read the entry of the device page */
  device_entry: ghost<u8>;
}
const seen = object<Seen>();

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
    if (is_device_private_entry(pte)) seen.device_entry = seen.device_entry | (1 << current_task());
    if (!pte_present(pte)) do_swap_page(vma, 0, pte);
    up_read(mm.mmap_lock);
    if (pte_present(pte)) return;
  }
}

/** The driver brings the page back of its own accord. */
function migrate_back(): void {
  down_read(mm.mmap_lock);
  dmirror_migrate_to_system(vma, 0);
  up_read(mm.mmap_lock);
}

export default scenario({
  title: 'A fault on a device-private page while somebody else brings the page back',
  question: 'May the fault handler hand the page of a device-private entry to the driver as it is?',
  about: [
    'Z-01',
    'CVE-2022-3523',
    '16ce101db85d mm/memory.c: fix race when faulting a device private page (v6.1)',
    '1afaeb8293c9 mm/migrate: Trylock device page in do_swap_page (v6.15)',
  ],
  expect: { 'v5.14': 'violated', seed: 'violated', 'v5.18': 'violated', 'v6.1': 'holds', 'v7.3': 'holds' },
  violates: { 'v5.14': 'null', seed: 'null', 'v5.18': 'null' },
  sizes: { pages: 4, device_pages: 1 },
  init: migrate_to_device,
  tasks: {
    fault: touch,
    another_fault: touch,
    migrate_back,
  },
  sometimes: {
    'both have read the entry of the device page': () => seen.device_entry === 3,
  },
  finally: {
    'the driver has its page back, as free as at the beginning': () =>
      dmirror_device0.free_pages === pfn_to_page(nr_ram_pages) &&
      page_ref_count(pfn_to_page(nr_ram_pages)) === (SEED || PRIVATE_FREE_AT_ZERO ? 0 : 1),
    'the ordinary page has the one reference of its one mapping': () =>
      page_ref_count(pte_page(mm.pgd[0].pte)) === 1 && page_mapcount(pte_page(mm.pgd[0].pte)) === 1,
  },
  broken: {
    'the fault takes no reference': { kernels: ['v6.1', 'v7.3'], violates: 'null', without: ['16ce101db85d'] },
    'the entry is not looked at again under the lock': {
      kernels: ['v6.1'],
      violates: 'BUG',
      edits: [
        { in: 'fault_device_private', replace: '!pte_same(ptep_get(pte_offset(mm, address)), orig_pte)', by: 'false' },
      ],
    },
  },
});

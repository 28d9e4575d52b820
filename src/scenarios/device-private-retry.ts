// SPDX-License-Identifier: GPL-2.0-only
/**
 * Two CPUs touch a page that is in a device's own memory, and nobody else is there: does either get it?
 *
 * Z-02. From v6.1 to v6.14 each fault holds a reference while the driver migrates the page. Where both have theirs, each finds
 * one reference too many, puts the entry back, and faults again. Since v6.15 only the fault that gets the page's lock takes one.
 * Up to v6.0 a fault that is late fails before that (Z-01, device-private-fault.ts, whose finding this is there).
 */
import { nr_ram_pages, pfn_to_page } from '../linux/include/asm-generic/memory_model.js';
import type { AddressSpace, MmStruct, VmArea } from '../linux/include/linux/mm_types.js';
import { page_ref_count } from '../linux/include/linux/page_ref.js';
import { pte_offset, pte_present, ptep_get_lockless } from '../linux/include/linux/pgtable.js';
import { start_kernel } from '../linux/init/main.js';
import { dmirror_device_init, dmirror_device0, dmirror_migrate_to_device, dmirror0 } from '../linux/lib/test_hmm.js';
import { do_swap_page } from '../linux/mm/memory_swap.js';
import { anon_vma_prepare } from '../linux/mm/rmap_walk.js';
import { type ghost, object, type u8 } from '../machine/core.js';
import { down_read, up_read } from '../machine/lock.js';
import { scenario } from '../machine/scenario.js';

const mm = object<MmStruct>();
const vma = object<VmArea>();
const anon = object<AddressSpace>();

interface Seen {
  /** faults that came back to an entry that was still not present; no more than 2 are counted */
  retries: ghost<u8>;
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
  for (let is_first = true; ; is_first = false) {
    down_read(mm.mmap_lock);
    const pte = ptep_get_lockless(pte_offset(mm, 0));
    if (!pte_present(pte)) {
      if (!is_first && seen.retries < 2) seen.retries = seen.retries + 1;
      do_swap_page(vma, 0, pte);
    }
    up_read(mm.mmap_lock);
    if (pte_present(pte)) return;
  }
}

export default scenario({
  title: 'Two faults on one device-private page',
  question: 'Can two CPUs that fault on a device page keep each other from getting it, for ever?',
  about: [
    'Z-02',
    '16ce101db85d mm/memory.c: fix race when faulting a device private page (v6.1)',
    '1afaeb8293c9 mm/migrate: Trylock device page in do_swap_page (v6.15)',
  ],
  expect: { 'v5.14': 'violated', seed: 'violated', 'v5.18': 'violated', 'v6.1': 'violated', 'v7.3': 'holds' },
  violates: { 'v5.14': 'null', seed: 'null', 'v5.18': 'null', 'v6.1': 'livelock' },
  sizes: { pages: 4, device_pages: 1 },
  init: migrate_to_device,
  tasks: { fault: touch, another_fault: touch },
  progress: ['fault', 'another_fault'],
  sometimes: { 'a fault has to try again': () => seen.retries > 0 },
  finally: {
    'the device page is in nobody’s hands': () => page_ref_count(pfn_to_page(nr_ram_pages)) <= 1,
  },
  broken: {
    'both faults take a reference': { kernels: ['v7.3'], violates: 'livelock', without: ['1afaeb8293c9'] },
  },
});

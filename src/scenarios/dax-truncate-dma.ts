// SPDX-License-Identifier: GPL-2.0-only
/**
 * A device writes into a mapped page of a DAX file while the file is truncated: the page is the file's block, and the
 * block may be another file's a moment later.
 *
 * What holds here holds by two things together: truncate waits while the count says that somebody has the page, and
 * gup, which takes its reference before it looks at the page table again, gives up where the entry is gone. With TLB
 * flushes that interrupt every CPU the second look is not needed against truncate: the flush waits for the walker. So
 * the variant without the second look also lets flushes go without interrupts, as in guests and on arm64. With the
 * second look such flushes do no harm, but up to v6.14 truncate may meet the reference that gup is about to give back and
 * warn of it (dax_disassociate_entry); since v6.15 the count is 0 by then, and gup gets none. A zap in parallel that does
 * not flush for the other gets no further than that warning either: nobody stores through an old translation here.
 * Not here: a file that is unmapped while the device writes: dax-munmap-dma.ts.
 */

import { pmem_attach_disk } from '../linux/drivers/nvdimm/pmem.js';
import { ext4_iget, ext4_setattr } from '../linux/fs/ext4/inode.js';
import { file_of_page } from '../linux/fs/ext4/mballoc.js';
import { put_page } from '../linux/include/linux/mm.js';
import type { Inode, MmStruct, Page, VmArea } from '../linux/include/linux/mm_types.js';
import { FOLL_WRITE, get_user_pages_fast } from '../linux/mm/gup.js';
import { put_user } from '../linux/mm/memory_fault.js';
import { madvise_dontneed, mmap_file, vm_munmap } from '../linux/mm/mmap.js';
import { assert } from '../machine/bug.js';
import { type bool, type ghost, object, one_step } from '../machine/core.js';
import { scenario } from '../machine/scenario.js';

const file = object<Inode>();
const mm = object<MmStruct>();
const vma = object<VmArea>();

const other_file = object<Inode>();
const other_mm = object<MmStruct>();
const other_vma = object<VmArea>();

/** What the device has done, for `sometimes`. */
interface Device {
  wrote: ghost<bool>;
}
const device = object<Device>();

/** The only block of the file system belongs to `file`, and is mapped. */
function map_both_files(): void {
  pmem_attach_disk();
  ext4_iget(file, 1);
  ext4_iget(other_file, 1);
  mmap_file(mm, vma, file, 0, 0, 1);
  mmap_file(other_mm, other_vma, other_file, 0, 0, 1);
  put_user(mm, 0, () => {});
}

/** A device was given the page, and stores to it. */
function dma_write(page: Page): void {
  one_step(() => {
    const owner = file_of_page(page);
    assert(owner === null || owner === file, 'a device wrote to a block that belongs to another file');
    device.wrote = true;
  });
}

/** O_DIRECT: reads from some disk into the mapping of the file; then the process ends (Z-39 would keep truncate asleep). */
function direct_read(): void {
  const page = get_user_pages_fast(mm, 0, FOLL_WRITE);
  if (page !== null) {
    dma_write(page);
    put_page(page);
  }
  vm_munmap(mm, vma);
}

export default scenario({
  title: 'Truncate of a DAX file against DMA into a page of it',
  question: 'Can a device still write to a block that the file has lost and another file has got?',
  about: [
    'Z-14: 5fac7408d828 mm, fs, dax: handle layout changes to pinned dax mappings (v4.18)',
    'Z-15: gup that does not look at the page table again',
    'the seed fails before that: gup warns at the page with a count of 0 (Z-41, dax-direct-io)',
  ],
  expect: { 'v5.14': 'holds', seed: 'violated', 'v5.18': 'holds', 'v6.1': 'holds', 'v7.3': 'holds' },
  violates: { seed: 'WARN' },
  sizes: { pages: 0, device_pages: 1, CONFIG_DEVICE_PRIVATE: 0, CONFIG_MIGRATION: 0 },
  init: map_both_files,
  tasks: {
    direct_read,
    truncate: () => ext4_setattr(file, 0),
    other_process: () => {
      put_user(other_mm, 0, () => {});
    },
    madvise: () => madvise_dontneed(mm, vma, 0, 1),
  },
  sometimes: {
    'the device wrote': () => device.wrote,
    'the other file has the block': () => other_file.ext4.i_block[0] !== 0,
  },
  finally: {
    'the file gave the block up': () => file.ext4.i_block[0] === 0,
  },
  broken: {
    truncate_does_not_wait: {
      kernels: ['v5.14', 'v6.1', 'v7.3'],
      violates: 'assert',
      edits: [
        { in: 'dax_layout_busy_page_range', replace: 'if (entry !== 0) page = dax_busy_page(entry);', by: '' },
        { in: 'dax_disassociate_entry', replace: 'folio_ref_count(folio) !== 0', by: 'false' },
        {
          in: 'dax_disassociate_entry',
          replace: 'if (trunc) WARN_ON_ONCE(SEED ? !dax_page_unused(folio) : page_ref_count(folio) > 1);',
          by: '',
        },
      ],
    },
    gup_does_not_look_again: {
      kernels: ['v5.14', 'v6.1', 'v7.3'],
      violates: 'assert',
      edits: [
        { in: 'gup_pte_range', replace: 'grabbed && !pte_same(pte, ptep_get_lockless(ptep))', by: 'false' },
        { in: 'gup_fast_pte_range', replace: '!pte_same(pte, ptep_get_lockless(ptep))', by: 'false' },
        { in: 'flush_tlb_mm_range', replace: 'TLB_FLUSH_WITHOUT_IPI !== 0', by: 'true' },
        {
          in: 'dax_disassociate_entry',
          replace: 'if (trunc) WARN_ON_ONCE(SEED ? !dax_page_unused(folio) : page_ref_count(folio) > 1);',
          by: '',
        },
      ],
    },
    parallel_zap_does_not_flush: {
      kernels: ['v5.14', 'v6.1'],
      violates: 'WARN',
      edits: [{ in: 'mm_tlb_flush_nested', replace: 'atomic_read(mm.tlb_flush_pending) > 1', by: 'false' }],
    },
  },
});

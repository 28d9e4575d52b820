// SPDX-License-Identifier: GPL-2.0-only
/**
 * A device writes into a page of a DAX file while the mapping of it is removed and the file is truncated.
 *
 * Up to v6.14 the scan for busy pages looked only while somebody mapped the file: the last munmap hid the pin from it.
 * The commit that fixed it says so itself. Dropping the entries, truncate warns (`page_ref_count(page) > 1`) and goes on.
 */

import { pmem_attach_disk } from '../linux/drivers/nvdimm/pmem.js';
import { ext4_iget, ext4_setattr } from '../linux/fs/ext4/inode.js';
import { file_of_page } from '../linux/fs/ext4/mballoc.js';
import { put_page } from '../linux/include/linux/mm.js';
import type { Inode, MmStruct, Page, VmArea } from '../linux/include/linux/mm_types.js';
import { FOLL_WRITE, get_user_pages_fast } from '../linux/mm/gup.js';
import { put_user } from '../linux/mm/memory_fault.js';
import { mmap_file, vm_munmap } from '../linux/mm/mmap.js';
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
  wrote_unmapped: ghost<bool>;
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
    if (file.i_data.i_mmap === null) device.wrote_unmapped = true;
  });
}

/** O_DIRECT: reads from some disk into the mapping of the file; meanwhile another thread unmaps it. */
function direct_read(): void {
  const page = get_user_pages_fast(mm, 0, FOLL_WRITE);
  if (page !== null) {
    dma_write(page);
    put_page(page);
  }
}

export default scenario({
  title: 'The last munmap of a DAX file, and truncate, against DMA into a page of it',
  question: 'Does truncate wait for a device that writes to a page which nobody maps any more?',
  about: [
    'cee91fa13a8e fs/dax: return unmapped busy pages from dax_layout_busy_page_range() (v6.15)',
    'Z-14',
    'the seed fails before that: gup warns at the page with a count of 0 (Z-41, dax-direct-io)',
  ],
  expect: { 'v5.14': 'violated', seed: 'violated', 'v5.18': 'violated', 'v6.1': 'violated', 'v7.3': 'holds' },
  violates: { 'v5.14': 'WARN', seed: 'WARN', 'v5.18': 'WARN', 'v6.1': 'WARN' },
  sizes: { pages: 0, device_pages: 1, CONFIG_DEVICE_PRIVATE: 0, CONFIG_MIGRATION: 0 },
  init: map_both_files,
  tasks: {
    direct_read,
    truncate: () => ext4_setattr(file, 0),
    munmap: () => vm_munmap(mm, vma),
    other_process: () => {
      put_user(other_mm, 0, () => {});
    },
  },
  sometimes: {
    'the device wrote while nobody mapped the file': () => device.wrote_unmapped,
    'the other file has the block': () => other_file.ext4.i_block[0] !== 0,
  },
  finally: {
    'the file gave the block up': () => file.ext4.i_block[0] === 0,
  },
  broken: {
    without_the_fix: {
      kernels: ['v7.3'],
      violates: 'WARN',
      without: ['cee91fa13a8e'],
    },
    without_the_fix_and_the_warning: {
      kernels: ['v7.3'],
      violates: 'assert',
      without: ['cee91fa13a8e'],
      edits: [{ in: 'dax_disassociate_entry', replace: 'folio_ref_count(folio) !== 0', by: 'false' }],
    },
  },
});

// SPDX-License-Identifier: GPL-2.0-only
/**
 * A hole punch waits for a page to be idle, and meanwhile the page is mapped again.
 *
 * The seed's question (why must anybody catch the drop of a count from 2 to 1?) has its answer here. The same was seen
 * on booted kernels: 5.10.223 and 6.12.117 return from the punch, 7.3.4 sleeps on, until the page is unmapped. (The
 * sleep is interruptible; there are no signals here.)
 */

import { FSDAX_COUNTED } from '../linux/commits.js';
import { pmem_attach_disk } from '../linux/drivers/nvdimm/pmem.js';
import { ext4_iget, ext4_punch_hole } from '../linux/fs/ext4/inode.js';
import { file_of_page } from '../linux/fs/ext4/mballoc.js';
import { folio_mapcount, put_page } from '../linux/include/linux/mm.js';
import type { Inode, MmStruct, Page, VmArea } from '../linux/include/linux/mm_types.js';
import { page_ref_count } from '../linux/include/linux/page_ref.js';
import { pte_present } from '../linux/include/linux/pgtable.js';
import { get_user_pages_fast } from '../linux/mm/gup.js';
import { put_user } from '../linux/mm/memory_fault.js';
import { mmap_file } from '../linux/mm/mmap.js';
import { assert } from '../machine/bug.js';
import { object } from '../machine/core.js';
import { scenario } from '../machine/scenario.js';
import { cpus } from '../machine/task.js';

const file = object<Inode>();
const mm = object<MmStruct>();
const vma = object<VmArea>();

/** What vmsplice put there: a page, with a reference. */
interface Pipe {
  page: Page | null;
}
const pipe = object<Pipe>();

/** The process stores to the first page of its mapping. */
function touch(): void {
  put_user(mm, 0, (page) => assert(file_of_page(page) === file, "a store reached a block that is not the file's"));
}

/** The process has the first page of a file mapped, and has spliced it into a pipe. */
function map_and_splice(): void {
  pmem_attach_disk();
  ext4_iget(file, 1);
  mmap_file(mm, vma, file, 0, 0, 1);
  touch();
  pipe.page = get_user_pages_fast(mm, 0, 0);
}

const PUNCH = 0;

export default scenario({
  title: 'A hole punch waits for DMA to end; the page is mapped again while it waits',
  question: 'Does a hole punch return once nobody holds the page any more, whatever user space does meanwhile?',
  about: [
    'Z-39',
    'evidence/z39: 5.10.223 and 6.12.117 return, 7.3.4 sleeps until the page is unmapped',
    '38607c62b34b fs/dax: properly refcount fs dax pages (v6.15)',
    'the seed: "something more fundamental that required to catch the 2->1 refcount transition"',
  ],
  expect: { 'v5.14': 'holds', seed: 'not applicable', 'v5.18': 'holds', 'v6.1': 'holds', 'v7.3': 'violated' },
  violates: { 'v7.3': 'stuck' },
  sizes: { pages: 0, device_pages: 1, CONFIG_DEVICE_PRIVATE: 0, CONFIG_MIGRATION: 0 },
  init: map_and_splice,
  tasks: {
    punch: () => ext4_punch_hole(file, 0, 0),
    touch,
    drain_pipe: () => put_page(pipe.page!),
  },
  sometimes: {
    'mapped again while the punch waits': () => cpus[PUNCH].wait_on !== 0 && pte_present(mm.pgd[0].pte),
  },
  finally: {
    'nobody holds the page but who maps it': () =>
      FSDAX_COUNTED ? page_ref_count(pipe.page!) === folio_mapcount(pipe.page!) : page_ref_count(pipe.page!) === 1,
  },
  broken: {
    mappings_count: {
      kernels: ['v6.1'],
      violates: 'stuck',
      with: ['38607c62b34b'],
    },
    drop_to_1_is_not_caught: {
      kernels: ['v6.1'],
      violates: 'stuck',
      edits: [
        { in: '__put_devmap_managed_folio_refs', replace: 'page_ref_sub_return(folio, refs) === 1', by: 'false' },
      ],
    },
  },
});

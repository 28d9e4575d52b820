// SPDX-License-Identifier: GPL-2.0-only
/**
 * O_DIRECT into a mapping of a DAX file, then into ordinary memory that goes away at the same time.
 *
 * The first is what generic/413 of xfstests does, and what failed with the patch of the seed: a mapped page of fs-dax
 * had a count of 0. The second is why gup may not simply raise a count of 0: for every other page that is a free one.
 * TLB flushes need not wait for CPUs here, as in guests and on arm64: one that interrupts them would hide the second.
 */

import { pmem_attach_disk } from '../linux/drivers/nvdimm/pmem.js';
import { ext4_iget } from '../linux/fs/ext4/inode.js';
import { file_of_page } from '../linux/fs/ext4/mballoc.js';
import { put_page } from '../linux/include/linux/mm.js';
import type { AddressSpace, Folio, Inode, MmStruct, Page, VmArea } from '../linux/include/linux/mm_types.js';
import { folio_ref_add, page_ref_add } from '../linux/include/linux/page_ref.js';
import { mk_pte, pte_mkwrite, pte_offset, set_pte_at } from '../linux/include/linux/pgtable.js';
import { FOLL_WRITE, get_user_pages_fast } from '../linux/mm/gup.js';
import { put_user } from '../linux/mm/memory_fault.js';
import { memblock_free_all } from '../linux/mm/mm_init.js';
import { madvise_dontneed, mmap_anonymous, mmap_file } from '../linux/mm/mmap.js';
import { alloc_page } from '../linux/mm/page_alloc.js';
import { page_add_new_anon_rmap } from '../linux/mm/rmap_walk.js';
import { assert } from '../machine/bug.js';
import { type bool, type ghost, type int, object, one_step } from '../machine/core.js';
import { scenario } from '../machine/scenario.js';

const file = object<Inode>();
const mm = object<MmStruct>();
const dax_vma = object<VmArea>();
const anon_area = object<VmArea>();
const anon_vma = object<AddressSpace>();

/** Page 0 of the process is a file's, page 1 is its own. */
const DAX = 0;
const ANON = 1;

interface Device {
  wrote_to_dax: ghost<bool>;
  wrote_to_anon: ghost<bool>;
}
const device = object<Device>();

function map_both(): void {
  memblock_free_all();
  pmem_attach_disk();
  ext4_iget(file, 1);
  mmap_file(mm, dax_vma, file, DAX, 0, 1);
  put_user(mm, DAX, () => {});
  mmap_anonymous(mm, anon_area, anon_vma, ANON, 1);
  const page: Page = alloc_page()!;
  page_add_new_anon_rmap(page, anon_area, ANON);
  set_pte_at(pte_offset(mm, ANON), pte_mkwrite(mk_pte(page)));
}

/** The process has the buffer mapped, so nothing but memory that is gone in the meantime is a reason to fail. */
function direct_read_into_dax(): void {
  const page = get_user_pages_fast(mm, DAX, FOLL_WRITE);
  assert(page !== null, 'O_DIRECT into a mapped DAX file fails');
  one_step(() => {
    assert(file_of_page(page!) === file, "the device wrote to a block that is not the file's");
    device.wrote_to_dax = true;
  });
  put_page(page!);
}

function direct_read_into_anon(): void {
  const page = get_user_pages_fast(mm, ANON, FOLL_WRITE);
  if (page === null) return;
  one_step(() => {
    device.wrote_to_anon = true;
  });
  put_page(page);
}

/** The process gives its own page back, and somebody else gets it. */
function free_and_reuse(): void {
  madvise_dontneed(mm, anon_area, ANON, ANON + 1);
  const page = alloc_page();
  if (page !== null) put_page(page);
}

/** The tempting repair, first half: a count of 0 is raised as any other. */
function try_get_compound_head__accepts_0(page: Page, refs: int): bool {
  page_ref_add(page, refs);
  return true;
}

/** The same, v5.18 on. */
function try_get_folio__accepts_0(page: Page, refs: int): Folio | null {
  folio_ref_add(page, refs);
  return page;
}

/** The tempting repair, second half: nor does the slow way mind. */
function try_grab_page__accepts_0(page: Page, flags: int): bool {
  page_ref_add(page, 1);
  return true;
}

export default scenario({
  title: 'O_DIRECT into a mapping of a DAX file',
  question: 'Does get_user_pages get a page of a DAX file that is mapped? And may it take one whose count is 0?',
  about: [
    'Z-41: generic/413 with the patch as posted',
    'the v5 of the series let gup raise a count of 0; the v7 took that back as invalid',
    '38607c62b34b fs/dax: properly refcount fs dax pages (v6.15)',
  ],
  expect: { 'v5.14': 'holds', seed: 'violated', 'v5.18': 'holds', 'v6.1': 'holds', 'v7.3': 'holds' },
  violates: { seed: 'WARN' },
  sizes: { pages: 1, device_pages: 1, CONFIG_DEVICE_PRIVATE: 0, CONFIG_MIGRATION: 0, TLB_FLUSH_WITHOUT_IPI: 1 },
  init: map_both,
  tasks: {
    direct_read: () => {
      direct_read_into_dax();
      direct_read_into_anon();
    },
    free_and_reuse,
  },
  sometimes: {
    'the device wrote to the page of the file': () => device.wrote_to_dax,
    'the device wrote to ordinary memory': () => device.wrote_to_anon,
  },
  broken: {
    the_patch_as_posted: {
      kernels: ['v5.14'],
      violates: 'WARN',
      with: ['20210825034828.12927-3-alex.sierra@amd.com'],
    },
    gup_raises_a_count_of_0: {
      kernels: ['v5.14', 'seed', 'v5.18', 'v6.1', 'v7.3'],
      violates: 'BUG',
      functions: [try_get_compound_head__accepts_0, try_get_folio__accepts_0, try_grab_page__accepts_0],
    },
  },
});

// SPDX-License-Identifier: GPL-2.0-only
/**
 * The last pin on a page of a DAX file is given back while a hole punch waits for the page to be idle.
 *
 * An idle page had a count of 1 until v6.14, so the drop that must wake is from 1025 to 1, in one subtraction of 1024
 * or in several; since v6.15 it is the ordinary drop to 0.
 */

import { pmem_attach_disk } from '../linux/drivers/nvdimm/pmem.js';
import { ext4_iget, ext4_punch_hole } from '../linux/fs/ext4/inode.js';
import type { Inode, MmStruct, Page, VmArea } from '../linux/include/linux/mm_types.js';
import { page_ref_count } from '../linux/include/linux/page_ref.js';
import { FOLL_WRITE, GUP_PIN_COUNTING_BIAS, pin_user_pages_fast, unpin_user_page } from '../linux/mm/gup.js';
import { put_user } from '../linux/mm/memory_fault.js';
import { mmap_file } from '../linux/mm/mmap.js';
import { type addr, type bool, object } from '../machine/core.js';
import { scenario } from '../machine/scenario.js';
import { cpus } from '../machine/task.js';
import { prepare_to_wait_on } from '../machine/wait.js';

const file = object<Inode>();
const mm = object<MmStruct>();
const vma = object<VmArea>();

/** What the driver of the device keeps. */
interface Driver {
  page: Page | null;
}
const driver = object<Driver>();

/** A device may write to the first page of the file, through a mapping of it. */
function map_and_pin(): void {
  pmem_attach_disk();
  ext4_iget(file, 1);
  mmap_file(mm, vma, file, 0, 0, 1);
  put_user(mm, 0, () => {});
  driver.page = pin_user_pages_fast(mm, 0, FOLL_WRITE);
}

/** Looks, then enqueues: a wake-up between the two is lost. */
function ___wait_var_event__looks_first(variable: addr, condition: () => bool, cmd: () => void): void {
  while (!condition()) {
    prepare_to_wait_on(variable);
    cmd();
  }
}

const PUNCH = 1;

export default scenario({
  title: 'The last pin goes while a hole punch waits for it',
  question: 'Does giving back a pin wake who waits for the page to be idle?',
  about: [
    'Z-11: c5d6c45e90c4 (v5.3), a put that does not look for the drop to 1',
    'Z-12: f4f451a16dd1 mm: fix missing wake-up event for FSDAX pages (v5.19)',
    'd8ddc099c6b3 mm/gup: Add gup_put_folio() (v5.18)',
  ],
  expect: { 'v5.14': 'holds', seed: 'not applicable', 'v5.18': 'violated', 'v6.1': 'holds', 'v7.3': 'holds' },
  violates: { 'v5.18': 'stuck' },
  sizes: { pages: 0, device_pages: 1, CONFIG_DEVICE_PRIVATE: 0, CONFIG_MIGRATION: 0 },
  init: map_and_pin,
  tasks: {
    device_done: () => unpin_user_page(driver.page!),
    punch: () => ext4_punch_hole(file, 0, 0),
  },
  sometimes: {
    'the punch waits for a pinned page': () =>
      cpus[PUNCH].wait_on !== 0 && page_ref_count(driver.page!) >= GUP_PIN_COUNTING_BIAS,
  },
  finally: {
    'the file gave the block up': () => file.ext4.i_block[0] === 0,
  },
  broken: {
    put_is_an_ordinary_one: {
      kernels: ['v5.14'],
      violates: 'stuck',
      edits: [{ in: 'put_devmap_managed_page', replace: 'count === 1', by: 'false' }],
    },
    without_the_fix: {
      kernels: ['v6.1'],
      violates: 'stuck',
      without: ['f4f451a16dd1'],
    },
    last_put_does_not_wake: {
      kernels: ['v7.3'],
      violates: 'stuck',
      edits: [{ in: 'free_zone_device_folio', replace: 'wake_up_var(addr_of(folio));', by: '' }],
    },
    looks_before_it_enqueues: {
      kernels: ['v5.14', 'v6.1', 'v7.3'],
      violates: 'stuck',
      functions: [___wait_var_event__looks_first],
    },
  },
});

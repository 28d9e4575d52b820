// SPDX-License-Identifier: GPL-2.0-only
/**
 * A fault on an entry that is not empty and not present: a page on the move, or one of a device.
 *
 * Upstream: mm/memory.c (5.10, 6.1, 7.3).
 * Modelled: migration entries and device-private entries, in each kernel's shape.
 * Left out: swap itself; v6.4's faults under the vma's own lock, which go back and take mmap_lock for this.
 */
import type { int } from '../../machine/core.js';
import { spin_lock, spin_unlock } from '../../machine/lock.js';
import { DEVICE_FAULT_TAKES_REF, DEVICE_FAULT_TRYLOCKS, DEVICE_FAULT_WAITS_FOR_LOCK } from '../commits.js';
import { get_page, put_page } from '../include/linux/mm.js';
import type { vm_fault_t } from '../include/linux/mm_fault.js';
import type { MmStruct, Page, VmArea } from '../include/linux/mm_types.js';
import { trylock_page, unlock_page } from '../include/linux/pagemap.js';
import {
  is_device_private_entry,
  is_migration_entry,
  pfn_swap_entry_to_page,
  pte_offset,
  pte_same,
  ptep_get,
  type pteval,
} from '../include/linux/pgtable.js';
import { dmirror_devmem_fault } from '../lib/test_hmm.js';
import { softleaf_entry_wait_on_locked } from './filemap.js';
import { migration_entry_wait } from './migrate.js';

/** v6.15 on: only the fault that gets the page's lock goes on. The page table lock is held, and dropped. */
function fault_device_private_locked(vma: VmArea, address: int, page: Page): vm_fault_t {
  const mm: MmStruct = vma.vm_mm!;
  if (trylock_page(page)) {
    get_page(page);
    spin_unlock(mm.page_table_lock);
    const ret = dmirror_devmem_fault(vma, address, page);
    unlock_page(page);
    put_page(page);
    return ret;
  }
  if (DEVICE_FAULT_WAITS_FOR_LOCK) softleaf_entry_wait_on_locked(page, mm.page_table_lock);
  else spin_unlock(mm.page_table_lock);
  return 0;
}

/** v6.1 on: the entry is looked at again under the lock, and so the page cannot go while a reference is taken. */
function fault_device_private(vma: VmArea, address: int, orig_pte: pteval, page: Page): vm_fault_t {
  const mm: MmStruct = vma.vm_mm!;
  spin_lock(mm.page_table_lock);
  if (!pte_same(ptep_get(pte_offset(mm, address)), orig_pte)) {
    spin_unlock(mm.page_table_lock);
    return 0;
  }
  if (DEVICE_FAULT_TRYLOCKS) return fault_device_private_locked(vma, address, page);
  get_page(page);
  spin_unlock(mm.page_table_lock);
  const ret = dmirror_devmem_fault(vma, address, page);
  put_page(page);
  return ret;
}

/** @param orig_pte the entry as the fault has read it, without the lock */
export function do_swap_page(vma: VmArea, address: int, orig_pte: pteval): vm_fault_t {
  if (is_migration_entry(orig_pte)) {
    migration_entry_wait(vma.vm_mm!, address);
    return 0;
  }
  if (!is_device_private_entry(orig_pte)) return 0;
  const page: Page = pfn_swap_entry_to_page(orig_pte);
  if (DEVICE_FAULT_TAKES_REF) return fault_device_private(vma, address, orig_pte, page);
  return dmirror_devmem_fault(vma, address, page);
}

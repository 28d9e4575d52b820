// SPDX-License-Identifier: GPL-2.0-only
/**
 * A page fault: what the page table lacks is got from whoever serves the address.
 *
 * One upstream file in two: this half calls file systems and drivers, which call the other half (memory.ts), and files
 * form no cycle here.
 *
 * Upstream: mm/memory.c, arch/x86/mm/fault.c (5.10, 6.1, 6.12, 7.3).
 * Modelled: write faults on a mapped file: vm_ops->fault is ext4's, the only one; entries that are not present.
 * Left out: getting new anonymous memory, read faults, write protection, per-vma locks (mmap_lock is taken, as all
 *   versions may), retries.
 */
import type { bool, int } from '../../machine/core.js';
import { down_read, up_read } from '../../machine/lock.js';
import { user_store } from '../arch/x86/mm/tlb.js';
import { ext4_dax_fault } from '../fs/ext4/file.js';
import { VM_FAULT_ERROR, VM_FAULT_SIGBUS, type vm_fault_t } from '../include/linux/mm_fault.js';
import type { MmStruct, Page, VmArea } from '../include/linux/mm_types.js';
import { pte_none, pte_offset, pte_present, ptep_get_lockless, type pteval } from '../include/linux/pgtable.js';
import { do_swap_page } from './memory_swap.js';
import { find_vma } from './mmap.js';

/** The vma serves the fault itself. */
function do_fault(vma: VmArea, address: int): vm_fault_t {
  return vma.vm_file === null ? VM_FAULT_SIGBUS : ext4_dax_fault(vma, address);
}

/** handle_pte_fault, that is. mmap_lock held. */
export function handle_mm_fault(vma: VmArea, address: int): vm_fault_t {
  const orig_pte: pteval = ptep_get_lockless(pte_offset(vma.vm_mm!, address));
  if (pte_none(orig_pte)) return do_fault(vma, address);
  if (!pte_present(orig_pte)) return do_swap_page(vma, address, orig_pte);
  return 0;
}

/** The CPU raised a page fault. @returns whether the access may be tried again; else the task gets a signal */
export function do_user_addr_fault(mm: MmStruct, address: int): bool {
  down_read(mm.mmap_lock);
  const vma = find_vma(mm, address);
  const fault = vma === null ? VM_FAULT_SIGBUS : handle_mm_fault(vma, address);
  up_read(mm.mmap_lock);
  return (fault & VM_FAULT_ERROR) === 0;
}

/**
 * What user code does when it stores to `address`: tries, faults, tries again.
 * @param store what the store does to the page that it reaches
 * @returns false if there is nothing to reach (SIGBUS, SIGSEGV)
 */
export function put_user(mm: MmStruct, address: int, store: (page: Page) => void): bool {
  while (!user_store(mm, address, store)) {
    if (!do_user_addr_fault(mm, address)) return false;
  }
  return true;
}

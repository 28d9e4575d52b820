// SPDX-License-Identifier: GPL-2.0-only
/**
 * Page tables: putting a page into one, and taking pages out.
 *
 * Not here: the fault handler, which calls file systems and drivers, and they call this: mm/memory_fault.ts.
 *
 * Upstream: mm/memory.c (5.10, 6.1, 6.12, 7.3).
 * Modelled: the two ways to map a page of device memory (uncounted, as fs-dax did until v6.14; counted, as it does
 *   since), and zapping with its order: the entry is cleared, then the TLBs are flushed, then the page's mapping and at
 *   last its reference are given back. A dirty file page is flushed with the page table lock held.
 * Left out: batches (each page is gathered and flushed by itself), upper levels and the freeing of tables, rss counters,
 *   copy-on-write, userfaultfd, the warning that a device-private page is anonymous. v5.14 takes i_mmap_rwsem for writing
 *   in unmap_mapping_pages; here it is for reading.
 */
import { WARN_ON_ONCE } from '../../machine/bug.js';
import type { bool, int } from '../../machine/core.js';
import { spin_lock, spin_unlock } from '../../machine/lock.js';
import { flush_tlb_page } from '../arch/x86/mm/tlb.js';
import { RMAP_AFTER_TLB_FLUSH, ZAP_CLEARS_ENTRY_LAST, ZAP_PUTS_FOLIOS } from '../commits.js';
import { EBUSY, EFAULT, EINVAL } from '../include/linux/errno.js';
import { i_mmap_lock_read, i_mmap_unlock_read } from '../include/linux/fs.js';
import { folio_get, put_page } from '../include/linux/mm.js';
import { VM_FAULT_NOPAGE, VM_FAULT_SIGBUS, type vm_fault_t } from '../include/linux/mm_fault.js';
import type { AddressSpace, MmStruct, Page, Pte, VmArea } from '../include/linux/mm_types.js';
import { page_ref_count } from '../include/linux/page_ref.js';
import { folio_test_anon } from '../include/linux/page-flags.js';
import {
  is_device_private_entry,
  mk_pte,
  pfn_pte,
  pfn_swap_entry_to_page,
  pte_clear_not_present_full,
  pte_dirty,
  pte_mkdevmap,
  pte_mkwrite,
  pte_none,
  pte_offset,
  pte_page,
  pte_pfn,
  pte_present,
  pte_special,
  ptep_get,
  ptep_get_and_clear,
  type pteval,
  set_pte_at,
} from '../include/linux/pgtable.js';
import { tlb_finish_mmu, tlb_gather_mmu } from './mmu_gather.js';
import { folio_add_file_rmap_pte, folio_remove_rmap_pte } from './rmap.js';
import { folios_put_refs, release_pages } from './swap.js';

/** @returns the page that an entry maps and counts; null if it does not count it */
export function vm_normal_page(pte: pteval): Page | null {
  return pte_special(pte) ? null : pte_page(pte);
}

// ---- mapping a page that is not counted (fs-dax until v6.14) ----------------------------------------------------

function insert_pfn(vma: VmArea, address: int, pfn: int, mkwrite: bool): vm_fault_t {
  const mm: MmStruct = vma.vm_mm!;
  const ptep: Pte = pte_offset(mm, address);
  spin_lock(mm.page_table_lock);
  const pte: pteval = ptep_get(ptep);
  if (pte_none(pte)) {
    const entry: pteval = pte_mkdevmap(pfn_pte(pfn));
    set_pte_at(ptep, mkwrite ? pte_mkwrite(entry) : entry);
  } else if (mkwrite && !WARN_ON_ONCE(pte_pfn(pte) !== pfn)) {
    set_pte_at(ptep, pte_mkwrite(pte));
  }
  spin_unlock(mm.page_table_lock);
  return VM_FAULT_NOPAGE;
}

export function vmf_insert_mixed(vma: VmArea, address: int, pfn: int): vm_fault_t {
  return insert_pfn(vma, address, pfn, false);
}

export function vmf_insert_mixed_mkwrite(vma: VmArea, address: int, pfn: int): vm_fault_t {
  return insert_pfn(vma, address, pfn, true);
}

// ---- mapping a page that is counted (fs-dax since v6.15) --------------------------------------------------------

/** @returns 0 or -errno */
function insert_page_into_pte_locked(ptep: Pte, page: Page, mkwrite: bool): int {
  const pte: pteval = ptep_get(ptep);
  if (!pte_none(pte)) {
    if (!mkwrite) return -EBUSY;
    if (WARN_ON_ONCE(pte_page(pte) !== page)) return -EFAULT;
    set_pte_at(ptep, pte_mkwrite(pte));
    return 0;
  }
  folio_get(page);
  folio_add_file_rmap_pte(page);
  const entry: pteval = mk_pte(page);
  set_pte_at(ptep, mkwrite ? pte_mkwrite(entry) : entry);
  return 0;
}

/** @returns 0 or -errno */
function insert_page(vma: VmArea, address: int, page: Page, mkwrite: bool): int {
  if (page_ref_count(page) === 0) return -EINVAL;
  const mm: MmStruct = vma.vm_mm!;
  spin_lock(mm.page_table_lock);
  const error = insert_page_into_pte_locked(pte_offset(mm, address), page, mkwrite);
  spin_unlock(mm.page_table_lock);
  return error;
}

/** v6.15 on. The caller holds a reference; the mapping takes another. */
export function vmf_insert_page_mkwrite(vma: VmArea, address: int, page: Page, write: bool): vm_fault_t {
  const error = insert_page(vma, address, page, write);
  return error === 0 || error === -EBUSY ? VM_FAULT_NOPAGE : VM_FAULT_SIGBUS;
}

// ---- taking pages out -------------------------------------------------------------------------------------------

/** A present entry of a page that is not counted: nothing to give back, so the flush may wait until after the lock. */
function zap_present_special(vma: VmArea, address: int, ptep: Pte): void {
  ptep_get_and_clear(ptep);
  spin_unlock(vma.vm_mm!.page_table_lock);
  flush_tlb_page(vma, address);
}

/** mm/swap_state.c, for one page: how gathered pages are given back. */
function free_pages_and_swap_cache(page: Page): void {
  if (ZAP_PUTS_FOLIOS) folios_put_refs(page, 1);
  else release_pages(page);
}

/** zap_present_folio_ptes of 7.3, for one page, with what tlb_flush_mmu does after it. */
function zap_present_folio_pte(vma: VmArea, address: int, ptep: Pte, page: Page): void {
  const pte: pteval = ptep_get_and_clear(ptep);
  const force_flush = !folio_test_anon(page) && pte_dirty(pte);
  const delay_rmap = RMAP_AFTER_TLB_FLUSH && force_flush;
  if (!delay_rmap) folio_remove_rmap_pte(page);
  if (force_flush) flush_tlb_page(vma, address);
  if (delay_rmap) folio_remove_rmap_pte(page);
  spin_unlock(vma.vm_mm!.page_table_lock);
  if (!force_flush) flush_tlb_page(vma, address);
  free_pages_and_swap_cache(page);
}

/** zap_nonpresent_ptes of 7.3, for one entry; the page table lock is held. A migration entry has no reference. */
function zap_nonpresent_pte(ptep: Pte, pte: pteval): void {
  if (!ZAP_CLEARS_ENTRY_LAST) pte_clear_not_present_full(ptep);
  if (is_device_private_entry(pte)) {
    const page: Page = pfn_swap_entry_to_page(pte);
    folio_remove_rmap_pte(page);
    put_page(page);
  }
  if (ZAP_CLEARS_ENTRY_LAST) pte_clear_not_present_full(ptep);
}

/** Empties one entry of the page table. */
function zap_pte_range(vma: VmArea, address: int): void {
  const mm: MmStruct = vma.vm_mm!;
  const ptep: Pte = pte_offset(mm, address);
  spin_lock(mm.page_table_lock);
  const pte: pteval = ptep_get(ptep);
  if (pte_present(pte)) {
    const page: Page | null = vm_normal_page(pte);
    if (page === null) zap_present_special(vma, address, ptep);
    else zap_present_folio_pte(vma, address, ptep, page);
  } else {
    if (!pte_none(pte)) zap_nonpresent_pte(ptep, pte);
    spin_unlock(mm.page_table_lock);
  }
}

/** until v6.19 */
function unmap_page_range(vma: VmArea, start: int, end: int): void {
  for (let address: int = vma.vm_start; address < vma.vm_end; address++) {
    if (address >= start && address < end) zap_pte_range(vma, address);
  }
}

/** 7.3's name for it */
function __zap_vma_range(vma: VmArea, start: int, end: int): void {
  unmap_page_range(vma, start, end);
}

/** zap_page_range_single until v7.0; the pages from `start` up to `end`, as far as the vma has them. */
export function zap_vma_range(vma: VmArea, start: int, end: int): void {
  const mm: MmStruct = vma.vm_mm!;
  tlb_gather_mmu(mm);
  __zap_vma_range(vma, start, end);
  tlb_finish_mmu(mm);
}

/** Takes pages `start` to `start + nr - 1` of a file out of all page tables. */
export function unmap_mapping_pages(mapping: AddressSpace, start: int, nr: int): void {
  i_mmap_lock_read(mapping);
  for (let vma: VmArea | null = mapping.i_mmap; vma !== null; vma = vma.shared) {
    const first: int = vma.vm_start - vma.vm_pgoff + start;
    zap_vma_range(vma, first, first + nr);
  }
  i_mmap_unlock_read(mapping);
}

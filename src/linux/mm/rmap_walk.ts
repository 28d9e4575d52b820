// SPDX-License-Identifier: GPL-2.0-only
/**
 * From an anonymous page to the page tables that map it.
 *
 * Not here: counting mappings (mm/rmap.ts).
 *
 * Upstream: mm/rmap.c, page_vma_mapped.c (5.10, 6.1, 7.3).
 * Modelled: the walk over the vmas of the page's anon_vma, each entry looked at under the page table lock; replacing an
 *   entry by a migration entry, with its order: entry, mapping, reference.
 * Left out: the anon_vma's lock (its vmas do not change here), ksm, large folios, files; soft-dirty and the like.
 */
import { atomic_set } from '../../machine/atomic.js';
import type { bool, int } from '../../machine/core.js';
import { spin_lock, spin_unlock } from '../../machine/lock.js';
import { flush_tlb_page } from '../arch/x86/mm/tlb.js';
import { page_to_pfn } from '../include/asm-generic/memory_model.js';
import { put_page } from '../include/linux/mm.js';
import type { AddressSpace, MmStruct, Page, Pte, VmArea } from '../include/linux/mm_types.js';
import {
  is_device_private_entry,
  pte_offset,
  pte_pfn,
  pte_present,
  ptep_get,
  ptep_get_and_clear,
  type pteval,
  SWP_MIGRATION,
  set_pte_at,
  swp_entry_to_pte,
} from '../include/linux/pgtable.js';
import { page_remove_rmap } from './rmap.js';

/** v6.8 on folio_add_new_anon_rmap: the first mapping of a page that nobody else knows yet. */
export function page_add_new_anon_rmap(page: Page, vma: VmArea, address: int): void {
  atomic_set(page._mapcount, 0);
  page.mapping = vma.anon_vma;
  page.index = address - vma.vm_start + vma.vm_pgoff;
}

/** The vma's memory is anonymous, and `anon_vma` (which Linux would allocate or find) will lead to it. */
export function anon_vma_prepare(vma: VmArea, anon_vma: AddressSpace): void {
  anon_vma.anon = true;
  vma.anon_vma = anon_vma;
  vma.shared = anon_vma.i_mmap;
  anon_vma.i_mmap = vma;
}

/** Calls `one` for each vma and page number at which the page may be mapped. */
export function rmap_walk(page: Page, one: (vma: VmArea, address: int) => void): void {
  const anon_vma: AddressSpace | null = page.mapping;
  if (anon_vma === null) return;
  const index: int = page.index;
  for (let vma: VmArea | null = anon_vma.i_mmap; vma !== null; vma = vma.shared) {
    const address: int = vma.vm_start + index - vma.vm_pgoff;
    if (address >= vma.vm_start && address < vma.vm_end) one(vma, address);
  }
}

function maps(pte: pteval, page: Page): bool {
  return (pte_present(pte) || is_device_private_entry(pte)) && pte_pfn(pte) === page_to_pfn(page);
}

function try_to_migrate_one(page: Page, vma: VmArea, address: int): void {
  const mm: MmStruct = vma.vm_mm!;
  const ptep: Pte = pte_offset(mm, address);
  spin_lock(mm.page_table_lock);
  if (maps(ptep_get(ptep), page)) {
    const pte: pteval = ptep_get_and_clear(ptep);
    if (pte_present(pte)) flush_tlb_page(vma, address);
    set_pte_at(ptep, swp_entry_to_pte(SWP_MIGRATION, page));
    page_remove_rmap(page);
    put_page(page);
  }
  spin_unlock(mm.page_table_lock);
}

/** v5.14 on; try_to_unmap(TTU_MIGRATION) before. The page is locked. */
export function try_to_migrate(page: Page): void {
  rmap_walk(page, (vma, address) => try_to_migrate_one(page, vma, address));
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * The entries of a page table: what they say, and how they are read, set and cleared.
 *
 * Not here: who may do so when (mm/memory.ts), what a CPU remembers of them (arch/x86/mm/tlb.ts).
 *
 * Upstream: include/linux/pgtable.h, swapops.h, leafops.h (7.3), arch/x86/include/asm/pgtable.h, pgtable_types.h
 *   (5.10, 6.1, 7.3).
 * Modelled: one level; an entry is empty (0), present, or a swap entry that names a page. Present: writable or not;
 *   devmap, which says device memory that is not counted (special at the same time, as pte_mkdevmap does on x86).
 *   A writable entry is a dirty one: nothing here maps a page writable but for a write.
 * Left out: upper levels, and so a table that is freed or replaced by a huge page; accessed and protnone bits; special
 *   entries of other kinds; the zero page; read-only device-private entries.
 */
import { type bool, type int, one_step, param, type u16 } from '../../../machine/core.js';
import { page_to_pfn, pfn_to_page } from '../asm-generic/memory_model.js';
import type { MmStruct, Page, Pte } from './mm_types.js';

/** What a cell of a page table holds, as a number: the bits below and, above them, a page's number. */
export type pteval = u16;

const _PAGE_PRESENT = 1;
const _PAGE_RW = 2;
const _PAGE_DEVMAP = 4;
/** of an entry that is not present: its kind, in the bits between present and the page's number */
const SWP_TYPE_SHIFT = 1;
const SWP_TYPE_MASK = 3;
const PTE_PFN_SHIFT = 3;

/** 0: the kernel knows no entries of device-private pages. For a scenario that has none: smaller programs. */
export const CONFIG_DEVICE_PRIVATE: int = param('CONFIG_DEVICE_PRIVATE', 1);
/** 0: it knows no migration entries. */
export const CONFIG_MIGRATION: int = param('CONFIG_MIGRATION', 1);

export const SWP_DEVICE = 1;
export const SWP_MIGRATION = 2;
export const SWP_DEVICE_EXCLUSIVE = 3;

// ---- what an entry says -----------------------------------------------------------------------------------------

export function pte_none(pte: pteval): bool {
  return pte === 0;
}

export function pte_present(pte: pteval): bool {
  return (pte & _PAGE_PRESENT) !== 0;
}

export function pte_write(pte: pteval): bool {
  return (pte & _PAGE_RW) !== 0;
}

export function pte_dirty(pte: pteval): bool {
  return pte_write(pte);
}

/** The CPU may access it so: what gup asks before it touches a page. */
export function pte_access_permitted(pte: pteval, write: bool): bool {
  return pte_present(pte) && (!write || pte_write(pte));
}

/** until v6.16 */
export function pte_devmap(pte: pteval): bool {
  return (pte & _PAGE_DEVMAP) !== 0;
}

/** The page that it maps is not counted. */
export function pte_special(pte: pteval): bool {
  return pte_devmap(pte);
}

export function pte_pfn(pte: pteval): int {
  return pte >> PTE_PFN_SHIFT;
}

export function pte_page(pte: pteval): Page {
  return pfn_to_page(pte_pfn(pte));
}

export function pte_same(a: pteval, b: pteval): bool {
  return a === b;
}

// ---- making one -------------------------------------------------------------------------------------------------

export function pfn_pte(pfn: int): pteval {
  return (pfn << PTE_PFN_SHIFT) | _PAGE_PRESENT;
}

export function mk_pte(page: Page): pteval {
  return pfn_pte(page_to_pfn(page));
}

export function pte_mkwrite(pte: pteval): pteval {
  return pte | _PAGE_RW;
}

export function pte_wrprotect(pte: pteval): pteval {
  return pte & ~_PAGE_RW;
}

/** until v6.16 */
export function pte_mkdevmap(pte: pteval): pteval {
  return pte | _PAGE_DEVMAP;
}

// ---- swap entries -----------------------------------------------------------------------------------------------

export function is_swap_pte(pte: pteval): bool {
  return !pte_none(pte) && !pte_present(pte);
}

/** @param type SWP_DEVICE, SWP_MIGRATION or SWP_DEVICE_EXCLUSIVE */
export function swp_entry_to_pte(type: int, page: Page): pteval {
  return (page_to_pfn(page) << PTE_PFN_SHIFT) | (type << SWP_TYPE_SHIFT);
}

export function swp_type(pte: pteval): int {
  return (pte >> SWP_TYPE_SHIFT) & SWP_TYPE_MASK;
}

export function is_device_private_entry(pte: pteval): bool {
  return CONFIG_DEVICE_PRIVATE !== 0 && is_swap_pte(pte) && swp_type(pte) === SWP_DEVICE;
}

export function is_migration_entry(pte: pteval): bool {
  return CONFIG_MIGRATION !== 0 && is_swap_pte(pte) && swp_type(pte) === SWP_MIGRATION;
}

/** The page that a swap entry names. */
export function pfn_swap_entry_to_page(pte: pteval): Page {
  return pfn_to_page(pte_pfn(pte));
}

// ---- cells of the table -----------------------------------------------------------------------------------------

/** @param address a page number: the one table has an entry for each */
export function pte_offset(mm: MmStruct, address: int): Pte {
  return mm.pgd[address];
}

export function ptep_get(ptep: Pte): pteval {
  return ptep.pte;
}

/** Without the page table lock: a task with interrupts off reads it so. */
export function ptep_get_lockless(ptep: Pte): pteval {
  return ptep.pte;
}

/** With the page table lock. */
export function set_pte_at(ptep: Pte, pte: pteval): void {
  ptep.pte = pte;
}

/** An exchange: the CPU may set bits in the entry at the same time. */
export function ptep_get_and_clear(ptep: Pte): pteval {
  return one_step(() => {
    const pte = ptep.pte;
    ptep.pte = 0;
    return pte;
  });
}

/** A swap entry: no CPU touches it. */
export function pte_clear_not_present_full(ptep: Pte): void {
  ptep.pte = 0;
}

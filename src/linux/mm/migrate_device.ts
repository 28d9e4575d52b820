// SPDX-License-Identifier: GPL-2.0-only
/**
 * Migration to and from a device's own memory, in the three stages that a driver calls: setup, pages, finalize.
 *
 * Upstream: mm/migrate.c (5.10), mm/migrate_device.c (6.1, 6.12, 7.3; v5.18 from the patches between).
 * Modelled: one page at a time: so the `src` and `dst` arrays are one word each, passed and returned by value, with
 *   Linux's bits in it. From device-private memory to ordinary pages; into an empty entry of an anonymous vma, from
 *   nothing. Every count that is compared, with the one too many since v5.18 for a device page (migrate_vma_check_page).
 * Left out: ordinary pages as source (the LRU lists, the TLB flush), read-only entries, large folios, coherent memory,
 *   mmu notifiers, pgmap owners: there is one device; v5.14's isolation stage is migrate_vma_prepare without the LRU.
 */
import type { bool, int } from '../../machine/core.js';
import { spin_lock, spin_unlock } from '../../machine/lock.js';
import { COLLECT_NEEDS_LOCK, DEVICE_FAULT_TRYLOCKS, MIGRATION_WAIT_TAKES_NO_REF } from '../commits.js';
import { page_to_pfn, pfn_to_page } from '../include/asm-generic/memory_model.js';
import { is_device_private_page, is_zone_device_page } from '../include/linux/memremap.js';
import { get_page, get_page_unless_zero, page_mapcount, page_mapped, put_page } from '../include/linux/mm.js';
import type { MmStruct, Page, Pte, VmArea } from '../include/linux/mm_types.js';
import { page_count } from '../include/linux/page_ref.js';
import { trylock_page, unlock_page } from '../include/linux/pagemap.js';
import {
  is_device_private_entry,
  mk_pte,
  pfn_swap_entry_to_page,
  pte_mkwrite,
  pte_none,
  pte_offset,
  ptep_get,
  ptep_get_and_clear,
  type pteval,
  SWP_DEVICE,
  SWP_MIGRATION,
  set_pte_at,
  swp_entry_to_pte,
} from '../include/linux/pgtable.js';
import { migrate_page_move_mapping, remove_migration_pte, remove_migration_ptes } from './migrate.js';
import { page_remove_rmap } from './rmap.js';
import { page_add_new_anon_rmap, try_to_migrate } from './rmap_walk.js';

export const MIGRATE_PFN_VALID = 1;
export const MIGRATE_PFN_MIGRATE = 2;
/** up to v5.15 */
export const MIGRATE_PFN_LOCKED = 4;
const MIGRATE_PFN_SHIFT = 6;

export const MIGRATE_VMA_SELECT_SYSTEM = 1;
export const MIGRATE_VMA_SELECT_DEVICE_PRIVATE = 2;

export function migrate_pfn(pfn: int): int {
  return (pfn << MIGRATE_PFN_SHIFT) | MIGRATE_PFN_VALID;
}

export function migrate_pfn_to_page(mpfn: int): Page | null {
  return (mpfn & MIGRATE_PFN_VALID) === 0 ? null : pfn_to_page(mpfn >> MIGRATE_PFN_SHIFT);
}

function wants_migration(mpfn: int): bool {
  return (mpfn & MIGRATE_PFN_MIGRATE) !== 0;
}

/** v6.15 on the fault that asks for the migration of a page holds its lock already. */
function is_locked_by_fault(page: Page, fault_page: Page | null): bool {
  return DEVICE_FAULT_TRYLOCKS && page === fault_page;
}

// ---- setup ------------------------------------------------------------------------------------------------------

/** Puts a migration entry in place of one that names `page`. The page is locked, and has a reference besides. */
function collect_replace_entry(ptep: Pte, page: Page): void {
  ptep_get_and_clear(ptep);
  set_pte_at(ptep, swp_entry_to_pte(SWP_MIGRATION, page));
  page_remove_rmap(page);
  put_page(page);
}

/** @returns the source word of the page that a device-private entry names, or 0 */
function collect_device_private(ptep: Pte, pte: pteval, fault_page: Page | null): int {
  const page: Page = pfn_swap_entry_to_page(pte);
  if (page.mapping === null) return 0;
  const mpfn: int = migrate_pfn(page_to_pfn(page)) | MIGRATE_PFN_MIGRATE;
  get_page(page);
  if (is_locked_by_fault(page, fault_page) || trylock_page(page)) {
    collect_replace_entry(ptep, page);
    return COLLECT_NEEDS_LOCK ? mpfn : mpfn | MIGRATE_PFN_LOCKED;
  }
  if (!COLLECT_NEEDS_LOCK) return mpfn;
  put_page(page);
  return 0;
}

/** For one entry. */
function migrate_vma_collect_pmd(vma: VmArea, address: int, flags: int, fault_page: Page | null): int {
  const mm: MmStruct = vma.vm_mm!;
  const ptep: Pte = pte_offset(mm, address);
  let mpfn: int = 0;
  spin_lock(mm.page_table_lock);
  const pte: pteval = ptep_get(ptep);
  if (pte_none(pte)) {
    if (vma.anon_vma !== null) mpfn = MIGRATE_PFN_MIGRATE;
  } else if (is_device_private_entry(pte) && (flags & MIGRATE_VMA_SELECT_DEVICE_PRIVATE) !== 0) {
    mpfn = collect_device_private(ptep, pte, fault_page);
  }
  spin_unlock(mm.page_table_lock);
  return mpfn;
}

/** Whether nobody but the migration and the mappings that are left has a reference. */
function migrate_vma_check_page(page: Page, fault_page: Page | null): bool {
  if (!MIGRATION_WAIT_TAKES_NO_REF && is_zone_device_page(page)) return is_device_private_page(page);
  let extra: int = page === fault_page ? 2 : 1;
  if (is_zone_device_page(page)) extra = extra + 1;
  return page_count(page) - extra <= page_mapcount(page);
}

/** Up to v5.15: locks what collect could not lock. */
function migrate_vma_prepare(vma: VmArea, address: int, src: int): int {
  const page: Page | null = migrate_pfn_to_page(src);
  if (page === null) return src;
  const remap = (src & MIGRATE_PFN_LOCKED) !== 0;
  if (!remap && !trylock_page(page)) {
    put_page(page);
    return 0;
  }
  if (migrate_vma_check_page(page, null)) return src | MIGRATE_PFN_LOCKED;
  if (remap) remove_migration_pte(page, vma, address, page);
  unlock_page(page);
  put_page(page);
  return 0;
}

/** migrate_vma_unmap of v5.14, migrate_device_unmap since v6.1. */
function migrate_device_unmap(src: int, fault_page: Page | null): int {
  const page: Page | null = migrate_pfn_to_page(src);
  if (page === null) return src;
  if (page_mapped(page)) try_to_migrate(page);
  if (!page_mapped(page) && migrate_vma_check_page(page, fault_page)) return src;
  remove_migration_ptes(page, page);
  if (!is_locked_by_fault(page, fault_page)) unlock_page(page);
  put_page(page);
  return 0;
}

/**
 * Takes the page at `address` out of the page tables, if it can be migrated; then its content is stable.
 * @param fault_page v6.1 on: the page whose fault asks for this; the fault holds a reference to it, since v6.15 its lock
 * @returns the source word: 0, or MIGRATE_PFN_MIGRATE alone for an empty entry, or with the page, which is locked
 */
export function migrate_vma_setup(vma: VmArea, address: int, flags: int, fault_page: Page | null): int {
  let src = migrate_vma_collect_pmd(vma, address, flags, fault_page);
  if (!COLLECT_NEEDS_LOCK) src = migrate_vma_prepare(vma, address, src);
  return migrate_device_unmap(src, fault_page);
}

// ---- pages ------------------------------------------------------------------------------------------------------

/** Maps a new page into an entry that was empty. @returns the source word */
function migrate_vma_insert_page(vma: VmArea, address: int, page: Page, src: int): int {
  const mm: MmStruct = vma.vm_mm!;
  const ptep: Pte = pte_offset(mm, address);
  let result = src & ~MIGRATE_PFN_MIGRATE;
  spin_lock(mm.page_table_lock);
  if (pte_none(ptep_get(ptep))) {
    page_add_new_anon_rmap(page, vma, address);
    get_page(page);
    set_pte_at(ptep, is_device_private_page(page) ? swp_entry_to_pte(SWP_DEVICE, page) : pte_mkwrite(mk_pte(page)));
    result = MIGRATE_PFN_MIGRATE;
  }
  spin_unlock(mm.page_table_lock);
  return result;
}

/** v6.1 on: of migrate_vma_pages and of migrate_device_pages, which has no vma and no entry to fill. */
function __migrate_device_pages(vma: VmArea | null, address: int, src: int, dst: int, fault_page: Page | null): int {
  const newpage: Page | null = migrate_pfn_to_page(dst);
  const page: Page | null = migrate_pfn_to_page(src);
  if (newpage === null) return src & ~MIGRATE_PFN_MIGRATE;
  if (page === null) return wants_migration(src) ? migrate_vma_insert_page(vma!, address, newpage, src) : src;
  const r = migrate_page_move_mapping(newpage, page, page === fault_page ? 1 : 0);
  return r === 0 ? src : src & ~MIGRATE_PFN_MIGRATE;
}

/**
 * Gives the destination page the identity of the source page.
 * @returns the source word, without MIGRATE_PFN_MIGRATE where that failed
 */
export function migrate_vma_pages(vma: VmArea, address: int, src: int, dst: int, fault_page: Page | null): int {
  return __migrate_device_pages(vma, address, src, dst, fault_page);
}

// ---- finalize ---------------------------------------------------------------------------------------------------

function unlock_and_put(page: Page): void {
  unlock_page(page);
  put_page(page);
}

/** v6.15 on; migrate_device_finalize of v6.1, migrate_vma_finalize before. */
function __migrate_device_finalize(src: int, dst: int, fault_page: Page | null): void {
  let newpage: Page | null = migrate_pfn_to_page(dst);
  const page: Page | null = migrate_pfn_to_page(src);
  if (page === null) {
    if (newpage !== null) unlock_and_put(newpage);
    return;
  }
  if (!wants_migration(src) || newpage === null) {
    if (newpage !== null) unlock_and_put(newpage);
    newpage = page;
  }
  remove_migration_ptes(page, newpage);
  if (!is_locked_by_fault(page, fault_page)) unlock_page(page);
  put_page(page);
  if (newpage !== page) unlock_and_put(newpage);
}

export function migrate_device_finalize(src: int, dst: int): void {
  __migrate_device_finalize(src, dst, null);
}

/** Maps the destination page, or the source page again if the migration failed; drops locks and references. */
export function migrate_vma_finalize(src: int, dst: int, fault_page: Page | null): void {
  if (DEVICE_FAULT_TRYLOCKS) __migrate_device_finalize(src, dst, fault_page);
  else migrate_device_finalize(src, dst);
}

// ---- by page number ---------------------------------------------------------------------------------------------

/** A function of its own in 7.3. @returns the source word of whatever page has that number, 0 if it is not in use or locked */
function migrate_device_pfn_lock(pfn: int): int {
  const page: Page = pfn_to_page(pfn);
  if (!get_page_unless_zero(page)) return 0;
  if (!trylock_page(page)) {
    put_page(page);
    return 0;
  }
  return migrate_pfn(pfn) | MIGRATE_PFN_MIGRATE;
}

/** v6.1 on: setup for whatever page has that number, if it is in use and can be locked. @returns the source word */
export function migrate_device_range(pfn: int): int {
  return migrate_device_unmap(migrate_device_pfn_lock(pfn), null);
}

export function migrate_device_pages(src: int, dst: int): int {
  return __migrate_device_pages(null, 0, src, dst, null);
}

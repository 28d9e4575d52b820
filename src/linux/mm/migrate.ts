// SPDX-License-Identifier: GPL-2.0-only
/**
 * Migration entries: waiting for one, and taking them out; moving a page's identity to another page.
 *
 * Not here: migrating to and from device memory (mm/migrate_device.ts).
 *
 * Upstream: mm/migrate.c (5.10, 6.1, 7.3).
 * Modelled: for anonymous pages without swap cache. Such a page is not frozen: its count is compared once, and it stays
 *   what it is because the page is locked and no entry leads to it.
 * Left out: the page cache, huge pages, the system's own migration. folio_expected_ref_count of 7.3 also counts
 *   mappings, of which there are none here. Up to v5.16 the entry is set before its mapping is counted (1eba86c096e3 turned
 *   the two around); here after.
 */
import type { int } from '../../machine/core.js';
import { spin_lock, spin_unlock } from '../../machine/lock.js';
import { FREE_EVENT_AT_ZERO, MIGRATION_WAIT_TAKES_NO_REF, SEED } from '../commits.js';
import { page_to_pfn } from '../include/asm-generic/memory_model.js';
import { EAGAIN } from '../include/linux/errno.js';
import { is_device_private_page } from '../include/linux/memremap.js';
import { get_page, get_page_unless_zero } from '../include/linux/mm.js';
import type { MmStruct, Page, Pte, VmArea } from '../include/linux/mm_types.js';
import { page_count } from '../include/linux/page_ref.js';
import {
  is_migration_entry,
  mk_pte,
  pfn_swap_entry_to_page,
  pte_mkwrite,
  pte_offset,
  pte_pfn,
  ptep_get,
  type pteval,
  SWP_DEVICE,
  set_pte_at,
  swp_entry_to_pte,
} from '../include/linux/pgtable.js';
import { put_and_wait_on_page_locked, softleaf_entry_wait_on_locked } from './filemap.js';
import { page_add_anon_rmap } from './rmap.js';
import { rmap_walk } from './rmap_walk.js';

/** Sleeps until whoever migrates the page that the entry at `address` names has unlocked it. */
export function migration_entry_wait(mm: MmStruct, address: int): void {
  const ptep: Pte = pte_offset(mm, address);
  spin_lock(mm.page_table_lock);
  const pte: pteval = ptep_get(ptep);
  if (!is_migration_entry(pte)) {
    spin_unlock(mm.page_table_lock);
    return;
  }
  const page: Page = pfn_swap_entry_to_page(pte);
  if (MIGRATION_WAIT_TAKES_NO_REF) {
    softleaf_entry_wait_on_locked(page, mm.page_table_lock);
    return;
  }
  const got = get_page_unless_zero(page);
  spin_unlock(mm.page_table_lock);
  if (got) put_and_wait_on_page_locked(page);
}

/** At `address`, if there is a migration entry for `old`, `page` is mapped in its place. */
export function remove_migration_pte(page: Page, vma: VmArea, address: int, old: Page): void {
  const mm: MmStruct = vma.vm_mm!;
  const ptep: Pte = pte_offset(mm, address);
  spin_lock(mm.page_table_lock);
  const pte: pteval = ptep_get(ptep);
  if (is_migration_entry(pte) && pte_pfn(pte) === page_to_pfn(old)) {
    get_page(page);
    page_add_anon_rmap(page);
    set_pte_at(ptep, is_device_private_page(page) ? swp_entry_to_pte(SWP_DEVICE, page) : pte_mkwrite(mk_pte(page)));
  }
  spin_unlock(mm.page_table_lock);
}

/** Maps `dst` wherever there is a migration entry for `src`. `dst` has the identity of `src`, or is `src`. */
export function remove_migration_ptes(src: Page, dst: Page): void {
  rmap_walk(dst, (vma, address) => remove_migration_pte(dst, vma, address, src));
}

/** v6.0 on folio_expected_refs: what an unmapped page has when nobody else knows it. */
function expected_page_refs(page: Page): int {
  return !SEED && !FREE_EVENT_AT_ZERO && is_device_private_page(page) ? 2 : 1;
}

/** v5.16 on folio_migrate_mapping. @returns 0, or -EAGAIN if somebody else has a reference */
export function migrate_page_move_mapping(newpage: Page, page: Page, extra_count: int): int {
  if (page_count(page) !== expected_page_refs(page) + extra_count) return -EAGAIN;
  newpage.index = page.index;
  newpage.mapping = page.mapping;
  return 0;
}

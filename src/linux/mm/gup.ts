// SPDX-License-Identifier: GPL-2.0-only
/**
 * get_user_pages: a reference to, or a pin on, the page behind a user address, and giving it back.
 *
 * Upstream: mm/gup.c (5.10, 6.1, 6.12, 7.3; v5.14, the seed and v5.18 by facts/eras.md).
 * Modelled: one page. The fast way walks the page table with interrupts off and no lock: it reads the entry, takes a
 *   reference unless the count is 0, and looks at the entry again. The slow way holds the page table lock, and faults.
 *   A pin counts 1024. Up to v6.16 an entry of device memory needs the pgmap as well. The names of the fast way are those
 *   of v5.14 with the pgmap (v6.10 to v6.16 have the new names already), those of 7.3 without.
 * Left out: the recheck of the upper levels (they do not change here), write_protect_seq (fork), FOLL_FORCE, copies on
 *   write and FOLL_UNSHARE, large folios and _pincount, secretmem, statistics; retries that drop mmap_lock. The slow way
 *   gives the pgmap back at once, not at the end of the call, and fails where it is going away; Linux tries again. That
 *   put_page_refs looks, with CONFIG_DEBUG_VM, whether there are as many references.
 *   Instead of `current->mm` the mm is handed in, and a page comes back where Linux fills an array.
 */
import { WARN_ON_ONCE } from '../../machine/bug.js';
import type { bool, int } from '../../machine/core.js';
import { local_irq_disable, local_irq_enable } from '../../machine/irq.js';
import { down_read, spin_lock, spin_unlock, up_read } from '../../machine/lock.js';
import { GUP_GRABS_FOLIO, GUP_PUT_FOLIO, GUP_PUT_FOLIO_WAKES, GUP_WITHOUT_DEVMAP } from '../commits.js';
import { pfn_to_page } from '../include/asm-generic/memory_model.js';
import { EFAULT, ENOMEM, EOPNOTSUPP } from '../include/linux/errno.js';
import { is_fsdax_page } from '../include/linux/memremap.js';
import { folio_put_refs, page_folio, put_page, try_get_page } from '../include/linux/mm.js';
import { VM_FAULT_ERROR } from '../include/linux/mm_fault.js';
import type { DevPagemap, Folio, MmStruct, Page, Pte, VmArea } from '../include/linux/mm_types.js';
import {
  folio_ref_add,
  folio_ref_count,
  folio_ref_try_add,
  page_ref_add,
  page_ref_add_unless,
  page_ref_count,
  page_ref_sub,
} from '../include/linux/page_ref.js';
import {
  pte_access_permitted,
  pte_devmap,
  pte_offset,
  pte_page,
  pte_pfn,
  pte_same,
  pte_special,
  ptep_get,
  ptep_get_lockless,
  type pteval,
} from '../include/linux/pgtable.js';
import { handle_mm_fault } from './memory_fault.js';
import { get_dev_pagemap } from './memremap.js';
import { put_dev_pagemap, put_devmap_managed_page_refs } from './memremap_free.js';
import { find_vma } from './mmap.js';

export const FOLL_WRITE = 0x1;
/** a reference */
export const FOLL_GET = 0x2;
/** a pin: the caller, or a device for it, will use the content */
export const FOLL_PIN = 0x4;
/** for a time that user space decides about */
export const FOLL_LONGTERM = 0x8;

export const GUP_PIN_COUNTING_BIAS = 1024;

// ---- taking and giving back, up to v5.17 ------------------------------------------------------------------------

function put_page_refs(page: Page, refs: int): void {
  if (refs > 1) page_ref_sub(page, refs - 1);
  put_page(page);
}

/** Speculative: whether the page still belongs to whoever it was found through is looked at after. */
export function try_get_compound_head(page: Page, refs: int): bool {
  if (WARN_ON_ONCE(page_ref_count(page) < 0)) return false;
  return page_ref_add_unless(page, refs, 0);
}

function try_grab_compound_head(page: Page, refs: int, flags: int): bool {
  if (!try_get_compound_head(page, refs)) return false;
  if ((flags & FOLL_PIN) !== 0) page_ref_add(page, refs * (GUP_PIN_COUNTING_BIAS - 1));
  return true;
}

function put_compound_head(page: Page, refs: int, flags: int): void {
  put_page_refs(page, (flags & FOLL_PIN) !== 0 ? refs * GUP_PIN_COUNTING_BIAS : refs);
}

/** The page table lock keeps the page. Until v6.9. */
export function try_grab_page(page: Page, flags: int): bool {
  if ((flags & FOLL_GET) !== 0) return try_get_page(page);
  if (WARN_ON_ONCE(page_ref_count(page) <= 0)) return false;
  page_ref_add(page, GUP_PIN_COUNTING_BIAS);
  return true;
}

// ---- taking and giving back, v5.18 on ---------------------------------------------------------------------------

function try_get_folio(page: Page, refs: int): Folio | null {
  const folio: Folio = page_folio(page);
  if (WARN_ON_ONCE(folio_ref_count(folio) < 0)) return null;
  return folio_ref_try_add(folio, refs) ? folio : null;
}

/** try_grab_folio until v6.9 */
function try_grab_folio_fast(page: Page, refs: int, flags: int): Folio | null {
  const folio = try_get_folio(page, refs);
  if (folio !== null && (flags & FOLL_PIN) !== 0) folio_ref_add(folio, refs * (GUP_PIN_COUNTING_BIAS - 1));
  return folio;
}

function gup_put_folio(folio: Folio, refs: int, flags: int): void {
  const count = (flags & FOLL_PIN) !== 0 ? refs * GUP_PIN_COUNTING_BIAS : refs;
  if (GUP_PUT_FOLIO_WAKES && put_devmap_managed_page_refs(folio, count)) return;
  folio_put_refs(folio, count);
}

/** v6.10 on. The page table lock keeps the folio. @returns 0 or -errno */
function try_grab_folio(folio: Folio, refs: int, flags: int): int {
  if (WARN_ON_ONCE(folio_ref_count(folio) <= 0)) return -ENOMEM;
  folio_ref_add(folio, (flags & FOLL_PIN) !== 0 ? refs * GUP_PIN_COUNTING_BIAS : refs);
  return 0;
}

// ---- both, whatever they are called -----------------------------------------------------------------------------

/** What the fast way takes: speculative. */
function grab_speculatively(page: Page, flags: int): bool {
  if (GUP_PUT_FOLIO) return try_grab_folio_fast(page, 1, flags) !== null;
  return try_grab_compound_head(page, 1, flags);
}

/** What the slow way takes, with the page table lock held. @returns 0 or -errno */
function grab_locked(page: Page, flags: int): int {
  if (GUP_GRABS_FOLIO) return try_grab_folio(page_folio(page), 1, flags);
  return try_grab_page(page, flags) ? 0 : -ENOMEM;
}

function ungrab(page: Page, flags: int): void {
  if (GUP_PUT_FOLIO) gup_put_folio(page_folio(page), 1, flags);
  else put_compound_head(page, 1, flags);
}

// ---- the fast way -----------------------------------------------------------------------------------------------

/** Up to v6.16. @returns the page, with a reference or a pin; null: try the slow way */
function gup_pte_range(mm: MmStruct, address: int, flags: int): Page | null {
  const ptep: Pte = pte_offset(mm, address);
  const pte: pteval = ptep_get_lockless(ptep);
  if (!pte_access_permitted(pte, (flags & FOLL_WRITE) !== 0)) return null;
  if (pte_devmap(pte) && (flags & FOLL_LONGTERM) !== 0) return null;
  const pgmap: DevPagemap | null = pte_devmap(pte) ? get_dev_pagemap(pte_pfn(pte)) : null;
  if (pte_devmap(pte) && pgmap === null) return null;

  const page: Page = pte_page(pte);
  let grabbed = grab_speculatively(page, flags);
  if (grabbed && !pte_same(pte, ptep_get_lockless(ptep))) {
    ungrab(page, flags);
    grabbed = false;
  }
  if (pgmap !== null) put_dev_pagemap(pgmap);
  return grabbed ? page : null;
}

/** v6.17 on. @returns the page, with a reference or a pin; null: try the slow way */
function gup_fast_pte_range(mm: MmStruct, address: int, flags: int): Page | null {
  const ptep: Pte = pte_offset(mm, address);
  const pte: pteval = ptep_get_lockless(ptep);
  if (!pte_access_permitted(pte, (flags & FOLL_WRITE) !== 0)) return null;
  if (pte_special(pte)) return null;

  const page: Page = pte_page(pte);
  if (!grab_speculatively(page, flags)) return null;
  if (!pte_same(pte, ptep_get_lockless(ptep)) || !gup_fast_folio_allowed(page, flags)) {
    ungrab(page, flags);
    return null;
  }
  return page;
}

/** fs-dax for a long time is refused: truncate would wait for it. (In try_grab_folio_fast, and here, in 7.3.) */
function gup_fast_folio_allowed(folio: Folio, flags: int): bool {
  return (flags & FOLL_LONGTERM) === 0 || !is_fsdax_page(folio);
}

/** lockless_pages_from_mm until v6.9. Interrupts off: no TLB flush ends, and no page table goes, while it walks. */
function gup_fast(mm: MmStruct, address: int, flags: int): Page | null {
  local_irq_disable();
  const page = GUP_WITHOUT_DEVMAP ? gup_fast_pte_range(mm, address, flags) : gup_pte_range(mm, address, flags);
  local_irq_enable();
  return page;
}

// ---- the slow way -----------------------------------------------------------------------------------------------

/** There is no page table entry that allows the access: fault. */
const FOLLOW_FAULTS = -1;

/** page_table_lock held. @returns the number of the page, grabbed; FOLLOW_FAULTS; below that: -errno */
function follow_present_pte(pte: pteval, flags: int): int {
  if (!pte_access_permitted(pte, (flags & FOLL_WRITE) !== 0)) return FOLLOW_FAULTS;
  const devmap = !GUP_WITHOUT_DEVMAP && pte_devmap(pte);
  const pgmap: DevPagemap | null = devmap ? get_dev_pagemap(pte_pfn(pte)) : null;
  if (devmap && pgmap === null) return -EFAULT;
  const error = grab_locked(pte_page(pte), flags);
  if (pgmap !== null) put_dev_pagemap(pgmap);
  return error === 0 ? pte_pfn(pte) : error;
}

/** @returns as follow_present_pte */
function follow_page_pte(vma: VmArea, address: int, flags: int): int {
  const mm: MmStruct = vma.vm_mm!;
  spin_lock(mm.page_table_lock);
  const pfn = follow_present_pte(ptep_get(pte_offset(mm, address)), flags);
  spin_unlock(mm.page_table_lock);
  return pfn;
}

/** Faults the page in and looks again, until it is there. @returns the number of the page; below 0: -errno */
function __get_user_pages(mm: MmStruct, address: int, flags: int): int {
  const vma = find_vma(mm, address);
  if (vma === null) return -EFAULT;
  if ((flags & FOLL_LONGTERM) !== 0 && vma.vm_file !== null) return -EOPNOTSUPP;
  for (;;) {
    const pfn = follow_page_pte(vma, address, flags);
    if (pfn !== FOLLOW_FAULTS) return pfn;
    if ((handle_mm_fault(vma, address) & VM_FAULT_ERROR) !== 0) return -EFAULT;
  }
}

/** __gup_longterm_unlocked until v6.2 */
function __gup_longterm_locked(mm: MmStruct, address: int, flags: int): Page | null {
  down_read(mm.mmap_lock);
  const pfn = __get_user_pages(mm, address, flags);
  up_read(mm.mmap_lock);
  return pfn < 0 ? null : pfn_to_page(pfn);
}

// ---- what callers call ------------------------------------------------------------------------------------------

/** internal_get_user_pages_fast until v6.9. @returns null if the page cannot be had */
function gup_fast_fallback(mm: MmStruct, address: int, flags: int): Page | null {
  const page = gup_fast(mm, address, flags);
  return page !== null ? page : __gup_longterm_locked(mm, address, flags);
}

/** A reference: give it back with put_page. @returns null if the page cannot be had */
export function get_user_pages_fast(mm: MmStruct, address: int, gup_flags: int): Page | null {
  return gup_fast_fallback(mm, address, gup_flags | FOLL_GET);
}

/** A pin: give it back with unpin_user_page. @returns null if the page cannot be had */
export function pin_user_pages_fast(mm: MmStruct, address: int, gup_flags: int): Page | null {
  return gup_fast_fallback(mm, address, gup_flags | FOLL_PIN);
}

export function unpin_user_page(page: Page): void {
  ungrab(page, FOLL_PIN);
}

/** v6.11 on: pins of one folio, as a bio that is done gives them back. */
export function unpin_user_folio(folio: Folio, npages: int): void {
  gup_put_folio(folio, npages, FOLL_PIN);
}

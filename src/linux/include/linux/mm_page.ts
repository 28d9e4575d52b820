// SPDX-License-Identifier: GPL-2.0-only
/**
 * The part of mm.h that needs nothing but the page: taking references, testing counts.
 *
 * Not here: dropping references, which may free (mm.ts, which hands these on as well). One header in two files, because
 * files form no cycle here and mm/page_alloc.ts, which frees, is in between.
 *
 * Upstream: include/linux/mm.h (5.10, 6.1, 6.12, 7.3).
 * Modelled: order 0, so compound_head and page_folio are the page itself; the checks of CONFIG_DEBUG_VM, which read.
 * Left out: 7.3's refusal of slab pages.
 */
import { atomic_read } from '../../../machine/atomic.js';
import { CONFIG_DEBUG_VM, VM_BUG_ON_FOLIO, VM_BUG_ON_PAGE, WARN_ON_ONCE } from '../../../machine/bug.js';
import type { bool, int } from '../../../machine/core.js';
import type { Folio, Page } from './mm_types.js';
import { folio_ref_inc, page_ref_add_unless, page_ref_count, page_ref_dec_and_test, page_ref_inc } from './page_ref.js';

export function page_folio(page: Page): Folio {
  return page;
}

export function page_ref_zero_or_close_to_overflow(page: Page): bool {
  const count: int = page_ref_count(page);
  return count <= 0 && count >= -127;
}

/** The caller has a reference, or a lock under which the page has one. */
export function get_page(page: Page): void {
  if (CONFIG_DEBUG_VM) VM_BUG_ON_PAGE(page_ref_zero_or_close_to_overflow(page), page);
  page_ref_inc(page);
}

export function folio_get(folio: Folio): void {
  if (CONFIG_DEBUG_VM) VM_BUG_ON_FOLIO(page_ref_zero_or_close_to_overflow(folio), folio);
  folio_ref_inc(folio);
}

/** For a reference that may be the first or one too many: tests, then adds. */
export function try_get_page(page: Page): bool {
  if (WARN_ON_ONCE(page_ref_count(page) <= 0)) return false;
  page_ref_inc(page);
  return true;
}

/** Speculative: for who knows the page but holds nothing that keeps it. */
export function get_page_unless_zero(page: Page): bool {
  return page_ref_add_unless(page, 1, 0);
}

/** @returns whether that was the last reference */
export function put_page_testzero(page: Page): bool {
  if (CONFIG_DEBUG_VM) VM_BUG_ON_PAGE(page_ref_count(page) === 0, page);
  return page_ref_dec_and_test(page);
}

export function folio_put_testzero(folio: Folio): bool {
  return put_page_testzero(folio);
}

export function page_mapcount(page: Page): int {
  return atomic_read(page._mapcount) + 1;
}

export function folio_mapcount(folio: Folio): int {
  return page_mapcount(folio);
}

export function page_mapped(page: Page): bool {
  return page_mapcount(page) > 0;
}

export function folio_mapped(folio: Folio): bool {
  return page_mapped(folio);
}

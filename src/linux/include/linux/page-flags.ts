// SPDX-License-Identifier: GPL-2.0-only
/**
 * The flags of a page, and what else tells the kinds of pages apart.
 *
 * Upstream: include/linux/page-flags.h (5.10, 6.1, 7.3).
 * Modelled: PG_locked, PG_dirty, PG_reserved; PageAnon as a property of what `mapping` points to, which in Linux is the
 *   pointer's low bit: no read of its own.
 * Left out: PG_lru, PG_uptodate, PG_hwpoison, PG_waiters (unlock_page always looks for waiters), PG_head,
 *   PG_anon_exclusive; the layout of the word, which does not matter to anyone here.
 */
import type { bool } from '../../../machine/core.js';
import { clear_bit, set_bit, test_bit } from './bitops.js';
import type { AddressSpace, Folio, Page } from './mm_types.js';

export const PG_locked = 0;
export const PG_dirty = 1;
export const PG_reserved = 2;

/** Flags that must be clear when a page is freed: a page that is still locked or reserved is somebody's. */
export const PAGE_FLAGS_CHECK_AT_FREE = 5;

export function PageLocked(page: Page): bool {
  return test_bit(PG_locked, page.flags);
}

export function folio_test_locked(folio: Folio): bool {
  return PageLocked(folio);
}

export function PageDirty(page: Page): bool {
  return test_bit(PG_dirty, page.flags);
}

export function SetPageDirty(page: Page): void {
  set_bit(PG_dirty, page.flags);
}

export function ClearPageDirty(page: Page): void {
  clear_bit(PG_dirty, page.flags);
}

export function PageReserved(page: Page): bool {
  return test_bit(PG_reserved, page.flags);
}

export function PageAnon(page: Page): bool {
  const mapping: AddressSpace | null = page.mapping;
  return mapping !== null && mapping.anon;
}

export function folio_test_anon(folio: Folio): bool {
  return PageAnon(folio);
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * The lock of a page. Waiting for it without taking it: mm/filemap.ts.
 *
 * Upstream: include/linux/pagemap.h, mm/filemap.c (5.10, 6.1, 7.3).
 * Modelled: PG_locked; who unlocks wakes all who wait for that page's lock, in the same step.
 * Left out: the order of waiters and their chance to be handed the lock; PG_waiters and so the late look at the flags
 *   of a page that was unlocked and perhaps freed; the page cache.
 */
import { VM_BUG_ON_PAGE } from '../../../machine/bug.js';
import { addr_of, type bool, one_step, when } from '../../../machine/core.js';
import { wake_up_key } from '../../../machine/wait.js';
import { test_and_set_bit } from './bitops.js';
import type { Folio, Page } from './mm_types.js';
import { PG_locked } from './page-flags.js';

export function trylock_page(page: Page): bool {
  return !test_and_set_bit(PG_locked, page.flags);
}

export function folio_trylock(folio: Folio): bool {
  return trylock_page(folio);
}

/** The caller holds a reference to the page. */
export function lock_page(page: Page): void {
  when(
    () => (page.flags.f & (1 << PG_locked)) === 0,
    () => {
      page.flags.f = page.flags.f | (1 << PG_locked);
    },
    'lock',
  );
}

export function folio_lock(folio: Folio): void {
  lock_page(folio);
}

export function unlock_page(page: Page): void {
  one_step(() => {
    VM_BUG_ON_PAGE((page.flags.f & (1 << PG_locked)) === 0, page);
    page.flags.f = page.flags.f & ~(1 << PG_locked);
    wake_up_key(addr_of(page.flags));
  });
}

export function folio_unlock(folio: Folio): void {
  unlock_page(folio);
}

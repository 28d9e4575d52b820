// SPDX-License-Identifier: GPL-2.0-only
/**
 * Waiting for a page's lock without taking it.
 *
 * Upstream: mm/filemap.c (5.10, 6.1, 7.3).
 * Modelled: the last look at PG_locked and the enqueuing are one critical section of the queue's lock; then the caller
 *   lets go of what has kept the page (a reference up to v5.16, the page table lock since) and sleeps, and does not
 *   touch the page any more.
 * Left out: the page cache; delay accounting; PG_waiters.
 */
import { addr_of, one_step } from '../../machine/core.js';
import { spin_unlock, type spinlock_t } from '../../machine/lock.js';
import { prepare_to_wait_on, schedule } from '../../machine/wait.js';
import { put_page } from '../include/linux/mm.js';
import type { Page } from '../include/linux/mm_types.js';
import { PG_locked } from '../include/linux/page-flags.js';

function add_to_wait_queue_if_locked(page: Page): void {
  one_step(() => {
    if ((page.flags.f & (1 << PG_locked)) !== 0) prepare_to_wait_on(addr_of(page.flags));
  });
}

/** Up to v5.16: drops the caller's reference before it sleeps. */
export function put_and_wait_on_page_locked(page: Page): void {
  add_to_wait_queue_if_locked(page);
  put_page(page);
  schedule();
}

/** v5.17 on, as migration_entry_wait_on_locked; this name since v7.0. `ptl` is held, and dropped before it sleeps. */
export function softleaf_entry_wait_on_locked(page: Page, ptl: spinlock_t): void {
  add_to_wait_queue_if_locked(page);
  spin_unlock(ptl);
  schedule();
}

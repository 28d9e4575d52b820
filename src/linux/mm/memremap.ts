// SPDX-License-Identifier: GPL-2.0-only
/**
 * Device memory gets struct pages, and loses them again.
 *
 * Not here: what happens to a page that is no longer in use (mm/memremap_free.ts).
 *
 * Upstream: mm/memremap.c, include/linux/memremap.h (5.10, 6.1, 6.12, 7.3; the seed and v5.18 from the patches).
 * Modelled: one range. The pgmap's ref is held by every page (up to v6.0), or by the range for types whose pages do not
 *   hold it themselves. Teardown kills the ref, gives back what the range holds, waits for 0, and then the struct pages
 *   are gone: `poisoned`.
 * Left out: failure, several ranges, a ref that the driver brings itself (up to v5.16).
 */
import { VM_WARN_ON_ONCE, WARN_ON_ONCE } from '../../machine/bug.js';
import { type bool, type int, objects, one_step } from '../../machine/core.js';
import { wait_for_completion } from '../../machine/lock.js';
import { rcu_read_lock, rcu_read_unlock, synchronize_rcu } from '../../machine/rcu.js';
import {
  FREE_EVENT_AT_ZERO,
  PAGE_INIT_WIPES,
  PGMAP_REF_EXITS_LAST,
  PRIVATE_PAGE_HOLDS_PGMAP,
  SEED,
  ZONE_DEVICE_LARGE_FOLIO,
} from '../commits.js';
import { nr_device_pages, nr_ram_pages, pfn_to_page } from '../include/asm-generic/memory_model.js';
import {
  is_zone_device_page,
  MEMORY_DEVICE_COHERENT,
  MEMORY_DEVICE_PRIVATE,
  page_pgmap,
} from '../include/linux/memremap.js';
import { put_page } from '../include/linux/mm.js';
import type { DevPagemap, Page } from '../include/linux/mm_types.js';
import { page_ref_count, set_page_count } from '../include/linux/page_ref.js';
import { PG_reserved } from '../include/linux/page-flags.js';
import { lock_page } from '../include/linux/pagemap.js';
import {
  percpu_ref_get_many,
  percpu_ref_put_many,
  percpu_ref_tryget_live,
  percpu_ref_tryget_live_rcu,
  percpu_ref_tryget_many,
} from '../include/linux/percpu-refcount.js';
import { percpu_ref_exit, percpu_ref_init, percpu_ref_kill } from '../lib/percpu-refcount.js';
import { mem_hotplug_begin } from './memory_hotplug.js';
import { memmap_init_zone_device } from './mm_init.js';

interface PgmapArrayEntry {
  pgmap: DevPagemap | null;
}

/** Page frame to pgmap: an xarray in Linux. */
const pgmap_array = objects<PgmapArrayEntry>(nr_ram_pages + nr_device_pages);

function pgmap_array_store_range(pgmap: DevPagemap, entry: DevPagemap | null): void {
  one_step(() => {
    for (let i: int = 0; i < pgmap.range_len; i++) pgmap_array[pgmap.range_start + i].pgmap = entry;
  });
}

function pgmap_array_delete(pgmap: DevPagemap): void {
  pgmap_array_store_range(pgmap, null);
  synchronize_rcu();
}

/** Whether the pgmap's ref is held by the range as a whole, or by each of its pages from the beginning: not by use. */
function range_holds_pgmap(pgmap: DevPagemap): bool {
  if (!PRIVATE_PAGE_HOLDS_PGMAP) return true;
  return pgmap.type !== MEMORY_DEVICE_PRIVATE && pgmap.type !== MEMORY_DEVICE_COHERENT;
}

/** `pgmap` has its type, owner and range set. */
export function memremap_pages(pgmap: DevPagemap): void {
  pgmap.done.done = 0;
  percpu_ref_init(pgmap.ref, pgmap.done);
  pgmap_array_store_range(pgmap, pgmap);
  memmap_init_zone_device(pgmap.range_start, pgmap.range_len, pgmap);
  if (range_holds_pgmap(pgmap)) percpu_ref_get_many(pgmap.ref, pgmap.range_len);
}

/** The struct pages go: from here on nobody may look at them. */
function pageunmap_range(pgmap: DevPagemap): void {
  mem_hotplug_begin();
  for (let i: int = 0; i < pgmap.range_len; i++) pfn_to_page(pgmap.range_start + i).poisoned = true;
  pgmap_array_delete(pgmap);
}

/** Up to v5.17 each page gives its part of the ref back when its own count drops to 0, so this waits for users. */
function put_all_pages(pgmap: DevPagemap): void {
  for (let i: int = 0; i < pgmap.range_len; i++) put_page(pfn_to_page(pgmap.range_start + i));
}

export function memunmap_pages(pgmap: DevPagemap): void {
  percpu_ref_kill(pgmap.ref);
  if (!SEED && !FREE_EVENT_AT_ZERO) put_all_pages(pgmap);
  else if (range_holds_pgmap(pgmap)) percpu_ref_put_many(pgmap.ref, pgmap.range_len);
  wait_for_completion(pgmap.done);
  if (!PGMAP_REF_EXITS_LAST) percpu_ref_exit(pgmap.ref);
  pageunmap_range(pgmap);
  if (PGMAP_REF_EXITS_LAST) percpu_ref_exit(pgmap.ref);
}

/** The pgmap of a page frame, with a reference to it, or null. Up to v6.17 a caller could hand in one it has already. */
export function get_dev_pagemap(pfn: int): DevPagemap | null {
  rcu_read_lock();
  let found: DevPagemap | null = pgmap_array[pfn].pgmap;
  if (found !== null && !percpu_ref_tryget_live_rcu(found.ref)) found = null;
  rcu_read_unlock();
  return found;
}

/** v6.19 on: what an earlier life of the page may have left. */
function zone_device_page_wipe(page: Page, pgmap: DevPagemap): void {
  const flags: int = page.flags.f;
  page.flags.f = flags & (1 << PG_reserved);
  page.mapping = null;
  page.pgmap = pgmap;
  page.share = 0;
  VM_WARN_ON_ONCE(page_ref_count(page) !== 0);
  VM_WARN_ON_ONCE(!is_zone_device_page(page));
}

/** v6.1 on: a driver hands a free page of its memory out, locked and with a count of 1. */
export function zone_device_page_init(page: Page): void {
  const pgmap: DevPagemap = page_pgmap(page);
  if (PAGE_INIT_WIPES) zone_device_page_wipe(page, pgmap);
  if (PRIVATE_PAGE_HOLDS_PGMAP) {
    const got: bool = ZONE_DEVICE_LARGE_FOLIO
      ? percpu_ref_tryget_many(pgmap.ref, 1)
      : percpu_ref_tryget_live(pgmap.ref);
    WARN_ON_ONCE(!got);
  }
  set_page_count(page, 1);
  lock_page(page);
}

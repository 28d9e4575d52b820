// SPDX-License-Identifier: GPL-2.0-only
/**
 * The page allocator for order 0: a CPU's own free pages in front of the zone's.
 *
 * Upstream: mm/page_alloc.c, mm/internal.h (5.10, 6.1, 6.12, 7.3).
 * Modelled: a free page has a count of 0; allocation unlinks it, checks it and gives it a count of 1 by a plain store
 *   (set_page_refcounted); freeing checks it and links it. Checks of a page that nobody may touch are one step, and so
 *   is the work on a CPU's own list, which no other CPU sees (interrupts off up to v6.1, then the list's lock).
 * Left out: orders, migrate types, zones and nodes, watermarks, reclaim: alloc_page gives null when memory is out;
 *   hardware poison; the order within a list. A bad page ends the path; Linux prints it and loses it.
 *   v6.14 renamed free_unref_page to free_frozen_pages and split the frozen allocation off: both names are here.
 */
import { CONFIG_DEBUG_VM, VM_BUG_ON_PAGE } from '../../machine/bug.js';
import { type bool, fail, type int, NR_TASKS, object, objects, one_step, param } from '../../machine/core.js';
import { spin_lock, spin_unlock } from '../../machine/lock.js';
import { smp_processor_id } from '../../machine/task.js';
import { put_page_testzero } from '../include/linux/mm_page.js';
import type { Page, PerCpuPages, Zone } from '../include/linux/mm_types.js';
import { page_ref_count, set_page_count } from '../include/linux/page_ref.js';
import { PAGE_FLAGS_CHECK_AT_FREE, PageAnon } from '../include/linux/page-flags.js';

/** The one zone of ordinary memory. */
export const zone_normal = object<Zone>();
/** `zone->per_cpu_pageset`, the list of each CPU. */
export const per_cpu_pageset = objects<PerCpuPages>(NR_TASKS);

/** A CPU's list gives `batch` pages back when it has `high`, and takes as many when it is empty. */
export const pcp_high: int = param('pcp_high', 2);
export const pcp_batch: int = param('pcp_batch', 1);

/** What must be true of a page that is free. The caller is in one_step. */
function page_expected_state(page: Page, check_flags: int): bool {
  return (
    page._mapcount.counter === -1 &&
    page.mapping === null &&
    page._refcount.counter === 0 &&
    (page.flags.f & check_flags) === 0
  );
}

function bad_page(page: Page): void {
  fail('BUG', 'Bad page state');
}

/** Takes a frozen page's last marks off. */
function free_pages_prepare(page: Page): void {
  one_step(() => {
    if (PageAnon(page)) page.mapping = null;
    if (!page_expected_state(page, PAGE_FLAGS_CHECK_AT_FREE)) bad_page(page);
    page.flags.f = 0;
  });
}

function __free_one_page(page: Page, zone: Zone): void {
  page.lru = zone.free_list;
  zone.free_list = page;
  zone.nr_free = zone.nr_free + 1;
}

function __rmqueue(zone: Zone): Page | null {
  const page: Page | null = zone.free_list;
  if (page !== null) {
    zone.free_list = page.lru;
    zone.nr_free = zone.nr_free - 1;
    page.lru = null;
  }
  return page;
}

function pcp_list_add(pcp: PerCpuPages, page: Page): void {
  page.lru = pcp.list;
  pcp.list = page;
  pcp.count = pcp.count + 1;
}

function pcp_list_del_first(pcp: PerCpuPages): Page | null {
  const page: Page | null = pcp.list;
  if (page !== null) {
    pcp.list = page.lru;
    pcp.count = pcp.count - 1;
    page.lru = null;
  }
  return page;
}

/** Past the CPU's list, as at boot. */
export function __free_pages_ok(page: Page): void {
  free_pages_prepare(page);
  spin_lock(zone_normal.lock);
  one_step(() => {
    __free_one_page(page, zone_normal);
  });
  spin_unlock(zone_normal.lock);
}

function free_pcppages_bulk(zone: Zone, count: int, pcp: PerCpuPages): void {
  spin_lock(zone.lock);
  one_step(() => {
    for (let i: int = 0; i < count; i++) {
      const page: Page | null = pcp_list_del_first(pcp);
      if (page !== null) __free_one_page(page, zone);
    }
  });
  spin_unlock(zone.lock);
}

function rmqueue_bulk(zone: Zone, count: int, pcp: PerCpuPages): void {
  spin_lock(zone.lock);
  one_step(() => {
    for (let i: int = 0; i < count; i++) {
      const page: Page | null = __rmqueue(zone);
      if (page !== null) pcp_list_add(pcp, page);
    }
  });
  spin_unlock(zone.lock);
}

/** Up to v6.13. */
export function free_unref_page(page: Page): void {
  free_pages_prepare(page);
  const pcp: PerCpuPages = per_cpu_pageset[smp_processor_id()];
  const count: int = one_step(() => {
    pcp_list_add(pcp, page);
    return pcp.count;
  });
  if (count >= pcp_high) free_pcppages_bulk(zone_normal, pcp_batch, pcp);
}

/** Frees a page whose count is 0 already. */
export function free_frozen_pages(page: Page): void {
  free_unref_page(page);
}

/** Drops the allocation's reference; frees the page unless somebody else still has one. */
export function __free_page(page: Page): void {
  if (put_page_testzero(page)) free_unref_page(page);
}

function __rmqueue_pcplist(pcp: PerCpuPages): Page | null {
  return one_step(() => {
    const page: Page | null = pcp_list_del_first(pcp);
    if (page !== null && !page_expected_state(page, PAGE_FLAGS_CHECK_AT_FREE)) bad_page(page);
    return page;
  });
}

/** A page with a count of 0, or null. */
export function __alloc_frozen_pages(): Page | null {
  const pcp: PerCpuPages = per_cpu_pageset[smp_processor_id()];
  const page: Page | null = __rmqueue_pcplist(pcp);
  if (page !== null) return page;
  rmqueue_bulk(zone_normal, pcp_batch, pcp);
  return __rmqueue_pcplist(pcp);
}

function set_page_refcounted(page: Page): void {
  if (CONFIG_DEBUG_VM) VM_BUG_ON_PAGE(page_ref_count(page) !== 0, page);
  set_page_count(page, 1);
}

export function alloc_page(): Page | null {
  const page: Page | null = __alloc_frozen_pages();
  if (page !== null) set_page_refcounted(page);
  return page;
}

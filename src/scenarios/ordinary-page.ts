// SPDX-License-Identifier: GPL-2.0-only
/**
 * An ordinary page: its last user lets go, a third task allocates it anew, and a lookup comes by an old pointer.
 *
 * What the one-based scheme was not made for: a free page has a count of 0, and so nobody gets a reference to one.
 */

import { pfn_to_page } from '../linux/include/asm-generic/memory_model.js';
import { folio_put, put_page } from '../linux/include/linux/mm.js';
import type { Page } from '../linux/include/linux/mm_types.js';
import { folio_ref_inc, folio_try_get, page_ref_count } from '../linux/include/linux/page_ref.js';
import { start_kernel } from '../linux/init/main.js';
import { alloc_page, per_cpu_pageset, zone_normal } from '../linux/mm/page_alloc.js';
import { assert } from '../machine/bug.js';
import { type bool, type int, object } from '../machine/core.js';
import { rcu_read_lock, rcu_read_unlock } from '../machine/rcu.js';
import { scenario } from '../machine/scenario.js';

/** A place where a page can be found, like a slot of the page cache. */
interface Slot {
  page: Page | null;
}
const slot = object<Slot>();

interface Owners {
  /** what the third task has allocated for itself */
  third: Page | null;
}
const owners = object<Owners>();

function fill_slot(): void {
  start_kernel();
  slot.page = alloc_page();
}

/** Takes the page out of the slot and drops the slot's reference. */
function remove(): void {
  const page: Page | null = slot.page;
  slot.page = null;
  put_page(page!);
}

/** A speculative lookup: filemap_get_entry. */
function lookup(): void {
  rcu_read_lock();
  const page: Page | null = slot.page;
  if (page !== null && folio_try_get(page)) {
    if (slot.page === page) use_found(page);
    folio_put(page);
  }
  rcu_read_unlock();
}

/** The page was in the slot after the reference was had: it is the slot's page, or was until just now. */
function use_found(page: Page): void {
  assert(owners.third !== page, 'the lookup uses a page that belongs to somebody else');
}

/** Allocates a page of its own, uses it and frees it. */
function reuse(): void {
  const page: Page | null = alloc_page();
  if (page === null) return;
  owners.third = page;
  assert(page_ref_count(page) >= 1, 'a page in use has no reference');
  owners.third = null;
  put_page(page);
}

function free_pages(): int {
  return zone_normal.nr_free + per_cpu_pageset[0].count + per_cpu_pageset[1].count + per_cpu_pageset[2].count;
}

export default scenario({
  title: 'An ordinary page is freed and allocated anew while a lookup comes by an old pointer',
  question: 'Does a speculative reference ever reach a page that is free, or that became somebody else’s?',
  about: [
    'eras.md section 7: page cache lookup, buddy allocation, free',
    'e286781d5f2e mm: speculative page references',
  ],
  expect: { 'v5.14': 'holds', seed: 'holds', 'v5.18': 'holds', 'v6.1': 'holds', 'v7.3': 'holds' },
  sizes: { pages: 1, device_pages: 0, pcp_high: 1 },
  init: fill_slot,
  tasks: { remove, lookup, reuse },
  sometimes: {
    'a lookup has a reference to a page that became somebody else’s': () =>
      owners.third !== null && page_ref_count(pfn_to_page(0)) === 2,
  },
  finally: {
    'the page is free, once': () => free_pages() === 1 && page_ref_count(pfn_to_page(0)) === 0,
  },
  broken: {
    'the slot is not looked at again': {
      kernels: ['v5.14', 'seed', 'v5.18', 'v6.1', 'v7.3'],
      violates: 'assert',
      edits: [{ in: 'lookup', replace: 'slot.page === page', by: 'true' }],
    },
    'a count of 0 can be raised': {
      kernels: ['v5.14', 'seed', 'v5.18', 'v6.1', 'v7.3'],
      violates: 'BUG',
      functions: [folio_try_get__raises_zero],
    },
  },
});

/** A get that does not ask whether there is a reference to share. */
function folio_try_get__raises_zero(folio: Page): bool {
  folio_ref_inc(folio);
  return true;
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * How many page tables map a page: `_mapcount`, which is that number minus one.
 *
 * Not here: reading it (include/linux/mm.ts); finding who maps a page (for a file: unmap_mapping_pages, mm/memory.ts).
 *
 * Upstream: mm/rmap.c, include/linux/rmap.h, mm.h (5.10, 6.1, 7.3).
 * Modelled: the count of a small page, under the names of both times: page_… until v6.7, folio_…_pte since.
 *   The rule that goes with it: a reference is taken before the mapping is counted and given back after it.
 * Left out: large folios, statistics, mlock, PG_anon_exclusive, and when an anonymous page gets its `mapping`.
 */
import { atomic_add_negative, atomic_inc } from '../../machine/atomic.js';
import type { Folio, Page } from '../include/linux/mm_types.js';

export function page_add_file_rmap(page: Page): void {
  atomic_inc(page._mapcount);
}

export function folio_add_file_rmap_pte(folio: Folio): void {
  page_add_file_rmap(folio);
}

export function page_add_anon_rmap(page: Page): void {
  atomic_inc(page._mapcount);
}

export function folio_add_anon_rmap_pte(folio: Folio): void {
  page_add_anon_rmap(folio);
}

export function page_remove_rmap(page: Page): void {
  atomic_add_negative(-1, page._mapcount);
}

export function folio_remove_rmap_pte(folio: Folio): void {
  page_remove_rmap(folio);
}

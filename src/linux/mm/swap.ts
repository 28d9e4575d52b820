// SPDX-License-Identifier: GPL-2.0-only
/**
 * What happens to a page when its last reference is gone.
 *
 * Upstream: mm/swap.c (5.10, 6.1, 6.12), mm/folio.c (7.3).
 * Modelled: device pages go their own way; ordinary ones go to the allocator. release_pages with its own treatment of
 *   device pages, which was more than once not put_page's.
 * Left out: the LRU lists and their batches, which hold references of their own; large folios, hugetlb, memcg;
 *   release_pages takes one page, not an array.
 */
import type { int } from '../../machine/core.js';
import { is_zone_device_page } from '../include/linux/memremap.js';
import { put_page_testzero } from '../include/linux/mm_page.js';
import type { Folio, Page } from '../include/linux/mm_types.js';
import { folio_ref_sub_and_test } from '../include/linux/page_ref.js';
import { free_zone_device_page, put_devmap_managed_page, put_devmap_managed_page_refs } from './memremap_free.js';
import { free_frozen_pages } from './page_alloc.js';

/** v5.16 on. The folio's count is 0. */
export function __folio_put(folio: Folio): void {
  if (is_zone_device_page(folio)) free_zone_device_page(folio);
  else free_frozen_pages(folio);
}

/** Up to v5.15. */
export function __put_page(page: Page): void {
  __folio_put(page);
}

export function release_pages(page: Page): void {
  if (put_devmap_managed_page(page)) return;
  if (put_page_testzero(page)) __folio_put(page);
}

/** v6.9 on. */
export function folios_put_refs(folio: Folio, refs: int): void {
  if (put_devmap_managed_page_refs(folio, refs)) return;
  if (folio_ref_sub_and_test(folio, refs)) __folio_put(folio);
}

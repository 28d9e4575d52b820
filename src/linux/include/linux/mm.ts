// SPDX-License-Identifier: GPL-2.0-only
/**
 * Dropping references, in each kernel's shape; and, handed on from mm_page.ts, taking them.
 *
 * Upstream: include/linux/mm.h (5.10, 6.1, 6.12, 7.3; the seed and v5.18 from the patches).
 * Modelled: put_page with its branch for device pages, where there is one; folio_put, which never had it.
 * Left out: everything about large folios and slab.
 */
import type { int } from '../../../machine/core.js';
import { put_devmap_managed_page } from '../../mm/memremap_free.js';
import { __folio_put } from '../../mm/swap.js';
import { folio_put_testzero } from './mm_page.js';
import type { Folio, Page } from './mm_types.js';
import { folio_ref_sub_and_test } from './page_ref.js';

export {
  folio_get,
  folio_mapcount,
  folio_mapped,
  folio_put_testzero,
  get_page,
  get_page_unless_zero,
  page_folio,
  page_mapcount,
  page_mapped,
  page_ref_zero_or_close_to_overflow,
  put_page_testzero,
  try_get_page,
} from './mm_page.js';

/** v5.16 on. */
export function folio_put(folio: Folio): void {
  if (folio_put_testzero(folio)) __folio_put(folio);
}

export function folio_put_refs(folio: Folio, refs: int): void {
  if (folio_ref_sub_and_test(folio, refs)) __folio_put(folio);
}

/** The drop that frees is from 2 to 1 for some device pages in some kernels, from 1 to 0 otherwise. */
export function put_page(page: Page): void {
  if (put_devmap_managed_page(page)) return;
  folio_put(page);
}

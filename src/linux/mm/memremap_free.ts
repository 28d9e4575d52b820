// SPDX-License-Identifier: GPL-2.0-only
/**
 * A page of device memory is no longer in use: who is told, and what its count becomes.
 *
 * Not here: making and unmaking device memory (mm/memremap.ts). One upstream file in two, because putting a page calls
 * this and unmaking device memory puts pages, and files form no cycle here.
 *
 * Upstream: mm/memremap.c, mm/swap.c, include/linux/mm.h (5.10, 6.1, 6.12, 7.3; the seed and v5.18 from the patches).
 * Modelled: the drop that frees, and free_zone_device_page (v6.10: _folio), in each kernel's shape; test_hmm is the
 *   driver of private and coherent memory.
 * Left out: memcg; PG_anon_exclusive; the static key devmap_managed_key, which is no memory access; P2PDMA's driver:
 *   a page of that type which is freed stays where it is.
 */
import { WARN_ON_ONCE } from '../../machine/bug.js';
import { addr_of, type bool, type int } from '../../machine/core.js';
import {
  FREE_EVENT_AT_ZERO,
  FSDAX_COUNTED,
  P2PDMA_USER_MAPPINGS,
  PGMAP_READ_BEFORE_FREE,
  PRIVATE_FREE_AT_ZERO,
  PRIVATE_PAGE_HOLDS_PGMAP,
  SEED,
} from '../commits.js';
import {
  is_device_private_page,
  is_zone_device_page,
  MEMORY_DEVICE_COHERENT,
  MEMORY_DEVICE_FS_DAX,
  MEMORY_DEVICE_GENERIC,
  MEMORY_DEVICE_PCI_P2PDMA,
  MEMORY_DEVICE_PRIVATE,
  page_pgmap,
} from '../include/linux/memremap.js';
import type { DevPagemap, Folio, Page } from '../include/linux/mm_types.js';
import { page_ref_dec_return, page_ref_sub_return, set_page_count } from '../include/linux/page_ref.js';
import { percpu_ref_put } from '../include/linux/percpu-refcount.js';
import { wake_up_var } from '../kernel/sched/wait_bit.js';
import { dmirror_devmem_free } from '../lib/test_hmm_free.js';

export function put_dev_pagemap(pgmap: DevPagemap): void {
  percpu_ref_put(pgmap.ref);
}

function is_private_or_coherent(type: int): bool {
  return type === MEMORY_DEVICE_PRIVATE || type === MEMORY_DEVICE_COHERENT;
}

/** The memory's driver gets the page: `ops->page_free`, v6.19 `ops->folio_free`. */
function pgmap_ops_page_free(type: int, page: Page): void {
  if (is_private_or_coherent(type)) dmirror_devmem_free(page);
}

// ---- up to v5.17: the drop from 2 to 1 frees --------------------------------------------------------------------

/** Up to v5.17: whether the drop from 2 to 1 frees. */
export function page_is_devmap_managed(page: Page): bool {
  if (!is_zone_device_page(page)) return false;
  const type: int = page_pgmap(page).type;
  return type === MEMORY_DEVICE_PRIVATE || type === MEMORY_DEVICE_FS_DAX;
}

function free_devmap_managed_page(page: Page): void {
  if (!is_device_private_page(page)) {
    wake_up_var(addr_of(page._refcount));
    return;
  }
  page.mapping = null;
  pgmap_ops_page_free(MEMORY_DEVICE_PRIVATE, page);
}

// ---- v5.18 to v6.14: only for fs-dax ----------------------------------------------------------------------------

/** v6.10 on */
function __put_devmap_managed_folio_refs(folio: Folio, refs: int): bool {
  if (page_pgmap(folio).type !== MEMORY_DEVICE_FS_DAX) return false;
  if (page_ref_sub_return(folio, refs) === 1) wake_up_var(addr_of(folio._refcount));
  return true;
}

/** until v6.9 */
function __put_devmap_managed_page_refs(page: Page, refs: int): bool {
  return __put_devmap_managed_folio_refs(page, refs);
}

/**
 * v5.19 to v6.14; v6.10 on put_devmap_managed_folio_refs.
 * @returns whether the page was of the kind whose drop to 1 frees, and its references are dropped
 */
export function put_devmap_managed_page_refs(page: Page, refs: int): bool {
  if (SEED || FSDAX_COUNTED) return false;
  if (!is_zone_device_page(page)) return false;
  return __put_devmap_managed_page_refs(page, refs);
}

/**
 * Drops one reference of a page whose drop to 1 frees; up to v6.14, and not in the seed's kernel.
 * Up to v5.17 the caller asks page_is_devmap_managed first and nothing is returned; here the question is included.
 * @returns whether the page was of that kind
 */
export function put_devmap_managed_page(page: Page): bool {
  if (SEED || FSDAX_COUNTED) return false;
  if (FREE_EVENT_AT_ZERO) return put_devmap_managed_page_refs(page, 1);
  if (!page_is_devmap_managed(page)) return false;
  const count: int = page_ref_dec_return(page);
  if (count === 1) free_devmap_managed_page(page);
  else if (count === 0) put_dev_pagemap(page_pgmap(page));
  return true;
}

// ---- the drop to 0 ----------------------------------------------------------------------------------------------

/** The seed: wakes the waiters of fs-dax, gives private pages to their driver, leaves the rest alone. */
function free_zone_device_page_seed(page: Page): void {
  const type: int = page_pgmap(page).type;
  if (type === MEMORY_DEVICE_FS_DAX) wake_up_var(addr_of(page._refcount));
  if (type === MEMORY_DEVICE_PRIVATE) {
    page.mapping = null;
    pgmap_ops_page_free(type, page);
  }
}

/** v5.18 to v6.14: whether the memory's driver has a page_free (v5.18 asks for a private page outright). */
function has_page_free(type: int): bool {
  return is_private_or_coherent(type) || (P2PDMA_USER_MAPPINGS && type === MEMORY_DEVICE_PCI_P2PDMA);
}

/** v5.18 to v6.14: the driver has the page before its count is put back to 1. */
function free_zone_device_page_5_18(page: Page): void {
  const type: int = page_pgmap(page).type;
  if (WARN_ON_ONCE(!has_page_free(type))) return;
  page.mapping = null;
  pgmap_ops_page_free(type, page);
  if (PRIVATE_FREE_AT_ZERO && is_private_or_coherent(type)) {
    if (PRIVATE_PAGE_HOLDS_PGMAP) put_dev_pagemap(page_pgmap(page));
  } else {
    set_page_count(page, 1);
  }
}

/** v6.15 on. */
function free_zone_device_folio(folio: Folio): void {
  const pgmap: DevPagemap = page_pgmap(folio);
  const type: int = pgmap.type;
  if (type !== MEMORY_DEVICE_FS_DAX && type !== MEMORY_DEVICE_GENERIC) folio.mapping = null;
  if (is_private_or_coherent(type)) {
    pgmap_ops_page_free(type, folio);
    if (PRIVATE_PAGE_HOLDS_PGMAP) put_dev_pagemap(PGMAP_READ_BEFORE_FREE ? pgmap : page_pgmap(folio));
  } else if (type === MEMORY_DEVICE_GENERIC) {
    set_page_count(folio, 1);
  } else if (type === MEMORY_DEVICE_FS_DAX) {
    wake_up_var(addr_of(folio));
  } else {
    pgmap_ops_page_free(type, folio);
  }
}

/** A device page's count has dropped to 0. Up to v5.17 this is what __put_page does for one. */
export function free_zone_device_page(page: Page): void {
  if (SEED) free_zone_device_page_seed(page);
  else if (FSDAX_COUNTED) free_zone_device_folio(page);
  else if (FREE_EVENT_AT_ZERO) free_zone_device_page_5_18(page);
  else put_dev_pagemap(page_pgmap(page));
}

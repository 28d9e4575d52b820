// SPDX-License-Identifier: GPL-2.0-only
/**
 * Struct pages come to be: at boot for ordinary memory, by memremap_pages for device memory.
 *
 * Upstream: mm/page_alloc.c (5.10), mm/mm_init.c (6.1, 7.3), mm/memblock.c.
 * Modelled: every struct page begins with a count of 1. Ordinary ones are then set to 0 and given to the allocator;
 *   device ones keep 1 or are set to 0, by type and kernel.
 * Left out: deferred initialisation, hotplugged ordinary memory, altmap, compound vmemmap.
 */
import type { bool, int } from '../../machine/core.js';
import { FSDAX_COUNTED, P2PDMA_FREE_AT_ZERO, PRIVATE_FREE_AT_ZERO, SEED } from '../commits.js';
import { nr_ram_pages, pfn_to_page } from '../include/asm-generic/memory_model.js';
import {
  MEMORY_DEVICE_COHERENT,
  MEMORY_DEVICE_FS_DAX,
  MEMORY_DEVICE_PCI_P2PDMA,
  MEMORY_DEVICE_PRIVATE,
  ZONE_DEVICE,
  ZONE_NORMAL,
} from '../include/linux/memremap.js';
import type { DevPagemap, Page } from '../include/linux/mm_types.js';
import { init_page_count, set_page_count } from '../include/linux/page_ref.js';
import { PG_reserved } from '../include/linux/page-flags.js';
import { __free_pages_ok } from './page_alloc.js';

function __init_single_page(page: Page, zone: int): void {
  page.poisoned = false;
  page.flags.f = 0;
  page.zone = zone;
  page.page_type = 0;
  page.mapping = null;
  page.index = 0;
  page.share = 0;
  page.lru = null;
  page.pgmap = null;
  page.zone_device_data = null;
  page.zone_device_mirror = null;
  init_page_count(page);
  page._mapcount.counter = -1;
}

/** Whether a page of device memory of that type begins with, and when free has, a count of 0. */
function zone_device_count_begins_at_zero(type: int): bool {
  if (SEED) return true;
  if (type === MEMORY_DEVICE_PRIVATE || type === MEMORY_DEVICE_COHERENT) return PRIVATE_FREE_AT_ZERO;
  if (type === MEMORY_DEVICE_PCI_P2PDMA) return P2PDMA_FREE_AT_ZERO;
  if (type === MEMORY_DEVICE_FS_DAX) return FSDAX_COUNTED;
  return false;
}

/** v5.17 on; before, the body of the loop. */
function __init_zone_device_page(page: Page, pgmap: DevPagemap): void {
  __init_single_page(page, ZONE_DEVICE);
  page.flags.f = 1 << PG_reserved;
  page.pgmap = pgmap;
  if (zone_device_count_begins_at_zero(pgmap.type)) set_page_count(page, 0);
}

export function memmap_init_zone_device(start_pfn: int, nr_pages: int, pgmap: DevPagemap): void {
  for (let pfn: int = start_pfn; pfn < start_pfn + nr_pages; pfn++) __init_zone_device_page(pfn_to_page(pfn), pgmap);
}

/** Gives a page that nobody has had yet to the allocator. */
export function __free_pages_core(page: Page): void {
  set_page_count(page, 0);
  __free_pages_ok(page);
}

/** All of ordinary memory is free when this returns. */
export function memblock_free_all(): void {
  for (let pfn: int = nr_ram_pages - 1; pfn >= 0; pfn--) {
    const page: Page = pfn_to_page(pfn);
    __init_single_page(page, ZONE_NORMAL);
    __free_pages_core(page);
  }
}

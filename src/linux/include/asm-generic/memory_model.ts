// SPDX-License-Identifier: GPL-2.0-only
/**
 * The memmap: one struct page for each page frame, and the way from a page to its number and back.
 *
 * Upstream: include/asm-generic/memory_model.h, mm/memory.c (mem_map) (5.10, 6.1, 7.3; CONFIG_FLATMEM).
 * Modelled: frames 0 to nr_ram_pages-1 are ordinary memory; those from there on are device memory, whose struct pages
 *   are undefined (`poisoned`) before memremap_pages and after memunmap_pages.
 * Left out: sections and vmemmap: that device struct pages appear and vanish is what `poisoned` says.
 */
import { index_of, type int, objects, param } from '../../../machine/core.js';
import type { Page } from '../linux/mm_types.js';

/** Page frames of ordinary memory. */
export const nr_ram_pages: int = param('pages', 2);
/** Page frames of device memory, after the ordinary ones. */
export const nr_device_pages: int = param('device_pages', 1);

export const mem_map = objects<Page>(nr_ram_pages + nr_device_pages);

export function pfn_to_page(pfn: int): Page {
  return mem_map[pfn];
}

export function page_to_pfn(page: Page): int {
  return index_of(mem_map, page);
}

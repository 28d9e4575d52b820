// SPDX-License-Identifier: GPL-2.0-only
/**
 * The kinds of device memory, and how to ask a page for its kind.
 *
 * Upstream: include/linux/memremap.h, mm.h, mmzone.h (5.10, 6.1, 7.3).
 * Modelled: the types; the tests read `zone`, `pgmap` and the pgmap's `type`, as Linux does.
 * Left out: ranges, altmap, vmemmap_shift, the table of operations: one driver serves each type (mm/memremap.ts).
 */
import type { bool } from '../../../machine/core.js';
import type { DevPagemap, Folio, Page } from './mm_types.js';

export const MEMORY_DEVICE_PRIVATE = 1;
export const MEMORY_DEVICE_COHERENT = 2;
export const MEMORY_DEVICE_FS_DAX = 3;
export const MEMORY_DEVICE_GENERIC = 4;
export const MEMORY_DEVICE_PCI_P2PDMA = 5;

export const ZONE_NORMAL = 0;
export const ZONE_DEVICE = 1;

export function page_zonenum(page: Page): number {
  return page.zone;
}

export function is_zone_device_page(page: Page): bool {
  return page_zonenum(page) === ZONE_DEVICE;
}

export function folio_is_zone_device(folio: Folio): bool {
  return is_zone_device_page(folio);
}

/** v6.15 on; `page->pgmap` before. */
export function page_pgmap(page: Page): DevPagemap {
  const pgmap: DevPagemap | null = page.pgmap;
  return pgmap!;
}

export function is_device_private_page(page: Page): bool {
  return is_zone_device_page(page) && page_pgmap(page).type === MEMORY_DEVICE_PRIVATE;
}

export function folio_is_device_private(folio: Folio): bool {
  return is_device_private_page(folio);
}

/** v6.0 on */
export function is_device_coherent_page(page: Page): bool {
  return is_zone_device_page(page) && page_pgmap(page).type === MEMORY_DEVICE_COHERENT;
}

export function is_fsdax_page(page: Page): bool {
  return is_zone_device_page(page) && page_pgmap(page).type === MEMORY_DEVICE_FS_DAX;
}

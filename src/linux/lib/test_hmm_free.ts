// SPDX-License-Identifier: GPL-2.0-only
/**
 * The test driver's page_free (v6.19: folio_free): device memory comes back to the driver.
 *
 * Not here: the rest of the driver (lib/test_hmm.ts). One upstream file in two, because mm/memremap.ts calls this
 * through a table of functions, and files form no cycle here.
 *
 * Upstream: lib/test_hmm.c (5.10, 6.1, 7.3).
 * Modelled: dmirror_devmem_free; the free list is linked by zone_device_data, under the device's lock.
 * Left out: statistics; coherent memory's own data; several chunks; large folios.
 */
import { spin_lock, spin_unlock } from '../../machine/lock.js';
import { MIGRATE_DEVICE_RANGE } from '../commits.js';
import { page_pgmap } from '../include/linux/memremap.js';
import type { DmirrorDevice, Page } from '../include/linux/mm_types.js';
import { __free_page } from '../mm/page_alloc.js';

export function dmirror_page_to_device(page: Page): DmirrorDevice {
  return page_pgmap(page).owner!;
}

export function dmirror_devmem_free(page: Page): void {
  const rpage: Page | null = page.zone_device_data;
  if (rpage !== null) __free_page(rpage);

  const mdevice: DmirrorDevice = dmirror_page_to_device(page);
  spin_lock(mdevice.lock);
  if (!MIGRATE_DEVICE_RANGE || !mdevice.remove) {
    page.zone_device_data = mdevice.free_pages;
    mdevice.free_pages = page;
  }
  spin_unlock(mdevice.lock);
}

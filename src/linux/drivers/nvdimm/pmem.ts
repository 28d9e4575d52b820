// SPDX-License-Identifier: GPL-2.0-only
/**
 * Persistent memory: the device that a DAX file system is on.
 *
 * Upstream: drivers/nvdimm/pmem.c (5.10, 7.3).
 * Modelled: one device, which is all of device memory, with struct pages of MEMORY_DEVICE_FS_DAX.
 * Left out: the block device; the driver going away under a file system.
 */
import { object } from '../../../machine/core.js';
import { nr_device_pages, nr_ram_pages } from '../../include/asm-generic/memory_model.js';
import { MEMORY_DEVICE_FS_DAX } from '../../include/linux/memremap.js';
import type { DevPagemap } from '../../include/linux/mm_types.js';
import { memremap_pages } from '../../mm/memremap.js';

export const pmem_pgmap = object<DevPagemap>();

export function pmem_attach_disk(): void {
  pmem_pgmap.type = MEMORY_DEVICE_FS_DAX;
  pmem_pgmap.range_start = nr_ram_pages;
  pmem_pgmap.range_len = nr_device_pages;
  memremap_pages(pmem_pgmap);
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * The kernel starts.
 *
 * Upstream: init/main.c (7.3).
 * Modelled: memory is handed to the allocator; device memory has no struct pages yet.
 * Left out: everything else.
 */
import type { int } from '../../machine/core.js';
import { nr_device_pages, nr_ram_pages, pfn_to_page } from '../include/asm-generic/memory_model.js';
import { memblock_free_all } from '../mm/mm_init.js';

/** Called once, before anything else: by the `init` of a scenario, by boot. */
export function start_kernel(): void {
  memblock_free_all();
  for (let pfn: int = nr_ram_pages; pfn < nr_ram_pages + nr_device_pages; pfn++) pfn_to_page(pfn).poisoned = true;
}

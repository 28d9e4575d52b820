// SPDX-License-Identifier: GPL-2.0-only
/**
 * Taking pages of a file out of memory because the file loses them.
 *
 * Upstream: mm/truncate.c (5.10, 6.1, 7.3).
 * Modelled: DAX files: their pages are unmapped and their entries deleted. Since v6.15 the file system has done both
 *   when it broke layouts, and an entry found here is a warning.
 * Left out: pages of the page cache and parts of pages; the second unmapping of truncate_pagecache, which is for
 *   private copies.
 */
import { WARN_ON_ONCE } from '../../machine/bug.js';
import type { int, u16 } from '../../machine/core.js';
import { DAX_BREAK_DELETES_ENTRIES } from '../commits.js';
import { dax_delete_mapping_entry } from '../fs/dax.js';
import type { AddressSpace, Inode } from '../include/linux/mm_types.js';
import { PAGES_PER_FILE } from '../include/linux/mm_types.js';
import { unmap_mapping_pages } from './memory.js';

/** truncate_exceptional_pvec_entries until v5.16 */
function truncate_folio_batch_exceptionals(mapping: AddressSpace, index: int): void {
  if (DAX_BREAK_DELETES_ENTRIES) WARN_ON_ONCE(true);
  dax_delete_mapping_entry(mapping, index);
}

/** Pages `start` to `end`. */
function truncate_inode_pages_range(mapping: AddressSpace, start: int, end: int): void {
  for (let index: int = start; index <= end; index++) {
    const entry: u16 = mapping.i_pages[index];
    if (entry !== 0) truncate_folio_batch_exceptionals(mapping, index);
  }
}

/** A hole: pages `start` to `end`. */
export function truncate_pagecache_range(inode: Inode, start: int, end: int): void {
  const mapping: AddressSpace = inode.i_mapping!;
  unmap_mapping_pages(mapping, start, end - start + 1);
  truncate_inode_pages_range(mapping, start, end);
}

/** The file now ends before page `newsize`. */
export function truncate_pagecache(inode: Inode, newsize: int): void {
  truncate_pagecache_range(inode, newsize, PAGES_PER_FILE - 1);
}

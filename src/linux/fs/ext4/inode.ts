// SPDX-License-Identifier: GPL-2.0-only
/**
 * ext4 takes blocks away from a file: truncate and hole punch, which break layouts first.
 *
 * Not here: faults (fs/ext4/file.ts), blocks (extents.ts, mballoc.ts).
 *
 * Upstream: fs/ext4/inode.c, extents.c (ext4_fallocate) (5.10, 6.1, 7.3); the seed by facts/eras.md.
 * Modelled: the locks, in their order; that the wait for an idle page lets faults in again, and that the file is scanned
 *   anew after it; what is freed when. 7.3 takes the locks of a hole punch in ext4_fallocate, earlier ones in
 *   ext4_punch_hole; here it is always the latter.
 * Left out: direct I/O to the file itself (inode_dio_wait), parts of blocks, growing a file, the journal, errors.
 */
import type { int } from '../../../machine/core.js';
import { down_write, up_write } from '../../../machine/lock.js';
import { schedule } from '../../../machine/wait.js';
import { DAX_BREAK_LAYOUT, INVALIDATE_LOCK } from '../../commits.js';
import {
  filemap_invalidate_lock,
  filemap_invalidate_unlock,
  inode_lock,
  inode_unlock,
} from '../../include/linux/fs.js';
import type { AddressSpace, Inode } from '../../include/linux/mm_types.js';
import { PAGES_PER_FILE } from '../../include/linux/mm_types.js';
import { truncate_pagecache, truncate_pagecache_range } from '../../mm/truncate.js';
import { dax_break_layout_inode, dax_layout_busy_page, wait_page_idle } from '../dax.js';
import { ext4_ext_remove_space } from './extents.js';

/** A file that nobody has used yet. */
export function ext4_iget(inode: Inode, size: int): void {
  inode.i_mapping = inode.i_data;
  inode.i_data.host = inode;
  inode.i_size = size;
}

/** Keeps faults away. `down_write(&EXT4_I(inode)->i_mmap_sem)` until v5.14. */
function ext4_lock_out_faults(inode: Inode): void {
  if (INVALIDATE_LOCK) filemap_invalidate_lock(inode.i_mapping!);
  else down_write(inode.ext4.i_mmap_sem);
}

function ext4_let_in_faults(inode: Inode): void {
  if (INVALIDATE_LOCK) filemap_invalidate_unlock(inode.i_mapping!);
  else up_write(inode.ext4.i_mmap_sem);
}

function ext4_wait_dax_page(inode: Inode): void {
  ext4_let_in_faults(inode);
  schedule();
  ext4_lock_out_faults(inode);
}

/** Faults are kept away, but for the time it sleeps. When it returns nobody maps or holds a page of the file. */
export function ext4_break_layouts(inode: Inode): void {
  if (DAX_BREAK_LAYOUT) {
    dax_break_layout_inode(inode, () => ext4_wait_dax_page(inode));
    return;
  }
  const mapping: AddressSpace = inode.i_mapping!;
  for (;;) {
    const page = dax_layout_busy_page(mapping);
    if (page === null) break;
    wait_page_idle(page, () => ext4_wait_dax_page(inode));
  }
}

/** fallocate(FALLOC_FL_PUNCH_HOLE): the file gives up its pages `start` to `end`. */
export function ext4_punch_hole(inode: Inode, start: int, end: int): void {
  inode_lock(inode);
  ext4_lock_out_faults(inode);
  ext4_break_layouts(inode);
  truncate_pagecache_range(inode, start, end);
  ext4_ext_remove_space(inode, start, end);
  ext4_let_in_faults(inode);
  inode_unlock(inode);
}

/** truncate(2): ext4_setattr with ATTR_SIZE, for a file that shrinks. */
export function ext4_setattr(inode: Inode, size: int): void {
  inode_lock(inode);
  ext4_lock_out_faults(inode);
  ext4_break_layouts(inode);
  inode.i_size = size;
  truncate_pagecache(inode, size);
  ext4_ext_remove_space(inode, size, PAGES_PER_FILE - 1);
  ext4_let_in_faults(inode);
  inode_unlock(inode);
}

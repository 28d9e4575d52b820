// SPDX-License-Identifier: GPL-2.0-only
/**
 * Where in a file its blocks are: looking one up, allocating one for a hole, freeing those of a range.
 *
 * Upstream: fs/ext4/extents.c, inode.c (ext4_map_blocks, ext4_iomap_begin) (5.10, 6.1, 7.3).
 * Modelled: a table with a cell for each page of the file.
 * Left out: the tree, i_data_sem (who changes the table here holds i_mmap_sem or invalidate_lock, and only one fault has
 *   a page's entry locked), unwritten extents, the journal.
 */
import type { int, u8 } from '../../../machine/core.js';
import { ENOSPC } from '../../include/linux/errno.js';
import type { Inode } from '../../include/linux/mm_types.js';
import { ext4_block_pfn, ext4_free_blocks, ext4_mb_new_blocks } from './mballoc.js';

/** @returns the block of a page of the file, which is allocated now if it was not; below 0: -errno */
function ext4_map_blocks(inode: Inode, index: int): int {
  const extent: u8 = inode.ext4.i_block[index];
  if (extent !== 0) return extent - 1;
  const block = ext4_mb_new_blocks(inode);
  if (block < 0) return -ENOSPC;
  inode.ext4.i_block[index] = block + 1;
  return block;
}

/** For a write. @returns the number of the page frame that is the page of the file; below 0: -errno */
export function ext4_iomap_begin(inode: Inode, index: int): int {
  const block = ext4_map_blocks(inode, index);
  return block < 0 ? block : ext4_block_pfn(block);
}

/** Frees the blocks of pages `start` to `end`. */
export function ext4_ext_remove_space(inode: Inode, start: int, end: int): void {
  for (let index: int = start; index <= end; index++) {
    const extent: u8 = inode.ext4.i_block[index];
    if (extent !== 0) {
      inode.ext4.i_block[index] = 0;
      ext4_free_blocks(inode, extent - 1);
    }
  }
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * Which blocks are free, and whose the others are.
 *
 * Not here: where in a file a block is (fs/ext4/extents.ts).
 *
 * Upstream: fs/ext4/mballoc.c (7.3).
 * Modelled: one file system on one pmem device, whose blocks are the pages of the device, and a block bitmap. Taking and
 *   freeing a block is one step (Linux: under the lock of the block's group).
 * Left out: groups, preallocation, and the journal: a freed block may be taken at once, as on a file system without one
 *   (evidence/z39 made its own so) or after the commit on one that has it.
 */
import { VM_BUG_ON } from '../../../machine/bug.js';
import { type int, objects, one_step } from '../../../machine/core.js';
import { pmem_pgmap } from '../../drivers/nvdimm/pmem.js';
import { nr_device_pages, page_to_pfn } from '../../include/asm-generic/memory_model.js';
import type { Ext4Block, Inode, Page } from '../../include/linux/mm_types.js';

const ext4_blocks = objects<Ext4Block>(nr_device_pages);

/** @returns a block that is now the file's; -1 if none is free */
export function ext4_mb_new_blocks(inode: Inode): int {
  return one_step(() => {
    for (let block: int = 0; block < nr_device_pages; block++) {
      if (!ext4_blocks[block].allocated) {
        ext4_blocks[block].allocated = true;
        ext4_blocks[block].owner = inode;
        return block;
      }
    }
    return -1;
  });
}

export function ext4_free_blocks(inode: Inode, block: int): void {
  one_step(() => {
    VM_BUG_ON(!ext4_blocks[block].allocated || ext4_blocks[block].owner !== inode);
    ext4_blocks[block].allocated = false;
    ext4_blocks[block].owner = null;
  });
}

/** The page frame that is the block. */
export function ext4_block_pfn(block: int): int {
  return pmem_pgmap.range_start + block;
}

/** For the checker, not Linux: the file that has the block which is this page; null if it is free. */
export function file_of_page(page: Page): Inode | null {
  return ext4_blocks[page_to_pfn(page) - pmem_pgmap.range_start].owner;
}

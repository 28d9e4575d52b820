// SPDX-License-Identifier: GPL-2.0-only
/**
 * A fault on a mapping of an ext4 file with DAX.
 *
 * Upstream: fs/ext4/file.c (5.10, 6.1, 7.3).
 * Modelled: ext4_dax_huge_fault for one page and a write: truncate and hole punch are kept away while it runs.
 * Left out: sb_start_pagefault (freezing), the journal, running out of space and trying again, MAP_SYNC.
 */
import type { int } from '../../../machine/core.js';
import { down_read, up_read } from '../../../machine/lock.js';
import { INVALIDATE_LOCK } from '../../commits.js';
import { filemap_invalidate_lock_shared, filemap_invalidate_unlock_shared } from '../../include/linux/fs.js';
import type { vm_fault_t } from '../../include/linux/mm_fault.js';
import type { Inode, VmArea } from '../../include/linux/mm_types.js';
import { dax_iomap_pte_fault } from '../dax.js';
import { ext4_iomap_begin } from './extents.js';

/** A write fault: vm_ops->fault. */
export function ext4_dax_fault(vma: VmArea, address: int): vm_fault_t {
  const inode: Inode = vma.vm_file!;
  if (INVALIDATE_LOCK) filemap_invalidate_lock_shared(inode.i_mapping!);
  else down_read(inode.ext4.i_mmap_sem);
  const result = dax_iomap_pte_fault(vma, address, inode, (index) => ext4_iomap_begin(inode, index));
  if (INVALIDATE_LOCK) filemap_invalidate_unlock_shared(inode.i_mapping!);
  else up_read(inode.ext4.i_mmap_sem);
  return result;
}

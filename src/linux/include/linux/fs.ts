// SPDX-License-Identifier: GPL-2.0-only
/**
 * The locks of an inode and of its mapping, under their own names.
 *
 * Upstream: include/linux/fs.h, mm_types.h (5.10, 6.1, 7.3).
 * Modelled: i_rwsem, invalidate_lock (v5.15 on), i_mmap_rwsem; whether anybody maps the file.
 * Left out: nesting, and everything else about files.
 */
import type { bool } from '../../../machine/core.js';
import { down_read, down_write, up_read, up_write } from '../../../machine/lock.js';
import type { AddressSpace, Inode } from './mm_types.js';

export function inode_lock(inode: Inode): void {
  down_write(inode.i_rwsem);
}

export function inode_unlock(inode: Inode): void {
  up_write(inode.i_rwsem);
}

export function filemap_invalidate_lock(mapping: AddressSpace): void {
  down_write(mapping.invalidate_lock);
}

export function filemap_invalidate_unlock(mapping: AddressSpace): void {
  up_write(mapping.invalidate_lock);
}

export function filemap_invalidate_lock_shared(mapping: AddressSpace): void {
  down_read(mapping.invalidate_lock);
}

export function filemap_invalidate_unlock_shared(mapping: AddressSpace): void {
  up_read(mapping.invalidate_lock);
}

export function i_mmap_lock_read(mapping: AddressSpace): void {
  down_read(mapping.i_mmap_rwsem);
}

export function i_mmap_unlock_read(mapping: AddressSpace): void {
  up_read(mapping.i_mmap_rwsem);
}

export function i_mmap_lock_write(mapping: AddressSpace): void {
  down_write(mapping.i_mmap_rwsem);
}

export function i_mmap_unlock_write(mapping: AddressSpace): void {
  up_write(mapping.i_mmap_rwsem);
}

/** Does any vma map the file? */
export function mapping_mapped(mapping: AddressSpace): bool {
  return mapping.i_mmap !== null;
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * The vmas of an address space: finding one, mapping a file or memory, unmapping it.
 *
 * Upstream: mm/mmap.c, mm/vma.c, mm/madvise.c (5.10, 6.1, 7.3).
 * Modelled: the list of vmas under mmap_lock; a file's list of those that map it; munmap, which zaps first and takes the
 *   vma off the file's list then; madvise(MADV_DONTNEED), which only zaps.
 * Left out: splitting and merging vmas, the tree, downgrading mmap_lock.
 */
import type { int } from '../../machine/core.js';
import { down_read, down_write, up_read, up_write } from '../../machine/lock.js';
import { i_mmap_lock_write, i_mmap_unlock_write } from '../include/linux/fs.js';
import type { AddressSpace, Inode, MmStruct, VmArea } from '../include/linux/mm_types.js';
import { zap_vma_range } from './memory.js';
import { anon_vma_prepare } from './rmap_walk.js';

/** mmap_lock held. @returns the vma that has the address */
export function find_vma(mm: MmStruct, address: int): VmArea | null {
  let vma: VmArea | null = mm.mmap;
  while (vma !== null && (address < vma.vm_start || address >= vma.vm_end)) vma = vma.vm_next;
  return vma;
}

/** Maps `nr` pages of a file, from page `pgoff` on, at `start`. */
export function mmap_file(mm: MmStruct, vma: VmArea, inode: Inode, start: int, pgoff: int, nr: int): void {
  const mapping: AddressSpace = inode.i_mapping!;
  down_write(mm.mmap_lock);
  vma.vm_mm = mm;
  vma.vm_start = start;
  vma.vm_end = start + nr;
  vma.vm_file = inode;
  vma.vm_pgoff = pgoff;
  vma.vm_next = mm.mmap;
  mm.mmap = vma;
  i_mmap_lock_write(mapping);
  vma.shared = mapping.i_mmap;
  mapping.i_mmap = vma;
  i_mmap_unlock_write(mapping);
  up_write(mm.mmap_lock);
}

/** Makes room for `nr` pages of the process's own at `start`. */
export function mmap_anonymous(mm: MmStruct, vma: VmArea, anon_vma: AddressSpace, start: int, nr: int): void {
  down_write(mm.mmap_lock);
  vma.vm_mm = mm;
  vma.vm_start = start;
  vma.vm_end = start + nr;
  anon_vma_prepare(vma, anon_vma);
  vma.vm_next = mm.mmap;
  mm.mmap = vma;
  up_write(mm.mmap_lock);
}

/** Takes the vma off the list of those that map the file, if it does. */
function unlink_file_vma(vma: VmArea): void {
  const inode: Inode | null = vma.vm_file;
  if (inode === null) return;
  const mapping: AddressSpace = inode.i_mapping!;
  i_mmap_lock_write(mapping);
  if (mapping.i_mmap === vma) {
    mapping.i_mmap = vma.shared;
  } else {
    let before: VmArea = mapping.i_mmap!;
    while (before.shared !== vma) before = before.shared!;
    before.shared = vma.shared;
  }
  i_mmap_unlock_write(mapping);
}

function detach_vma(mm: MmStruct, vma: VmArea): void {
  if (mm.mmap === vma) {
    mm.mmap = vma.vm_next;
  } else {
    let before: VmArea = mm.mmap!;
    while (before.vm_next !== vma) before = before.vm_next!;
    before.vm_next = vma.vm_next;
  }
}

/** munmap of a whole vma. */
export function vm_munmap(mm: MmStruct, vma: VmArea): void {
  down_write(mm.mmap_lock);
  detach_vma(mm, vma);
  zap_vma_range(vma, vma.vm_start, vma.vm_end);
  unlink_file_vma(vma);
  up_write(mm.mmap_lock);
}

/** madvise(MADV_DONTNEED): the pages from `start` up to `end` are out of the page table; the next access faults. */
export function madvise_dontneed(mm: MmStruct, vma: VmArea, start: int, end: int): void {
  down_read(mm.mmap_lock);
  zap_vma_range(vma, start, end);
  up_read(mm.mmap_lock);
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * DAX: files whose pages are the blocks of the device themselves. Faults map a block; before a block is taken from the
 * file, layouts are broken: nobody may map its page, and nobody hold it for DMA.
 *
 * Not here: which block a page of a file is in (fs/ext4), page tables (mm/memory.ts).
 *
 * Upstream: fs/dax.c (5.10, 6.1, 6.12, 7.3); the seed by facts/eras.md.
 * Modelled: entries of i_pages with their lock and its waiters; a write fault on a page; the scan for busy pages; the
 *   wait for a page to be idle; deleting entries. The file system's `iomap_begin` and the way it sleeps are handed in.
 * Left out: huge entries, holes (a read fault maps a zero page there) and copy-on-write, reflink (`share`), MAP_SYNC,
 *   dirty marks and write-back, `index` of a page, reading and writing by system call; waiters of an entry are all
 *   woken, where Linux wakes one; signals, so that the wait ends only with an idle page.
 */
import { BUG_ON, WARN_ON_ONCE } from '../../machine/bug.js';
import { addr_of, type bool, type int, type u16 } from '../../machine/core.js';
import { spin_lock, spin_unlock } from '../../machine/lock.js';
import { finish_wait_on, prepare_to_wait_on, schedule, wake_up_key } from '../../machine/wait.js';
import { DAX_SCAN_WAITS_FOR_ENTRY, DAX_SCANS_UNMAPPED, FSDAX_COUNTED, SEED } from '../commits.js';
import { pfn_to_page } from '../include/asm-generic/memory_model.js';
import { dax_page_is_idle, dax_page_unused, dax_wait_address } from '../include/linux/dax.js';
import { mapping_mapped } from '../include/linux/fs.js';
import { folio_mapcount, folio_put } from '../include/linux/mm.js';
import { VM_FAULT_SIGBUS, type vm_fault_t } from '../include/linux/mm_fault.js';
import type { AddressSpace, Folio, Inode, Page, VmArea } from '../include/linux/mm_types.js';
import { PAGES_PER_FILE } from '../include/linux/mm_types.js';
import { folio_ref_count, folio_ref_inc, page_ref_count } from '../include/linux/page_ref.js';
import { ___wait_var_event } from '../include/linux/wait_bit.js';
import { unmap_mapping_pages, vmf_insert_mixed_mkwrite, vmf_insert_page_mkwrite } from '../mm/memory.js';

// ---- entries of i_pages -----------------------------------------------------------------------------------------

/** 0: there is none. Else the lowest bit is set, as in every value that an xarray holds in place of a pointer. */
export type dax_entry = u16;

const XA_VALUE = 1;
const DAX_LOCKED = 2;
/** only there to be locked: the fault that made it has not found the block yet */
const DAX_EMPTY = 4;
const DAX_SHIFT = 3;

function dax_make_entry(pfn: int, flags: int): dax_entry {
  return (pfn << DAX_SHIFT) | flags | XA_VALUE;
}

function dax_to_pfn(entry: dax_entry): int {
  return entry >> DAX_SHIFT;
}

/** dax_to_pfn and pfn_to_page until v6.14 */
function dax_to_folio(entry: dax_entry): Folio {
  return pfn_to_page(dax_to_pfn(entry));
}

function dax_is_locked(entry: dax_entry): bool {
  return (entry & DAX_LOCKED) !== 0;
}

function dax_is_empty_entry(entry: dax_entry): bool {
  return (entry & DAX_EMPTY) !== 0;
}

// ---- the lock of an entry ---------------------------------------------------------------------------------------

function dax_wake_entry(mapping: AddressSpace, index: int): void {
  wake_up_key(addr_of(mapping.i_pages[index]));
}

/** xa_lock held; let go while it waits. get_unlocked_entry until v6.14. @returns the entry, not locked, or 0 */
function get_next_unlocked_entry(mapping: AddressSpace, index: int): dax_entry {
  for (;;) {
    const entry: dax_entry = mapping.i_pages[index];
    if (!dax_is_locked(entry)) return entry;
    prepare_to_wait_on(addr_of(mapping.i_pages[index]));
    spin_unlock(mapping.xa_lock);
    schedule();
    finish_wait_on();
    spin_lock(mapping.xa_lock);
  }
}

/** xa_lock held. */
function dax_lock_entry(mapping: AddressSpace, index: int, entry: dax_entry): void {
  mapping.i_pages[index] = entry | DAX_LOCKED;
}

function dax_unlock_entry(mapping: AddressSpace, index: int, entry: dax_entry): void {
  BUG_ON(dax_is_locked(entry));
  spin_lock(mapping.xa_lock);
  const old: dax_entry = mapping.i_pages[index];
  mapping.i_pages[index] = entry;
  spin_unlock(mapping.xa_lock);
  BUG_ON(!dax_is_locked(old));
  dax_wake_entry(mapping, index);
}

/** Locks the entry at `index`, an empty one if there was none. @returns the entry as it was before */
function grab_mapping_entry(mapping: AddressSpace, index: int): dax_entry {
  spin_lock(mapping.xa_lock);
  let entry: dax_entry = get_next_unlocked_entry(mapping, index);
  if (entry === 0) entry = dax_make_entry(0, DAX_EMPTY);
  dax_lock_entry(mapping, index, entry);
  spin_unlock(mapping.xa_lock);
  return entry;
}

// ---- a page belongs to a file -----------------------------------------------------------------------------------

function dax_associate_entry(entry: dax_entry, mapping: AddressSpace): void {
  if (dax_is_empty_entry(entry)) return;
  const folio: Folio = dax_to_folio(entry);
  WARN_ON_ONCE(folio.mapping !== null);
  folio.mapping = mapping;
}

/** The file gives the page up: it may not be in use by anyone, if it is given up for good. */
function dax_disassociate_entry(entry: dax_entry, mapping: AddressSpace, trunc: bool): void {
  if (dax_is_empty_entry(entry)) return;
  const folio: Folio = dax_to_folio(entry);
  if (FSDAX_COUNTED) {
    folio.mapping = null;
    WARN_ON_ONCE(folio_ref_count(folio) !== 0);
    return;
  }
  if (trunc) WARN_ON_ONCE(SEED ? !dax_page_unused(folio) : page_ref_count(folio) > 1);
  const old: AddressSpace | null = folio.mapping;
  WARN_ON_ONCE(old !== null && old !== mapping);
  folio.mapping = null;
}

// ---- fault ------------------------------------------------------------------------------------------------------

/** Puts the page into the locked entry if it is still empty. @returns the entry as it is now, without the lock bit */
function dax_insert_entry(mapping: AddressSpace, index: int, entry: dax_entry, pfn: int): dax_entry {
  if (!dax_is_empty_entry(entry)) return entry;
  const new_entry: dax_entry = dax_make_entry(pfn, 0);
  spin_lock(mapping.xa_lock);
  dax_associate_entry(new_entry, mapping);
  const old: dax_entry = mapping.i_pages[index];
  dax_lock_entry(mapping, index, new_entry);
  WARN_ON_ONCE(old !== (entry | DAX_LOCKED));
  spin_unlock(mapping.xa_lock);
  return new_entry;
}

/** Maps the page of a locked entry: the second half of dax_fault_iter; of dax_iomap_pte_fault until v5.16. */
function dax_fault_iter(vma: VmArea, address: int, entry: dax_entry): vm_fault_t {
  if (!FSDAX_COUNTED) return vmf_insert_mixed_mkwrite(vma, address, dax_to_pfn(entry));
  const folio: Folio = dax_to_folio(entry);
  folio_ref_inc(folio);
  const ret = vmf_insert_page_mkwrite(vma, address, folio, true);
  folio_put(folio);
  return ret;
}

/**
 * A write fault; the caller keeps truncate and hole punch away.
 * @param iomap_begin page of the file -> number of the page frame that is its block, which it may have to allocate;
 *   below 0: -errno
 */
export function dax_iomap_pte_fault(
  vma: VmArea,
  address: int,
  inode: Inode,
  iomap_begin: (index: int) => int,
): vm_fault_t {
  const mapping: AddressSpace = inode.i_mapping!;
  const index: int = address - vma.vm_start + vma.vm_pgoff;
  if (index >= inode.i_size) return VM_FAULT_SIGBUS;
  let entry: dax_entry = grab_mapping_entry(mapping, index);
  let ret: vm_fault_t = VM_FAULT_SIGBUS;
  const pfn = iomap_begin(index);
  if (pfn >= 0) {
    entry = dax_insert_entry(mapping, index, entry, pfn);
    ret = dax_fault_iter(vma, address, entry);
  }
  dax_unlock_entry(mapping, index, entry);
  return ret;
}

// ---- breaking layouts -------------------------------------------------------------------------------------------

/** @returns the page of the entry if somebody holds it, for DMA or otherwise */
function dax_busy_page(entry: dax_entry): Page | null {
  if (dax_is_empty_entry(entry)) return null;
  const page: Page = dax_to_folio(entry);
  if (FSDAX_COUNTED) return folio_ref_count(page) - folio_mapcount(page) !== 0 ? page : null;
  if (SEED) return dax_page_unused(page) ? null : page;
  return page_ref_count(page) > 1 ? page : null;
}

/**
 * xa_lock held. Up to v6.14 the scan asked get_unlocked_entry for a locked one; but that looks for conflicts from where
 * xas_for_each stands already, finds none, and so neither waits nor returns the entry. @returns the entry, or 0
 */
function entry_to_scan(mapping: AddressSpace, index: int): dax_entry {
  if (DAX_SCAN_WAITS_FOR_ENTRY) return get_next_unlocked_entry(mapping, index);
  const entry: dax_entry = mapping.i_pages[index];
  return dax_is_locked(entry) ? 0 : entry;
}

/**
 * Unmaps pages `start` to `end` of a file and looks for one that is in use. The caller keeps faults away: then whoever
 * wants a reference now either has taken it, and the scan sees it, or finds no page-table entry any more.
 */
export function dax_layout_busy_page_range(mapping: AddressSpace, start: int, end: int): Page | null {
  if (!DAX_SCANS_UNMAPPED && !mapping_mapped(mapping)) return null;
  unmap_mapping_pages(mapping, start, end - start + 1);
  let page: Page | null = null;
  spin_lock(mapping.xa_lock);
  for (let index: int = start; index <= end && page === null; index++) {
    const entry: dax_entry = entry_to_scan(mapping, index);
    if (entry !== 0) page = dax_busy_page(entry);
  }
  spin_unlock(mapping.xa_lock);
  return page;
}

export function dax_layout_busy_page(mapping: AddressSpace): Page | null {
  return dax_layout_busy_page_range(mapping, 0, PAGES_PER_FILE - 1);
}

/** dax_wait_page in the seed; spelt out by each file system before v6.15. @param cb how to sleep */
export function wait_page_idle(page: Page, cb: () => void): void {
  ___wait_var_event(dax_wait_address(page), () => dax_page_is_idle(page), cb);
}

/** v6.15 on. Returns when pages `start` to `end` are neither mapped nor in use nor in i_pages. @param cb how to sleep */
export function dax_break_layout(inode: Inode, start: int, end: int, cb: () => void): void {
  const mapping: AddressSpace = inode.i_mapping!;
  for (;;) {
    const page = dax_layout_busy_page_range(mapping, start, end);
    if (page === null) break;
    wait_page_idle(page, cb);
  }
  dax_delete_mapping_range(mapping, start, end);
}

export function dax_break_layout_inode(inode: Inode, cb: () => void): void {
  dax_break_layout(inode, 0, PAGES_PER_FILE - 1, cb);
}

// ---- deleting entries -------------------------------------------------------------------------------------------

/** @returns whether there was an entry */
function __dax_invalidate_entry(mapping: AddressSpace, index: int, trunc: bool): bool {
  spin_lock(mapping.xa_lock);
  const entry: dax_entry = get_next_unlocked_entry(mapping, index);
  if (entry !== 0) {
    dax_disassociate_entry(entry, mapping, trunc);
    mapping.i_pages[index] = 0;
    dax_wake_entry(mapping, index);
  }
  spin_unlock(mapping.xa_lock);
  return entry !== 0;
}

/** The caller has seen an entry there, and keeps others from deleting it. */
export function dax_delete_mapping_entry(mapping: AddressSpace, index: int): void {
  WARN_ON_ONCE(!__dax_invalidate_entry(mapping, index, true));
}

/** v6.15 on. */
export function dax_delete_mapping_range(mapping: AddressSpace, start: int, end: int): void {
  spin_lock(mapping.xa_lock);
  for (let index: int = start; index <= end; index++) {
    const entry: dax_entry = get_next_unlocked_entry(mapping, index);
    if (entry !== 0) {
      dax_disassociate_entry(entry, mapping, true);
      mapping.i_pages[index] = 0;
      dax_wake_entry(mapping, index);
    }
  }
  spin_unlock(mapping.xa_lock);
}

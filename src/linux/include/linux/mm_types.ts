// SPDX-License-Identifier: GPL-2.0-only
/**
 * The types of memory management: pages, address spaces, mappings of a device's memory.
 *
 * Not here: code. Every struct is here, in one file, because each points to others and files form no cycle.
 *
 * Upstream: include/linux/mm_types.h, mmzone.h, memremap.h, percpu-refcount.h, fs.h, list.h (5.10, 6.1, 6.12, 7.3).
 * Modelled: order-0 pages; a page table of one level; what the rules of a page's life read or write.
 * Left out: compound pages and large folios; memcg; NUMA; everything about a file or a vma but its place in memory.
 *   Words that Linux overlays (lru, pgmap, zone_device_data, private) are fields of their own here; so a stale read
 *   through the wrong one of them gives the old value, not garbage.
 */

import type { atomic_t } from '../../../machine/atomic.js';
import type { array, bool, ghost, struct, u8, u16 } from '../../../machine/core.js';
import type { Completion, RwSemaphore, spinlock_t } from '../../../machine/lock.js';

/** `unsigned long flags` up to v6.17; a struct around it since, whose name serves for both. Bits: page-flags.ts. */
export interface memdesc_flags_t {
  f: u8;
}

export interface Page {
  /** PG_locked and its like; changed by atomic bit operations only */
  flags: memdesc_flags_t;
  /** the zone bits of `flags`, kept apart: they do not change while the struct page exists */
  zone: u8;
  _refcount: atomic_t;
  /** number of mappings minus one */
  _mapcount: atomic_t;
  /** PGTY_buddy or 0; overlays _mapcount in Linux */
  page_type: u8;

  /** the page cache, DAX mapping or (see page-flags.ts, PageAnon) anonymous memory it belongs to; page lock */
  mapping: AddressSpace | null;
  index: u8;
  /** how many shared extents use it (fs-dax reflink) */
  share: u8;

  /** the next page on whatever free list it is on (`lru`, `buddy_list`, `pcp_list`: one link here); that list's lock */
  lru: Page | null;
  /** ZONE_DEVICE: the mapping of device memory that it belongs to */
  pgmap: DevPagemap | null;
  /** the driver's word, where the driver keeps a page there (lib/test_hmm.ts: backing page, or next free page) */
  zone_device_data: Page | null;
  /** the same word of a backing page, where test_hmm keeps its mirror */
  zone_device_mirror: Dmirror | null;

  /** the memmap around this struct page is gone: any access is a use after free */
  poisoned: ghost<bool>;
}

/** A folio is its head page; with order 0 only, it is its page. */
export type Folio = Page;

// ---- address spaces ---------------------------------------------------------------------------------------------

/** Entries of a page table. */
export const PTRS_PER_PTE = 2;

/** A cell of a page table; its bits are in pgtable.ts. */
export interface Pte {
  pte: u16;
}

/** struct mm_struct */
export interface MmStruct {
  mmap_lock: struct<RwSemaphore>;
  /** its vmas, linked by `vm_next`; mmap_lock */
  mmap: VmArea | null;
  /** protects `pgd`: the PTL; one lock for the one table */
  page_table_lock: spinlock_t;
  /** the page table, of one level */
  pgd: array<struct<Pte>, typeof PTRS_PER_PTE>;
  /** how many tasks are between clearing entries of `pgd` and the end of the TLB flush for it */
  tlb_flush_pending: atomic_t;
  /** mmu notifier sequence of whoever mirrors this address space (mm/mmu_notifier.c) */
  notifier_seq: u8;
}

/** struct vm_area_struct */
export interface VmArea {
  vm_mm: MmStruct | null;
  /** the next vma of the same mm */
  vm_next: VmArea | null;
  /** the first page number of the vma, and the first beyond it: indexes of `pgd` */
  vm_start: u8;
  vm_end: u8;
  vm_flags: u16;
  vm_file: Inode | null;
  vm_pgoff: u8;
  /** of a vma of anonymous memory */
  anon_vma: AddressSpace | null;
  /** the next vma that maps the same file or anonymous memory (`shared.rb`, anon_vma_chain) */
  shared: VmArea | null;
}

// ---- files ------------------------------------------------------------------------------------------------------

/** Pages of a file. */
export const PAGES_PER_FILE = 2;

/** struct address_space; also struct anon_vma: what an anonymous page's `mapping` points to. */
export interface AddressSpace {
  host: Inode | null;

  i_mmap_rwsem: struct<RwSemaphore>;
  /** the vmas that map it, linked by `shared`; i_mmap_rwsem */
  i_mmap: VmArea | null;

  /** the lock of `i_pages` */
  xa_lock: spinlock_t;
  /** the pages of the file that are known; of a DAX file values as fs/dax.ts makes them; xa_lock */
  i_pages: array<u16, typeof PAGES_PER_FILE>;

  /** shared by faults that add pages, exclusive for who takes pages away (v5.15 on) */
  invalidate_lock: struct<RwSemaphore>;
  /** PAGE_MAPPING_ANON, the low bit of a page's `mapping` in Linux: this is an anon_vma */
  anon: bool;
}

export interface Inode {
  i_mapping: AddressSpace | null;
  i_data: struct<AddressSpace>;
  i_rwsem: struct<RwSemaphore>;
  /** in pages; i_rwsem */
  i_size: u8;
  ext4: struct<Ext4InodeInfo>;
}

/** struct ext4_inode_info. In Linux it holds the struct inode by value; here the inode holds it. */
export interface Ext4InodeInfo {
  /** what invalidate_lock does since v5.15 */
  i_mmap_sem: struct<RwSemaphore>;
  /** the file's extents: for each page 1 + the number of its block, 0 for a hole */
  i_block: array<u8, typeof PAGES_PER_FILE>;
}

/** A block of the file system. It is as large as a page, and it is one: that of the same number in the pgmap. */
export interface Ext4Block {
  /** its bit in the block bitmap */
  allocated: bool;
  /** the file it belongs to */
  owner: ghost<Inode | null>;
}

// ---- device memory ----------------------------------------------------------------------------------------------

/** struct percpu_ref: see lib/percpu-refcount.ts. */
export interface PercpuRef {
  /** __PERCPU_REF_ATOMIC and __PERCPU_REF_DEAD */
  percpu_count_ptr: u8;
  /** a pointer in Linux */
  data: struct<PercpuRefData>;
}

/** struct percpu_ref_data, and the per-CPU counters. */
export interface PercpuRefData {
  /** the sum of the per-CPU counts and of the atomic count, with PERCPU_COUNT_BIAS while in per-CPU mode */
  count: atomic_t;
  /** what `release` completes; a function in Linux, of which there is one here (dev_pagemap_percpu_release) */
  release: Completion | null;
  /** percpu_ref_exit has run: this is freed */
  poisoned: ghost<bool>;
}

/** struct dev_pagemap: one range of device memory with struct pages. */
export interface DevPagemap {
  /** MEMORY_DEVICE_PRIVATE and its like: memremap.ts */
  type: u8;
  ref: struct<PercpuRef>;
  /** completed when `ref` has dropped to 0 */
  done: struct<Completion>;
  /** `range` as page numbers: the first, and how many */
  range_start: u16;
  range_len: u16;
  /** the device whose driver's functions serve this memory (`ops`, `owner`) */
  owner: DmirrorDevice | null;
}

/** struct dmirror of lib/test_hmm.c: a process's view of the device. */
export interface Dmirror {
  mdevice: DmirrorDevice | null;
}

/** struct dmirror_device of lib/test_hmm.c: the device, with one chunk of memory (struct dmirror_chunk). */
export interface DmirrorDevice {
  /** protects free_pages */
  lock: spinlock_t;
  free_pages: Page | null;

  pagemap: struct<DevPagemap>;
  /** the chunk is going away: freed pages are not handed out again (v6.1 on) */
  remove: bool;
}

// ---- zones ------------------------------------------------------------------------------------------------------

/** struct zone: the one zone of ordinary memory. */
export interface Zone {
  /** protects free_list, nr_free */
  lock: spinlock_t;
  /** free_area[0].free_list: pages of order 0, linked by `lru` */
  free_list: Page | null;
  nr_free: u16;
}

/** struct per_cpu_pages: a CPU's own free pages. */
export interface PerCpuPages {
  count: u8;
  list: Page | null;
}

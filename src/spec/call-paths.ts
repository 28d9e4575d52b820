// SPDX-License-Identifier: Apache-2.0
/**
 * What the names on a call path say about a reference: who took it, who gives it back, and whether open ones are normal.
 * A small prior of Linux's own names (5.10 to 7.3); what a recording shows of its balanced lives goes before it. It decides
 * nothing alone: a name only ever takes a suspicion away or picks between two takers of one page.
 */

import { type KernelVersion, since } from './kernel-version.js';

/** What a taken reference is for. */
export const TAKE = {
  /** taken before the recording began, or by an event without a stack */
  unknown: 0,
  /** the allocator's own, which passes on to a page table or the page cache without an event */
  alloc: 1,
  /** held by a per-CPU batch of the LRU until that is drained */
  batch: 2,
  /** held by a page table entry */
  map: 3,
  /** held by mm itself: page cache, buffers, migration, reclaim, splitting */
  internal: 4,
  /** get_user_pages and pin_user_pages on behalf of their caller */
  gup: 5,
  /** a get by anybody else: a driver, a module */
  explicit: 6,
} as const;
export type Take = (typeof TAKE)[keyof typeof TAKE];

/** What gives a reference back. */
export const GIVE = { unknown: 0, drain: 1, zap: 2, internal: 3, explicit: 4 } as const;
export type Give = (typeof GIVE)[keyof typeof GIVE];

export interface CallPath {
  take: Take;
  give: Give;
  /** the first function that is no wrapper around the count or the allocator; empty without a stack */
  holder: string;
  /** frames of the path, innermost first, without the tracer's */
  frames: readonly string[];
  /** the last task of an address space on its way out; do_exit alone may be one thread of many */
  exiting: boolean;
  /** what is taken here is given back by somebody else, later, and often after the task is gone */
  async: boolean;
  /** entered by an ioctl, or in a module: a driver's, which must give back when its file is closed */
  driver: boolean;
}

const ALLOCATOR =
  /^(?:prep_new_page|post_alloc_hook|get_page_from_freelist|_*alloc_(?:frozen_)?pages?(?:_|$)|_*folio_alloc|_*get_free_pages?|get_zeroed_page|vma_alloc_folio)/;
const GUP =
  /^(?:try_grab_|try_get_|gup_|follow_(?:page|p.d_|trans_huge|devmap)|_*get_user_pages?|pin_user_pages?|internal_get_user_pages|_*gup_|undo_dev_pagemap|get_dump_page)/;
const COUNTING =
  /^(?:get_page|_*folio_get|_*folio_try_get|_*put_page|_*folio_put|folios_put|put_devmap_managed|_*put_devmap|release_pages|_*free_pages|free_page|free_unref|free_zone_device|unpin_user_|put_compound_head|gup_put|put_page_refs|_*page_ref_)/;
const BATCH =
  /^(?:_*lru_cache_add|folio_add_lru|_*folio_batch_add|_*folio_activate|activate_page|_*mark_page_accessed|folio_mark_accessed|deactivate_|folio_deactivate|mark_page_lazyfree|folio_mark_lazyfree|rotate_reclaimable|folio_rotate|mlock_|munlock_|_*pagevec_)/;
const MAP =
  /^(?:remove_migration_p|copy_page_range|copy_(?:present_)?p.[ed]|copy_huge|copy_nonpresent|do_wp_page|wp_page|finish_fault|do_set_p|set_p.[ed]_range|filemap_map|next_uptodate|filemap_fault|insert_page|insert_p|validate_page_before|vm_insert|vmf_insert|dax_|do_fault|__do_fault|do_(?:read|cow|shared)_fault|do_anonymous|(?:__)?handle_mm_fault|do_swap_page|do_huge_|map_anon|replace_page)/;
const INTERNAL =
  /migrat|isolat|reclaim|shrink|split|collapse|khugepaged|compact|truncate|invalidat|writeback|write_begin|pagecache|page_cache|filemap|find_get|find_lock|grab_cache|buffer|bread|swap|shmem|ext4|jbd2|xfs_|iomap|readahead|readpage|read_folio|zone_device|memremap|memmap|pageblock|hugetlb|memory_failure|poison|offline|tlb_|vmalloc|walk_page/;
/** finds a page of a file for its caller, who has to put it */
const LOOKUP =
  /^(?:_*filemap_get_(?:entry|folio)(?:_|$)|_*find_(?:get|lock)_(?:entry|page)(?:_|$)|pagecache_get_page$|find_or_create_page$|_*read_cache_(?:page|folio)(?:_|$))/;
const DRAIN =
  /^(?:lru_add_drain|_*lru_cache_add|_*folio_batch|folio_add_lru|pagevec_lru|_*pagevec_|lru_|mlock_|munlock_)/;
const ZAP =
  /^(?:tlb_|free_pages?_and_swap|free_folio_and_swap|free_swap_cache|unmap_|zap_|exit_mmap|try_to_unmap|try_to_migrate|_*split_huge|do_wp_page|wp_page_copy)/;
/** keeps pages beyond the call for good, as caches and page tables do; what remains of it says nothing */
const KEEPS =
  /slab|slob|slub|kmem_cache|kmalloc|vmalloc|p.?[dt]e?_alloc|pte_alloc|pgd_alloc|mm_init|alloc_new_|vmemmap|sparse_|memremap|tlb_remove|pcpu|percpu|skb_|page_pool|page_frag|pipe_|mempool|ring_buffer|do_init_module|load_module/;
const ASYNC =
  /^(?:_*(?:x64|ia32|arm64|do)?_*(?:sys)?_*io_uring_|io_pin_pages|io_sqe|_*(?:do_sys_|se_sys_|x64_sys_)?vmsplice|iter_to_pipe|skb_|_*zerocopy|tcp_|udp_)/;

/** Names come from files of strangers; KSYM_NAME_LEN is 512, Linux's longest are below 100. */
const LONGEST_NAME = 200;

/** The name without compiler suffixes, the module and the allocator's profiling suffix. */
export function bareName(frame: string): string {
  return frame
    .slice(0, LONGEST_NAME)
    .replace(/ \[[\w-]+\]$/, '')
    .replace(/[+].*$/, '')
    .replace(/\.(?:isra|constprop|part|cold|llvm|lto_priv).*$/, '')
    .replace(/_noprof$/, '');
}

/** Reads a path. `frames` are without the tracer's own. */
export function callPath(frames: readonly string[]): CallPath {
  const names = frames.map(bareName);
  const first = names.findIndex((name) => !ALLOCATOR.test(name) && !GUP.test(name) && !COUNTING.test(name));
  const driver = frames.some(
    (frame, at) => / \[[\w-]+\]$/.test(frame) || /^(?:__(?:x64|ia32|arm64|se)_)?sys_ioctl$/.test(names[at]),
  );
  const at = Math.max(0, driver ? beyondLookup(names, first) : first);
  const wrappers = first < 0 ? names : names.slice(0, first);
  const holder = names[at] ?? '';
  return {
    take: takeOf(wrappers, holder, names),
    give: giveOf(holder),
    holder: frames[at] ?? '',
    frames,
    exiting: names.includes('do_exit') && names.includes('exit_mmap'),
    async: names.some((name) => ASYNC.test(name)),
    driver: driver && !names.some((name) => KEEPS.test(name)),
  };
}

/** Where a driver looks up the page of a file: the driver, not the page cache, holds it. Returns `first` for all other paths. */
function beyondLookup(names: readonly string[], first: number): number {
  if (first < 0 || !LOOKUP.test(names[first]) || names.slice(0, first).some((name) => ALLOCATOR.test(name)))
    return first;
  const caller = names.findIndex((name, at) => at > first && !LOOKUP.test(name));
  return caller >= 0 && !INTERNAL.test(names[caller]) && !MAP.test(names[caller]) ? caller : first;
}

function takeOf(wrappers: readonly string[], holder: string, names: readonly string[]): Take {
  if (holder === '') return TAKE.unknown;
  if (wrappers.some((name) => GUP.test(name))) return TAKE.gup;
  if (wrappers.some((name) => ALLOCATOR.test(name))) return TAKE.alloc;
  if (BATCH.test(holder)) return TAKE.batch;
  // whatever a fault handler takes goes into a page table
  if (MAP.test(holder) || /fault/.test(holder) || names.includes('__do_fault')) return TAKE.map;
  return INTERNAL.test(holder) ? TAKE.internal : TAKE.explicit;
}

function giveOf(holder: string): Give {
  if (holder === '') return GIVE.unknown;
  if (DRAIN.test(holder)) return GIVE.drain;
  if (ZAP.test(holder)) return GIVE.zap;
  // a pipe gives back what a caller spliced into it
  return INTERNAL.test(holder) && !holder.includes('pipe') ? GIVE.internal : GIVE.explicit;
}

/** How well the two go together by their names: above 0 they do, below 0 they do not. */
export function affinity(take: Take, give: Give): number {
  if (take === TAKE.unknown || give === GIVE.unknown) return 0;
  if (give === GIVE.drain) return take === TAKE.batch ? 4 : -2;
  if (give === GIVE.zap) return take === TAKE.map || take === TAKE.alloc ? 4 : -2;
  if (take === TAKE.batch) return -2;
  if (give === GIVE.internal) return take === TAKE.internal || take === TAKE.alloc ? 2 : -1;
  return take === TAKE.explicit || take === TAKE.gup ? 2 : 0;
}

/**
 * Does a pin without a stack belong to somebody who gives back before its task is gone? io_uring does so later, from a workqueue, and
 * registers buffers by pin_user_pages up to v6.1 (io_uring/rsrc.c: io_pin_pages; 6.12 has pin_user_pages_fast there). That takes all of
 * the bias at once, where the fast path takes one reference and then the rest (mm/gup.c: try_grab_page, try_grab_folio).
 */
export function isPinnedByTaskAlone(amount: number, kernel: KernelVersion | undefined): boolean {
  return kernel !== undefined && !since(kernel, 6, 2) && amount === PIN_BIAS - 1;
}

/** mm/gup.c counts a pin of a small page as so many references (GUP_PIN_COUNTING_BIAS). */
export const PIN_BIAS = 1024;

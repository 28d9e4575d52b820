// SPDX-License-Identifier: GPL-2.0-only
/**
 * The commits that changed behaviour, each one switch, and the kernels they make.
 *
 * A kernel is the set of commits it contains: a version has those whose first release is not after it; `seed` is v5.14
 * plus the patch of August 2021 as posted. Ids, subjects and releases: facts/eras.md section 0, the trees' own logs.
 * Not here: what a commit does; that is where the switch is used.
 */
import { commit } from '../machine/core.js';

/** The posted patch of the thread (src/linux is v5.14 otherwise); never merged. */
export const SEED = commit(
  '20210825034828.12927-3-alex.sierra@amd.com',
  'mm: remove extra ZONE_DEVICE struct page refcount',
  'seed',
);

// ---- the count of a ZONE_DEVICE page ----------------------------------------------------------------------------

/** Device pages but those of fs-dax are freed by the drop to 0 (and put back to 1 by the core). */
export const FREE_EVENT_AT_ZERO = commit(
  '27674ef6c73f',
  'mm: remove the extra ZONE_DEVICE struct page refcount',
  'v5.18',
);

/** A free private or coherent page has a count of 0; its driver allocates it with zone_device_page_init. */
export const PRIVATE_FREE_AT_ZERO = commit('ef233450898f', 'mm: free device private pages have zero refcount', 'v6.1');

/** A private or coherent page in use holds the pgmap, one that is free does not. */
export const PRIVATE_PAGE_HOLDS_PGMAP = commit(
  '0dc45ca1ce18',
  'mm/memremap.c: take a pgmap reference on page allocation',
  'v6.1',
);

/** memunmap_pages frees the ref's counters after the pgmap can no longer be looked up. */
export const PGMAP_REF_EXITS_LAST = commit(
  '1e57ffb6e3fd',
  'mm/memremap: fix memunmap_pages() race with get_dev_pagemap()',
  'v6.0',
);

/** P2PDMA memory can be mapped by user space; so its driver has a page_free, and a page may drop to a count of 0. */
export const P2PDMA_USER_MAPPINGS = commit(
  '7e9c7ef83d78',
  'PCI/P2PDMA: Allow userspace VMA allocations through sysfs',
  'v6.2',
);

/** A free P2PDMA page has a count of 0. */
export const P2PDMA_FREE_AT_ZERO = commit(
  'b7e282378773',
  'mm/mm_init: move p2pdma page refcount initialisation to p2pdma',
  'v6.15',
);

/** A free fs-dax page has a count of 0, and a mapping of it counts. */
export const FSDAX_COUNTED = commit('38607c62b34b', 'fs/dax: properly refcount fs dax pages', 'v6.15');

/** zone_device_page_init is given the order, and takes as many pgmap references with a plain tryget. */
export const ZONE_DEVICE_LARGE_FOLIO = commit(
  'd245f9b4ab80',
  'mm/zone_device: support large zone device private folios',
  'v6.19',
);

/** zone_device_page_init is given the pgmap, and wipes what an earlier life of the page left behind. */
export const PAGE_INIT_WIPES = commit(
  '12b2285bf3d1',
  'mm/zone_device: reinitialize large zone device private folios',
  'v6.19',
);

/** The driver has the folio back once folio_free was called: nothing reads it after. */
export const PGMAP_READ_BEFORE_FREE = commit(
  '399289849560',
  'mm/zone_device: do not touch device folio after calling ->folio_free()',
  'v7.1',
);

// ---- faults on device-private pages, migration ------------------------------------------------------------------

/** A task that waits for a migration entry takes no reference; so migration may test for exact counts. */
export const MIGRATION_WAIT_TAKES_NO_REF = commit(
  'ffa65753c431',
  'mm/migrate.c: rework migration_entry_wait() to not take a pageref',
  'v5.17',
);

/** migrate_vma gives a page up that it cannot lock at once. */
export const COLLECT_NEEDS_LOCK = commit('ab09243aa95a', 'mm/migrate.c: remove MIGRATE_PFN_LOCKED', 'v5.16');

/** A fault on a device-private page takes a reference while the page table lock holds the entry. */
export const DEVICE_FAULT_TAKES_REF = commit(
  '16ce101db85d',
  'mm/memory.c: fix race when faulting a device private page',
  'v6.1',
);

/**
 * A driver can move pages out of its memory by page number; test_hmm does so when it goes away (ad4c365221b0, "hmm-tests:
 * add test for migrate_device_range()", of the same series and release).
 */
export const MIGRATE_DEVICE_RANGE = commit('e778406b40db', 'mm/migrate_device.c: add migrate_device_range()', 'v6.1');

/** Only the fault that gets the page's lock takes a reference and migrates. */
export const DEVICE_FAULT_TRYLOCKS = commit('1afaeb8293c9', 'mm/migrate: Trylock device page in do_swap_page', 'v6.15');

/** A fault that does not get the lock sleeps until it is free. */
export const DEVICE_FAULT_WAITS_FOR_LOCK = commit(
  'b570f37a2ce4',
  'mm: Fix a hmm_range_fault() livelock / starvation problem',
  'v7.0',
);

/** Zapping a device-private entry clears it last, after the page's mapping and reference are gone. */
export const ZAP_CLEARS_ENTRY_LAST = commit(
  '999dad824c39',
  'mm/shmem: persist uffd-wp bit across zapping for file-backed',
  'v5.19',
);

// ---- get_user_pages and page tables -----------------------------------------------------------------------------

/** gup gives its references back through gup_put_folio, which does not look for the drop of an fs-dax page to 1. */
export const GUP_PUT_FOLIO = commit('d8ddc099c6b3', 'mm/gup: Add gup_put_folio()', 'v5.18');

/** gup_put_folio looks for it again. */
export const GUP_PUT_FOLIO_WAKES = commit('f4f451a16dd1', 'mm: fix missing wake-up event for FSDAX pages', 'v5.19');

/** The slow way takes its reference with try_grab_folio, whose name was the fast way's: that is try_grab_folio_fast now. */
export const GUP_GRABS_FOLIO = commit('f442fa614137', 'mm: gup: stop abusing try_grab_folio', 'v6.10');

/** A page-table entry of device memory is an ordinary one: gup takes no pgmap reference for it. */
export const GUP_WITHOUT_DEVMAP = commit(
  'fd2825b0760a',
  'mm/gup: remove pXX_devmap usage from get_user_pages()',
  'v6.17',
);

/** Pages whose mapping was zapped are given back by folios_put_refs, not release_pages. */
export const ZAP_PUTS_FOLIOS = commit(
  '4907e80b76af',
  'mm: convert free_pages_and_swap_cache() to use folios_put()',
  'v6.9',
);

/** Zapping a dirty file page takes its mapping off only once the TLBs are flushed. */
export const RMAP_AFTER_TLB_FLUSH = commit(
  '5df397dec7c4',
  'mm: delay page_remove_rmap() until after the TLB has been flushed',
  'v6.2',
);

// ---- fs-dax and the file system ---------------------------------------------------------------------------------

/** What keeps faults away from a hole punch is a lock of every file's mapping, not one of ext4's own. */
export const INVALIDATE_LOCK = commit('d4f5258eae7b', 'ext4: Convert to use mapping->invalidate_lock', 'v5.15');

/** The scan for busy pages also looks where no process maps the file any more. */
export const DAX_SCANS_UNMAPPED = commit(
  'cee91fa13a8e',
  'fs/dax: return unmapped busy pages from dax_layout_busy_page_range()',
  'v6.15',
);

/** The scan for busy pages waits for a locked entry; before, it went past one. */
export const DAX_SCAN_WAITS_FOR_ENTRY = commit(
  '6be3e21d25ca',
  "fs/dax: don't skip locked entries when scanning entries",
  'v6.15',
);

/** Breaking layouts is one function for all file systems. */
export const DAX_BREAK_LAYOUT = commit(
  'd5b3afea22a5',
  'fs/dax: create a common implementation to break DAX layouts',
  'v6.15',
);

/** Breaking layouts also removes the entries of the range. */
export const DAX_BREAK_DELETES_ENTRIES = commit(
  'bde708f1a65d',
  'fs/dax: always remove DAX page-cache entries when breaking layouts',
  'v6.15',
);

/** The kernels that a check covers unless told otherwise. */
export const kernels = ['v5.14', 'seed', 'v5.18', 'v6.1', 'v7.3'] as const;

// SPDX-License-Identifier: GPL-2.0-only
/**
 * Everything that the kernel exports, for `boot` and its types.
 *
 * Not here: any code. Scenarios import from the files themselves, whose paths are Linux's.
 *
 * Upstream: none. Modelled: nothing. Left out: nothing.
 */
export * from './arch/x86/mm/tlb.js';
export * from './commits.js';
export * from './drivers/nvdimm/pmem.js';
export * from './fs/dax.js';
export * from './fs/ext4/extents.js';
export * from './fs/ext4/file.js';
export * from './fs/ext4/inode.js';
export * from './fs/ext4/mballoc.js';
export * from './include/asm-generic/memory_model.js';
export * from './include/linux/bitops.js';
export * from './include/linux/dax.js';
export * from './include/linux/errno.js';
export * from './include/linux/fs.js';
export * from './include/linux/memremap.js';
export * from './include/linux/mm.js';
export * from './include/linux/mm_fault.js';
export * from './include/linux/mm_page.js';
export * from './include/linux/mm_types.js';
export * from './include/linux/page_ref.js';
export * from './include/linux/page-flags.js';
export * from './include/linux/pagemap.js';
export * from './include/linux/percpu-refcount.js';
export * from './include/linux/pgtable.js';
export * from './include/linux/wait_bit.js';
export * from './init/main.js';
export * from './kernel/sched/wait_bit.js';
export * from './lib/percpu-refcount.js';
export * from './lib/test_hmm.js';
export * from './lib/test_hmm_free.js';
export * from './mm/filemap.js';
export * from './mm/gup.js';
export * from './mm/memory.js';
export * from './mm/memory_fault.js';
export * from './mm/memory_hotplug.js';
export * from './mm/memory_swap.js';
export * from './mm/memremap.js';
export * from './mm/memremap_free.js';
export * from './mm/migrate.js';
export * from './mm/migrate_device.js';
export * from './mm/mm_init.js';
export * from './mm/mmap.js';
export * from './mm/mmu_gather.js';
export * from './mm/page_alloc.js';
export * from './mm/rmap.js';
export * from './mm/rmap_walk.js';
export * from './mm/swap.js';
export * from './mm/truncate.js';

// SPDX-License-Identifier: Apache-2.0
/** Call paths as real kernels print them: who holds, what for, and what gives back. */
import { expect, test } from 'vitest';
import { affinity, bareName, callPath, GIVE, TAKE } from './call-paths.js';

const path = (text: string) => callPath(text.split(' < '));

test('names without what compilers and profilers hang on', () => {
  const names = [
    'shmem_getpage_gfp.constprop.0',
    'mm_init.constprop.0.isra.0',
    'io_uring_setup.cold',
    'alloc_pages_noprof',
  ];
  expect(names.map(bareName)).toEqual(['shmem_getpage_gfp', 'mm_init', 'io_uring_setup', 'alloc_pages']);
  expect(bareName('refleak_ioctl [refleak]')).toBe('refleak_ioctl');
  expect(bareName('do_exit+0x12/0x80')).toBe('do_exit');
});

test.each([
  [
    'prep_new_page < get_page_from_freelist < __alloc_pages_nodemask < alloc_pages_vma < handle_mm_fault',
    'handle_mm_fault',
    TAKE.alloc,
  ],
  ['folio_alloc_mpol_noprof < vma_alloc_folio_noprof < do_wp_page < __handle_mm_fault', 'do_wp_page', TAKE.alloc],
  ['lru_cache_add < handle_mm_fault < exc_page_fault', 'lru_cache_add', TAKE.batch],
  ['__folio_batch_add_and_move < do_wp_page', '__folio_batch_add_and_move', TAKE.batch],
  ['remove_migration_pte < rmap_walk_anon < migrate_vma_finalize', 'remove_migration_pte', TAKE.map],
  ['vvar_fault < __do_fault < __handle_mm_fault', 'vvar_fault', TAKE.map],
  ['drv_vm_reserve < __do_fault < __handle_mm_fault', 'drv_vm_reserve', TAKE.map],
  ['migrate_vma_collect_pmd < walk_pgd_range', 'migrate_vma_collect_pmd', TAKE.internal],
  [
    'try_grab_page < follow_page_pte < __get_user_pages < internal_get_user_pages_fast < iov_iter_get_pages',
    'iov_iter_get_pages',
    TAKE.gup,
  ],
  ['refleak_get_pfn_leak [refleak] < refleak_ioctl [refleak]', 'refleak_get_pfn_leak [refleak]', TAKE.explicit],
  [
    'filemap_get_entry < __filemap_get_folio_mpol < pagecache_get_page < drv_find [drv] < drv_ioctl [drv]',
    'drv_find [drv]',
    TAKE.explicit,
  ],
  ['filemap_get_entry < __filemap_get_folio < drv_find < drv_ioctl < __x64_sys_ioctl', 'drv_find', TAKE.explicit],
  ['filemap_get_entry < __filemap_get_folio < ext4_block_write < __x64_sys_ioctl', 'filemap_get_entry', TAKE.internal],
  ['filemap_get_entry < shmem_get_folio_gfp < vfs_read', 'filemap_get_entry', TAKE.internal],
  ['folio_alloc < __filemap_get_folio < drv_find [drv]', '__filemap_get_folio', TAKE.alloc],
  ['', '', TAKE.unknown],
])('%s takes', (text, holder, take) => {
  expect(path(text)).toMatchObject({ holder, take });
});

test.each([
  ['folios_put_refs < lru_add_drain_cpu < lru_add_drain', GIVE.drain],
  ['release_pages < tlb_finish_mmu < exit_mmap', GIVE.zap],
  ['folios_put_refs < free_pages_and_swap_cache < tlb_batch_pages_flush', GIVE.zap],
  ['put_devmap_managed_page < migrate_vma_finalize', GIVE.internal],
  ['put_devmap_managed_page < bio_release_pages < bio_dirty_fn', GIVE.explicit],
  ['page_cache_pipe_buf_release < free_pipe_info', GIVE.explicit],
])('%s gives', (text, give) => {
  expect(path(text).give).toBe(give);
});

test('what excuses and what does not', () => {
  const entered = 'do_syscall_64 < entry_SYSCALL_64_after_hwframe';
  expect(path(`try_grab_folio < pin_user_pages_fast < io_pin_pages < ${entered}`).async).toBe(true);
  expect(path(`try_grab_folio_fast < get_user_pages_fast < __iov_iter_get_pages_alloc < __do_sys_vmsplice`).async).toBe(
    true,
  );
  expect(path(`try_grab_folio < pin_user_pages_fast < drv_pin < ${entered}`).async).toBe(false);
  expect(path(`alloc_pages < drv_alloc < __x64_sys_ioctl < ${entered}`).driver).toBe(true);
  expect(path(`alloc_pages < drv_alloc [drv] < kthread`).driver).toBe(true);
  expect(path(`alloc_pages < new_slab < drv_alloc [drv] < __x64_sys_ioctl`).driver).toBe(false);
  expect(path(`alloc_pages < drv_init [drv] < do_one_initcall < do_init_module`).driver).toBe(false);
  expect(path('tlb_finish_mmu < exit_mmap < mmput < do_exit').exiting).toBe(true);
  expect(path('tlb_finish_mmu < exit_mmap < mmput < begin_new_exec').exiting).toBe(false);
});

test('names that go together and names that do not', () => {
  expect(affinity(TAKE.batch, GIVE.drain)).toBeGreaterThan(0);
  expect(affinity(TAKE.gup, GIVE.drain)).toBeLessThan(0);
  expect(affinity(TAKE.gup, GIVE.zap)).toBeLessThan(affinity(TAKE.alloc, GIVE.zap));
  expect(affinity(TAKE.unknown, GIVE.zap)).toBe(0);
});

test('a name made to be slow is not', () => {
  const begin = performance.now();
  for (const letter of '_ax') callPath([letter.repeat(1e5), `${letter.repeat(1e5)}[`, ' ['.repeat(1e5)]);
  expect(performance.now() - begin).toBeLessThan(1000);
});

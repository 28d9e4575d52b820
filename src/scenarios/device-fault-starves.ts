// SPDX-License-Identifier: GPL-2.0-only
/**
 * A fault finds the lock of a device page taken, by a migration that waits for work on the very CPU where the fault runs.
 *
 * Z-03. The migration has locked the page while its entry is still the device's (it has a second mapping, or a later page of
 * the same migration is not on its LRU list yet), and lru_add_drain_all waits for each CPU's worker. From v6.15 to v6.19 a
 * fault that does not get the lock goes back and faults again; in a kernel without preemption nothing else runs on its CPU.
 * Since v7.0 it sleeps. Up to v6.14 a fault hands the page to the driver without its lock, and drivers sleep: not asked here.
 *
 * The CPU is stated by the scenario: a fault keeps it but where it sleeps. The LRU lists are not modelled: `migrate_and_drain` is
 * migrate_device_unmap (mm/migrate_device.c:605 of 7.3) as far as locks and waiting go.
 */
import { nr_ram_pages, pfn_to_page } from '../linux/include/asm-generic/memory_model.js';
import { get_page, put_page } from '../linux/include/linux/mm.js';
import type { AddressSpace, MmStruct, VmArea } from '../linux/include/linux/mm_types.js';
import { trylock_page, unlock_page } from '../linux/include/linux/pagemap.js';
import { is_device_private_entry, pte_offset, pte_present, ptep_get_lockless } from '../linux/include/linux/pgtable.js';
import { start_kernel } from '../linux/init/main.js';
import { dmirror_device_init, dmirror_device0, dmirror_migrate_to_device, dmirror0 } from '../linux/lib/test_hmm.js';
import { do_swap_page } from '../linux/mm/memory_swap.js';
import { anon_vma_prepare } from '../linux/mm/rmap_walk.js';
import { type bool, current_task, type ghost, object, type u8, when } from '../machine/core.js';
import { down_read, spin_lock, spin_unlock, up_read } from '../machine/lock.js';
import { scenario } from '../machine/scenario.js';
import { cpus } from '../machine/task.js';

const mm = object<MmStruct>();
const vma = object<VmArea>();
const anon = object<AddressSpace>();

/** The CPU that the fault and the worker share, and the work that lru_add_drain_all queues there. */
interface Cpu0 {
  /** 1 + the task that runs there */
  current: u8;
  work_queued: bool;
  work_done: bool;
  /** the migration did not get the page */
  no_work: bool;
  /** the worker ran while the fault slept */
  ran_in_sleep: ghost<bool>;
}
const cpu0 = object<Cpu0>();

/** The process has one page of anonymous memory, and it is on the device. */
function migrate_to_device(): void {
  start_kernel();
  dmirror_device_init(dmirror_device0);
  vma.vm_mm = mm;
  vma.vm_end = 1;
  anon_vma_prepare(vma, anon);
  dmirror_migrate_to_device(dmirror0, vma, 0);
}

/** hmm_range_fault on CPU 0: faults until the page is there, and does not give the CPU away but to sleep. */
function fault(): void {
  when(
    () => cpu0.current === 0,
    () => {
      cpu0.current = 1 + current_task();
    },
    'sleep',
  );
  for (;;) {
    down_read(mm.mmap_lock);
    const pte = ptep_get_lockless(pte_offset(mm, 0));
    if (!pte_present(pte)) do_swap_page(vma, 0, pte);
    up_read(mm.mmap_lock);
    if (pte_present(pte)) break;
  }
  cpu0.current = 0;
}

/** Another CPU's migration: it has the device page's lock when it finds that it has to drain. */
function migrate_and_drain(): void {
  const page = pfn_to_page(nr_ram_pages);
  spin_lock(mm.page_table_lock);
  const has_it = is_device_private_entry(ptep_get_lockless(pte_offset(mm, 0))) && trylock_page(page);
  if (has_it) get_page(page);
  spin_unlock(mm.page_table_lock);
  if (!has_it) {
    cpu0.no_work = true;
    return;
  }
  cpu0.work_queued = true;
  when(
    () => cpu0.work_done,
    () => {},
    'sleep',
  );
  unlock_page(page);
  put_page(page);
}

/** kworker/0: runs where CPU 0 is free, or its task asleep. */
function lru_add_drain_per_cpu(): void {
  when(
    () => cpu0.current === 0 || cpus[cpu0.current - 1].wait_on !== 0,
    () => {
      cpu0.work_done = true;
      if (cpu0.current !== 0) cpu0.ran_in_sleep = true;
    },
    'sleep',
  );
}

/** Waits for work; there is none once the migration has gone without. */
function worker(): void {
  when(
    () => cpu0.work_queued || cpu0.no_work,
    () => {},
    'sleep',
  );
  if (!cpu0.no_work) lru_add_drain_per_cpu();
}

export default scenario({
  title: 'A fault that spins for the lock of a device page, and the worker whose CPU it takes',
  question: 'Does a fault that does not get the lock let those go on that the lock’s holder waits for?',
  about: [
    'Z-03',
    '1afaeb8293c9 mm/migrate: Trylock device page in do_swap_page (v6.15)',
    'b570f37a2ce4 mm: Fix a hmm_range_fault() livelock / starvation problem (v7.0)',
  ],
  expect: {
    'v5.14': 'not applicable',
    seed: 'not applicable',
    'v5.18': 'not applicable',
    'v6.1': 'not applicable',
    'v7.3': 'holds',
  },
  sizes: { pages: 4, device_pages: 1 },
  init: migrate_to_device,
  tasks: { fault, migrate: migrate_and_drain, worker },
  progress: ['fault', 'migrate'],
  sometimes: { 'the worker runs while the fault sleeps': () => cpu0.ran_in_sleep },
  broken: {
    'the fault tries again at once': { kernels: ['v7.3'], violates: 'livelock', without: ['b570f37a2ce4'] },
  },
});

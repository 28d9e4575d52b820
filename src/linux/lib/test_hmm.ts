// SPDX-License-Identifier: GPL-2.0-only
/**
 * The test driver of device-private memory: a device whose pages are backed by ordinary ones.
 *
 * Not here: how a page comes back to it (lib/test_hmm_free.ts).
 *
 * Upstream: lib/test_hmm.c (5.10, 6.1, 7.3; the seed and v5.18 from the patches).
 * Modelled: one device with one chunk of memory; allocation from its free list in each kernel's shape; migration to the
 *   device, the fault that brings a page back, eviction and removal. The device page's zone_device_data is its backing
 *   page while in use and the next free page while free; the backing page's own word is the mirror.
 * Left out: the content of pages; the device's page table and its mmu notifier, reads and writes by the device, exclusive
 *   access, coherent memory, more chunks, large pages, ioctls; where an allocation fails the page stays where it is (7.3's
 *   fault says so to its caller, and eviction does not fail).
 */
import { WARN_ON } from '../../machine/bug.js';
import { type bool, type int, object } from '../../machine/core.js';
import { spin_lock, spin_unlock } from '../../machine/lock.js';
import {
  DEVICE_FAULT_TAKES_REF,
  FREE_EVENT_AT_ZERO,
  MIGRATE_DEVICE_RANGE,
  PRIVATE_FREE_AT_ZERO,
  SEED,
} from '../commits.js';
import { nr_device_pages, nr_ram_pages, page_to_pfn, pfn_to_page } from '../include/asm-generic/memory_model.js';
import { is_device_private_page, MEMORY_DEVICE_PRIVATE } from '../include/linux/memremap.js';
import { get_page } from '../include/linux/mm.js';
import { VM_FAULT_SIGBUS, type vm_fault_t } from '../include/linux/mm_fault.js';
import type { Dmirror, DmirrorDevice, Page, VmArea } from '../include/linux/mm_types.js';
import { init_page_count } from '../include/linux/page_ref.js';
import { lock_page } from '../include/linux/pagemap.js';
import { memremap_pages, memunmap_pages, zone_device_page_init } from '../mm/memremap.js';
import {
  MIGRATE_PFN_MIGRATE,
  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
  MIGRATE_VMA_SELECT_SYSTEM,
  migrate_device_finalize,
  migrate_device_pages,
  migrate_device_range,
  migrate_pfn,
  migrate_pfn_to_page,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
} from '../mm/migrate_device.js';
import { __free_page, alloc_page } from '../mm/page_alloc.js';

/** dmirror_devices[0] */
export const dmirror_device0 = object<DmirrorDevice>();
/** Its one user. */
export const dmirror0 = object<Dmirror>();

/** dmirror_device_init and the first dmirror_allocate_chunk: all of device memory belongs to the one device. */
export function dmirror_device_init(mdevice: DmirrorDevice): void {
  mdevice.free_pages = null;
  mdevice.remove = false;
  mdevice.pagemap.type = MEMORY_DEVICE_PRIVATE;
  mdevice.pagemap.owner = mdevice;
  mdevice.pagemap.range_start = nr_ram_pages;
  mdevice.pagemap.range_len = nr_device_pages;
  memremap_pages(mdevice.pagemap);
  for (let i: int = nr_device_pages - 1; i >= 0; i--) {
    const page: Page = pfn_to_page(nr_ram_pages + i);
    page.zone_device_data = mdevice.free_pages;
    mdevice.free_pages = page;
  }
  dmirror0.mdevice = mdevice;
}

// ---- to the device ----------------------------------------------------------------------------------------------

function dmirror_take_free_page(mdevice: DmirrorDevice): Page | null {
  spin_lock(mdevice.lock);
  const dpage: Page | null = mdevice.free_pages;
  if (dpage !== null) mdevice.free_pages = dpage.zone_device_data;
  spin_unlock(mdevice.lock);
  return dpage;
}

/** A free page of the device, locked, with a backing page; null if there is none. */
export function dmirror_devmem_alloc_page(mdevice: DmirrorDevice): Page | null {
  const rpage: Page | null = alloc_page();
  if (rpage === null) return null;
  const dpage: Page | null = dmirror_take_free_page(mdevice);
  if (dpage === null) {
    __free_page(rpage);
    return null;
  }
  if (PRIVATE_FREE_AT_ZERO) {
    zone_device_page_init(dpage);
    dpage.zone_device_data = rpage;
    return dpage;
  }
  dpage.zone_device_data = rpage;
  if (SEED) init_page_count(dpage);
  else if (!FREE_EVENT_AT_ZERO) get_page(dpage);
  lock_page(dpage);
  return dpage;
}

function dmirror_migrate_alloc_and_copy(src: int, dmirror: Dmirror): int {
  if ((src & MIGRATE_PFN_MIGRATE) === 0) return 0;
  const dpage: Page | null = dmirror_devmem_alloc_page(dmirror.mdevice!);
  if (dpage === null) return 0;
  const rpage: Page | null = dpage.zone_device_data;
  rpage!.zone_device_mirror = dmirror;
  return migrate_pfn(page_to_pfn(dpage));
}

/** dmirror_migrate_to_device under the name that it had up to v5.19. */
function dmirror_migrate(dmirror: Dmirror, vma: VmArea, address: int): bool {
  let src = migrate_vma_setup(vma, address, MIGRATE_VMA_SELECT_SYSTEM, null);
  const dst = dmirror_migrate_alloc_and_copy(src, dmirror);
  src = migrate_vma_pages(vma, address, src, dst, null);
  migrate_vma_finalize(src, dst, null);
  return (src & MIGRATE_PFN_MIGRATE) !== 0;
}

/** The caller holds mmap_lock for reading. @returns whether the page is the device's now */
export function dmirror_migrate_to_device(dmirror: Dmirror, vma: VmArea, address: int): bool {
  return dmirror_migrate(dmirror, vma, address);
}

// ---- back to ordinary memory ------------------------------------------------------------------------------------

/** An ordinary page for the content of the device page, locked. @returns the destination word, 0 if there is none */
function dmirror_devmem_fault_alloc_and_copy(src: int): int {
  const spage: Page | null = migrate_pfn_to_page(src);
  if (spage === null || (src & MIGRATE_PFN_MIGRATE) === 0) return 0;
  if (WARN_ON(!is_device_private_page(spage))) return 0;
  const dpage: Page | null = alloc_page();
  if (dpage === null) return 0;
  lock_page(dpage);
  return migrate_pfn(page_to_pfn(dpage));
}

/** `pgmap->ops->migrate_to_ram`: the CPU has touched a page of the device. */
export function dmirror_devmem_fault(vma: VmArea, address: int, page: Page): vm_fault_t {
  const rpage: Page | null = page.zone_device_data;
  const dmirror: Dmirror | null = rpage!.zone_device_mirror;
  // Linux hands dmirror->mdevice to migrate_vma_setup, which asks for pages of that owner: here there is one
  if (dmirror!.mdevice === null) return VM_FAULT_SIGBUS;
  const fault_page: Page | null = DEVICE_FAULT_TAKES_REF ? page : null;
  let src = migrate_vma_setup(vma, address, MIGRATE_VMA_SELECT_DEVICE_PRIVATE, fault_page);
  const dst = dmirror_devmem_fault_alloc_and_copy(src);
  src = migrate_vma_pages(vma, address, src, dst, fault_page);
  migrate_vma_finalize(src, dst, fault_page);
  return 0;
}

/** The driver brings a page back of its own accord; an ioctl since v6.0. mmap_lock as in dmirror_migrate_to_device. */
export function dmirror_migrate_to_system(vma: VmArea, address: int): void {
  let src = migrate_vma_setup(vma, address, MIGRATE_VMA_SELECT_DEVICE_PRIVATE, null);
  const dst = dmirror_devmem_fault_alloc_and_copy(src);
  src = migrate_vma_pages(vma, address, src, dst, null);
  migrate_vma_finalize(src, dst, null);
}

// ---- removal ----------------------------------------------------------------------------------------------------

/** v6.1 on: every page of the device that is in use becomes an ordinary one, as far as that is possible. */
export function dmirror_device_evict_chunk(mdevice: DmirrorDevice): void {
  for (let i: int = 0; i < mdevice.pagemap.range_len; i++) {
    let src = migrate_device_range(mdevice.pagemap.range_start + i);
    const dst = dmirror_devmem_fault_alloc_and_copy(src);
    src = migrate_device_pages(src, dst);
    migrate_device_finalize(src, dst);
  }
}

/** The driver goes away, and the device's memory with it; in 6.1 and later dmirror_device_remove_chunks. */
export function dmirror_device_remove(mdevice: DmirrorDevice): void {
  if (MIGRATE_DEVICE_RANGE) {
    spin_lock(mdevice.lock);
    mdevice.remove = true;
    mdevice.free_pages = null;
    spin_unlock(mdevice.lock);
    dmirror_device_evict_chunk(mdevice);
  }
  memunmap_pages(mdevice.pagemap);
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * What a CPU remembers of a page table, an access of user code through it, and how it is made to forget.
 *
 * Not here: what clears an entry of the table and must then flush (mm/memory.ts).
 *
 * Upstream: arch/x86/mm/tlb.c (5.10, 6.1, 7.3), arch/x86/include/asm/tlbflush.h.
 * Modelled: one remembered entry a CPU. It may be dropped at any time, so that a hit is a choice; it is gone for sure
 *   after a flush. A flush interrupts every other CPU and waits for the answers, so it also waits for a CPU that walks
 *   the table with interrupts off. Where TLB_FLUSH_WITHOUT_IPI is set it need not wait: so it is in a guest whose
 *   hypervisor flushes for CPUs that do not run (KVM since v4.16, Xen, Hyper-V), with INVLPGB (AMD, v6.15), and on arm64.
 * Left out: mm_cpumask (each flush goes to all CPUs), lazy TLBs, generations of flushes, batching.
 */
import {
  type bool,
  choose,
  type cpu_state,
  type int,
  NR_TASKS,
  objects,
  one_step,
  param,
  type u8,
  type u16,
} from '../../../../machine/core.js';
import { send_ipi_all, wait_ipi_answers } from '../../../../machine/irq.js';
import { smp_processor_id } from '../../../../machine/task.js';
import type { MmStruct, Page, VmArea } from '../../../include/linux/mm_types.js';
import { pte_access_permitted, pte_none, pte_offset, pte_page } from '../../../include/linux/pgtable.js';

/** 1: a flush may be one that waits for no CPU. */
export const TLB_FLUSH_WITHOUT_IPI: int = param('TLB_FLUSH_WITHOUT_IPI', 0);

/** Instead of an address: all of them. */
const TLB_FLUSH_ALL = -1;

/** The one translation that a CPU remembers. */
interface TlbState {
  loaded_mm: cpu_state<MmStruct | null>;
  address: cpu_state<u8>;
  /** 0: nothing is remembered */
  pte: cpu_state<u16>;
}

const cpu_tlbstate = objects<TlbState>(NR_TASKS);

function tlb_holds(tlb: TlbState, mm: MmStruct, address: int): bool {
  return !pte_none(tlb.pte) && tlb.address === address && tlb.loaded_mm === mm;
}

/**
 * User code stores to `address`: translation and store are one instruction, which an interrupt comes before or after.
 * @param store what it does to the page that it reaches
 * @returns whether it reached one; else the CPU raises a page fault
 */
export function user_store(mm: MmStruct, address: int, store: (page: Page) => void): bool {
  const may_hit = choose(2) === 1;
  return one_step(() => {
    const tlb = cpu_tlbstate[smp_processor_id()];
    if (!may_hit || !tlb_holds(tlb, mm, address)) {
      tlb.loaded_mm = mm;
      tlb.address = address;
      tlb.pte = pte_offset(mm, address).pte;
    }
    if (!pte_access_permitted(tlb.pte, true)) {
      tlb.pte = 0;
      return false;
    }
    store(pte_page(tlb.pte));
    return true;
  });
}

/** What the interrupt's handler does, on every CPU at once. Only within one_step. */
function flush_tlb_func(mm: MmStruct, address: int): void {
  for (let cpu: int = 0; cpu < NR_TASKS; cpu++) {
    const tlb = cpu_tlbstate[cpu];
    if (tlb.loaded_mm === mm && (address === TLB_FLUSH_ALL || tlb.address === address)) tlb.pte = 0;
  }
}

/** By the hardware, or by a hypervisor for CPUs that do not run right now. */
function broadcast_tlb_flush(mm: MmStruct, address: int): void {
  one_step(() => flush_tlb_func(mm, address));
}

function flush_tlb_multi(mm: MmStruct, address: int): void {
  send_ipi_all();
  wait_ipi_answers(() => flush_tlb_func(mm, address));
}

/** When it returns, no CPU remembers what the page table said before. */
function flush_tlb_mm_range(mm: MmStruct, address: int): void {
  if (TLB_FLUSH_WITHOUT_IPI !== 0 && choose(2) === 1) broadcast_tlb_flush(mm, address);
  else flush_tlb_multi(mm, address);
}

export function flush_tlb_page(vma: VmArea, address: int): void {
  flush_tlb_mm_range(vma.vm_mm!, address);
}

export function flush_tlb_mm(mm: MmStruct): void {
  flush_tlb_mm_range(mm, TLB_FLUSH_ALL);
}

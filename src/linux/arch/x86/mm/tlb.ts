// SPDX-License-Identifier: GPL-2.0-only
/**
 * What a CPU remembers of a page table, an access of user code through it, and how it is made to forget.
 *
 * Not here: what clears an entry of the table and must then flush (mm/memory.ts).
 *
 * Upstream: arch/x86/mm/tlb.c (5.10, 6.1, 7.3), arch/x86/include/asm/tlbflush.h.
 * Modelled: one remembered entry a CPU. It may be dropped at any time, so that a hit is a choice; it is gone for sure
 *   after a flush. A flush interrupts every other CPU and waits for the answers, so it also waits for a CPU that walks
 *   the table with interrupts off; since v6.15 the hardware may broadcast it instead, and then nobody waits.
 * Left out: mm_cpumask (each flush goes to all CPUs), lazy TLBs, generations of flushes, batching, and hypervisors,
 *   which may flush for a guest without an interrupt in any version.
 */
import {
  type bool,
  choose,
  type int,
  NR_TASKS,
  objects,
  one_step,
  type u8,
  type u16,
} from '../../../../machine/core.js';
import { send_ipi_all, wait_ipi_answers } from '../../../../machine/irq.js';
import { smp_processor_id } from '../../../../machine/task.js';
import { TLB_FLUSH_BY_BROADCAST } from '../../../commits.js';
import type { MmStruct, Page, VmArea } from '../../../include/linux/mm_types.js';
import { pte_access_permitted, pte_none, pte_offset, pte_page } from '../../../include/linux/pgtable.js';

/** The one translation that a CPU remembers. */
interface TlbState {
  loaded_mm: MmStruct | null;
  address: u8;
  /** 0: nothing is remembered */
  pte: u16;
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
    if (tlb_holds(cpu_tlbstate[cpu], mm, address)) cpu_tlbstate[cpu].pte = 0;
  }
}

/** Since v6.15, on a CPU that has it and for an mm that was found worth it (mm_global_asid). */
function broadcast_tlb_flush(mm: MmStruct, address: int): void {
  one_step(() => flush_tlb_func(mm, address));
}

function flush_tlb_multi(mm: MmStruct, address: int): void {
  send_ipi_all();
  wait_ipi_answers(() => flush_tlb_func(mm, address));
}

/** flush_tlb_mm_range for one page. When it returns, no CPU remembers what the page table said of it before. */
export function flush_tlb_page(vma: VmArea, address: int): void {
  const mm: MmStruct = vma.vm_mm!;
  if (TLB_FLUSH_BY_BROADCAST && choose(2) === 1) broadcast_tlb_flush(mm, address);
  else flush_tlb_multi(mm, address);
}

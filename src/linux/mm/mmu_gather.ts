// SPDX-License-Identifier: GPL-2.0-only
/**
 * The frame around taking pages out of a page table: who finishes while another is still between clearing entries and
 * flushing flushes for both, since it may have found entries empty that a CPU still remembers.
 *
 * Upstream: mm/mmu_gather.c, include/linux/mm_types.h (5.10, 6.1, 7.3).
 * Modelled: tlb_flush_pending. Left out: the batch of pages: mm/memory.ts flushes and gives back each page by itself.
 */
import { atomic_dec, atomic_inc, atomic_read } from '../../machine/atomic.js';
import type { bool } from '../../machine/core.js';
import { flush_tlb_mm } from '../arch/x86/mm/tlb.js';
import type { MmStruct } from '../include/linux/mm_types.js';

/** inc_tlb_flush_pending, that is. */
export function tlb_gather_mmu(mm: MmStruct): void {
  atomic_inc(mm.tlb_flush_pending);
}

function mm_tlb_flush_nested(mm: MmStruct): bool {
  return atomic_read(mm.tlb_flush_pending) > 1;
}

export function tlb_finish_mmu(mm: MmStruct): void {
  if (mm_tlb_flush_nested(mm)) flush_tlb_mm(mm);
  atomic_dec(mm.tlb_flush_pending);
}

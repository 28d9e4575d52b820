// SPDX-License-Identifier: GPL-2.0-only
/**
 * What a fault is asked and what it answers.
 *
 * Upstream: include/linux/mm_types.h (vm_fault_reason, fault_flag) (7.3).
 * Modelled: the values that are used here. Left out: retries, and so all that lets go of mmap_lock.
 */
import type { int } from '../../../machine/core.js';

export type vm_fault_t = int;

export const VM_FAULT_OOM = 0x1;
export const VM_FAULT_SIGBUS = 0x2;
/** The fault put an entry into the page table itself. */
export const VM_FAULT_NOPAGE = 0x100;
/** VM_FAULT_OOM or VM_FAULT_SIGBUS */
export const VM_FAULT_ERROR = 0x3;

export const FAULT_FLAG_WRITE = 0x1;

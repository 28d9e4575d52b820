// SPDX-License-Identifier: Apache-2.0
/**
 * What holds of every page at all times, each stated once: the sentence that reports print and the predicate over integers that
 * judges. They are the assertions that Linux itself makes (VM_BUG_ON and bad_page of mm) and that src/linux carries to the checker.
 */
import { type KernelVersion, since } from './kernel-version.js';
import { OP, type Op } from './ops.js';
import type { PageKind, RestRule } from './rest.js';

/** Worst first. */
export const INVARIANTS = {
  belowZero: 'a count is never below zero',
  takenFree: 'nobody takes a reference to a free page',
  freedTwice: 'a page is freed once in its life',
  freedInUse: 'a page is freed when its count is zero',
  baseLost: 'an idle page keeps its base reference while its memory is there',
  adrift: 'a count follows from the operations before it',
} as const;
export type Invariant = keyof typeof INVARIANTS;

/** One put too many: no count is ever below zero (mm/page_alloc.c: free_page_is_bad). */
export function isUnderflow(after: number): boolean {
  return after < 0;
}

/**
 * A plain get of a page that counts zero (include/linux/mm.h: get_page asserts that nobody does). A frozen page counts zero and is
 * not free: whoever froze it may store or add what it shall have (mm/huge_memory.c: page_ref_add, up to v6.12).
 * @param excused the page is frozen, or of a kind whose first reference is a plain get
 */
export function isTakenFree(op: Op, before: number, after: number, excused: boolean): boolean {
  return op === OP.mod && before === 0 && after > 0 && !excused;
}

/** Is the first reference to a page of this kind a plain get, since whoever maps it owns it already? */
export function isFirstTakenByGet(kind: PageKind, kernel: KernelVersion): boolean {
  // fs/dax.c: dax_folio_init and the insertion of a page table entry, since 38607c62b34b (v6.15)
  return kind === 'fsdax' && since(kernel, 6, 15);
}

/** mm_page_free of a page that was freed, with nothing in between that allocated it. */
export function isFreedTwice(op: Op, freed: boolean): boolean {
  return op === OP.free && freed;
}

/** mm_page_free of a page that still has references (mm/page_alloc.c: bad_page "nonzero _refcount"). */
export function isFreedInUse(op: Op, before: number): boolean {
  return op === OP.free && before > 0;
}

/** The base reference of an idle page is gone: its memory is torn down, or it was put once too often. */
export function isBaseLost(rule: RestRule, after: number): boolean {
  return rule.over > 0 && after < rule.over;
}

/**
 * Does the operation keep the invariants of counts? Used to choose among orders that are possible.
 * @param excused the page is frozen, or of a kind whose first reference is a plain get
 */
export function isLawful(op: Op, before: number, after: number, excused: boolean): boolean {
  return !isUnderflow(after) && !isTakenFree(op, before, after, excused);
}

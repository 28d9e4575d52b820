// SPDX-License-Identifier: GPL-2.0-only
/**
 * The count of a page: the atomic operations on `_refcount`, each one step, each one of the page_ref tracepoints.
 *
 * Not here: what a count means (mm.ts, memremap.ts).
 *
 * Upstream: include/linux/page_ref.h (5.10, 6.1, 6.12, 7.3).
 * Modelled: all of it; page_ref_sub_return is 6.1's (v6.10 on for folios alone), page_ref_add_unless_zero is 7.3's
 *   name for page_ref_add_unless of 0, the only value that was left by then.
 * Left out: tracepoints; the read before the operation in v6.11 and its followers (page_ref_add_unless of 6.12), which
 *   spares a read-only struct page the write; the plain add that TINY_RCU made of folio_ref_try_add_rcu.
 */
import {
  atomic_add,
  atomic_add_return,
  atomic_add_unless,
  atomic_cmpxchg,
  atomic_dec,
  atomic_dec_and_test,
  atomic_dec_return,
  atomic_inc,
  atomic_inc_return,
  atomic_read,
  atomic_set,
  atomic_set_release,
  atomic_sub,
  atomic_sub_and_test,
} from '../../../machine/atomic.js';
import { CONFIG_DEBUG_VM, VM_BUG_ON, VM_BUG_ON_PAGE } from '../../../machine/bug.js';
import type { bool, int } from '../../../machine/core.js';
import type { Folio, Page } from './mm_types.js';

export function page_ref_count(page: Page): int {
  return atomic_read(page._refcount);
}

export function folio_ref_count(folio: Folio): int {
  return page_ref_count(folio);
}

export function page_count(page: Page): int {
  return page_ref_count(page);
}

export function set_page_count(page: Page, v: int): void {
  atomic_set(page._refcount, v);
}

export function folio_set_count(folio: Folio, v: int): void {
  set_page_count(folio, v);
}

export function init_page_count(page: Page): void {
  set_page_count(page, 1);
}

export function page_ref_add(page: Page, nr: int): void {
  atomic_add(nr, page._refcount);
}

export function folio_ref_add(folio: Folio, nr: int): void {
  page_ref_add(folio, nr);
}

export function page_ref_sub(page: Page, nr: int): void {
  atomic_sub(nr, page._refcount);
}

export function folio_ref_sub(folio: Folio, nr: int): void {
  page_ref_sub(folio, nr);
}

export function page_ref_sub_return(page: Page, nr: int): int {
  return atomic_add_return(-nr, page._refcount);
}

export function folio_ref_sub_return(folio: Folio, nr: int): int {
  return page_ref_sub_return(folio, nr);
}

export function page_ref_inc(page: Page): void {
  atomic_inc(page._refcount);
}

export function folio_ref_inc(folio: Folio): void {
  page_ref_inc(folio);
}

export function page_ref_dec(page: Page): void {
  atomic_dec(page._refcount);
}

export function folio_ref_dec(folio: Folio): void {
  page_ref_dec(folio);
}

export function page_ref_sub_and_test(page: Page, nr: int): bool {
  return atomic_sub_and_test(nr, page._refcount);
}

export function folio_ref_sub_and_test(folio: Folio, nr: int): bool {
  return page_ref_sub_and_test(folio, nr);
}

export function page_ref_inc_return(page: Page): int {
  return atomic_inc_return(page._refcount);
}

export function page_ref_dec_and_test(page: Page): bool {
  return atomic_dec_and_test(page._refcount);
}

export function folio_ref_dec_and_test(folio: Folio): bool {
  return page_ref_dec_and_test(folio);
}

export function page_ref_dec_return(page: Page): int {
  return atomic_dec_return(page._refcount);
}

export function page_ref_add_unless(page: Page, nr: int, u: int): bool {
  return atomic_add_unless(page._refcount, nr, u);
}

export function folio_ref_add_unless(folio: Folio, nr: int, u: int): bool {
  return page_ref_add_unless(folio, nr, u);
}

export function page_ref_add_unless_zero(page: Page, nr: int): bool {
  return page_ref_add_unless(page, nr, 0);
}

export function folio_ref_try_add(folio: Folio, count: int): bool {
  return folio_ref_add_unless(folio, count, 0);
}

/** Up to 6.11; the same. */
export function folio_ref_try_add_rcu(folio: Folio, count: int): bool {
  return folio_ref_try_add(folio, count);
}

export function folio_try_get(folio: Folio): bool {
  return folio_ref_add_unless(folio, 1, 0);
}

/** Takes the whole count away if it is `count`: then nobody can get a reference until it is unfrozen. */
export function page_ref_freeze(page: Page, count: int): bool {
  return atomic_cmpxchg(page._refcount, count, 0) === count;
}

export function folio_ref_freeze(folio: Folio, count: int): bool {
  return page_ref_freeze(folio, count);
}

export function page_ref_unfreeze(page: Page, count: int): void {
  if (CONFIG_DEBUG_VM) {
    VM_BUG_ON_PAGE(page_count(page) !== 0, page);
    VM_BUG_ON(count === 0);
  }
  atomic_set_release(page._refcount, count);
}

export function folio_ref_unfreeze(folio: Folio, count: int): void {
  page_ref_unfreeze(folio, count);
}

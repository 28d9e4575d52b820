// SPDX-License-Identifier: GPL-2.0-only
/**
 * percpu_ref: taking and dropping references. Killing it and the switch to the atomic count: lib/percpu-refcount.ts.
 *
 * Upstream: include/linux/percpu-refcount.h (5.10, 6.1, 7.3).
 * Modelled: `count` is the sum of the per-CPU counts and the atomic one, with the bias that keeps it above 0 until the
 *   switch is over. An operation tests the mode and counts in one step: in Linux both lie in one RCU read-side section
 *   and the switch waits a grace period, so nothing can tell the two apart.
 * Left out: per-CPU counters as such; reinit, resurrection.
 */
import { atomic_add, atomic_add_unless, atomic_sub_and_test } from '../../../machine/atomic.js';
import { type bool, type int, one_step } from '../../../machine/core.js';
import { complete } from '../../../machine/lock.js';
import type { PercpuRef } from './mm_types.js';

export const __PERCPU_REF_ATOMIC = 1;
export const __PERCPU_REF_DEAD = 2;

export function percpu_ref_get_many(ref: PercpuRef, nr: int): void {
  atomic_add(nr, ref.data.count);
}

export function percpu_ref_get(ref: PercpuRef): void {
  percpu_ref_get_many(ref, 1);
}

/** @returns false if the count was 0; a ref that was killed but is not yet 0 can be had */
export function percpu_ref_tryget_many(ref: PercpuRef, nr: int): bool {
  return atomic_add_unless(ref.data.count, nr, 0);
}

export function percpu_ref_tryget(ref: PercpuRef): bool {
  return percpu_ref_tryget_many(ref, 1);
}

/** @returns false if the ref was killed */
export function percpu_ref_tryget_live(ref: PercpuRef): bool {
  return one_step(() => {
    if ((ref.percpu_count_ptr & __PERCPU_REF_DEAD) !== 0) return false;
    ref.data.count.counter = ref.data.count.counter + 1;
    return true;
  });
}

/** v5.16 on: for a caller in an RCU read-side section. */
export function percpu_ref_tryget_live_rcu(ref: PercpuRef): bool {
  return percpu_ref_tryget_live(ref);
}

/** The reference that makes the count 0 releases: completes what percpu_ref_init was given. */
export function percpu_ref_put_many(ref: PercpuRef, nr: int): void {
  if (atomic_sub_and_test(nr, ref.data.count)) complete(ref.data.release!);
}

export function percpu_ref_put(ref: PercpuRef): void {
  percpu_ref_put_many(ref, 1);
}

export function percpu_ref_is_dying(ref: PercpuRef): bool {
  const flags: int = ref.percpu_count_ptr;
  return (flags & __PERCPU_REF_DEAD) !== 0;
}

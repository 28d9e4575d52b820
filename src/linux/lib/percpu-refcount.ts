// SPDX-License-Identifier: GPL-2.0-only
/**
 * percpu_ref: beginning, kill, end.
 *
 * Upstream: lib/percpu-refcount.c (5.10, 6.1, 7.3).
 * Modelled: kill marks the ref dead, waits a grace period, takes the bias off and puts the initial reference.
 * Left out: that Linux does not wait but lets an RCU callback take the bias off: whoever kills a pgmap's ref then waits
 *   for its release, which cannot come before. So what v5.14's teardown does between the two, putting every page, is not
 *   seen next to a gup that got its pgmap reference before the kill. The reference that the switch holds meanwhile.
 */
import { atomic_sub } from '../../machine/atomic.js';
import { one_step } from '../../machine/core.js';
import type { Completion } from '../../machine/lock.js';
import { synchronize_rcu } from '../../machine/rcu.js';
import type { PercpuRef } from '../include/linux/mm_types.js';
import { __PERCPU_REF_ATOMIC, __PERCPU_REF_DEAD, percpu_ref_put } from '../include/linux/percpu-refcount.js';

/** More than all references there can be; LONG_MIN in Linux. */
export const PERCPU_COUNT_BIAS = 16384;

/** The ref of a pgmap, in per-CPU mode, with one reference; `release` is completed when the last one goes. */
export function percpu_ref_init(ref: PercpuRef, release: Completion): void {
  ref.data.poisoned = false;
  ref.data.release = release;
  ref.percpu_count_ptr = 0;
  ref.data.count.counter = PERCPU_COUNT_BIAS + 1;
}

/** No percpu_ref_tryget_live succeeds any more. Called once. */
export function percpu_ref_kill(ref: PercpuRef): void {
  one_step(() => {
    ref.percpu_count_ptr = __PERCPU_REF_ATOMIC | __PERCPU_REF_DEAD;
  });
  synchronize_rcu();
  atomic_sub(PERCPU_COUNT_BIAS, ref.data.count);
  percpu_ref_put(ref);
}

/** Frees the counters. percpu_ref_tryget_live, which looks at the flags first, still says no. */
export function percpu_ref_exit(ref: PercpuRef): void {
  ref.data.poisoned = true;
}

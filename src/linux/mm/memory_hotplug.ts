// SPDX-License-Identifier: GPL-2.0-only
/**
 * Memory comes and goes: the lock around that.
 *
 * Upstream: mm/memory_hotplug.c, kernel/rcu/sync.c (5.10, 7.3).
 * Modelled: that the first writer of a per-CPU rwsem waits a grace period before it goes on, to be seen by readers. So
 *   who was in a critical section with preemption off has left it before struct pages go away, which nobody asked for
 *   but v5.14 leans on (scenario teardown). A task without a spin lock is in none: so it is in a preemptible kernel; in
 *   one without preemption all that does not sleep is.
 * Left out: the readers, other writers: for some time after one, the next does not wait for a grace period.
 */
import { synchronize_rcu } from '../../machine/rcu.js';

export function mem_hotplug_begin(): void {
  synchronize_rcu();
}

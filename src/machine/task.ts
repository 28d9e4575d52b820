// SPDX-License-Identifier: Apache-2.0
/**
 * What a CPU and the task on it are to the primitives: one record each, since every task has a CPU of its own.
 *
 * Left out: scheduling, preemption and migration between CPUs; signals.
 */
import {
  type addr,
  type bool,
  buffered_cpus,
  type cpu_state,
  current_task,
  type int,
  NR_TASKS,
  objects,
  type u8,
  type u16,
} from './core.js';

export interface Cpu {
  /** what the task on this CPU is enqueued for (see wait.ts); 0: on no wait queue, running or woken */
  wait_on: cpu_state<addr>;
  /** local_irq_disable depth */
  irqs_off: cpu_state<u8>;
  /** CPUs (a bit each) that have not yet answered this CPU's IPI */
  ipi_unanswered: cpu_state<u16>;
  /** rcu_read_lock depth */
  rcu_nesting: cpu_state<u8>;
  /** CPUs (a bit each) whose read-side sections this CPU's synchronize_rcu still waits for */
  grace_waits_for: cpu_state<u16>;
  /** CPUs (a bit each) whose stores have to be seen before this CPU's wait for IPIs or a grace period ends */
  stores_awaited: cpu_state<u16>;
}

export const cpus = objects<Cpu>(NR_TASKS);

export function smp_processor_id(): int {
  return current_task();
}

export function this_cpu(): Cpu {
  return cpus[current_task()];
}

/** The wait of `cpu` ends no sooner than the stores are seen that the CPUs `among` have made so far. Only within one_step. */
export function awaits_stores_of(cpu: int, among: int): void {
  if (buffered_cpus() === 0) return;
  cpus[cpu].stores_awaited = cpus[cpu].stores_awaited | (buffered_cpus() & among & ~(1 << cpu));
}

/** The last store in the store buffer of the CPU that this runs on is seen. */
export function stores_are_seen(): void {
  for (let cpu: int = 0; cpu < NR_TASKS; cpu++) {
    cpus[cpu].stores_awaited = cpus[cpu].stores_awaited & ~(1 << smp_processor_id());
  }
}

/** Part of every scenario's `finally`: no task has ended in the middle of a spin lock, an RCU reader or with interrupts off. */
export function tasks_end_clean(): bool {
  for (let cpu: int = 0; cpu < NR_TASKS; cpu++) {
    if (cpus[cpu].irqs_off !== 0 || cpus[cpu].rcu_nesting !== 0) return false;
  }
  return true;
}

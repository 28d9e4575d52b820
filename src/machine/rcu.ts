// SPDX-License-Identifier: Apache-2.0
/**
 * RCU: a grace period ends when every read-side section that had begun before it has ended, and what its CPU stored is
 * seen. Sections with interrupts off count as readers, as in Linux since v4.20.
 *
 * Left out: callbacks (call_rcu): a caller that would register one waits instead; expedited grace periods; SRCU.
 */
import { fence, type int, NR_TASKS, one_step, when } from './core.js';
import { awaits_stores_of, cpus, smp_processor_id, this_cpu } from './task.js';

export function rcu_read_lock(): void {
  one_step(() => {
    this_cpu().rcu_nesting = this_cpu().rcu_nesting + 1;
  });
}

export function rcu_read_unlock(): void {
  one_step(() => {
    this_cpu().rcu_nesting = this_cpu().rcu_nesting - 1;
    rcu_quiescent_state();
  });
}

/** Tells every waiting grace period that this CPU's sections have ended, if they have. Only within one_step. */
export function rcu_quiescent_state(): void {
  if (this_cpu().rcu_nesting === 0 && this_cpu().irqs_off === 0) {
    const me: int = 1 << smp_processor_id();
    for (let cpu: int = 0; cpu < NR_TASKS; cpu++) {
      const awaited: int = cpus[cpu].grace_waits_for & me;
      awaits_stores_of(cpu, awaited);
      cpus[cpu].grace_waits_for = cpus[cpu].grace_waits_for & ~me;
    }
  }
}

export function synchronize_rcu(): void {
  one_step(() => {
    fence();
    let readers: int = 0;
    for (let cpu: int = 0; cpu < NR_TASKS; cpu++) {
      if (cpu !== smp_processor_id() && (cpus[cpu].rcu_nesting > 0 || cpus[cpu].irqs_off > 0)) {
        readers = readers | (1 << cpu);
      }
    }
    this_cpu().grace_waits_for = readers;
    awaits_stores_of(smp_processor_id(), ~readers);
  });
  when(
    () => this_cpu().grace_waits_for === 0 && this_cpu().stores_awaited === 0,
    () => {},
    'grace period',
  );
}

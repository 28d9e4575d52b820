// SPDX-License-Identifier: Apache-2.0
/**
 * Interrupts off and inter-processor interrupts: an IPI is answered by a CPU whose interrupts are on, at once, and by
 * one whose interrupts are off, when they come on again. That is what keeps a lockless page-table walker safe.
 *
 * The handler's work is done when the sender has seen all answers; what it clears (TLB entries) may in Linux be gone
 * earlier, which the user of such an entry models by choosing to miss (arch/x86/mm/tlb.ts).
 * Left out: interrupts as such (nothing else arrives), softirqs, NMIs.
 */
import { fence, type int, NR_TASKS, one_step, when } from './core.js';
import { rcu_quiescent_state } from './rcu.js';
import { awaits_stores_of, cpus, smp_processor_id, this_cpu } from './task.js';

export function local_irq_disable(): void {
  one_step(() => {
    this_cpu().irqs_off = this_cpu().irqs_off + 1;
  });
}

export function local_irq_enable(): void {
  one_step(() => {
    this_cpu().irqs_off = this_cpu().irqs_off - 1;
    if (this_cpu().irqs_off === 0) {
      const me: int = 1 << smp_processor_id();
      for (let cpu: int = 0; cpu < NR_TASKS; cpu++) {
        const awaited: int = cpus[cpu].ipi_unanswered & me;
        awaits_stores_of(cpu, awaited);
        cpus[cpu].ipi_unanswered = cpus[cpu].ipi_unanswered & ~me;
      }
    }
    rcu_quiescent_state();
  });
}

/** Sends an IPI to every other CPU; a full barrier, as the handler's entry and return are on theirs. */
export function send_ipi_all(): void {
  one_step(() => {
    fence();
    let unanswered: int = 0;
    for (let cpu: int = 0; cpu < NR_TASKS; cpu++) {
      if (cpu !== smp_processor_id() && cpus[cpu].irqs_off > 0) unanswered = unanswered | (1 << cpu);
    }
    this_cpu().ipi_unanswered = unanswered;
    awaits_stores_of(smp_processor_id(), ~unanswered);
  });
}

/** Waits for the answers to send_ipi_all, then runs `done` in the same step. */
export function wait_ipi_answers(done: () => void): void {
  when(() => this_cpu().ipi_unanswered === 0 && this_cpu().stores_awaited === 0, done, 'ipi');
}

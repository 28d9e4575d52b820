// SPDX-License-Identifier: GPL-2.0-only
/**
 * Waking those who wait for a variable. Waiting: include/linux/wait_bit.ts.
 *
 * Upstream: kernel/sched/wait_bit.c (5.10, 6.1, 7.3).
 * Modelled: a variable's address names its queue.
 * Left out: the hash of queues, and so the wake-ups that meet the wrong variable and change nothing.
 */
import type { addr } from '../../../machine/core.js';
import { wake_up_key } from '../../../machine/wait.js';

export function wake_up_var(variable: addr): void {
  wake_up_key(variable);
}

// SPDX-License-Identifier: GPL-2.0-only
/**
 * Waiting until a condition on a variable holds: enqueue, test, sleep, each a step.
 *
 * Upstream: include/linux/wait_bit.h (5.10, 6.1, 7.3).
 * Modelled: the loop of ___wait_var_event with the caller's own way to sleep (`cmd`: fs-dax drops its locks around it).
 * Left out: states, timeouts, and that an interruptible wait can be interrupted.
 */
import type { addr, bool } from '../../../machine/core.js';
import { finish_wait_on, prepare_to_wait_on, schedule } from '../../../machine/wait.js';

/** @param cmd how to sleep: calls schedule() */
export function ___wait_var_event(variable: addr, condition: () => bool, cmd: () => void): void {
  for (;;) {
    prepare_to_wait_on(variable);
    if (condition()) break;
    cmd();
  }
  finish_wait_on();
}

export function wait_var_event(variable: addr, condition: () => bool): void {
  if (condition()) return;
  ___wait_var_event(variable, condition, () => schedule());
}

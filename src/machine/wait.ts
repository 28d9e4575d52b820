// SPDX-License-Identifier: Apache-2.0
/**
 * Sleeping and waking: enqueue, test and sleep are separate steps, so that a wake-up can fall between any two.
 *
 * A waiter is on one queue at a time and is taken off it by the wake-up (Linux's autoremove_wake_function), so one
 * word a CPU says it all: what the task is enqueued for, 0 once woken. Queues are told apart by their address; two
 * addresses that hash to one bucket in Linux do not disturb each other there either.
 * Left out: signals (an interruptible wait is not interrupted), timeouts, exclusive waiters.
 */
import { type addr, fence, type int, NR_TASKS, one_step, when } from './core.js';
import { cpus, this_cpu } from './task.js';

/** Enqueues the task for `key` and marks it as about to sleep (one critical section of the queue's lock in Linux); a full barrier. */
export function prepare_to_wait_on(key: addr): void {
  one_step(() => {
    fence();
    this_cpu().wait_on = key;
  });
}

/** Sleeps until a wake-up has come since prepare_to_wait_on; returns at once where it already has. */
export function schedule(): void {
  when(
    () => this_cpu().wait_on === 0,
    () => {},
    'sleep',
  );
}

/** Leaves the queue, asleep no more. */
export function finish_wait_on(): void {
  one_step(() => {
    this_cpu().wait_on = 0;
  });
}

/** Wakes every task that is enqueued for `key`. No barrier: it may look before the task's stores are seen (wake_up_var). */
export function wake_up_key(key: addr): void {
  one_step(() => {
    for (let cpu: int = 0; cpu < NR_TASKS; cpu++) {
      if (cpus[cpu].wait_on === key) cpus[cpu].wait_on = 0;
    }
  });
}

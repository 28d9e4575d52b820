// SPDX-License-Identifier: Apache-2.0
/**
 * Locks, under Linux's names: taking one is one step that blocks, giving it back is one step.
 *
 * A task with a spin lock is not preempted, and so it is an RCU reader (since v4.20; not with PREEMPT_RT).
 * Left out: fairness and queueing (any waiter may be next), lockdep, readers blocked by a waiting writer.
 */
import { type bool, current_task, fail, type int, one_step, plain_step, type s8, type u8, when } from './core.js';
import { rcu_quiescent_state } from './rcu.js';
import { this_cpu } from './task.js';

function preempt_disable(): void {
  this_cpu().rcu_nesting = this_cpu().rcu_nesting + 1;
}

function preempt_enable(): void {
  this_cpu().rcu_nesting = this_cpu().rcu_nesting - 1;
  rcu_quiescent_state();
}

/** 0: free, else 1 + the task that holds it. */
export interface spinlock_t {
  owner: u8;
}

export function spin_lock(lock: spinlock_t): void {
  when(
    () => lock.owner === 0,
    () => {
      lock.owner = current_task() + 1;
      preempt_disable();
    },
    'lock',
  );
}

export function spin_trylock(lock: spinlock_t): bool {
  return one_step(() => {
    if (lock.owner !== 0) return false;
    lock.owner = current_task() + 1;
    preempt_disable();
    return true;
  });
}

/** A plain store on x86. */
export function spin_unlock(lock: spinlock_t): void {
  plain_step(() => {
    if (lock.owner !== current_task() + 1) fail('BUG', 'spin_unlock of a lock that this task does not hold');
    lock.owner = 0;
    preempt_enable();
  });
}

/** A lock that sleeps. */
export interface Mutex {
  owner: u8;
}

export function mutex_lock(lock: Mutex): void {
  when(
    () => lock.owner === 0,
    () => {
      lock.owner = current_task() + 1;
    },
    'lock',
  );
}

export function mutex_trylock(lock: Mutex): bool {
  return one_step(() => {
    if (lock.owner !== 0) return false;
    lock.owner = current_task() + 1;
    return true;
  });
}

export function mutex_unlock(lock: Mutex): void {
  one_step(() => {
    if (lock.owner !== current_task() + 1) fail('BUG', 'mutex_unlock of a lock that this task does not hold');
    lock.owner = 0;
  });
}

/** count: how many readers hold it, or -1 for a writer. */
export interface RwSemaphore {
  count: s8;
}

export function down_read(sem: RwSemaphore): void {
  when(
    () => sem.count >= 0,
    () => {
      sem.count = sem.count + 1;
    },
    'lock',
  );
}

export function down_read_trylock(sem: RwSemaphore): bool {
  return one_step(() => {
    if (sem.count < 0) return false;
    sem.count = sem.count + 1;
    return true;
  });
}

export function up_read(sem: RwSemaphore): void {
  one_step(() => {
    if (sem.count <= 0) fail('BUG', 'up_read of a semaphore that nobody reads');
    sem.count = sem.count - 1;
  });
}

export function down_write(sem: RwSemaphore): void {
  when(
    () => sem.count === 0,
    () => {
      sem.count = -1;
    },
    'lock',
  );
}

export function down_write_trylock(sem: RwSemaphore): bool {
  return one_step(() => {
    if (sem.count !== 0) return false;
    sem.count = -1;
    return true;
  });
}

export function up_write(sem: RwSemaphore): void {
  one_step(() => {
    if (sem.count !== -1) fail('BUG', 'up_write of a semaphore that nobody writes');
    sem.count = 0;
  });
}

export function downgrade_write(sem: RwSemaphore): void {
  one_step(() => {
    if (sem.count !== -1) fail('BUG', 'downgrade_write of a semaphore that nobody writes');
    sem.count = 1;
  });
}

/** A completion: `done` counts the complete() calls that no waiter has taken. */
export interface Completion {
  done: u8;
}

export function complete(x: Completion): void {
  one_step(() => {
    x.done = x.done + 1;
  });
}

export function wait_for_completion(x: Completion): void {
  when(
    () => x.done > 0,
    () => {
      x.done = x.done - 1;
    },
    'sleep',
  );
}

export function completion_done(x: Completion): bool {
  const done: int = x.done;
  return done > 0;
}

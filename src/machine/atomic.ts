// SPDX-License-Identifier: Apache-2.0
/**
 * Atomic operations and annotated accesses, under Linux's names. Each is exactly one step.
 *
 * Memory order: sequentially consistent, or x86-TSO (`--memory tso`): then what reads and writes in one step is a locked
 * instruction, before which the task's stores are seen by all. The weaker orderings that Linux has are not told apart.
 */
import { type bool, fence, type int, one_step, type s16 } from './core.js';

/** `typedef struct { int counter; } atomic_t`; a state stores 16 bits of it, which holds 30 pins of 1024. */
export interface atomic_t {
  counter: s16;
}

export function atomic_read(v: atomic_t): int {
  return v.counter;
}

export function atomic_set(v: atomic_t, i: int): void {
  v.counter = i;
}

export function atomic_set_release(v: atomic_t, i: int): void {
  v.counter = i;
}

export function atomic_add(i: int, v: atomic_t): void {
  one_step(() => {
    v.counter = v.counter + i;
  });
}

export function atomic_sub(i: int, v: atomic_t): void {
  atomic_add(-i, v);
}

export function atomic_inc(v: atomic_t): void {
  atomic_add(1, v);
}

export function atomic_dec(v: atomic_t): void {
  atomic_add(-1, v);
}

/** @returns the new value */
export function atomic_add_return(i: int, v: atomic_t): int {
  return one_step(() => {
    v.counter = v.counter + i;
    return v.counter;
  });
}

/** @returns the new value */
export function atomic_sub_return(i: int, v: atomic_t): int {
  return atomic_add_return(-i, v);
}

export function atomic_inc_return(v: atomic_t): int {
  return atomic_add_return(1, v);
}

export function atomic_dec_return(v: atomic_t): int {
  return atomic_add_return(-1, v);
}

/** @returns whether the new value is 0 */
export function atomic_sub_and_test(i: int, v: atomic_t): bool {
  return atomic_add_return(-i, v) === 0;
}

export function atomic_dec_and_test(v: atomic_t): bool {
  return atomic_add_return(-1, v) === 0;
}

/** @returns whether the new value is below 0 */
export function atomic_add_negative(i: int, v: atomic_t): bool {
  return atomic_add_return(i, v) < 0;
}

/** @returns the old value */
export function atomic_fetch_add(i: int, v: atomic_t): int {
  return one_step(() => {
    const old = v.counter;
    v.counter = old + i;
    return old;
  });
}

/** Adds unless the value is `u`. @returns whether it added */
export function atomic_add_unless(v: atomic_t, a: int, u: int): bool {
  return one_step(() => {
    if (v.counter === u) return false;
    v.counter = v.counter + a;
    return true;
  });
}

export function atomic_inc_not_zero(v: atomic_t): bool {
  return atomic_add_unless(v, 1, 0);
}

/** A full barrier even where it does not exchange. @returns the old value; the exchange happened if it equals `old` */
export function atomic_cmpxchg(v: atomic_t, old: int, next: int): int {
  return one_step(() => {
    fence();
    const seen = v.counter;
    if (seen === old) v.counter = next;
    return seen;
  });
}

/** @returns the old value */
export function atomic_xchg(v: atomic_t, next: int): int {
  return one_step(() => {
    const seen = v.counter;
    v.counter = next;
    return seen;
  });
}

/** A read that the compiler must not repeat or tear. Every read of shared memory here is one; the name is Linux's. */
export declare function READ_ONCE<T>(value: T): T;

/** A write that the compiler must not tear: `WRITE_ONCE(x.f, value)`. Every write of shared memory here is one. */
export declare function WRITE_ONCE<T>(place: T, value: T): void;

/** `cmpxchg(x.f, old, next)` on a scalar or reference field. @returns the value before; exchanged if it equals `old` */
export declare function cmpxchg<T>(place: T, old: T, next: T): T;

/** `xchg(x.f, next)` on a scalar or reference field. @returns the value before */
export declare function xchg<T>(place: T, next: T): T;

/** A full barrier. */
export function smp_mb(): void {
  fence();
}

/** Barriers that x86 does not need: loads stay in order there, stores too, and atomic operations are barriers. */
export function smp_rmb(): void {}
export function smp_wmb(): void {}
export function smp_mb__before_atomic(): void {}
export function smp_mb__after_atomic(): void {}

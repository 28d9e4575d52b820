// SPDX-License-Identifier: Apache-2.0
/**
 * The words of restricted TypeScript: the few types and functions that the compiler itself knows.
 *
 * Everything else that kernel code runs on (atomics, locks, waits, IPIs, RCU) is written with these words, in the
 * files beside this one, and compiled like the kernel. Nothing here has a body and nothing here ever runs as
 * JavaScript: src/linux, src/scenarios and the primitives reach the tool as source text (docs/language.md).
 */

// ---- scalars: the width is what a state stores; a value that does not fit is reported, never cut ----------------

export type bool = boolean;
export type u8 = number;
export type u16 = number;
export type s8 = number;
export type s16 = number;
export type u32 = number;
/** 32 bits signed; what arithmetic on any of the above gives. */
export type int = number;

/** An address used only as an identity: what a waiter waits on and a waker wakes. */
export type addr = number & { readonly __addr?: never };

// ---- memory -----------------------------------------------------------------------------------------------------

/**
 * A struct held by value inside another one, as in C's `struct percpu_ref ref;`. Reading the field gives its address.
 * A field whose type is a plain interface is a pointer (and may be null); one whose type ends in `_t` is by value.
 */
export type struct<T> = T;

/** A fixed array by value. N is a literal or `typeof CONSTANT`. */
export interface array<T, N extends number = number> {
  [index: number]: T;
  readonly length: N;
}

/** A field that exists only for the checker: reading and writing it is no step of its own. */
export type ghost<T> = T;

/** A field that is the state of a CPU and not memory: under `--memory tso` it is never in a store buffer. */
export type cpu_state<T> = T;

/** One object of type T at module level, all zero. */
export declare function object<T>(): T;
/** `count` objects of type T at module level, all zero. */
export declare function objects<T>(count: int): array<T>;
/** A size that a scenario or `boot` may set by its name; `fallback` otherwise. */
export declare function param(name: string, fallback: int): int;

/** The identity of an object, of a field held by value, or of a scalar field; 0 for null. */
export declare function addr_of(object: unknown): addr;
/** The index of `element` in the module-level array `of`; -1 for null or an object that lies elsewhere. */
export declare function index_of<T>(of: array<T>, element: T | null): int;

// ---- steps ------------------------------------------------------------------------------------------------------

/** Runs `body` as one step: no other task is seen in between. */
export declare function one_step<T>(body: () => T): T;

/**
 * Like `one_step`, for an instruction that is not locked: under `--memory tso` what it writes goes through the task's
 * store buffer. What `one_step` and `when` write does not: they wait until the buffer is empty.
 */
export declare function plain_step<T>(body: () => T): T;

/** Waits until all tasks see what this one has stored. Nothing to do where memory is sequentially consistent. */
export declare function fence(): void;

/** The CPUs (a bit each) whose stores others may not see yet; 0 where memory is sequentially consistent. */
export declare function buffered_cpus(): int;

/** Why a task is blocked, for the report of a stuck wait or a deadlock. */
export type wait_reason = 'lock' | 'sleep' | 'ipi' | 'grace period';

/** Blocks until `condition` holds, then runs `body` in the same step. */
export declare function when(condition: () => bool, body: () => void, reason: wait_reason): void;

/** Any integer from 0 to count-1; the checker tries each. It rides with the step that follows it. */
export declare function choose(count: int): int;

/** The task that runs, counted from 0. Each task has a CPU of its own. */
export declare function current_task(): int;
/** How many tasks there are. */
export declare const NR_TASKS: int;

// ---- findings ---------------------------------------------------------------------------------------------------

export type fail_kind = 'BUG' | 'WARN' | 'assert' | 'spec';

/** Ends the path with a violation. `message` is a string literal. */
export declare function fail(kind: fail_kind, message: string): void;

// ---- commits and kernels ----------------------------------------------------------------------------------------

/**
 * A switch: true in kernels that contain the commit, a constant to the compiler.
 * @param id 12 hex digits, or a message-id for a patch that was only posted
 * @param subject the commit's subject line
 * @param since the first release that has it (`v5.18`), or the name of the kernel made of the posted patch (`seed`)
 * @param until the first release that no longer behaves so, if it was reverted or replaced
 */
export declare function commit(id: string, subject: string, since: string, until?: string): bool;

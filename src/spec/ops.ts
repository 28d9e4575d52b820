// SPDX-License-Identifier: Apache-2.0
/**
 * The operations on a reference count as the tracepoints of include/trace/events/page_ref.h tell them. `val` and `ret` belong
 * to the atomic operation; `count` was read later and proves nothing. Every rule here is a function over integers.
 */

/** Numbers, because a recording has millions of them. */
export const OP = {
  none: 0,
  set: 1,
  mod: 2,
  modAndTest: 3,
  modAndReturn: 4,
  modUnless: 5,
  freeze: 6,
  unfreeze: 7,
  alloc: 8,
  free: 9,
} as const;
export type Op = (typeof OP)[keyof typeof OP];

const SUFFIX: Record<string, Op> = {
  set: OP.set,
  mod: OP.mod,
  mod_and_test: OP.modAndTest,
  mod_and_return: OP.modAndReturn,
  mod_unless: OP.modUnless,
  freeze: OP.freeze,
  unfreeze: OP.unfreeze,
};

/**
 * What an event does to its page; page_ref_* and the announced folio_ref_* alike. mm_page_free_batched comes after
 * mm_page_free of the same page (mm/page_alloc.c) and so does nothing.
 */
export function opOf(event: string): Op {
  const ref = /^(?:page|folio)_ref_(\w+)$/.exec(event);
  if (ref) return SUFFIX[ref[1]] ?? OP.none;
  if (event === 'mm_page_alloc') return OP.alloc;
  return event === 'mm_page_free' ? OP.free : OP.none;
}

/** `mod_unless` of `page_ref_mod_unless` and `folio_ref_mod_unless`; undefined for other events. */
export function refTracepoint(event: string): string | undefined {
  const suffix = /^(?:page|folio)_ref_(\w+)$/.exec(event)?.[1];
  return suffix !== undefined && suffix in SUFFIX ? suffix : undefined;
}

/** The tracepoint of an atomic operation on `_refcount` and its `val`, by include/linux/page_ref.h; undefined for reads. */
export function tracepointOf(
  atomic: string,
  numbers: readonly Numbers[],
): { tracepoint: string; val: Numbers } | undefined {
  const [first = 'any'] = numbers;
  switch (atomic) {
    case 'atomic_set':
      return { tracepoint: 'set', val: first };
    case 'atomic_set_release':
      return { tracepoint: 'unfreeze', val: first };
    case 'atomic_cmpxchg':
      return { tracepoint: 'freeze', val: first };
    case 'atomic_add_unless':
      return { tracepoint: 'mod_unless', val: first };
    case 'atomic_inc_not_zero':
      return { tracepoint: 'mod_unless', val: [1] };
    default:
  }
  const move = /^atomic_(add|sub|inc|dec)(_return|_and_test)?$/.exec(atomic);
  if (!move) return undefined;
  const sign = move[1] === 'add' || move[1] === 'inc' ? 1 : -1;
  const amount: Numbers = move[1] === 'inc' || move[1] === 'dec' ? [1] : first;
  const val = amount === 'any' ? amount : amount.map((value) => sign * value);
  return { tracepoint: `mod${move[2] === undefined ? '' : move[2].replace('_return', '_and_return')}`, val };
}

/** What a number can be: one of these, or not known. */
type Numbers = readonly number[] | 'any';

/** By how much the operation moved the count, where that does not depend on the count; a failed one did nothing. */
export function deltaOf(op: Op, val: number, ret: number): number {
  if (op === OP.mod || op === OP.modAndTest || op === OP.modAndReturn) return val;
  if (op === OP.modUnless) return ret !== 0 ? val : 0;
  if (op === OP.freeze) return ret !== 0 ? -val : 0;
  return 0;
}

/** Stands for "the event does not say". */
export const UNKNOWN = -0x80000000;

/** The count right after the operation, where the operation itself says it: atomic with it, so it can be trusted. */
export function countAfter(op: Op, val: number, ret: number): number {
  switch (op) {
    case OP.set:
    case OP.unfreeze:
      return val;
    case OP.modAndReturn:
      return ret;
    case OP.modAndTest:
      return ret !== 0 ? 0 : UNKNOWN;
    case OP.freeze:
      return ret !== 0 ? 0 : UNKNOWN;
    case OP.free:
      return 0;
    default:
      return UNKNOWN;
  }
}

/** The count right before the operation, where the operation says it. */
export function countBefore(op: Op, val: number, ret: number): number {
  switch (op) {
    case OP.modAndReturn:
      return ret - val;
    case OP.modAndTest:
      return ret !== 0 ? -val : UNKNOWN;
    case OP.freeze:
      return ret !== 0 ? val : UNKNOWN;
    case OP.unfreeze:
      return 0;
    default:
      return UNKNOWN;
  }
}

/** Does it store a count without regard to the old one? */
export function isStore(op: Op): boolean {
  return op === OP.set || op === OP.unfreeze || op === OP.free;
}

/**
 * Can the operation have come out as it did on a page that counted `before`? What it returned is atomic with it, so an order of
 * events in which this is false is not the order in which they happened, or some are missing. `count=` has no say here.
 */
export function possible(op: Op, val: number, ret: number, before: number): boolean {
  switch (op) {
    case OP.modAndReturn:
      return before + val === ret;
    case OP.modAndTest:
      return (before + val === 0) === (ret !== 0);
    case OP.modUnless:
      // refused at 0; memcg moved charges of device pages "unless 1" up to v6.0 (mm/memcontrol.c: mc_handle_swap_pte)
      return ret !== 0 ? before !== 0 : before === 0 || before === 1;
    case OP.freeze:
      return (before === val) === (ret !== 0);
    case OP.unfreeze:
    case OP.free:
      return before === 0;
    default:
      return true;
  }
}

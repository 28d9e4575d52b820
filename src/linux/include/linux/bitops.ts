// SPDX-License-Identifier: GPL-2.0-only
/**
 * Atomic bit operations on a word of flags. Each is one step.
 *
 * Upstream: include/asm-generic/bitops/instrumented-atomic.h, arch/x86/include/asm/bitops.h (5.10, 6.1, 7.3).
 * Modelled: a word is the struct around it (memdesc_flags_t), whose name v6.18 gave it.
 * Left out: the non-atomic variants `__set_bit` and their like, whose callers own the page: they use these.
 */
import { type bool, type int, one_step } from '../../../machine/core.js';
import type { memdesc_flags_t } from './mm_types.js';

export function set_bit(nr: int, addr: memdesc_flags_t): void {
  one_step(() => {
    addr.f = addr.f | (1 << nr);
  });
}

export function clear_bit(nr: int, addr: memdesc_flags_t): void {
  one_step(() => {
    addr.f = addr.f & ~(1 << nr);
  });
}

export function test_bit(nr: int, addr: memdesc_flags_t): bool {
  const word: int = addr.f;
  return (word & (1 << nr)) !== 0;
}

/** @returns whether the bit was set before */
export function test_and_set_bit(nr: int, addr: memdesc_flags_t): bool {
  return one_step(() => {
    const was: bool = (addr.f & (1 << nr)) !== 0;
    addr.f = addr.f | (1 << nr);
    return was;
  });
}

/** @returns whether the bit was set before */
export function test_and_clear_bit(nr: int, addr: memdesc_flags_t): bool {
  return one_step(() => {
    const was: bool = (addr.f & (1 << nr)) !== 0;
    addr.f = addr.f & ~(1 << nr);
    return was;
  });
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Linux's assertions. The condition is ordinary code: what it reads are steps, as in a kernel built with
 * CONFIG_DEBUG_VM. One that fires ends the path with a violation.
 */
import { type bool, fail, param } from './core.js';

/** Whether the kernel is built with CONFIG_DEBUG_VM: a caller whose condition reads memory asks first. */
export const CONFIG_DEBUG_VM: bool = param('CONFIG_DEBUG_VM', 1) === 1;

export function BUG_ON(condition: bool): void {
  if (condition) fail('BUG', 'BUG_ON');
}

export function VM_BUG_ON(condition: bool): void {
  if (condition) fail('BUG', 'VM_BUG_ON');
}

/** `object`: the page or folio that dump_page would print. */
export function VM_BUG_ON_PAGE(condition: bool, object: unknown): void {
  if (condition) fail('BUG', 'VM_BUG_ON_PAGE');
}

export function VM_BUG_ON_FOLIO(condition: bool, object: unknown): void {
  if (condition) fail('BUG', 'VM_BUG_ON_FOLIO');
}

export function VM_WARN_ON_ONCE(condition: bool): void {
  if (condition) fail('WARN', 'VM_WARN_ON_ONCE');
}

/** @returns the condition */
export function WARN_ON_ONCE(condition: bool): bool {
  if (condition) fail('WARN', 'WARN_ON_ONCE');
  return condition;
}

export function WARN_ON(condition: bool): bool {
  if (condition) fail('WARN', 'WARN_ON');
  return condition;
}

/** A property that a scenario states inside its own code. */
export function assert(condition: bool, message: string): void {
  if (!condition) fail('assert', message);
}

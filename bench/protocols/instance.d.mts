// SPDX-License-Identifier: Apache-2.0
/** Types of instance.mjs, for tests. */
export type Protocol = 'refcount' | 'daxtruncate' | 'migrate';
export type Sizes = Record<string, number>;
export const protocols: readonly Protocol[];
export function promelaOf(protocol: Protocol): string;
export function flagsOf(given: Sizes): string[];
export function scenarioOf(protocol: Protocol, given: Sizes): string;

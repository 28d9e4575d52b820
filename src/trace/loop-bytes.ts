// SPDX-License-Identifier: Apache-2.0
/**
 * The loop as it is assembled, by dialect (loop.ts: `keyOf`), where that was done before: the build puts it here, in dist/bin alone
 * (scripts/bundle.mjs). What is not here is assembled when it is needed.
 */
export const ASSEMBLED: Readonly<Record<string, readonly number[]>> = {};

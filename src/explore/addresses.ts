// SPDX-License-Identifier: Apache-2.0
/** What assembled text refers to (assemble.ts). Data only. */

/** Where in memory, in bytes, what the text calls K lies. */
export interface Addresses {
  side: number;
  choice: number;
  counts: number;
  /** per column */
  tables: readonly number[];
  hits: number;
  /** bytes of a state as `copy` copies it, and as `keep` and `same` know it */
  state: number;
  row: number;
  /** functions of the module by name */
  functions: ReadonlyMap<string, number>;
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Names of the page flags by bit (include/linux/page-flags.h, enum pageflags). The format files keep the C names of the bits
 * and no tool can evaluate them, so the tables are here; bits whose place depends on the configuration have no name.
 */
import { type KernelVersion, since } from './kernel-version.js';

const V5 =
  'locked referenced uptodate dirty lru active workingset waiters error slab owner_priv_1 arch_1 reserved private private_2 writeback head mappedtodisk reclaim swapbacked unevictable';
const V6_12 =
  'locked writeback referenced uptodate dirty lru head waiters active workingset owner_priv_1 owner_2 arch_1 reserved private private_2 reclaim swapbacked unevictable mlocked';
const V7 =
  'locked writeback referenced uptodate dirty lru head waiters active workingset owner_priv_1 owner_2 arch_1 reserved private private_2 reclaim swapbacked unevictable dropbehind mlocked';

/**
 * The names of the flags set in `low` (the low 32 bits of the word; what stands above is node and zone), as the kernel joins
 * them: `referenced|lru`, `none`. Read in 5.10, 6.1, 6.12 and 7.3; undefined for releases between tables, whose order is not known.
 */
export function pageFlagNames(low: number, kernel: KernelVersion): string | undefined {
  const table = tableOf(kernel)?.split(' ');
  if (!table) return undefined;
  const names = table.filter((_, bit) => (low >>> bit) & 1);
  return names.length > 0 ? names.join('|') : 'none';
}

function tableOf(kernel: KernelVersion): string | undefined {
  if (since(kernel, 7, 0)) return V7;
  if (kernel.major === 6 && kernel.minor === 12) return V6_12;
  return since(kernel, 5, 10) && !since(kernel, 6, 2) ? V5 : undefined;
}

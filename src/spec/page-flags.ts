// SPDX-License-Identifier: Apache-2.0
/**
 * Names of the page flags by bit (include/linux/page-flags.h, enum pageflags) and the order in which the kernel prints them
 * (include/trace/events/mmflags.h, __def_pageflag_names). Format files keep the C names of the bits and no tool can evaluate them, so
 * the tables are here. The last bits depend on the configuration: they are named where that is known.
 */
import { agreed, type KernelVersion, since } from './kernel-version.js';

interface Era {
  /** first release with it */
  major: number;
  minor: number;
  /** by bit; `name?OPTION` has a bit only where CONFIG_OPTION is set */
  bits: readonly string[];
}

const era = (release: string, ...bits: string[]): Era => {
  const [major, minor] = release.split('.').map(Number);
  return { major, minor, bits: bits.join(' ').split(' ') };
};

const HWPOISON = 'hwpoison?MEMORY_FAILURE';
const IDLE = 'young?PAGE_IDLE_FLAG idle?PAGE_IDLE_FLAG';
const ARCH = 'arch_2?ARCH_USES_PG_ARCH_2 arch_3?ARCH_USES_PG_ARCH_3';

/**
 * Read in 5.10, 6.1, 6.6 (deepin), 6.12 and 7.3. Between them by the commits that changed the enum: "mm: rearrange page flags" (v6.6),
 * 1c676e0d9b1a "make PG_idle reusable" (v5.15), 46df8e73a4a3 "mm: free up PG_slab" (v6.10), 09022bc196d2 "mm: remove PG_error" and the series with PG_owner_2 (v6.12), PG_dropbehind (v6.14).
 */
const ERAS: readonly Era[] = [
  era(
    '5.10',
    'locked referenced uptodate dirty lru active workingset waiters error slab owner_priv_1 arch_1 reserved private',
    'private_2 writeback head mappedtodisk reclaim swapbacked unevictable mlocked uncached?ARCH_USES_PG_UNCACHED',
    `${HWPOISON} young?IDLE_PAGE_TRACKING idle?IDLE_PAGE_TRACKING arch_2?64BIT`,
  ),
  era(
    '5.15',
    'locked referenced uptodate dirty lru active workingset waiters error slab owner_priv_1 arch_1 reserved private',
    'private_2 writeback head mappedtodisk reclaim swapbacked unevictable mlocked uncached?ARCH_USES_PG_UNCACHED',
    `${HWPOISON} ${IDLE} arch_2?64BIT`,
  ),
  era(
    '6.6',
    'locked writeback referenced uptodate dirty lru head waiters active workingset error slab owner_priv_1 arch_1 reserved',
    'private private_2 mappedtodisk reclaim swapbacked unevictable mlocked uncached?ARCH_USES_PG_UNCACHED',
    `${HWPOISON} ${IDLE} arch_2?ARCH_USES_PG_ARCH_X arch_3?ARCH_USES_PG_ARCH_X`,
  ),
  era(
    '6.10',
    'locked writeback referenced uptodate dirty lru head waiters active workingset error owner_priv_1 arch_1 reserved',
    'private private_2 mappedtodisk reclaim swapbacked unevictable mlocked uncached?ARCH_USES_PG_UNCACHED',
    `${HWPOISON} ${IDLE} arch_2?ARCH_USES_PG_ARCH_X arch_3?ARCH_USES_PG_ARCH_X`,
  ),
  era(
    '6.12',
    'locked writeback referenced uptodate dirty lru head waiters active workingset owner_priv_1 owner_2 arch_1 reserved',
    'private private_2 reclaim swapbacked unevictable mlocked',
    `${HWPOISON} ${IDLE} ${ARCH}`,
  ),
  era(
    '6.14',
    'locked writeback referenced uptodate dirty lru head waiters active workingset owner_priv_1 owner_2 arch_1 reserved',
    'private private_2 reclaim swapbacked unevictable dropbehind mlocked',
    `${HWPOISON} ${IDLE} ${ARCH}`,
  ),
];

/** In which order the kernel prints them; what is not here comes last. */
const PRINTED =
  'locked waiters error referenced uptodate dirty lru active workingset slab owner_priv_1 owner_2 arch_1 reserved private private_2 writeback head mappedtodisk reclaim swapbacked unevictable dropbehind mlocked uncached hwpoison young idle arch_2 arch_3'.split(
    ' ',
  );

/** By era and configuration: names by bit, as far as they are known, and the bits in the order of printing. */
const TABLES = new Map<string, { names: readonly string[]; printed: readonly number[] }>();

/**
 * The names of the flags set in `low` (the low 32 bits of the word; what stands above is node and zone), as the kernel prints them:
 * `referenced|lru`, `none`; a bit that has no name as a number, as the kernel does. Undefined before 5.10.
 */
export function pageFlagNames(low: number, kernel: KernelVersion): string | undefined {
  const { names, printed } = tableOf(kernel) ?? {};
  if (!names || !printed) return undefined;
  const set = printed.filter((bit) => (low >>> bit) & 1).map((bit) => names[bit]);
  const rest = names.length < 32 ? (low >>> names.length) << names.length : 0;
  if (rest !== 0) set.push(`0x${(rest >>> 0).toString(16)}`);
  return set.length > 0 ? set.join('|') : 'none';
}

/**
 * The flags as a text prints them, by name: trace-cmd and perf cannot evaluate enum pageflags and print most bits as a number,
 * `locked|0x30038`. Undefined where that cannot be read for the kernel.
 */
export function pageFlagsOfText(text: string, kernel: KernelVersion | undefined): string | undefined {
  if (!text.includes('0x')) return text;
  const parts = text.split('|');
  const bits = parts.find((part) => /^0x[0-9a-f]{1,16}$/.test(part));
  if (bits === undefined) return text;
  const names = kernel && pageFlagNames(Number(BigInt.asIntN(32, BigInt(bits))), kernel);
  return names === undefined ? undefined : [...parts.filter((part) => part !== bits), names].join('|');
}

function tableOf(kernel: KernelVersion) {
  const found = agreed(kernel, (release) => ERAS.findLast(({ major, minor }) => since(release, major, minor)));
  if (!found) return undefined;
  const { config } = kernel;
  const key = `${found.major}.${found.minor} ${config ? [...config].join() : ''}`;
  let table = TABLES.get(key);
  if (!table) {
    const optional = found.bits.findIndex((bit) => bit.includes('?'));
    const fixed = optional < 0 ? found.bits : found.bits.slice(0, optional);
    const more = config && found.bits.slice(fixed.length).filter((bit) => config.has(bit.split('?')[1]));
    const names = [...fixed, ...(more ?? []).map((bit) => bit.split('?')[0])];
    const printed = [...names.keys()].sort((a, b) => PRINTED.indexOf(names[a]) - PRINTED.indexOf(names[b]));
    TABLES.set(key, (table = { names, printed }));
  }
  return table;
}

/** Options of a kernel's .config that decide about page flags: `MEMORY_FAILURE` for `CONFIG_MEMORY_FAILURE=y`. */
export function flagOptions(configText: string): Set<string> {
  const wanted = new Set(ERAS.flatMap(({ bits }) => bits.flatMap((bit) => bit.split('?')[1] ?? [])));
  const set = new Set<string>();
  for (const [, option] of configText.matchAll(/^CONFIG_(\w+)=y$/gm)) if (wanted.has(option)) set.add(option);
  return set;
}

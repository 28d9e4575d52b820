// SPDX-License-Identifier: Apache-2.0
/**
 * What a page's reference count means when nobody uses the page: for each kind of page and each kernel, the count of an idle
 * page and the count at which a life is over. Pure rules over integers; Linux's mm/memremap.c, mm/mm_init.c, mm/swap.c,
 * fs/dax.c and drivers/pci/p2pdma.c of the releases named.
 */
import { agreed, type KernelVersion, since } from './kernel-version.js';

/**
 * MEMORY_DEVICE_PRIVATE, _COHERENT, _FS_DAX, _GENERIC, _PCI_P2PDMA, device memory of which nothing tells the type, and pages of the
 * page allocator.
 */
export const PAGE_KINDS = ['private', 'coherent', 'fsdax', 'devdax', 'p2pdma', 'device', 'ordinary'] as const;
export type PageKind = (typeof PAGE_KINDS)[number];

/** The kind a name stands for; `generic` is Linux's word for device dax. */
export function parsePageKind(name: string): PageKind | undefined {
  const lower = name
    .toLowerCase()
    .replaceAll('-', '_')
    .replace(/^(?:memory_)?device_/, '');
  if (lower === 'generic' || lower === 'dax') return 'devdax';
  if (lower === 'fs_dax') return 'fsdax';
  if (lower === 'pci_p2pdma') return 'p2pdma';
  return PAGE_KINDS.find((kind) => kind === lower);
}

export interface RestRule {
  /** the count of a page that nobody uses */
  idle: number;
  /**
   * the count at which a life is over. Where it is below `idle`, the core writes `idle` back right afterwards, and a page at
   * `idle` may be free or in use: counts alone do not tell
   */
  over: number;
}

const ZERO: RestRule = { idle: 0, over: 0 };
const ONE: RestRule = { idle: 1, over: 1 };
const PARKED: RestRule = { idle: 1, over: 0 };

/** The rule for a kind of page in a kernel; undefined where it hangs on what is not known: the kernel, or the type of device memory. */
export function restRule(kind: PageKind, kernel: KernelVersion | undefined): RestRule | undefined {
  if (kind === 'ordinary') return ZERO;
  return kernel && agreed(kernel, (release) => deviceRule(kind, release));
}

function deviceRule(kind: Exclude<PageKind, 'ordinary'>, kernel: KernelVersion): RestRule | undefined {
  if (kernel.seed) return ZERO;
  switch (kind) {
    case 'device':
      // all types were alike until 27674ef6c73f (v5.18)
      return since(kernel, 5, 18) ? undefined : ONE;
    case 'private':
    case 'coherent':
      // 27674ef6c73f (v5.18) frees at 0 and parks at 1; ef233450898f (v6.1) leaves the page at 0
      if (since(kernel, 6, 1)) return ZERO;
      return since(kernel, 5, 18) ? PARKED : ONE;
    case 'fsdax':
      // 38607c62b34b (v6.15): mappings are counted, idle is 0
      return since(kernel, 6, 15) ? ZERO : ONE;
    case 'p2pdma':
      // free_zone_device_page resets to 1 from v5.18 on (mapped by vm_insert_page since 7e9c7ef83d78, v6.2); v6.15 parks at 0
      if (since(kernel, 6, 15)) return ZERO;
      return since(kernel, 5, 18) ? PARKED : ONE;
    case 'devdax':
      // never zero-based: mm/memremap.c still writes 1 back in v7.3
      return ONE;
  }
}

/** Has a kernel this kind of page at all? */
export function kindExists(kind: PageKind, kernel: KernelVersion): boolean {
  return kind !== 'coherent' || since(kernel, 6, 0);
}

/** A life begins when the count rises above that of an idle page. */
export function begins(rule: RestRule, after: number): boolean {
  return after > rule.idle;
}

/** A life is over when the count comes down to (or, wrongly, below) that of a finished one. */
export function isOver(rule: RestRule, after: number): boolean {
  return after <= rule.over;
}

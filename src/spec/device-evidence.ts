// SPDX-License-Identifier: Apache-2.0
/**
 * What one event says about the kind of memory that its page is: for recordings that come without the ranges of ZONE_DEVICE. Each
 * sign follows from what the kernel does to such pages and to no others; which kind they add up to is `kindOf`.
 */
import { PIN_BIAS } from './call-paths.js';
import { agreed, type KernelVersion, since } from './kernel-version.js';
import { OP, type Op } from './ops.js';
import type { PageKind } from './rest.js';

/** Bits, since there is a set of them for each page. */
export const SIGN = {
  /** surely ZONE_DEVICE: reserved for good (mm/mm_init.c: __init_zone_device_page), and yet in use as only such pages are */
  device: 1,
  /** its struct page was made while recording: device memory, or memory that was plugged in */
  made: 2,
  /** the page allocator or its LRU lists have it */
  allocator: 4,
  /** anonymous memory */
  anon: 8,
  /** belongs to a file */
  file: 16,
  /** mapped, and belongs to nobody */
  bare: 32,
  /** put by put_devmap_managed_page, which returns the count */
  managed: 64,
  /** put like any other page */
  tested: 128,
  /** its count came down to zero */
  zero: 256,
  pinned: 512,
  /** part of a compound page */
  compound: 1024,
  /** a function of that kind alone did it */
  fsdaxName: 2048,
  devdaxName: 4096,
  p2pdmaName: 8192,
} as const;

/** What is asked of an event. */
export interface Seen {
  op: Op;
  val: number;
  ret: number;
  /** undefined where the recording does not say */
  flags: ReadonlySet<string> | undefined;
  mapped: number | undefined;
  mapping: boolean | undefined;
  anon: boolean | undefined;
}

/** The signs that an event gives without its stack. */
export function signsOf({ op, val, ret, flags, mapped, mapping, anon }: Seen): number {
  if (op === OP.alloc || op === OP.free) return SIGN.allocator;
  // a page that is handed out is not mapped; memory of a new struct page is zero, and zero in _mapcount means mapped once
  if (op === OP.set && val === 1 && mapped === 1 && (flags?.has('none') ?? true)) return SIGN.made;
  if (!flags) return 0;
  if (flags.has('lru') || flags.has('slab')) return SIGN.allocator;
  const reserved = flags.has('reserved');
  let signs = 0;
  // the zero page and pages of the kernel's image are reserved too: they belong to nobody, and their count never starts anew
  const owned = mapping === true || flags.has('swapbacked');
  const refused = op === OP.modUnless && ret === 0;
  const zero = refused || (op === OP.modAndTest && ret !== 0) || (op === OP.modAndReturn && ret === 0);
  if (reserved && (owned || zero || op === OP.set || op === OP.modAndReturn)) signs |= SIGN.device;
  if (anon === true || flags.has('swapbacked')) signs |= SIGN.anon;
  else if (mapping === true) signs |= SIGN.file;
  else if (mapping === false && mapped !== undefined && mapped > 0) signs |= SIGN.bare;
  if (op === OP.modAndReturn && val < 0) signs |= SIGN.managed;
  if (op === OP.modAndTest) signs |= SIGN.tested;
  if (zero) signs |= SIGN.zero;
  if (Math.abs(val) >= PIN_BIAS - 1) signs |= SIGN.pinned;
  if (flags.has('head') || (op === OP.set && val === 0 && mapping === true)) signs |= SIGN.compound;
  return signs;
}

/** Functions that move counts of such pages alone; the first or second frame, so that what they allocate is not meant. */
const NAMES: readonly [RegExp, number][] = [
  [/^(?:p2pmem_|p2pdma_|pci_p2pdma_)/, SIGN.device | SIGN.p2pdmaName],
  [/^(?:dev_dax_|__dev_dax_)/, SIGN.device | SIGN.devdaxName],
  [
    /^(?:dax_(?:insert_entry|folio_|insert_pfn|iomap_|fault_iter|associate_|disassociate_))/,
    SIGN.device | SIGN.fsdaxName,
  ],
  [
    /^(?:zone_device_(?:page|folio)_init|free_zone_device_(?:page|folio)|_*put_devmap_managed_(?:page|folio)|free_devmap_managed_page|memmap_init_(?:zone_device|compound)$)/,
    SIGN.device,
  ],
];

/** The signs of a call path. @param frames names, innermost first, without the tracer's */
export function signsOfPath(frames: readonly string[]): number {
  let signs = 0;
  for (const name of frames.slice(0, 2)) for (const [names, sign] of NAMES) if (names.test(name)) signs |= sign;
  return signs;
}

/** Signs that speak of a kind: pages with different ones are not of one range. */
export type Family = 'anon' | 'file' | 'bare';

export function familyOf(signs: number): Family | undefined {
  if (signs & SIGN.anon) return 'anon';
  if (signs & (SIGN.file | SIGN.fsdaxName | SIGN.devdaxName)) return 'file';
  return signs & (SIGN.bare | SIGN.p2pdmaName) ? 'bare' : undefined;
}

/**
 * The kind of a range whose pages gave these signs together; `device` where they do not tell, or fit kinds with different rules.
 * Of private and coherent memory, and of fsdax and devdax up to v6.14, the rules are the same: there the likelier one is named.
 */
export function kindOfSigns(signs: number, kernel: KernelVersion | undefined): PageKind {
  return (kernel && agreed(kernel, (release) => kindIn(signs, release))) ?? 'device';
}

function kindIn(signs: number, kernel: KernelVersion): PageKind {
  switch (familyOf(signs)) {
    case 'anon':
      // user space can pin coherent memory in place; of private memory it has no page table entry
      return signs & SIGN.pinned && since(kernel, 6, 0) ? 'coherent' : 'private';
    case 'file':
      return fileKind(signs, kernel);
    case 'bare':
      // only p2pdma memory is mapped and belongs to nobody, since 7e9c7ef83d78 (v6.2)
      return since(kernel, 6, 2) || signs & SIGN.p2pdmaName ? 'p2pdma' : 'device';
    default:
      // of device dax alone the memory map is made of compound pages (vmemmap_shift, since v5.17)
      if (signs & SIGN.made && signs & SIGN.compound) return 'devdax';
      // put_devmap_managed_page is for fsdax alone since 27674ef6c73f (v5.18)
      return signs & SIGN.managed && since(kernel, 5, 18) ? 'fsdax' : 'device';
  }
}

/** Another kind that the signs fit as well, of the same rules in that kernel; undefined for none. */
export function twinOf(kind: PageKind, signs: number, kernel: KernelVersion | undefined): PageKind | undefined {
  if (kind === 'private') return kernel && since(kernel, 6, 0) ? 'coherent' : undefined;
  const told = SIGN.managed | SIGN.compound | SIGN.tested | SIGN.fsdaxName | SIGN.devdaxName;
  return kind === 'fsdax' && kernel && !since(kernel, 6, 15) && !(signs & told) ? 'devdax' : undefined;
}

function fileKind(signs: number, kernel: KernelVersion): PageKind {
  if (signs & SIGN.fsdaxName) return 'fsdax';
  if (signs & SIGN.devdaxName) return 'devdax';
  if (!since(kernel, 6, 15)) {
    if (signs & SIGN.managed) return 'fsdax';
    // fs/dax.c had no compound pages then; put_devmap_managed_page left device dax to put_page
    return signs & (SIGN.compound | SIGN.tested) ? 'devdax' : 'fsdax';
  }
  // device dax rests at one, fs dax at zero
  if (signs & SIGN.made && signs & SIGN.compound) return 'devdax';
  return signs & SIGN.zero ? 'fsdax' : 'device';
}

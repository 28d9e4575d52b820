// SPDX-License-Identifier: Apache-2.0
/** What a page was when it was last seen: mapped, anonymous, on the LRU; as far as its last event tells. */
import { type KernelVersion, since } from '../spec/kernel-version.js';
import { pageFlagNames, pageFlagsOfText } from '../spec/page-flags.js';
import { HAS, MAPPING_HIDDEN, wide } from '../trace/columns.js';
import type { Recording } from '../trace/recording.js';
import { FIELD, SHAPE_WORDS } from '../trace/shapes.js';

export interface PageState {
  /** page table entries that map it, undefined where that is not known */
  mapped: number | undefined;
  /** anonymous memory; undefined where the pointer is hidden or hashed */
  anon: boolean | undefined;
  /** does it belong to a file, to anonymous memory or a driver? undefined where the pointer is hidden */
  mapping: boolean | undefined;
  /** names of flags, undefined where their order is not known for the kernel */
  flags: ReadonlySet<string> | undefined;
}

/** The state that event `row` shows. */
export function stateAt(recording: Recording, row: number, kernel: KernelVersion | undefined): PageState {
  return stateOf(recording, recording.events.shape[row], kernel);
}

/** The state that events of a shape show. */
export function stateOf(
  { events, kinds, flagTexts }: Recording,
  shape: number,
  kernel: KernelVersion | undefined,
): PageState {
  const word = (field: number) => events.shapes.words[shape * SHAPE_WORDS + field];
  const { has } = kinds[word(FIELD.kind)];
  let flags: PageState['flags'];
  if (has & HAS.flags) {
    const low = word(FIELD.flags);
    flags = flagTexts ? setOf(pageFlagsOfText(flagTexts.text(low), kernel)) : kernel && flagSet(low, kernel);
  }
  const pointer: Pointer = { low: word(FIELD.mapping), high: word(FIELD.mappingHigh) };
  return {
    mapped: has & HAS.mapcount && kernel ? mappings(word(FIELD.mapcount), kernel) : undefined,
    anon: has & HAS.mapping ? isAnon(pointer) : undefined,
    mapping: has & HAS.mapping ? isMapped(pointer) : undefined,
    flags,
  };
}

const setOf = (flags: string | undefined): PageState['flags'] =>
  flags === undefined ? undefined : new Set(flags.split('|'));

/** by kernel and the lower half of the flags: many pages have the same */
const SETS = new WeakMap<KernelVersion, Map<number, PageState['flags']>>();

function flagSet(low: number, kernel: KernelVersion): PageState['flags'] {
  let sets = SETS.get(kernel);
  if (!sets) SETS.set(kernel, (sets = new Map()));
  let set = sets.get(low);
  if (set === undefined) sets.set(low, (set = setOf(pageFlagNames(low, kernel))));
  return set;
}

/** How often the page is mapped, as event `row` shows; undefined where it does not. */
export function mappedAt(
  { events, kinds }: Recording,
  row: number,
  kernel: KernelVersion | undefined,
): number | undefined {
  const { has } = kinds[events.kind(row)];
  return has & HAS.mapcount && kernel ? mappings(events.mapcount(row), kernel) : undefined;
}

/** 6eca32567455 (v6.10) shows the raw field, which starts at -1 and holds a type for pages that cannot be mapped. */
function mappings(mapcount: number, kernel: KernelVersion): number {
  return Math.max(0, since(kernel, 6, 10) ? mapcount + 1 : mapcount);
}

/** `mapping` of an event in two halves. */
interface Pointer {
  low: number;
  high: number;
}

const isHidden = ({ low, high }: Pointer): boolean => wide(low, high) === MAPPING_HIDDEN;

function isMapped(pointer: Pointer): boolean | undefined {
  return isHidden(pointer) ? undefined : pointer.low !== 0 || pointer.high !== 0;
}

/** PAGE_MAPPING_ANON is bit 0 of the pointer, bit 1 marks movable and KSM pages; hashed pointers have no upper half. */
function isAnon(pointer: Pointer): boolean | undefined {
  if (isHidden(pointer)) return undefined;
  if (pointer.high === 0 && pointer.low !== 0) return undefined;
  return (pointer.low & 3) === 1;
}

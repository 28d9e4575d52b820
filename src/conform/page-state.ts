// SPDX-License-Identifier: Apache-2.0
/** What a page was when it was last seen: mapped, anonymous, on the LRU; as far as its last event tells. */
import { type KernelVersion, since } from '../spec/kernel-version.js';
import { pageFlagNames } from '../spec/page-flags.js';
import { HAS, MAPPING_HIDDEN } from '../trace/columns.js';
import type { Recording } from '../trace/recording.js';
import { FIELD } from '../trace/shapes.js';

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
  const { events, kinds, flagTexts } = recording;
  const { has } = kinds[events.kind(row)];
  let flags: string | undefined;
  if (has & HAS.flags) {
    const low = events.word(row, FIELD.flags);
    flags = flagTexts ? flagTexts.text(low) : kernel && pageFlagNames(low, kernel);
  }
  return {
    mapped: mappedAt(recording, row, kernel),
    anon: has & HAS.mapping ? isAnon(recording, row) : undefined,
    mapping: has & HAS.mapping ? isMapped(recording, row) : undefined,
    flags: flags === undefined ? undefined : new Set(flags.split('|')),
  };
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

function isMapped({ events }: Recording, row: number): boolean | undefined {
  const pointer = events.mapping(row);
  return pointer === MAPPING_HIDDEN ? undefined : pointer !== 0n;
}

/** PAGE_MAPPING_ANON is bit 0 of the pointer, bit 1 marks movable and KSM pages; hashed pointers have no upper half. */
function isAnon({ events }: Recording, row: number): boolean | undefined {
  const pointer = events.mapping(row);
  if (pointer === MAPPING_HIDDEN) return undefined;
  if (events.word(row, FIELD.mappingHigh) === 0 && pointer !== 0n) return undefined;
  return (events.word(row, FIELD.mapping) & 3) === 1;
}

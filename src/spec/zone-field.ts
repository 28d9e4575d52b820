// SPDX-License-Identifier: Apache-2.0
/**
 * Where the zone stands in the flags word of a struct page (include/linux/page-flags-layout.h): below the node, which is at the
 * top, as wide as the configuration makes it. A recording does not say, so every layout that a 64-bit kernel with a virtual memory
 * map can have is asked whether it fits.
 */

export interface ZoneLayout {
  /** CONFIG_NODES_SHIFT, 0 without NUMA */
  nodeBits: number;
  /** ZONE_DMA and ZONE_DMA32 are optional; NORMAL, MOVABLE and DEVICE are there */
  zones: 3 | 4 | 5;
  /** the lowest bit of the zone */
  at: number;
  width: number;
}

/** Flags are looked at from this bit up. */
export const LOWEST_BIT = 51;

export const ZONE_LAYOUTS: readonly ZoneLayout[] = ([5, 4, 3] as const).flatMap((zones) =>
  Array.from({ length: 11 }, (_, nodeBits) => {
    const width = zones > 4 ? 3 : 2;
    return { nodeBits, zones, width, at: 64 - nodeBits - width };
  }),
);

/** The zone in the upper bits of a flags word. @param top the word from `LOWEST_BIT` up */
export function zoneIn(top: number, { at, width }: ZoneLayout): number {
  return (top >>> (at - LOWEST_BIT)) & (2 ** width - 1);
}

/** Node and zone as one number: constant for a page. */
export function nodeAndZoneIn(top: number, { at }: ZoneLayout): number {
  return top >>> (at - LOWEST_BIT);
}

export const isDeviceZone = (zone: number, { zones }: ZoneLayout): boolean => zone === zones - 1;

/** First page above what ZONE_DMA and ZONE_DMA32 are for: 32-bit addresses, with pages of 4 KiB. */
const HIGH = 2 ** 20;

/**
 * Can pages from `first` to `last` be in a zone? @param spans by zone, the first and last pages seen in it
 * @returns false where zones that follow each other overlap, or one has pages that it cannot have
 */
export function isPossible(
  spans: readonly ({ first: number; last: number } | undefined)[],
  { zones }: ZoneLayout,
): boolean {
  if (spans.length > zones) return false;
  // MOVABLE and DEVICE lie anywhere
  const ascending = spans.slice(0, zones - 2);
  let above = -1;
  for (const [zone, span] of ascending.entries()) {
    if (!span) continue;
    if (span.first <= above) return false;
    if (zone < zones - 3 && span.last >= HIGH) return false;
    above = span.last;
  }
  return true;
}

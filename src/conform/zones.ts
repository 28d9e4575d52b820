// SPDX-License-Identifier: Apache-2.0
/**
 * Which pages are in ZONE_DEVICE by the flags words of a trace.dat: every layout of the word is held against what is known of pages
 * for other reasons, and only what all layouts say that are left is believed.
 */
import { SIGN } from '../spec/device-evidence.js';
import {
  isDeviceZone,
  isPossible,
  LOWEST_BIT,
  nodeAndZoneIn,
  ZONE_LAYOUTS,
  type ZoneLayout,
  zoneIn,
} from '../spec/zone-field.js';
import { HAS } from '../trace/columns.js';
import type { Recording } from '../trace/recording.js';
import { FIELD, SHAPE_WORDS } from '../trace/shapes.js';

/** The upper bits of flags, as one number; -1 for an event without. By shape. */
export function topsOf({ events, kinds, flagTexts }: Recording): Int16Array {
  const { size, words } = events.shapes;
  const tops = new Int16Array(size).fill(-1);
  if (flagTexts) return tops;
  for (let shape = 0; shape < size; shape++) {
    const at = shape * SHAPE_WORDS;
    if (kinds[words[at + FIELD.kind]].has & HAS.flags) tops[shape] = words[at + FIELD.flagsHigh] >>> (LOWEST_BIT - 32);
  }
  return tops;
}

/** so many values the upper bits can have */
const TOPS = 2 ** (64 - LOWEST_BIT);

/** What is known of the pages of one recording, by the upper bits of their flags. */
export class Zones {
  /** those that were met */
  private readonly tops: number[] = [];
  /** surely device memory, surely the allocator's: sets of `SIGN` */
  private readonly sure = new Uint8Array(TOPS);
  private readonly first = new Float64Array(TOPS).fill(Number.POSITIVE_INFINITY);
  private readonly last = new Float64Array(TOPS).fill(-1);
  private readonly changed = new Set<number>();

  /** Adds a page. @param top its upper bits @param other those of another of its events, -1 where all were the same */
  add(pfn: number, top: number, other: number, signs: number): void {
    if (this.last[top] < 0) this.tops.push(top);
    this.sure[top] |= signs & SIGN.allocator ? SIGN.allocator : signs & SIGN.device;
    if (pfn < this.first[top]) this.first[top] = pfn;
    if (pfn > this.last[top]) this.last[top] = pfn;
    if (other >= 0) this.changed.add(top * 0x10000 + other);
  }

  /** Is a page with these upper bits in ZONE_DEVICE? Undefined where the layouts that fit do not agree. */
  verdicts(): (top: number) => boolean | undefined {
    const layouts = ZONE_LAYOUTS.filter((layout) => this.fits(layout));
    const known: (boolean | undefined)[] = [];
    for (const top of this.tops) {
      const said = new Set(layouts.map((layout) => isDeviceZone(zoneIn(top, layout), layout)));
      known[top] = said.size === 1 ? said.has(true) : undefined;
    }
    return (top) => known[top];
  }

  private fits(layout: ZoneLayout): boolean {
    for (const pair of this.changed) {
      if (nodeAndZoneIn(Math.floor(pair / 0x10000), layout) !== nodeAndZoneIn(pair % 0x10000, layout)) return false;
    }
    const spans: ({ first: number; last: number } | undefined)[] = [];
    for (const top of this.tops) {
      const zone = zoneIn(top, layout);
      if (this.sure[top] & (isDeviceZone(zone, layout) ? SIGN.allocator : SIGN.device)) return false;
      const [first, last] = [this.first[top], this.last[top]];
      const span = spans[zone];
      spans[zone] = span ? { first: Math.min(span.first, first), last: Math.max(span.last, last) } : { first, last };
    }
    return isPossible(spans, layout);
  }
}

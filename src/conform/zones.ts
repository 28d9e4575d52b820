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

/** All pages with the same upper bits. */
interface Group {
  /** surely device memory, surely the allocator's */
  device: boolean;
  allocator: boolean;
  first: number;
  last: number;
}

/** What is known of the pages of one recording. */
export class Zones {
  private readonly groups = new Map<number, Group>();
  private readonly changed = new Set<number>();

  /** Adds a page. @param top its upper bits @param other those of another of its events, -1 where all were the same */
  add(pfn: number, top: number, other: number, signs: number): void {
    let group = this.groups.get(top);
    if (!group) {
      this.groups.set(top, (group = { device: false, allocator: false, first: pfn, last: pfn }));
    }
    if (signs & SIGN.allocator) group.allocator = true;
    else if (signs & SIGN.device) group.device = true;
    group.first = Math.min(group.first, pfn);
    group.last = Math.max(group.last, pfn);
    if (other >= 0) this.changed.add(top * 0x10000 + other);
  }

  /** Is a page with these upper bits in ZONE_DEVICE? Undefined where the layouts that fit do not agree. */
  verdicts(): (top: number) => boolean | undefined {
    const layouts = ZONE_LAYOUTS.filter((layout) => this.fits(layout));
    const known = new Map<number, boolean | undefined>();
    for (const top of this.groups.keys()) {
      const said = new Set(layouts.map((layout) => isDeviceZone(zoneIn(top, layout), layout)));
      known.set(top, said.size === 1 ? said.has(true) : undefined);
    }
    return (top) => known.get(top);
  }

  private fits(layout: ZoneLayout): boolean {
    for (const pair of this.changed) {
      if (nodeAndZoneIn(Math.floor(pair / 0x10000), layout) !== nodeAndZoneIn(pair % 0x10000, layout)) return false;
    }
    const spans: ({ first: number; last: number } | undefined)[] = [];
    for (const [top, { device, allocator, first, last }] of this.groups) {
      const zone = zoneIn(top, layout);
      if (isDeviceZone(zone, layout) ? allocator : device) return false;
      const span = spans[zone];
      spans[zone] = span ? { first: Math.min(span.first, first), last: Math.max(span.last, last) } : { first, last };
    }
    return isPossible(spans, layout);
  }
}

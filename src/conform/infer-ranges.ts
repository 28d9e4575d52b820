// SPDX-License-Identifier: Apache-2.0
/**
 * Ranges of device memory that nobody named, from the recording alone: what its events say of each page (src/spec/device-evidence.ts)
 * and, in a trace.dat, the zone in the flags word. Neighbours of one family are a range; where signs contradict each other, or do not
 * tell the kind, nothing is said of the pages.
 */
import { familyOf, kindOfSigns, SIGN, twinOf } from '../spec/device-evidence.js';
import type { KernelVersion } from '../spec/kernel-version.js';
import type { Recording } from '../trace/recording.js';
import { PageSigns, signTablesOf } from './page-signs.js';
import type { PfnRange, RangeMap, RangeSign } from './ranges.js';
import { Zones } from './zones.js';

/** Two pages further apart (128 MiB, a section of the memory map) are not of one range unless there are pages between. */
const SECTION = 0x8000;
/** Device memory is not scattered: of more ranges than this the largest are believed. */
const RANGES = 64;

const SIGNS: readonly [number, RangeSign][] = [
  [SIGN.device, 'reserved'],
  [SIGN.made, 'made'],
  [SIGN.anon, 'anon'],
  [SIGN.file, 'file'],
  [SIGN.bare, 'bare'],
  [SIGN.managed, 'managed'],
  [SIGN.zero, 'zero'],
  [SIGN.compound, 'compound'],
  [SIGN.fsdaxName | SIGN.devdaxName | SIGN.p2pdmaName, 'names'],
];

/**
 * The ranges that the recording shows outside of those that are `given`.
 * @param gathered what the events say of its pages, where that is known
 */
export function inferRanges(
  recording: Recording,
  given: RangeMap,
  kernel: KernelVersion | undefined,
  gathered = signsOfAll(recording, kernel),
): PfnRange[] {
  const pages = pagesOf(recording, gathered);
  const found: PfnRange[] = [];
  for (const { first, last, signs, seen, zone } of runsOf(pages, (pfn) => recording.events.pages.find(pfn), given)) {
    const kind = kindOfSigns(signs, kernel);
    const told = SIGNS.filter(([bit]) => signs & bit).map(([, sign]) => sign);
    const or = twinOf(kind, signs, kernel);
    const inferred = {
      signs: zone ? (['zone', ...told] as const) : told,
      pages: seen,
      ...(or !== undefined && { or }),
    };
    found.push({ first, last, kind, inferred });
  }
  const largest = found.sort((a, b) => b.inferred!.pages - a.inferred!.pages).slice(0, RANGES);
  return largest.sort((a, b) => a.first - b.first);
}

function signsOfAll(recording: Recording, kernel: KernelVersion | undefined): PageSigns {
  const { events } = recording;
  return PageSigns.from(events.contents(), signTablesOf(recording, kernel), events.pages.size, 0, events.length);
}

/** What is known of each page of the recording's table. */
interface Pages {
  pfn: Float64Array;
  /** sets of `SIGN` */
  signs: Uint16Array;
  /** in ZONE_DEVICE by its flags: 1 yes, 0 no, 2 not known */
  zone: Uint8Array;
}

function pagesOf({ events }: Recording, gathered: PageSigns): Pages {
  const { size } = events.pages;
  const pfn = events.pages.pfn.subarray(0, size);
  const signs = new Uint16Array(size);
  const zone = new Uint8Array(size).fill(2);
  const zones = new Zones();
  for (let page = 0; page < size; page++) {
    signs[page] = gathered.signs(page);
    const top = gathered.top(page);
    if (top >= 0) zones.add(pfn[page], top, gathered.otherTop(page), signs[page]);
  }
  const verdicts = zones.verdicts();
  for (let page = 0; page < size; page++) {
    const top = gathered.top(page);
    const device = top < 0 ? undefined : verdicts(top);
    if (device !== undefined) zone[page] = device ? 1 : 0;
  }
  return { pfn, signs, zone };
}

interface Run {
  first: number;
  last: number;
  signs: number;
  seen: number;
  zone: boolean;
}

/** What a page is by all that is known: device memory, not device memory, or neither is shown. */
const DEVICE = 1;
const OTHER = 2;
const OPEN = 3;

/** Neighbouring pages of device memory and of one family; pages that nothing is said of join those around them. */
function runsOf(pages: Pages, find: (pfn: number) => number, given: RangeMap): Run[] {
  const classes = classesOf(pages, given);
  // as in nearly every recording: then their order does not matter
  if (!classes.includes(DEVICE)) return [];
  const runs: Run[] = [];
  let run: Run | undefined;
  let between = 0;
  for (const pfn of pages.pfn.slice().sort()) {
    const page = find(pfn);
    const signs = pages.signs[page];
    if (classes[page] === OPEN) {
      between++;
      continue;
    }
    if (classes[page] === OTHER) {
      run = undefined;
      between = 0;
      continue;
    }
    const family = familyOf(signs);
    const mine = run && familyOf(run.signs);
    const joins = run && pfn - run.last <= SECTION && (family === undefined || mine === undefined || family === mine);
    if (!run || !joins) runs.push((run = { first: pfn, last: pfn, signs: 0, seen: 0, zone: true }));
    else run.seen += between;
    between = 0;
    run.last = pfn;
    run.signs |= signs;
    run.seen++;
    if (pages.zone[page] !== 1) run.zone = false;
  }
  return runs;
}

/** By page. */
function classesOf({ pfn, signs, zone }: Pages, given: RangeMap): Uint8Array {
  // sections of the memory map of which the allocator has pages
  const plugged = new Set<number>();
  for (let page = 0; page < pfn.length; page++) {
    if (signs[page] & SIGN.allocator) plugged.add(Math.floor(pfn[page] / SECTION));
  }
  const classes = new Uint8Array(pfn.length);
  for (let page = 0; page < pfn.length; page++) {
    if (zone[page] === 0 || signs[page] & SIGN.allocator || given.rangeOf(pfn[page])) classes[page] = OTHER;
    else if (zone[page] === 1 || signs[page] & SIGN.device) classes[page] = DEVICE;
    // memory that is plugged in is made alike, and then given to the allocator
    else if (signs[page] & SIGN.made && !plugged.has(Math.floor(pfn[page] / SECTION))) classes[page] = DEVICE;
    else classes[page] = OPEN;
  }
  return classes;
}

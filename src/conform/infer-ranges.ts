// SPDX-License-Identifier: Apache-2.0
/**
 * Ranges of device memory that nobody named, from the recording alone: what its events say of each page (src/spec/device-evidence.ts)
 * and, in a trace.dat, the zone in the flags word. Neighbours of one family are a range; where signs contradict each other, or do not
 * tell the kind, nothing is said of the pages.
 */
import { familyOf, kindOfSigns, SIGN, signsOf, signsOfPath, twinOf } from '../spec/device-evidence.js';
import type { KernelVersion } from '../spec/kernel-version.js';
import { OP, type Op } from '../spec/ops.js';
import { withoutTracer } from '../spec/tracer-frames.js';
import type { Recording } from '../trace/recording.js';
import { FIELD, SHAPE_WORDS } from '../trace/shapes.js';
import { effectsOf } from './effects.js';
import { stateOf } from './page-state.js';
import type { PfnRange, RangeMap, RangeSign } from './ranges.js';
import { topsOf, Zones } from './zones.js';

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

/** The ranges that the recording shows outside of those that are `given`. */
export function inferRanges(recording: Recording, given: RangeMap, kernel: KernelVersion | undefined): PfnRange[] {
  const pages = new Pages(recording, kernel);
  const found: PfnRange[] = [];
  for (const { first, last, signs, seen, zone } of runsOf(pages, given)) {
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

/** What the events say of each page of the recording's table. */
class Pages {
  readonly pfn: Float64Array;
  /** sets of `SIGN` */
  readonly signs: Uint16Array;
  /** in ZONE_DEVICE by its flags: 1 yes, 0 no, 2 not known */
  readonly zone: Uint8Array;

  constructor(recording: Recording, kernel: KernelVersion | undefined) {
    const { events } = recording;
    const { size, pfn } = events.pages;
    this.pfn = pfn.subarray(0, size);
    this.signs = new Uint16Array(size);
    this.zone = new Uint8Array(size).fill(2);
    const ofShape = signsByShape(recording, kernel);
    const ofStack = signsByStack(recording);
    const topOf = topsOf(recording);
    const tops = new Int16Array(size).fill(-1);
    const others = new Int16Array(size).fill(-1);
    for (let row = 0; row < events.length; row++) {
      const page = events.page[row];
      if (page < 0) continue;
      const shape = events.shape[row];
      const signs = ofShape[shape];
      // a struct page that is made anew says nothing of what it was before
      if (signs === SIGN.made) this.signs[page] = signs;
      else this.signs[page] |= signs;
      const stack = events.stack(row);
      if (stack >= 0) this.signs[page] |= ofStack[stack];
      const top = topOf[shape];
      if (top < 0 || top === tops[page]) continue;
      if (tops[page] < 0) tops[page] = top;
      else others[page] = top;
    }
    this.readZones(tops, others);
  }

  private readZones(tops: Int16Array, others: Int16Array): void {
    const zones = new Zones();
    for (let page = 0; page < tops.length; page++) {
      if (tops[page] >= 0) zones.add(this.pfn[page], tops[page], others[page], this.signs[page]);
    }
    const verdicts = zones.verdicts();
    for (let page = 0; page < tops.length; page++) {
      const device = tops[page] < 0 ? undefined : verdicts(tops[page]);
      if (device !== undefined) this.zone[page] = Number(device);
    }
  }
}

function signsByShape(recording: Recording, kernel: KernelVersion | undefined): Uint16Array {
  const { size, words } = recording.events.shapes;
  const { op } = effectsOf(recording);
  const signs = new Uint16Array(size);
  for (let shape = 0; shape < size; shape++) {
    if (op[shape] === OP.none) continue;
    const at = shape * SHAPE_WORDS;
    const [val, ret] = [words[at + FIELD.val], words[at + FIELD.ret]];
    signs[shape] = signsOf({ op: op[shape] as Op, val, ret, ...stateOf(recording, shape, kernel) });
  }
  return signs;
}

function signsByStack({ stacks }: Recording): Uint16Array {
  return Uint16Array.from({ length: stacks.size }, (_, id) => signsOfPath(withoutTracer(stacks.frames(id))));
}

interface Run {
  first: number;
  last: number;
  signs: number;
  seen: number;
  zone: boolean;
}

/** What a page is by all that is known: device memory, not device memory, or neither is shown. */
type Class = 'device' | 'other' | 'open';

/** Neighbouring pages of device memory and of one family; pages that nothing is said of join those around them. */
function runsOf(pages: Pages, given: RangeMap): Run[] {
  const order = Uint32Array.from(pages.pfn.keys()).sort((a, b) => pages.pfn[a] - pages.pfn[b]);
  const plugged = sectionsOfAllocator(pages);
  const runs: Run[] = [];
  let run: Run | undefined;
  let between = 0;
  for (const page of order) {
    const pfn = pages.pfn[page];
    const signs = pages.signs[page];
    const what = given.rangeOf(pfn)
      ? 'other'
      : classOf(signs, pages.zone[page], plugged.has(Math.floor(pfn / SECTION)));
    if (what === 'open') {
      between++;
      continue;
    }
    if (what === 'other') {
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

function classOf(signs: number, zone: number, plugged: boolean): Class {
  if (zone === 0 || signs & SIGN.allocator) return 'other';
  if (zone === 1 || signs & SIGN.device) return 'device';
  // memory that is plugged in is made alike, and then given to the allocator
  return signs & SIGN.made && !plugged ? 'device' : 'open';
}

/** Sections of the memory map of which the allocator has pages. */
function sectionsOfAllocator({ pfn, signs }: Pages): Set<number> {
  const sections = new Set<number>();
  for (let page = 0; page < pfn.length; page++) {
    if (signs[page] & SIGN.allocator) sections.add(Math.floor(pfn[page] / SECTION));
  }
  return sections;
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Narrowing: which events and pages of a recording a question is about. It chooses only what is shown; counts, lives and
 * suspicions always follow from the whole recording.
 */
import { bareName } from '../spec/call-paths.js';
import type { PageKind } from '../spec/rest.js';
import type { Recording } from '../trace/recording.js';
import { indexPages, type PageIndex } from './page-index.js';
import type { RangeMap } from './ranges.js';
import type { Sites } from './sites.js';

/** What is asked for; a field left out asks for everything. All of them must hold of a page. */
export interface Narrow {
  pfns?: ReadonlySet<number>;
  kinds?: ReadonlySet<PageKind>;
  /** functions anywhere on the call path, as src/spec/call-paths.ts names them */
  sites?: ReadonlySet<string>;
  tasks?: TaskFilter;
  /** in the unit of the recording since its `timeBase`, both ends inclusive */
  from?: number;
  to?: number;
}

/** A task fits by its number or its name. */
export interface TaskFilter {
  pids: ReadonlySet<number>;
  names: ReadonlySet<string>;
}

/** What fits. */
export class Selection {
  /** by page of the index: 1 where the page is meant and at least one of its events fits */
  readonly chosen: Uint8Array;
  pages = 0;
  /** events of chosen pages that fit */
  events = 0;
  private readonly commFits: Int8Array;
  private readonly siteFits: Int8Array;

  constructor(
    private readonly recording: Recording,
    readonly index: PageIndex,
    private readonly narrow: Narrow,
    ranges: RangeMap,
    private readonly sites: Sites,
  ) {
    this.commFits = new Int8Array(recording.comms.size).fill(-1);
    this.siteFits = new Int8Array(recording.stacks.size).fill(-1);
    this.chosen = new Uint8Array(index.pages.length);
    for (let page = 0; page < index.pages.length; page++) {
      const pfn = index.pages[page];
      if (narrow.pfns && !narrow.pfns.has(pfn)) continue;
      if (narrow.kinds && !narrow.kinds.has(ranges.kindOf(pfn))) continue;
      let fitting = 0;
      for (let at = index.starts[page]; at < index.starts[page + 1]; at++) if (this.fits(index.rows[at])) fitting++;
      if (fitting === 0) continue;
      this.chosen[page] = 1;
      this.pages++;
      this.events += fitting;
    }
  }

  /** Does the event in `row` fit, whatever its page? */
  fits(row: number): boolean {
    const { narrow } = this;
    const { time } = this.recording.events;
    if (narrow.from !== undefined && time[row] < narrow.from) return false;
    if (narrow.to !== undefined && time[row] > narrow.to) return false;
    return (!narrow.tasks || this.byTask(row, narrow.tasks)) && (!narrow.sites || this.bySite(row, narrow.sites));
  }

  private byTask(row: number, { pids, names }: TaskFilter): boolean {
    const { events } = this.recording;
    if (pids.has(events.pid(row))) return true;
    const id = events.comm(row);
    if (id < 0 || names.size === 0) return false;
    if (this.commFits[id] < 0) this.commFits[id] = names.has(this.recording.comms.text(id)) ? 1 : 0;
    return this.commFits[id] === 1;
  }

  private bySite(row: number, wanted: ReadonlySet<string>): boolean {
    const stack = this.recording.events.stack(row);
    if (stack < 0) return false;
    if (this.siteFits[stack] < 0) {
      const { frames } = this.sites.paths[this.sites.of(row)];
      this.siteFits[stack] = frames.some((frame) => wanted.has(bareName(frame))) ? 1 : 0;
    }
    return this.siteFits[stack] === 1;
  }
}

/** Names that a recording has, for hints: functions on call paths, tasks. */
export function namesIn(recording: Recording): { functions: Set<string>; tasks: Set<string> } {
  const functions = new Set<string>();
  for (let stack = 0; stack < recording.stacks.size; stack++) {
    for (const frame of recording.stacks.frames(stack)) functions.add(bareName(frame));
  }
  const tasks = new Set<string>();
  for (let id = 0; id < recording.comms.size; id++) tasks.add(recording.comms.text(id));
  return { functions, tasks };
}

/** Bits of a `struct page` pointer that the place of the memory map does not change: it lies at a multiple of 1 GiB. */
const FIXED_BITS = 0x40000000n;
/** sizeof(struct page) on 64-bit kernels without odd debugging options */
const STRUCT_PAGE = 64n;

/**
 * The pages of a recording that a `struct page` pointer may mean: x86 puts the memory map at a random multiple of 1 GiB
 * (arch/x86/mm/kaslr.c), so the rest of the pointer gives the page number modulo 2^24, which is 64 GiB of memory.
 */
export function pagesOfPointer(recording: Recording, pointer: bigint): number[] {
  if (pointer % STRUCT_PAGE !== 0n) return [];
  const low = Number((pointer % FIXED_BITS) / STRUCT_PAGE);
  const modulus = Number(FIXED_BITS / STRUCT_PAGE);
  return Array.from(indexPages(recording).pages.filter((pfn) => pfn % modulus === low));
}

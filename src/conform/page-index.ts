// SPDX-License-Identifier: Apache-2.0
/**
 * Which rows of a recording belong to which page: a page's life becomes one slice. Two passes of counting, no object a page;
 * each pass can be shared by several threads.
 */
import { OP } from '../spec/ops.js';
import { type Columns, roomFor } from '../trace/columns.js';
import type { Recording } from '../trace/recording.js';
import { type Effects, effectsOf } from './effects.js';

export interface PageIndex {
  /** distinct pages, in the order of their first event */
  pages: Float64Array;
  /** rows of page `p` are `rows[starts[p], starts[p + 1])`, in the order of time */
  starts: Uint32Array;
  rows: Uint32Array;
  /** `Columns.shape` of each of `rows`: a page is walked without looking all over the columns */
  shapes: Int32Array;
  effects: Effects;
  /** the page of a pfn, -1 for none */
  find(pfn: number): number;
}

/** By page of the recording's table its events among some rows; and the pages that have any, in the order of the first. */
export interface PageCount {
  events: Uint32Array;
  met: Int32Array;
}

/** Indexes all events that say something about a page's count or allocation. */
export function indexPages(recording: Pick<Recording, 'events' | 'kinds'>): PageIndex {
  const { events } = recording;
  const effects = effectsOf(recording);
  const counted = countPages(events, effects, events.pages.size, 0, events.length);
  const index = layOut(events, effects, [counted]);
  placeRows(events, index, counted, 0, events.length);
  return index;
}

/** The first step: counts the rows `[from, to)`. Several threads may do some rows each. */
export function countPages(
  { page, shape }: Pick<Columns, 'page' | 'shape'>,
  { op }: Effects,
  pages: number,
  from: number,
  to: number,
): PageCount {
  const events = new Uint32Array(pages);
  const met = new Int32Array(pages);
  let size = 0;
  for (let row = from; row < to; row++) {
    const known = page[row];
    if (known < 0 || op[shape[row]] === OP.none) continue;
    if (events[known]++ === 0) met[size++] = known;
  }
  return { events, met: met.slice(0, size) };
}

/**
 * The second: an index with room for the rows. Of the counts, in the order of their rows, each then says where the next row of a page
 * goes.
 */
export function layOut(events: Columns, effects: Effects, counts: readonly PageCount[]): PageIndex {
  const known = events.pages;
  // pages of the table that have such an event, numbered anew
  const numbers = new Int32Array(known.size).fill(-1);
  const pages = new Float64Array(known.size);
  const starts = new Uint32Array(known.size + 1);
  let size = 0;
  let used = 0;
  const nexts = counts.map((count) => count.events);
  for (const { met } of counts) {
    for (let at = 0; at < met.length; at++) {
      const page = met[at];
      if (numbers[page] >= 0) continue;
      numbers[page] = size;
      pages[size++] = known.pfn[page];
      for (let part = 0; part < nexts.length; part++) {
        const rows = nexts[part][page];
        nexts[part][page] = used;
        used += rows;
      }
      starts[size] = used;
    }
  }
  const room = () => roomFor(used * 4, events.shared);
  const find = (pfn: number): number => {
    const page = known.find(pfn);
    return page < 0 ? -1 : numbers[page];
  };
  return {
    pages: pages.subarray(0, size),
    starts: starts.subarray(0, size + 1),
    rows: new Uint32Array(room()),
    shapes: new Int32Array(room()),
    effects,
    find,
  };
}

/** The third: enters the rows `[from, to)`, of which `next` says where. */
export function placeRows(
  { page, shape }: Pick<Columns, 'page' | 'shape'>,
  { rows, shapes, effects: { op } }: Pick<PageIndex, 'rows' | 'shapes' | 'effects'>,
  { events: next }: Pick<PageCount, 'events'>,
  from: number,
  to: number,
): void {
  for (let row = from; row < to; row++) {
    const known = page[row];
    const content = shape[row];
    if (known < 0 || op[content] === OP.none) continue;
    const at = next[known]++;
    rows[at] = row;
    shapes[at] = content;
  }
}

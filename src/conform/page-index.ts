// SPDX-License-Identifier: Apache-2.0
/**
 * Which rows of a recording belong to which page: a page's life becomes one slice. Two passes of counting, no object a page.
 */
import { OP } from '../spec/ops.js';
import { roomFor } from '../trace/columns.js';
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

/** Indexes all events that say something about a page's count or allocation. */
export function indexPages(recording: Pick<Recording, 'events' | 'kinds'>): PageIndex {
  const { events } = recording;
  const { length, page, shape } = events;
  const effects = effectsOf(recording);
  const { op } = effects;
  // pages of the table that have such an event, numbered anew
  const numbers = new Int32Array(events.pages.size).fill(-1);
  const counts = new Uint32Array(events.pages.size + 1);
  let size = 0;
  let used = 0;
  for (let row = 0; row < length; row++) {
    const known = page[row];
    if (known < 0 || op[shape[row]] === OP.none) continue;
    let number = numbers[known];
    if (number < 0) number = numbers[known] = size++;
    counts[number]++;
    used++;
  }
  const starts = new Uint32Array(size + 1);
  for (let number = 0; number < size; number++) starts[number + 1] = starts[number] + counts[number];
  const pages = new Float64Array(size);
  for (let known = 0; known < numbers.length; known++) {
    if (numbers[known] >= 0) pages[numbers[known]] = events.pages.pfn[known];
  }
  const next = counts;
  next.set(starts);
  const rows = new Uint32Array(roomFor(used * 4, events.shared));
  const shapes = new Int32Array(roomFor(used * 4, events.shared));
  for (let row = 0; row < length; row++) {
    const known = page[row];
    if (known < 0 || op[shape[row]] === OP.none) continue;
    const at = next[numbers[known]]++;
    rows[at] = row;
    shapes[at] = shape[row];
  }
  const find = (pfn: number): number => {
    const known = events.pages.find(pfn);
    return known < 0 ? -1 : numbers[known];
  };
  return { pages, starts, rows, shapes, effects, find };
}

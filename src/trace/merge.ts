// SPDX-License-Identifier: Apache-2.0
/**
 * The batches of all CPUs into one order: by time, ties by CPU number, as the kernel's own `trace` file has it. Stays on a CPU
 * as long as no other one is earlier.
 */
import type { Batch } from './batch.js';
import type { Columns } from './columns.js';
import type { Loss } from './recording.js';

/** One CPU as the merge sees it. */
export interface Lane {
  cpu: number;
  batch: Batch;
  /** brings the next events into the batch, which is empty; none at the end */
  refill(batch: Batch): void;
  /** events lost behind the last one, as `Gap.events`; 0 for none */
  missedAtEnd(): number;
}

/** A lane under way. */
class Head {
  /** the next event of the batch, and its time */
  at = 0;
  time = 0;
  gap = 0;
  lastRow = -1;
  /** by context: the row that may still get a stack, from a batch before */
  private readonly openRow = new Int32Array(4).fill(-1);
  private readonly rows: Int32Array;

  constructor(readonly lane: Lane) {
    this.rows = new Int32Array(lane.batch.capacity);
  }

  /** Gets the next batch when this one is used up; false at the end. */
  refill(columns: Columns): boolean {
    const { batch } = this.lane;
    for (let context = 0; context < 4; context++) {
      if (batch.openAt[context] >= 0) this.openRow[context] = this.rows[batch.openAt[context]];
    }
    // behind the last event: in front of the next one
    const gaps = batch.gaps.slice(this.gap).map(({ events }) => ({ at: 0, events }));
    batch.clear();
    this.at = this.gap = 0;
    this.lane.refill(batch);
    if (gaps.length > 0) batch.gaps.unshift(...gaps);
    for (const { context, stack } of batch.late) columns.setStack(this.openRow[context], stack - 1);
    if (batch.length === 0) return false;
    this.time = batch.time[0];
    return true;
  }

  /** Moves events into the columns until one is behind `other`, or there are no more; false for the latter. */
  move(columns: Columns, other: Head | undefined): boolean {
    const { batch } = this.lane;
    const { length, time } = batch;
    const from = this.at;
    // a gap in front of a later event ends the run
    const stop = this.gap < batch.gaps.length ? Math.min(length, batch.gaps[this.gap].at) : length;
    let to = from + 1;
    if (other === undefined) to = Math.max(to, stop);
    else if (this.lane.cpu < other.lane.cpu) while (to < stop && time[to] <= other.time) to++;
    else while (to < stop && time[to] < other.time) to++;
    columns.append(batch, from, to, this.rows);
    this.lastRow = columns.length - 1;
    this.at = to;
    if (to < length) {
      this.time = time[to];
      return true;
    }
    return this.refill(columns);
  }
}

/** Merges until all lanes are empty. Yields now and then; who answers true wants no more. */
export function* merge(
  lanes: readonly Lane[],
  columns: Columns,
  lose: (loss: Loss) => void,
): Generator<void, void, boolean | undefined> {
  const all = lanes.map((lane) => new Head(lane));
  const heap = all.filter((head) => head.refill(columns)).sort((a, b) => a.time - b.time || a.lane.cpu - b.lane.cpu);
  let left = heap.length;
  let next = 0;
  while (left > 0) {
    const head = heap[0];
    const { gaps } = head.lane.batch;
    while (head.gap < gaps.length && gaps[head.gap].at === head.at) {
      lose({ cpu: head.lane.cpu, after: head.lastRow, before: columns.length, events: gaps[head.gap++].events });
    }
    if (!head.move(columns, runnerUp(heap, left))) heap[0] = heap[--left];
    if (left > 0) sink(heap, left);
    if (columns.length >= next) {
      next = columns.length + 0x10000;
      if (yield) return;
    }
  }
  for (const { lane, lastRow } of all) {
    for (const gap of lane.batch.gaps)
      lose({ cpu: lane.cpu, after: lastRow, before: columns.length, events: gap.events });
    const events = lane.missedAtEnd();
    if (events !== 0) lose({ cpu: lane.cpu, after: lastRow, before: columns.length, events });
  }
}

const precedes = (a: Head, b: Head): boolean => a.time < b.time || (a.time === b.time && a.lane.cpu < b.lane.cpu);

/** The second smallest of a heap. */
function runnerUp(heap: Head[], size: number): Head | undefined {
  if (size < 2) return undefined;
  return size > 2 && precedes(heap[2], heap[1]) ? heap[2] : heap[1];
}

/** Restores the heap below a root that has moved on. */
function sink(heap: Head[], size: number): void {
  const moved = heap[0];
  let at = 0;
  for (;;) {
    let child = at * 2 + 1;
    if (child >= size) break;
    if (child + 1 < size && precedes(heap[child + 1], heap[child])) child++;
    if (!precedes(heap[child], moved)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = moved;
}

// SPDX-License-Identifier: Apache-2.0
/**
 * The events of all CPUs in one order: by time, ties by CPU number, as the kernel's own `trace` file has it. Stays on a CPU as
 * long as no other one is earlier, and has it decode straight into the columns.
 */
import type { Columns } from './columns.js';
import type { CpuStream } from './cpu-stream.js';
import type { Decoder, Limit } from './decode.js';

/**
 * Merges events before the time `until`, until all CPUs have come there or to their end. Yields now and then; who answers true wants
 * no more.
 * @param streams those that are not at their end stand at a record
 */
export function* merge(
  streams: readonly CpuStream[],
  decoder: Decoder,
  events: Columns,
  until: number,
): Generator<void, void, boolean | undefined> {
  const heap = streams.filter(({ over }) => !over).sort((a, b) => (precedes(a, b) ? -1 : 1));
  const limit: Limit = { until: 0, rows: 0 };
  let left = heap.length;
  while (left > 0) {
    limit.rows = events.length + STEP;
    while (left > 0 && events.length < limit.rows) {
      const stream = heap[0];
      if (stream.due >= until) return;
      limit.until = Math.min(until, endOf(stream, runnerUp(heap, left)));
      if (!decoder.run(stream, limit)) heap[0] = heap[--left];
      if (left > 1) sink(heap, left);
    }
    if (yield) return;
  }
}

/** events between two chances to stop, about */
const STEP = 0x10000;

/** When it is another CPU's turn; of two events of one time that of the lower CPU comes first. Times are whole numbers. */
function endOf(stream: CpuStream, other: CpuStream | undefined): number {
  if (other === undefined) return Number.POSITIVE_INFINITY;
  return stream.cpu < other.cpu ? other.due + 0.5 : other.due;
}

const precedes = (a: CpuStream, b: CpuStream): boolean => a.due < b.due || (a.due === b.due && a.cpu < b.cpu);

/** The second smallest of a heap. */
function runnerUp(heap: readonly CpuStream[], size: number): CpuStream | undefined {
  if (size < 2) return undefined;
  return size > 2 && precedes(heap[2], heap[1]) ? heap[2] : heap[1];
}

/** Restores the heap below a root that has moved on. */
function sink(heap: CpuStream[], size: number): void {
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

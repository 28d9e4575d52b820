// SPDX-License-Identifier: Apache-2.0
/**
 * Puts slices of a recording that were read apart (slices.ts) behind each other: exactly what one reading would have given, numbers
 * of the tables included. Where that is not sure it says so, and the recording is read in one piece.
 */
import type { Columns, EventKind } from './columns.js';
import { type CpuStream, UNSEEN } from './cpu-stream.js';
import type { Decoder, DeferredStack, Tables } from './decode.js';
import type { Loss } from './recording.js';
import { FIELD, type Places, SHAPE_WORDS } from './shapes.js';

/** One CPU at the ends of a slice. */
export interface Seam {
  cpu: number;
  /** the records that the slice begins with and ends before, and events that are missing right before them */
  first: string;
  next: string;
  missedBefore: number;
  missedAfter: number;
  /** as in `CpuStream` */
  lastRow: number;
  openRow: Int32Array;
  openPid: Int32Array;
}

/** What was read of one slice, as data that another thread can be given. Columns as in `Columns`, of `length` rows. */
export interface SliceData {
  length: number;
  time: Float64Array;
  page: Int32Array;
  shape: Int32Array;
  who: Int32Array;
  stacks: Int32Array;
  shapes: Int32Array;
  whos: { cpu: Uint16Array; pid: Int32Array; comm: Int32Array };
  pfns: Float64Array;
  /** all stacks behind each other, and where each begins; one more for the end */
  stackWords: Int32Array;
  stackStarts: Uint32Array;
  extras: Uint8Array;
  kinds: EventKind[];
  losses: Loss[];
  orphanStacks: number;
  deferred: DeferredStack[];
  seams: Seam[];
  high: number;
  low: number;
  /** something was found to be damaged or unusual */
  noted: boolean;
}

/** Where a CPU's stream stands: taken before a slice is merged, completed after. */
export function seamOf({ cpu, missed }: CpuStream, first: string): Seam {
  const none = new Int32Array(4);
  return { cpu, first, next: '', missedBefore: missed, missedAfter: 0, lastRow: -1, openRow: none, openPid: none };
}

export function endSeam(seam: Seam, stream: CpuStream): void {
  const { missed, lastRow, openRow, openPid } = stream;
  Object.assign(seam, { next: stream.position(), missedAfter: missed, lastRow, openRow, openPid });
}

/** Do two slices meet at the same records, in the same state? */
export function fits(before: readonly Seam[], { seams, noted }: SliceData): boolean {
  if (noted || before.length !== seams.length) return false;
  return seams.every(({ cpu, first, missedBefore }, at) => {
    const { cpu: cpuBefore, next, missedAfter } = before[at];
    return cpu === cpuBefore && first === next && missedBefore === missedAfter;
  });
}

/** Appends a slice that fits; `seams` are those of everything before it, and then of everything. */
export function append(slice: SliceData, events: Columns, tables: Tables, decoder: Decoder, seams: Seam[]): Loss[] {
  const kinds = slice.kinds.map((kind) => decoder.adoptKind(kind));
  const shapes = shapesInto(slice, tables, kinds);
  const whos = Int32Array.from(slice.whos.pid, (pid, who) =>
    tables.whos.intern(slice.whos.cpu[who], pid, slice.whos.comm[who]),
  );
  const pages = Int32Array.from(slice.pfns, (pfn) => tables.pages.add(pfn | 0, (pfn / 4294967296) | 0));
  const stacks = stacksInto(slice, tables);
  const base = events.length;
  events.reserve(base + slice.length);
  rowsInto(slice, events, shapes, whos, pages, stacks);
  keepExtras(slice, events, tables, base);
  decoder.orphanStacks += slice.orphanStacks;
  attachDeferred(slice, events, stacks, decoder, seams);
  const losses = slice.losses.map(({ cpu, after, before, events: lost }) => {
    const earlier = seams.find((seam) => seam.cpu === cpu)?.lastRow ?? -1;
    return { cpu, after: after < 0 ? earlier : after + base, before: before + base, events: lost };
  });
  for (const [at, seam] of slice.seams.entries()) passOn(seams[at], seam, base);
  return losses;
}

function shapesInto({ shapes }: SliceData, tables: Tables, kinds: readonly number[]): Int32Array {
  const places: Places = { ...FIELD };
  const into = new Int32Array(shapes.length / SHAPE_WORDS);
  for (let shape = 0; shape < into.length; shape++) {
    places.kind = kinds[shapes[shape * SHAPE_WORDS + FIELD.kind]];
    into[shape] = tables.shapes.intern(shapes, shape * SHAPE_WORDS, places);
  }
  return into;
}

function stacksInto({ stackWords, stackStarts }: SliceData, { stacks }: Tables): Int32Array {
  const into = new Int32Array(Math.max(0, stackStarts.length - 1));
  for (let id = 0; id < into.length; id++) {
    into[id] = stacks.table.intern(stackWords, stackStarts[id], stackStarts[id + 1] - stackStarts[id]);
  }
  return into;
}

function rowsInto(
  { length, time, page, shape, who, stacks }: SliceData,
  events: Columns,
  shapes: Int32Array,
  whos: Int32Array,
  pages: Int32Array,
  ids: Int32Array,
): void {
  const base = events.length;
  events.time.set(time.subarray(0, length), base);
  const { page: toPage, shape: toShape, who: toWho } = events;
  for (let row = 0; row < length; row++) {
    toPage[base + row] = page[row] < 0 ? page[row] : pages[page[row]];
    toShape[base + row] = shapes[shape[row]];
    toWho[base + row] = whos[who[row]];
  }
  // memory that nobody writes costs nothing
  if (ids.length > 0) {
    for (let row = 0; row < length; row++) if (stacks[row] !== 0) events.setStack(base + row, ids[stacks[row] - 1]);
  }
  events.length = base + length;
}

/** Records without a page, in the order of their rows. */
function keepExtras({ extras, length, page }: SliceData, events: Columns, tables: Tables, base: number): void {
  if (extras.length === 0) return;
  for (let row = 0; row < length; row++) {
    if (page[row] >= -1) continue;
    const at = -2 - page[row];
    const size = extras[at] | (extras[at + 1] << 8);
    events.setExtra(base + row, tables.extras.add(extras, at + 2, at + 2 + size));
  }
}

function attachDeferred({ deferred }: SliceData, events: Columns, ids: Int32Array, decoder: Decoder, seams: Seam[]) {
  for (const { cpu, context, pid, stack } of deferred) {
    const seam = seams.find((one) => one.cpu === cpu);
    const row = seam?.openRow[context] ?? -1;
    if (row < 0 || seam?.openPid[context] !== pid) {
      decoder.orphanStacks++;
      continue;
    }
    seam.openRow[context] = -1;
    events.setStack(row, ids[stack]);
  }
}

/** What a CPU's state is behind the slice. */
function passOn(seam: Seam, { next, missedAfter, lastRow, openRow, openPid }: Seam, base: number): void {
  seam.next = next;
  seam.missedAfter = missedAfter;
  if (lastRow >= 0) seam.lastRow = lastRow + base;
  for (let context = 0; context < 4; context++) {
    if (openRow[context] === UNSEEN) continue;
    seam.openRow[context] = openRow[context] < 0 ? -1 : openRow[context] + base;
    seam.openPid[context] = openPid[context];
  }
}

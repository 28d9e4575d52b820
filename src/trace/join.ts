// SPDX-License-Identifier: Apache-2.0
/**
 * Puts slices of a recording that were read apart (slices.ts) behind each other: exactly what one reading would have given, numbers
 * of the tables included. Where that is not sure it says so, and the recording is read in one piece. The tables become one first, by one
 * thread, as they are small; then the rows can be written by many.
 */
import type { Columns, EventKind } from './columns.js';
import { type CpuStream, UNSEEN } from './cpu-stream.js';
import type { Decoder, DeferredStack, Tables } from './decode.js';
import type { Loss } from './recording.js';
import { FIELD, type Places, SHAPE_WORDS } from './shapes.js';
import type { TallyData } from './tally.js';

/** One CPU at the ends of a slice. */
export interface Seam {
  cpu: number;
  rows: number;
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

/** The columns themselves, with room for more than `length` rows. */
export type ColumnData = ReturnType<Columns['contents']>;

/** What was read of one slice, as data that another thread can be given. */
export interface SliceData extends ColumnData {
  tally: TallyData;
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
  return {
    cpu,
    rows: 0,
    first,
    next: '',
    missedBefore: missed,
    missedAfter: 0,
    lastRow: -1,
    openRow: none,
    openPid: none,
  };
}

export function endSeam(seam: Seam, stream: CpuStream): void {
  const { rows, missed, lastRow, openRow, openPid } = stream;
  Object.assign(seam, { rows, next: stream.position(), missedAfter: missed, lastRow, openRow, openPid });
}

/** Do two slices meet at the same records, in the same state? */
export function fits(before: readonly Seam[], { seams, noted }: SliceData): boolean {
  if (noted || before.length !== seams.length) return false;
  return seams.every(({ cpu, first, missedBefore }, at) => {
    const { cpu: cpuBefore, next, missedAfter } = before[at];
    return cpu === cpuBefore && first === next && missedBefore === missedAfter;
  });
}

/** Where the rows of a slice go, and what its numbers are there: an array by the slice's number for each table. */
export interface Adopted {
  base: number;
  shapes: Int32Array;
  whos: Int32Array;
  pages: Int32Array;
  stacks: Int32Array;
  /** places of records without a page grow by so much */
  extras: number;
}

/** A stack that was recorded in a later slice than its event. */
export interface LateStack {
  row: number;
  stack: number;
}

/**
 * Makes what a slice that fits knows a part of the tables, and room for its rows: `rowsInto` writes them, any thread and in parts.
 * @param seams those of everything before it, and then of everything
 * @returns undefined, with nothing done, where there is more than can be kept
 */
export function adopt(
  slice: SliceData,
  events: Columns,
  tables: Tables,
  decoder: Decoder,
  seams: Seam[],
): { adopted: Adopted; losses: Loss[]; late: LateStack[] } | undefined {
  const extras = tables.extras.append(slice.extras);
  if (extras < 0) return undefined;
  const kinds = slice.kinds.map((kind) => decoder.adoptKind(kind));
  const shapes = shapesInto(slice, tables, kinds);
  const whos = Int32Array.from(slice.whos.pid, (pid, who) =>
    tables.whos.intern(slice.whos.cpu[who], pid, slice.whos.comm[who]),
  );
  const base = events.adopt(slice.tally, shapes);
  const adopted: Adopted = {
    base,
    shapes,
    whos,
    pages: pagesInto(slice, tables),
    stacks: stacksInto(slice, tables),
    extras,
  };
  decoder.orphanStacks += slice.orphanStacks;
  const late = lateStacks(slice, adopted.stacks, decoder, seams);
  const losses = slice.losses.map(({ cpu, after, before, events: lost }) => {
    const earlier = seams.find((seam) => seam.cpu === cpu)?.lastRow ?? -1;
    return { cpu, after: after < 0 ? earlier : after + base, before: before + base, events: lost };
  });
  for (const [at, seam] of slice.seams.entries()) passOn(seams[at], seam, base);
  return { adopted, losses, late };
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

function pagesInto({ pfns }: SliceData, { pages }: Tables): Int32Array {
  const into = new Int32Array(pfns.length);
  for (let page = 0; page < into.length; page++) into[page] = pages.add(pfns[page] | 0, (pfns[page] / 4294967296) | 0);
  return into;
}

function stacksInto({ stackWords, stackStarts }: SliceData, { stacks }: Tables): Int32Array {
  const into = new Int32Array(Math.max(0, stackStarts.length - 1));
  for (let id = 0; id < into.length; id++) {
    into[id] = stacks.table.intern(stackWords, stackStarts[id], stackStarts[id + 1] - stackStarts[id]);
  }
  return into;
}

/** Writes the rows `[from, to)` of an adopted slice into columns that have room for them. */
export function rowsInto(
  slice: ColumnData,
  columns: ColumnData,
  { base, shapes, whos, pages, stacks: ids, extras }: Adopted,
  from: number,
  to: number,
): void {
  const { time, page, shape, who, stacks } = slice;
  columns.time.set(time.subarray(from, to), base + from);
  const { page: toPage, shape: toShape, who: toWho, stacks: toStack } = columns;
  for (let row = from; row < to; row++) {
    const number = page[row];
    toPage[base + row] = number >= 0 ? pages[number] : number < -1 ? number - extras : -1;
    toShape[base + row] = shapes[shape[row]];
    toWho[base + row] = whos[who[row]];
  }
  // memory that nobody writes costs nothing
  if (ids.length === 0) return;
  for (let row = from; row < to; row++) if (stacks[row] !== 0) toStack[base + row] = ids[stacks[row] - 1] + 1;
}

function lateStacks({ deferred }: SliceData, ids: Int32Array, decoder: Decoder, seams: readonly Seam[]): LateStack[] {
  const late: LateStack[] = [];
  for (const { cpu, context, pid, stack } of deferred) {
    const seam = seams.find((one) => one.cpu === cpu);
    const row = seam?.openRow[context] ?? -1;
    if (row < 0 || seam?.openPid[context] !== pid) {
      decoder.orphanStacks++;
      continue;
    }
    seam.openRow[context] = -1;
    late.push({ row, stack: ids[stack] });
  }
  return late;
}

/** What a CPU's state is behind the slice. */
function passOn(seam: Seam, { rows, next, missedAfter, lastRow, openRow, openPid }: Seam, base: number): void {
  seam.rows += rows;
  seam.next = next;
  seam.missedAfter = missedAfter;
  if (lastRow >= 0) seam.lastRow = lastRow + base;
  for (let context = 0; context < 4; context++) {
    if (openRow[context] === UNSEEN) continue;
    seam.openRow[context] = openRow[context] < 0 ? -1 : openRow[context] + base;
    seam.openPid[context] = openPid[context];
  }
}

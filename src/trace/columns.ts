// SPDX-License-Identifier: Apache-2.0
/**
 * The events of a recording as typed-array columns: one row an event, in the order of time, whatever file it came from.
 * It holds values, it does not interpret them: what `val` means is the business of src/spec.
 */
import type { EventFormat } from './format.js';
import { ByteInterner, grown, WordInterner } from './intern.js';
import { FIELD, PageTable, SHAPE_WORDS, Shapes, Whos } from './shapes.js';
import { Tally, type TallyData } from './tally.js';

/** Stands in `mapping` where the recording hides the pointer (`(____ptrval____)`). */
export const MAPPING_HIDDEN = 0xffffffffffffffffn;

/** One kind of event, that is one tracepoint. */
export interface EventKind {
  name: string;
  /** `page_ref`, `kmem`, ...; empty where a text does not tell */
  system: string;
  /** events recorded, stacks included: they are attached to rows and are no rows themselves */
  count: number;
  /** bit set of `HAS`: which of the optional columns this kind fills */
  has: number;
  format?: EventFormat;
}

/** Bits of `EventKind.has`. */
export const HAS = { pfn: 1, val: 2, ret: 4, count: 8, mapcount: 16, flags: 32, mapping: 64, order: 128 } as const;

/**
 * The columns: 24 bytes an event (20 without stacks). `time` is nanoseconds since `Recording.timeBase` as a double: exact for
 * a recording of up to 104 days whatever the clock's origin, at a third of the cost of 64-bit integers in JavaScript. What is
 * equal in many events is a number into `shapes`, `whos` and `pages`; the methods look it up, for those who need a field of a row.
 */
export class Columns {
  length = 0;
  /** rows that there is room for */
  capacity = 1024;
  time = new Float64Array(this.capacity);
  /** number in `pages`; -1 for none, and below that where `Recording.extras` has the record of an event that has no page */
  page = new Int32Array(this.capacity);
  /** number in `shapes` */
  shape = new Int32Array(this.capacity);
  /** number in `whos` */
  who = new Int32Array(this.capacity);
  /** 1 + the id of the stack: memory that nobody writes costs nothing */
  private stacks = new Int32Array(this.capacity);

  /** as far as rows were counted */
  readonly tallied = new Tally();
  /** was any stack set here? */
  private stacked = false;

  /** is room that is made in memory that other threads can be given? */
  shared = false;

  constructor(
    readonly shapes = new Shapes(),
    readonly whos = new Whos(),
    readonly pages = new PageTable(),
  ) {}

  /** Appends a row without a page, a stack or a record, and returns its number. */
  push(time: number, who: number, shape: number): number {
    const row = this.length;
    if (row === this.capacity) this.reserve(row * 2);
    this.length = row + 1;
    this.time[row] = time;
    this.who[row] = who;
    this.shape[row] = shape;
    this.page[row] = -1;
    return row;
  }

  /** Appends rows, given by column; `stacks` where some have one, as 1 + its id. */
  append(
    time: Float64Array,
    page: Int32Array,
    shape: Int32Array,
    who: Int32Array,
    stacks: Int32Array | undefined,
  ): void {
    const row = this.length;
    const end = row + time.length;
    if (end > this.capacity) this.reserve(Math.max(end, row * 2));
    this.time.set(time, row);
    this.page.set(page, row);
    this.shape.set(shape, row);
    this.who.set(who, row);
    if (stacks) {
      this.stacks.set(stacks, row);
      this.stacked = true;
    }
    this.length = end;
  }

  setStack(row: number, id: number): void {
    if (row < this.tallied.rows && this.stacks[row] === 0) this.tallied.stacked++;
    this.stacks[row] = id + 1;
    this.stacked = true;
  }

  /** Keeps where `Recording.extras` has the record of the row; nothing for a handle of -1. */
  setExtra(row: number, handle: number): void {
    this.page[row] = handle < 0 ? -1 : -2 - handle;
  }

  /** id in `Recording.stacks`, -1 without a stack */
  stack(row: number): number {
    return this.stacks[row] - 1;
  }
  /** number in `Recording.kinds` */
  kind(row: number): number {
    return this.word(row, FIELD.kind);
  }
  /** page number; -1 is "none" */
  pfn(row: number): number {
    const page = this.page[row];
    return page < 0 ? -1 : this.pages.pfn[page];
  }
  cpu(row: number): number {
    return this.whos.cpu[this.who[row]];
  }
  pid(row: number): number {
    return this.whos.pid[this.who[row]];
  }
  /** id in `Recording.comms`, -1 where the name of the task was not saved */
  comm(row: number): number {
    return this.whos.comm[this.who[row]];
  }
  /** the order for events that have an order and no val */
  val(row: number): number {
    return this.word(row, FIELD.val);
  }
  ret(row: number): number {
    return this.word(row, FIELD.ret);
  }
  /** the field `count=`, read after the operation and so evidence only */
  count(row: number): number {
    return this.word(row, FIELD.count);
  }
  mapcount(row: number): number {
    return this.word(row, FIELD.mapcount);
  }
  /** trace.dat: the page's flags word; text: an id in `Recording.flagTexts` */
  flags(row: number): bigint {
    return wide(this.word(row, FIELD.flags), this.word(row, FIELD.flagsHigh));
  }
  mapping(row: number): bigint {
    return wide(this.word(row, FIELD.mapping), this.word(row, FIELD.mappingHigh));
  }
  /** one 32-bit word of what the event says, by `FIELD` */
  word(row: number, field: number): number {
    return this.shapes.words[this.shape[row] * SHAPE_WORDS + field];
  }
  /** where `Recording.extras` holds the record of an event without a page, -1 if nowhere */
  extra(row: number): number {
    const page = this.page[row];
    return page < -1 ? -2 - page : -1;
  }

  /** Columns that another thread filled: to be read. */
  static over(
    { length, time, page, shape, who, stacks }: ReturnType<Columns['contents']>,
    shapes: Shapes,
    whos: Whos,
  ): Columns {
    return Object.assign(new Columns(shapes, whos), { length, capacity: length, time, page, shape, who, stacks });
  }

  /** The columns themselves, longer than `length`. */
  contents(): { length: number } & Record<'page' | 'shape' | 'who' | 'stacks', Int32Array> & { time: Float64Array } {
    const { length, time, page, shape, who, stacks } = this;
    return { length, time, page, shape, who, stacks };
  }

  /** All rows counted; those that were counted before are not looked at again. */
  get tally(): Tally {
    const { tallied, length, time, shape } = this;
    if (tallied.rows < length) {
      tallied.count({ time, shape, stacks: this.stacked ? this.stacks : undefined }, length);
    }
    return tallied;
  }

  /** Room for as many rows as were counted elsewhere. Returns the first. @param shapes by number there the one here */
  adopt(tally: TallyData, shapes: Int32Array): number {
    const base = this.length;
    this.reserve(base + tally.rows);
    this.tally.add(tally, shapes);
    this.length = base + tally.rows;
    return base;
  }

  /** Gives back room beyond twice the rows. */
  trim(): void {
    if (this.capacity <= Math.max(1024, this.length * 2)) return;
    this.capacity = Math.max(1024, this.length);
    this.time = this.time.subarray(0, this.capacity);
    this.page = this.page.subarray(0, this.capacity);
    this.shape = this.shape.subarray(0, this.capacity);
    this.who = this.who.subarray(0, this.capacity);
    this.stacks = this.stacks.subarray(0, this.capacity);
  }

  /** Makes room for so many rows at once. */
  reserve(rows: number): void {
    if (rows <= this.capacity) return;
    const { length, shared } = this;
    this.capacity = rows;
    this.time = moved(this.time, length, new Float64Array(roomFor(rows * 8, shared)));
    this.page = moved(this.page, length, new Int32Array(roomFor(rows * 4, shared)));
    this.shape = moved(this.shape, length, new Int32Array(roomFor(rows * 4, shared)));
    this.who = moved(this.who, length, new Int32Array(roomFor(rows * 4, shared)));
    this.stacks = moved(this.stacks, length, new Int32Array(roomFor(rows * 4, shared)));
  }
}

/** 64 bits from two halves. */
export const wide = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

/** Memory of so many bytes, all zero. */
export function roomFor(bytes: number, shared: boolean): ArrayBuffer {
  // typed arrays do not care which of the two they lie in
  return shared ? (new SharedArrayBuffer(bytes) as unknown as ArrayBuffer) : new ArrayBuffer(bytes);
}

function moved<T extends Float64Array | Int32Array>(from: T, length: number, to: T): T {
  to.set(from.subarray(0, length));
  return to;
}

/** Records of events that fill no page columns, kept as bytes so that their format file can show them. */
export class Extras {
  private data = new Uint8Array(1024);
  size = 0;
  /** beyond this the records are counted but not kept */
  private static readonly LIMIT = 1 << 30;

  /** Keeps `bytes[from, to)`; returns its handle, -1 when it cannot be kept. */
  add(bytes: Uint8Array, from = 0, to = bytes.length): number {
    const length = Math.min(to - from, 0xffff);
    const at = this.size;
    if (at + length + 2 > Extras.LIMIT) return -1;
    if (at + length + 2 > this.data.length) this.data = grown(this.data, at + length + 2);
    this.data[at] = length & 0xff;
    this.data[at + 1] = length >>> 8;
    this.data.set(bytes.subarray(from, from + length), at + 2);
    this.size = at + length + 2;
    return at;
  }

  /** Appends the `contents` of another one; returns what its handles are to be increased by, -1 where that is too much. */
  append(contents: Uint8Array): number {
    const at = this.size;
    if (at + contents.length > Extras.LIMIT) return -1;
    if (at + contents.length > this.data.length) this.data = grown(this.data, at + contents.length);
    this.data.set(contents, at);
    this.size = at + contents.length;
    return at;
  }

  /** All of it, a handle being a place in it: two bytes of length, then the record. */
  contents(): Uint8Array {
    return this.data.slice(0, this.size);
  }

  get(handle: number): Uint8Array {
    if (handle < 0 || handle + 2 > this.size) return this.data.subarray(0, 0);
    const length = this.data[handle] | (this.data[handle + 1] << 8);
    return this.data.subarray(handle + 2, handle + 2 + length);
  }
}

/** Distinct stacks. Of a trace.dat the words are address pairs (low, high), of a text the ids of frame lines. */
export class StackTable {
  readonly table = new WordInterner();
  readonly lines = new ByteInterner();
  /** names an address; set where the recording has the kernel's symbols */
  symbolOf: ((low: number, high: number) => string | undefined) | undefined;
  /** names of all functions of the kernel; set where the recording has its symbols */
  symbolNames: (() => Set<string>) | undefined;

  constructor(readonly kind: 'addresses' | 'lines') {}

  get size(): number {
    return this.table.size;
  }

  /** The frames of a stack, innermost first: symbol names, or hexadecimal addresses where no symbol is known. */
  frames(id: number): string[] {
    const words = this.table.words(id);
    if (this.kind === 'lines') return Array.from(words, (line) => this.lines.text(line));
    const frames: string[] = [];
    for (let at = 0; at + 1 < words.length; at += 2) {
      const name = this.symbolOf?.(words[at], words[at + 1]);
      frames.push(name ?? `0x${((BigInt(words[at + 1]) << 32n) | BigInt(words[at])).toString(16)}`);
    }
    return frames;
  }
}

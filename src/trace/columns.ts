// SPDX-License-Identifier: Apache-2.0
/**
 * The events of a recording as typed-array columns: one row an event, in the order of time, whatever file it came from.
 * It holds values, it does not interpret them: what `val` means is the business of src/spec.
 */
import type { EventFormat } from './format.js';
import { ByteInterner, grown, WordInterner } from './intern.js';

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
 * The columns. `time` is nanoseconds since `Recording.timeBase` as a double: exact for a recording of up to 104 days
 * whatever the clock's origin, at a third of the cost of 64-bit integers in JavaScript. `pfn` is a double because a page
 * number can exceed 32 bits; -1 is "none". `val` holds the order for events that have an order and no val.
 */
export class Columns {
  length = 0;
  private capacity = 1024;
  time = new Float64Array(this.capacity);
  pfn = new Float64Array(this.capacity);
  cpu = new Uint16Array(this.capacity);
  kind = new Uint16Array(this.capacity);
  pid = new Int32Array(this.capacity);
  /** id in `Recording.comms`, -1 where the name of the task was not saved */
  comm = new Int32Array(this.capacity);
  val = new Int32Array(this.capacity);
  ret = new Int32Array(this.capacity);
  /** the field `count=`, read after the operation and so evidence only */
  count = new Int32Array(this.capacity);
  mapcount = new Int32Array(this.capacity);
  /** trace.dat: the page's flags word; text: an id in `Recording.flagTexts` */
  flags = new BigUint64Array(this.capacity);
  mapping = new BigUint64Array(this.capacity);
  /** id in `Recording.stacks`, -1 without a stack */
  stack = new Int32Array(this.capacity);
  /** where `Recording.extras` holds the record of an event without a pfn, -1 if nowhere */
  extra = new Int32Array(this.capacity);
  /** the 32-bit halves of `flags` and `mapping` (a bigint per event would be an allocation per event) */
  flagsWords = new Uint32Array(this.flags.buffer);
  mappingWords = new Uint32Array(this.mapping.buffer);

  /** Appends an empty row and returns its number. */
  push(): number {
    const row = this.length;
    if (row === this.capacity) this.grow();
    this.length = row + 1;
    return row;
  }

  private grow(): void {
    const size = (this.capacity *= 2);
    this.time = grown(this.time, size);
    this.pfn = grown(this.pfn, size);
    this.cpu = grown(this.cpu, size);
    this.kind = grown(this.kind, size);
    this.pid = grown(this.pid, size);
    this.comm = grown(this.comm, size);
    this.val = grown(this.val, size);
    this.ret = grown(this.ret, size);
    this.count = grown(this.count, size);
    this.mapcount = grown(this.mapcount, size);
    this.flags = grown(this.flags, size);
    this.mapping = grown(this.mapping, size);
    this.stack = grown(this.stack, size);
    this.extra = grown(this.extra, size);
    this.flagsWords = new Uint32Array(this.flags.buffer);
    this.mappingWords = new Uint32Array(this.mapping.buffer);
  }
}

/** Which half of a 64-bit element comes first on this machine; recordings are read on both kinds. */
export const LOW_WORD: 0 | 1 = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1;

/** Records of events that fill no page columns, kept as bytes so that their format file can show them. */
export class Extras {
  private data = new Uint8Array(1024);
  size = 0;
  /** beyond this the records are counted but not kept */
  private static readonly LIMIT = 1 << 30;

  /** Keeps `bytes[from, to)`; returns its handle, -1 when it cannot be kept. */
  add(bytes: Uint8Array, from: number, to: number): number {
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

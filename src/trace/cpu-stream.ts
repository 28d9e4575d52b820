// SPDX-License-Identifier: Apache-2.0
/**
 * Walks the sub-buffers ("pages") of one CPU event by event (kernel/trace/ring_buffer.c, libtraceevent
 * src/kbuffer-parse.c). It stands on one event at a time and allocates nothing per event; chunks of a compressed file are
 * unpacked when they are reached.
 */
import { ByteReader, Damaged } from './bytes.js';
import { type CpuArea, type DatBuffer, type DatFile, unpack } from './dat-parts.js';

const PADDING = 29;
const TIME_EXTEND = 30;
const COMMIT_MASK = 0x07ffffff;
const MISSED_EVENTS = 0x80000000;
const MISSED_STORED = 0x40000000;
/** trace-cmd packs ten trace pages a chunk; sub-buffers can be made larger than a page since 6.8 */
const MAX_CHUNK = 16 << 20;
const TWO_32 = 4294967296;

/** Time zero of a recording and what may still be unpacked, shared by its streams; the first page that is read sets it. */
export interface Origin {
  known: boolean;
  high: number;
  low: number;
  /** bytes; a small file that unpacks to more than any real one is refused */
  budget: number;
}

/** One CPU's events; `next()` moves, the public fields describe the event it stands on. */
export class CpuStream {
  readonly cpu: number;
  /** time of the event, relative to the base */
  time = 0;
  view: DataView;
  bytes: Uint8Array;
  /** the payload, that is struct trace_entry and what follows, is `bytes[start, end)` */
  start = 0;
  end = 0;
  /** events lost right before this one: a number, -1 if the kernel did not say, 0 for none; the reader resets it */
  missed = 0;
  /** last row of the columns that came from this stream, for losses */
  lastRow = -1;
  /** for attaching stacks: row and pid of the latest event without a stack, by context (task, softirq, hardirq, NMI) */
  readonly openRow = new Int32Array(4).fill(-1);
  readonly openPid = new Int32Array(4);

  private readonly little: boolean;
  private readonly pageSize: number;
  private chunksLeft: number;
  private areaPos: number;
  private readonly areaEnd: number;
  /** the file ends inside this CPU's data */
  private readonly cut: boolean;
  /** the part of `bytes` that holds pages not yet entered */
  private pagesPos = 0;
  private pagesEnd = 0;
  private pos = 0;
  private pageEnd = 0;
  private high = 0;

  constructor(
    private readonly file: DatFile,
    private readonly buffer: DatBuffer,
    area: CpuArea,
    private readonly origin: Origin,
  ) {
    this.cpu = area.cpu;
    this.little = file.little;
    this.pageSize = buffer.pageSize;
    this.bytes = file.bytes;
    this.view = new DataView(file.bytes.buffer, file.bytes.byteOffset, file.bytes.byteLength);
    this.areaPos = Math.min(area.offset, file.bytes.length);
    // the size that trace-cmd writes for compressed data leaves out the chunk count in front
    this.areaEnd = Math.min(area.offset + area.size + (buffer.compressed ? 4 : 0), file.bytes.length);
    this.cut = area.offset + area.size > file.bytes.length;
    this.chunksLeft = buffer.compressed ? this.chunkCount() : 0;
    if (!buffer.compressed) {
      this.pagesPos = this.areaPos;
      this.pagesEnd = this.areaPos = this.areaEnd;
    }
  }

  /** How far in the file it is. */
  get offset(): number {
    return this.buffer.compressed ? this.areaPos : this.pagesPos;
  }

  /** Moves to the next event that carries data; false at the end. */
  next(): boolean {
    const { little } = this;
    for (;;) {
      while (this.pos + 4 > this.pageEnd) if (!this.nextPage()) return false;
      const { view, pos } = this;
      const word = view.getUint32(pos, little);
      const type = little ? word & 31 : word >>> 27;
      const delta = little ? word >>> 5 : word & 0x07ffffff;
      if (type > 0 && type < PADDING) {
        this.time += delta;
        this.start = pos + 4;
        this.pos = this.end = pos + 4 + type * 4;
      } else if (!this.special(type, delta)) continue;
      if (this.end > this.pageEnd) {
        this.breakPage('an event reaches beyond its page');
        continue;
      }
      return true;
    }
  }

  /** Events with a length of their own, padding and time; true when it stands on data. */
  private special(type: number, delta: number): boolean {
    const { view, pos, little } = this;
    if (type === PADDING && delta === 0) {
      this.pos = this.pageEnd;
      return false;
    }
    if (pos + 8 > this.pageEnd) {
      this.pos = this.pageEnd;
      return false;
    }
    const value = view.getUint32(pos + 4, little);
    if (type === 0) {
      if (value < 4) {
        this.breakPage('an event has no length');
        return false;
      }
      this.time += delta;
      this.start = pos + 8;
      this.end = pos + 4 + value;
      this.pos = Math.min(this.pageEnd, pos + 4 + Math.ceil(value / 4) * 4);
      return true;
    }
    if (type === PADDING) {
      this.time += delta;
      this.pos = pos + 4 + Math.max(4, value);
    } else {
      // type 31 is an absolute time stamp
      if (type === TIME_EXTEND) this.time += value * 0x08000000 + delta;
      else this.absolute(value, delta);
      this.pos = pos + 8;
    }
    return false;
  }

  /** 59 bits of the clock; the five above them are those of the running time. */
  private absolute(value: number, delta: number): void {
    const low = (((value & 31) << 27) | delta) >>> 0;
    const high = (value >>> 5) | (this.high & 0xf8000000);
    this.time = ((high >>> 0) - this.origin.high) * TWO_32 + (low - this.origin.low);
  }

  /** Enters the next page; false at the end of this CPU's data. */
  private nextPage(): boolean {
    while (this.pagesEnd - this.pagesPos < this.file.layout.dataOffset + 4) {
      if (this.nextChunk()) continue;
      if (this.cut) this.missed = -1;
      return false;
    }
    const { view, little, file } = this;
    const page = this.pagesPos;
    const limit = Math.min(page + this.pageSize, this.pagesEnd);
    this.pagesPos = limit;
    const first = view.getUint32(page, little);
    const second = view.getUint32(page + 4, little);
    this.high = little ? second : first;
    const low = little ? first : second;
    if (!this.origin.known) Object.assign(this.origin, { high: this.high, low, known: true });
    this.time = (this.high - this.origin.high) * TWO_32 + (low - this.origin.low);
    const { commitOffset, commitSize, dataOffset } = file.layout;
    const wideBig = !little && commitSize === 8;
    const commit = view.getUint32(page + commitOffset + (wideBig ? 4 : 0), little);
    this.pos = page + dataOffset;
    this.pageEnd = this.pos + (commit & COMMIT_MASK);
    if (this.pageEnd > limit) {
      this.note(`a page of ${limit - page} bytes claims to hold ${commit & COMMIT_MASK}`);
      this.pageEnd = limit;
    }
    if (commit & MISSED_EVENTS) this.missed = this.missedEvents(commit, limit);
    return true;
  }

  /** The number of lost events stands right behind the data, if at all. */
  private missedEvents(commit: number, limit: number): number {
    const { commitSize } = this.file.layout;
    if (!(commit & MISSED_STORED) || this.pageEnd + commitSize > limit) return -1;
    const wideBig = !this.little && commitSize === 8;
    const events = this.view.getUint32(this.pageEnd + (wideBig ? 4 : 0), this.little);
    return events === 0 || events > 0x7fffffff ? -1 : events;
  }

  /** Unpacks the next chunk that can be unpacked; false when there is none. */
  private nextChunk(): boolean {
    while (this.chunksLeft-- > 0 && this.areaEnd - this.areaPos >= 8) {
      const reader = new ByteReader(this.file.bytes, this.little, this.areaPos, this.areaEnd);
      const packed = reader.u32();
      const size = reader.u32();
      if (packed > reader.left) this.note(`a chunk of ${packed} bytes is cut after ${reader.left}`);
      this.areaPos = reader.pos + Math.min(packed, reader.left);
      if (packed > reader.left) {
        this.missed = -1;
        return false;
      }
      if ((this.origin.budget -= size) < 0) {
        this.note('it unpacks to more than a real recording of its size');
        this.missed = -1;
        return false;
      }
      try {
        this.bytes = unpack(this.file, reader.take(packed), size, MAX_CHUNK);
      } catch (error) {
        if (!(error instanceof Damaged)) throw error;
        this.note(error.message);
        this.missed = -1;
        continue;
      }
      this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
      this.pagesPos = 0;
      this.pagesEnd = this.bytes.length;
      return true;
    }
    return false;
  }

  private chunkCount(): number {
    if (this.areaEnd - this.areaPos < 4) return 0;
    const reader = new ByteReader(this.file.bytes, this.little, this.areaPos, this.areaEnd);
    this.areaPos += 4;
    return reader.u32();
  }

  /** Gives up the rest of a page: sizes chain, so nothing behind a wrong one can be found. */
  private breakPage(why: string): void {
    this.note(`${why}; the rest of the page is left out`);
    this.pos = this.pageEnd;
    this.missed = -1;
  }

  private note(what: string): void {
    this.file.notes.add('RZ3004', `CPU ${this.cpu}: ${what}`);
  }
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Walks the sub-buffers ("pages") of one CPU (kernel/trace/ring_buffer.c, libtraceevent src/kbuffer-parse.c): fetches a few of
 * them at a time, or unpacks a chunk of a compressed file, enters one page after the other and knows its time. The events
 * inside a page are decode.ts's; what is rare among them (padding, time stamps) is here.
 */
import { ByteReader, Damaged } from './bytes.js';
import { type CpuArea, type DatBuffer, type DatFile, unpack } from './dat-parts.js';

export const PADDING = 29;
const TIME_EXTEND = 30;
const COMMIT_MASK = 0x07ffffff;
const MISSED_EVENTS = 0x80000000;
const MISSED_STORED = 0x40000000;
/** trace-cmd packs ten trace pages a chunk; sub-buffers can be made larger than a page since 6.8 */
export const MAX_CHUNK = 16 << 20;
/** bytes of an uncompressed file that are fetched at once: they stay in the CPU's cache until they are decoded */
const WINDOW = 128 << 10;
const TWO_32 = 4294967296;

/** Time zero of a recording, and what may still be unpacked, shared by its streams; the first page that is read sets it. */
export interface Origin {
  known: boolean;
  high: number;
  low: number;
  /** bytes; a small file that unpacks to more than any real one is refused */
  budget: number;
}

/** Where the reading of a CPU's data can begin: a page, or a compressed chunk with how many there are from it on. */
export interface Place {
  offset: number;
  chunks: number;
}

/** In `openRow`: whether an event waits for a stack is not known, since the reading began behind it. */
export const UNSEEN = -2;

/** One CPU's pages. All positions are in 32-bit words: whatever the ring buffer stores begins at one. */
export class CpuStream {
  readonly cpu: number;
  readonly little: boolean;
  /** time of the record that is due, in the clock's unit relative to the base, and as the columns have it */
  time = 0;
  due = 0;
  /** its first word and its bytes */
  start = 0;
  size = 0;
  /** what is at hand, as numbers of this machine and as the bytes of the same memory */
  words: Int32Array = new Int32Array(0);
  bytes: Uint8Array = new Uint8Array(0);
  /** behind it, and the end of its page */
  pos = 0;
  pageEnd = 0;
  /** events lost right before `pos`: a number, -1 if the kernel did not say, 0 for none; who takes note of it resets it */
  missed = 0;

  /** the task of the event decoded last and its number: mostly that of the next */
  lastPid = 0;
  lastWho = -1;
  /** the row of that event, -1 before the first */
  lastRow = -1;
  /** there is nothing more */
  over = false;
  /** by context: the row that may still get a stack, -1 for none, UNSEEN where it is of an earlier slice; and its task */
  readonly openRow = new Int32Array(4).fill(-1);
  readonly openPid = new Int32Array(4);

  /** where its data begins in the file */
  readonly begin: number;
  private readonly pageSize: number;
  private chunksLeft = 0;
  /** stands behind what was fetched */
  private readonly reader: ByteReader;
  /** the file ends inside this CPU's data */
  private readonly cut: boolean;
  /** where in the file the window, or the chunk that it was, begins */
  private base = 0;
  /** the part of `bytes` that holds pages not yet entered */
  private pagesPos = 0;
  private pagesEnd = 0;
  private high = 0;

  constructor(
    private readonly file: DatFile,
    private readonly buffer: DatBuffer,
    area: CpuArea,
    private readonly origin: Origin,
  ) {
    const { size } = file.source;
    this.cpu = area.cpu;
    this.little = file.little;
    this.pageSize = buffer.pageSize;
    this.begin = Math.min(area.offset, size);
    // the size that trace-cmd writes for compressed data leaves out the chunk count in front
    const end = Math.min(area.offset + area.size + (buffer.compressed ? 4 : 0), size);
    this.reader = new ByteReader(file.source, file.little, this.begin, end);
    this.cut = area.offset + area.size > size;
    if (buffer.compressed && this.reader.left >= 4) this.chunksLeft = this.reader.u32();
  }

  /** Bytes that this CPU has in the file. */
  get length(): number {
    return this.reader.end - this.begin;
  }

  /** How far in the file it is. */
  get offset(): number {
    return this.reader.pos;
  }

  /** Begins further behind: at a page, or a compressed chunk that has `chunks` left with it. */
  startAt({ offset, chunks }: Place): void {
    this.reader.seek(offset);
    this.chunksLeft = chunks;
    this.openRow.fill(UNSEEN);
  }

  /** Where the record that is due lies in the file: the same text for the same record, wherever the reading began. */
  position(): string {
    if (this.over) return 'end';
    return this.buffer.compressed ? `${this.base}+${this.start}` : `${this.base + this.start * 4}`;
  }

  /** Enters the next page; false at the end of this CPU's data. */
  nextPage(): boolean {
    while (this.pagesEnd - this.pagesPos < this.file.layout.dataOffset + 4) {
      if (this.buffer.compressed ? this.nextChunk() : this.nextWindow()) continue;
      if (this.cut) this.missed = -1;
      this.over = true;
      return false;
    }
    const { words, little, origin } = this;
    const page = this.pagesPos;
    const limit = Math.min(page + this.pageSize, this.pagesEnd);
    this.pagesPos = limit;
    const first = words[page >> 2] >>> 0;
    const second = words[(page >> 2) + 1] >>> 0;
    this.high = little ? second : first;
    const low = little ? first : second;
    if (!origin.known) Object.assign(origin, { high: this.high, low, known: true });
    this.time = (this.high - origin.high) * TWO_32 + (low - origin.low);
    const { commitOffset, commitSize, dataOffset } = this.file.layout;
    const commit = words[(page + commitOffset + (!little && commitSize === 8 ? 4 : 0)) >> 2];
    const data = page + dataOffset;
    let end = data + (commit & COMMIT_MASK);
    if (end > limit) {
      this.note(`a page of ${limit - page} bytes claims to hold ${commit & COMMIT_MASK}`);
      end = limit;
    }
    this.pos = data >> 2;
    this.pageEnd = end >> 2;
    if (commit & MISSED_EVENTS) this.missed = this.missedEvents(commit, end, limit);
    return true;
  }

  /** The number of lost events stands right behind the data, if at all. */
  private missedEvents(commit: number, end: number, limit: number): number {
    const { commitSize } = this.file.layout;
    if (!(commit & MISSED_STORED) || end + commitSize > limit) return -1;
    const events = this.words[(end + (!this.little && commitSize === 8 ? 4 : 0)) >> 2];
    return events <= 0 ? -1 : events;
  }

  /** Padding and time: moves over the item of two words at `pos`, or to the end of a page that has no more. */
  special(type: number, delta: number): void {
    if ((type === PADDING && delta === 0) || this.pos + 2 > this.pageEnd) {
      this.pos = this.pageEnd;
      return;
    }
    const value = this.words[this.pos + 1] >>> 0;
    if (type === PADDING) {
      this.time += delta;
      this.pos = Math.min(this.pageEnd, this.pos + 1 + Math.ceil(Math.max(4, value) / 4));
    } else {
      // type 31 is an absolute time stamp
      if (type === TIME_EXTEND) this.time += value * 0x08000000 + delta;
      else this.absolute(value, delta);
      this.pos += 2;
    }
  }

  /** 59 bits of the clock; the five above them are those of the running time. */
  private absolute(value: number, delta: number): void {
    const low = (((value & 31) << 27) | delta) >>> 0;
    const high = (value >>> 5) | (this.high & 0xf8000000);
    this.time = ((high >>> 0) - this.origin.high) * TWO_32 + (low - this.origin.low);
  }

  /** Fetches some more pages of an uncompressed file; false when there are none. */
  private nextWindow(): boolean {
    const { reader } = this;
    const { left } = reader;
    if (left < this.file.layout.dataOffset + 4) return false;
    const size = Math.min(left, Math.max(this.pageSize, WINDOW - (WINDOW % this.pageSize)));
    this.room(size);
    this.base = reader.pos;
    const got = this.file.source.read(reader.skip(size), this.bytes.subarray(0, size));
    this.entered(got);
    return got > 0;
  }

  /** Unpacks the next chunk that can be unpacked; false when there is none. */
  private nextChunk(): boolean {
    const { reader } = this;
    while (this.chunksLeft-- > 0 && reader.left >= 8) {
      this.base = reader.pos;
      const packed = reader.u32();
      const size = reader.u32();
      if (packed > reader.left) {
        this.note(`a chunk of ${packed} bytes is cut after ${reader.left}`);
        reader.skip(reader.left);
        this.missed = -1;
        return false;
      }
      if ((this.origin.budget -= size) < 0) {
        this.note('it unpacks to more than a real recording of its size');
        this.missed = -1;
        return false;
      }
      const bytes = reader.take(packed);
      try {
        this.adopt(unpack(this.file, bytes, size, MAX_CHUNK));
      } catch (error) {
        if (!(error instanceof Damaged)) throw error;
        this.note(error.message);
        this.missed = -1;
        continue;
      }
      return true;
    }
    return false;
  }

  /** Makes unpacked bytes the window. */
  private adopt(bytes: Uint8Array): void {
    if (bytes.byteOffset % 4 === 0 && bytes.length % 4 === 0) {
      this.bytes = bytes;
      this.words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    } else {
      this.room(bytes.length);
      this.bytes.set(bytes);
    }
    this.entered(bytes.length);
  }

  private room(size: number): void {
    if (this.bytes.length >= size) return;
    this.words = new Int32Array((size + 3) >> 2);
    this.bytes = new Uint8Array(this.words.buffer);
  }

  /** The window holds `size` new bytes. */
  private entered(size: number): void {
    this.pagesPos = 0;
    this.pagesEnd = size;
    this.pos = this.pageEnd = 0;
    if (this.little !== HOST_LITTLE) swapWords(this.words, (size + 3) >> 2);
  }

  /** Gives up the rest of a page: sizes chain, so nothing behind a wrong one can be found. */
  breakPage(why: string): void {
    this.note(`${why}; the rest of the page is left out`);
    this.pos = this.pageEnd;
    this.missed = -1;
  }

  note(what: string): void {
    this.file.notes.add('RZ3004', `CPU ${this.cpu}: ${what}`);
  }

  /** A copy of `size` bytes at the word `from`, in the byte order of the file. */
  record(from: number, size: number): Uint8Array {
    if (this.little === HOST_LITTLE) return this.bytes.subarray(from * 4, from * 4 + size);
    const words = this.words.slice(from, from + ((size + 3) >> 2));
    swapWords(words, words.length);
    return new Uint8Array(words.buffer, 0, size);
  }
}

const HOST_LITTLE = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

function swapWords(words: Int32Array, count: number): void {
  for (let at = 0; at < count; at++) {
    const word = words[at];
    words[at] = (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
  }
}

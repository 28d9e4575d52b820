// SPDX-License-Identifier: Apache-2.0
/**
 * The bytes of one CPU: fetches a few sub-buffers ("pages") at a time, or unpacks a chunk of a compressed file, into memory where the
 * loop (loop-text.ts) enters one after the other. What the loop knows of the CPU lies there too and can be asked for here.
 */
import { ByteReader, Damaged } from './bytes.js';
import { type CpuArea, type DatBuffer, type DatFile, unpack } from './dat-parts.js';
import type { Loop } from './loop.js';
import { AT, STREAM, STREAM_WORDS } from './loop-places.js';

/** trace-cmd packs ten trace pages a chunk; sub-buffers can be made larger than a page since 6.8 */
export const MAX_CHUNK = 16 << 20;
/** bytes of an uncompressed file that are fetched at once: they stay in the CPU's cache until they are decoded */
const WINDOW = 128 << 10;

/** Time zero of a recording, which is that of the first page that is read, and what may still be unpacked; of all CPUs. */
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

/** One CPU's pages. Positions are in 32-bit words: whatever the ring buffer stores begins at one. */
export class CpuStream {
  readonly cpu: number;
  /** there is nothing more */
  over = false;
  /** its words in the loop's memory */
  readonly at: number;
  /** where its data begins in the file */
  readonly begin: number;
  private chunksLeft = 0;
  /** stands behind what was fetched */
  private readonly reader: ByteReader;
  /** the file ends inside this CPU's data */
  private readonly cut: boolean;
  /** where in the file the window, or the chunk that it was, begins */
  private base = 0;
  /** bytes that there is room for in the window */
  private room = 0;

  constructor(
    private readonly file: DatFile,
    private readonly buffer: DatBuffer,
    area: CpuArea,
    private readonly origin: Origin,
    private readonly loop: Loop,
  ) {
    const { size } = file.source;
    this.cpu = area.cpu;
    this.begin = Math.min(area.offset, size);
    // the size that trace-cmd writes for compressed data leaves out the chunk count in front
    const end = Math.min(area.offset + area.size + (buffer.compressed ? 4 : 0), size);
    this.reader = new ByteReader(file.source, file.little, this.begin, end);
    this.cut = area.offset + area.size > size;
    if (buffer.compressed && this.reader.left >= 4) this.chunksLeft = this.reader.u32();
    this.at = loop.allocate(STREAM_WORDS);
    const { words } = loop;
    words[this.at + STREAM.cpu] = this.cpu;
    words[this.at + STREAM.lastWho] = words[this.at + STREAM.lastRow] = -1;
    words.fill(-1, this.at + STREAM.openRow, this.at + STREAM.openRow + CONTEXTS);
  }

  /** time of the record that is due, as the columns have it */
  get due(): number {
    return this.loop.doubles[(this.at + STREAM.due) / 2];
  }

  /** its first word and its bytes */
  get start(): number {
    return this.loop.words[this.at + STREAM.start];
  }
  get size(): number {
    return this.loop.words[this.at + STREAM.size];
  }

  /** events lost right before it: a number, -1 if the kernel did not say, 0 for none; who takes note of it resets it */
  get missed(): number {
    return this.loop.words[this.at + STREAM.missed];
  }
  set missed(events: number) {
    this.loop.words[this.at + STREAM.missed] = events;
  }

  /** the number of the task of the event decoded last; how many rows there are, and the last of them, -1 before the first */
  get lastWho(): number {
    return this.loop.words[this.at + STREAM.lastWho];
  }
  get rows(): number {
    return this.loop.words[this.at + STREAM.rows] >>> 0;
  }
  get lastRow(): number {
    return this.loop.words[this.at + STREAM.lastRow];
  }

  /** by context: the row that may still get a stack, -1 for none, UNSEEN where it is of an earlier slice; and its task */
  get openRow(): Int32Array {
    return this.part(STREAM.openRow, CONTEXTS);
  }
  get openPid(): Int32Array {
    return this.part(STREAM.openPid, CONTEXTS);
  }

  private part(word: number, count: number): Int32Array {
    return this.loop.words.slice(this.at + word, this.at + word + count);
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
    this.loop.words.fill(UNSEEN, this.at + STREAM.openRow, this.at + STREAM.openRow + CONTEXTS);
  }

  /** Where the record that is due lies in the file: the same text for the same record, wherever the reading began. */
  position(): string {
    if (this.over) return 'end';
    const start = this.start - this.loop.words[this.at + STREAM.window];
    return this.buffer.compressed ? `${this.base}+${start}` : `${this.base + start * 4}`;
  }

  /** Fetches more pages; false at the end of this CPU's data. */
  fetch(): boolean {
    try {
      if (this.buffer.compressed ? this.nextChunk() : this.nextWindow()) return true;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.note('its pages do not fit into memory');
      this.missed = -1;
    }
    if (this.cut) this.missed = -1;
    this.over = true;
    return false;
  }

  /** Fetches some more pages of an uncompressed file; false when there are none. */
  private nextWindow(): boolean {
    const { reader } = this;
    const { left } = reader;
    const { pageSize } = this.buffer;
    if (left < this.file.layout.dataOffset + 4) return false;
    const size = Math.min(left, Math.max(pageSize, WINDOW - (WINDOW % pageSize)));
    const bytes = this.window(size);
    this.base = reader.pos;
    const got = this.file.source.read(reader.skip(size), bytes);
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
        const unpacked = unpack(this.file, bytes, size, MAX_CHUNK);
        this.window(unpacked.length).set(unpacked);
        this.entered(unpacked.length);
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

  /** Memory for so many bytes of pages, in place of those before. @throws RangeError where there is no more */
  private window(size: number): Uint8Array {
    if (size > this.room) {
      this.room = Math.max(size, 2 * this.room);
      this.loop.words[this.at + STREAM.window] = this.loop.allocate((this.room >> 2) + SLACK);
    }
    const begin = this.loop.words[this.at + STREAM.window] * 4;
    return this.loop.bytes.subarray(begin, begin + size);
  }

  /** The window holds `size` new bytes. */
  private entered(size: number): void {
    const { words } = this.loop;
    words[this.at + STREAM.pagesPos] = 0;
    words[this.at + STREAM.pagesEnd] = size;
    words[this.at + STREAM.pos] = words[this.at + STREAM.pageEnd] = 0;
    const begin = words[this.at + STREAM.window];
    if (!this.file.little) swapWords(words.subarray(begin, begin + ((size + 3) >> 2)));
  }

  /** A page claims to hold more than there is of it. */
  noteClaim(): void {
    const { words } = this.loop;
    this.note(`a page of ${words[AT.room]} bytes claims to hold ${words[AT.claimed]}`);
  }

  /** The rest of a page is given up. */
  noteBroken(): void {
    const why = this.loop.words[AT.claimed] ? 'an event has no length' : 'an event reaches beyond its page';
    this.note(`${why}; the rest of the page is left out`);
  }

  note(what: string): void {
    this.file.notes.add('RZ3004', `CPU ${this.cpu}: ${what}`);
  }

  /** The bytes of the record that is due, in the byte order of the file; to be copied. */
  record(): Uint8Array {
    const { start, size } = this;
    if (this.file.little) return this.loop.bytes.subarray(start * 4, start * 4 + size);
    const words = this.loop.words.slice(start, start + ((size + 3) >> 2));
    swapWords(words);
    return new Uint8Array(words.buffer, 0, size);
  }
}

const CONTEXTS = 4;
/** words behind a window that may be looked at */
const SLACK = 2;

/** The memory of WebAssembly has the low byte first, and so have its machines. */
function swapWords(words: Int32Array): void {
  for (const [at, word] of words.entries()) {
    words[at] = (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
  }
}

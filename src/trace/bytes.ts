// SPDX-License-Identifier: Apache-2.0
/**
 * A bounded reader over bytes in either byte order, and the one exception by which the readers of this folder leave a
 * damaged part. It never reads outside its bounds; it knows no format.
 */
import { type Source, sourceOf } from './source.js';

/** A part of the file cannot be read; caught inside src/trace and turned into a diagnostic, it never leaves the folder. */
export class Damaged extends Error {
  constructor(
    message: string,
    readonly offset = -1,
  ) {
    super(message);
    this.name = 'Damaged';
  }
}

const latin1 = new TextDecoder('latin1');
const utf8 = new TextDecoder('utf-8');

/** Text of `bytes[from, to)`; bytes that are no UTF-8 become U+FFFD, never an error. */
export function textOf(bytes: Uint8Array, from = 0, to = bytes.length): string {
  return utf8.decode(bytes.subarray(from, to));
}

/** Text of `bytes[from, to)`, one character a byte: for what is ASCII anyway. */
export function asciiOf(bytes: Uint8Array, from = 0, to = bytes.length): string {
  return latin1.decode(bytes.subarray(from, to));
}

/** The value of a hexadecimal digit, -1 for any other byte. */
export function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/** what is fetched at once of a file */
const WINDOW = 1 << 16;

/** Reads forward through `[pos, end)` of a source; every method throws Damaged where that ends too early. */
export class ByteReader {
  readonly source: Source;
  readonly end: number;
  /** the part of the source that is at hand: `[base, base + bytes.length)` */
  private bytes: Uint8Array;
  private base = 0;
  private view: DataView;

  constructor(
    from: Source | Uint8Array,
    public little: boolean,
    public pos = 0,
    end?: number,
  ) {
    this.source = sourceOf(from);
    this.end = Math.min(end ?? this.source.size, this.source.size);
    this.bytes = from instanceof Uint8Array ? from : new Uint8Array(0);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
  }

  get left(): number {
    return this.end - this.pos;
  }

  /** Moves to an absolute offset inside the window. */
  seek(to: number): void {
    if (!(to >= 0 && to <= this.end)) throw new Damaged(`offset ${to} lies outside the file`, this.pos);
    this.pos = to;
  }

  /** Passes over `size` bytes and returns where they begin. */
  skip(size: number): number {
    if (!(size >= 0 && size <= this.end - this.pos)) {
      throw new Damaged(`${size} bytes expected, ${Math.max(0, this.end - this.pos)} left`, this.pos);
    }
    const at = this.pos;
    this.pos += size;
    return at;
  }

  /** Passes over `size` bytes and returns where they are in `bytes`. */
  private fetch(size: number): number {
    const at = this.skip(size);
    if (at < this.base || at + size > this.base + this.bytes.length) {
      const wanted = Math.max(size, Math.min(WINDOW, this.end - at));
      const bytes = new Uint8Array(wanted);
      const got = this.source.read(at, bytes);
      if (got < size) throw new Damaged(`${size} bytes expected, ${got} could be read`, at);
      this.bytes = bytes.subarray(0, got);
      this.base = at;
      this.view = new DataView(bytes.buffer, 0, got);
    }
    return at - this.base;
  }

  /** The next `size` bytes: not a copy where they were in memory. */
  take(size: number): Uint8Array {
    const at = this.fetch(size);
    return this.bytes.subarray(at, at + size);
  }

  u8(): number {
    const at = this.fetch(1);
    return this.bytes[at];
  }

  u16(): number {
    const at = this.fetch(2);
    return this.view.getUint16(at, this.little);
  }

  u32(): number {
    const at = this.fetch(4);
    return this.view.getUint32(at, this.little);
  }

  /** As a number: exact up to 2^53, and whoever takes it for a size or an offset finds larger ones out of bounds. */
  u64(): number {
    const first = this.u32();
    const second = this.u32();
    return this.little ? second * 4294967296 + first : first * 4294967296 + second;
  }

  u64big(): bigint {
    const at = this.fetch(8);
    return this.view.getBigUint64(at, this.little);
  }

  /** NUL-terminated ASCII, at most `limit` bytes. */
  cstring(limit = 4096): string {
    const from = this.pos;
    const part = this.take(Math.min(limit, this.left));
    const length = part.indexOf(0);
    this.pos = length < 0 ? from : from + length + 1;
    if (length < 0) throw new Damaged('a name has no end', from);
    return asciiOf(part, 0, length);
  }
}

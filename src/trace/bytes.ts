// SPDX-License-Identifier: Apache-2.0
/**
 * A bounded reader over bytes in either byte order, and the one exception by which the readers of this folder leave a
 * damaged part. It never reads outside its window; it knows no format.
 */

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

/** Reads forward through `bytes[start, end)`; every method throws Damaged where the window ends too early. */
export class ByteReader {
  readonly view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    public little: boolean,
    public pos = 0,
    readonly end: number = bytes.length,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.end - this.pos;
  }

  /** Moves to an absolute offset inside the window. */
  seek(to: number): void {
    if (!(to >= 0 && to <= this.end)) throw new Damaged(`offset ${to} lies outside the file`, this.pos);
    this.pos = to;
  }

  /** Takes `size` bytes and returns where they begin. */
  skip(size: number): number {
    if (!(size >= 0 && size <= this.end - this.pos)) {
      throw new Damaged(`${size} bytes expected, ${this.end - this.pos} left`, this.pos);
    }
    const at = this.pos;
    this.pos += size;
    return at;
  }

  take(size: number): Uint8Array {
    const at = this.skip(size);
    return this.bytes.subarray(at, at + size);
  }

  u8(): number {
    return this.bytes[this.skip(1)];
  }

  u16(): number {
    return this.view.getUint16(this.skip(2), this.little);
  }

  u32(): number {
    return this.view.getUint32(this.skip(4), this.little);
  }

  /** As a number: exact up to 2^53, and whoever takes it for a size or an offset finds larger ones out of bounds. */
  u64(): number {
    const at = this.skip(8);
    const first = this.view.getUint32(at, this.little);
    const second = this.view.getUint32(at + 4, this.little);
    return this.little ? second * 4294967296 + first : first * 4294967296 + second;
  }

  u64big(): bigint {
    return this.view.getBigUint64(this.skip(8), this.little);
  }

  /** NUL-terminated ASCII, at most `limit` bytes. */
  cstring(limit = 4096): string {
    const stop = Math.min(this.end, this.pos + limit);
    for (let at = this.pos; at < stop; at++) {
      if (this.bytes[at] !== 0) continue;
      const text = asciiOf(this.bytes, this.pos, at);
      this.pos = at + 1;
      return text;
    }
    throw new Damaged('a name has no end', this.pos);
  }
}

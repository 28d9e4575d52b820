// SPDX-License-Identifier: Apache-2.0
/** The `key=value` part of an event of pages, as printed by its print fmt: only the keys that have a column are read. */
import { hexDigit } from './bytes.js';
import { HAS } from './columns.js';
import type { ByteInterner } from './intern.js';
import { FIELD, SHAPE_WORDS } from './shapes.js';

const SPACE = 32;
const EQUALS = 61;

/** Which column a key fills, 0 for none. */
function columnOf(bytes: Uint8Array, from: number, length: number): number {
  const first = bytes[from];
  if (length === 3) {
    if (first === 0x70 && bytes[from + 1] === 0x66) return HAS.pfn;
    if (first === 0x76 && bytes[from + 2] === 0x6c) return HAS.val;
    if (first === 0x72 && bytes[from + 1] === 0x65) return HAS.ret;
  } else if (length === 5) {
    if (first === 0x63 && bytes[from + 1] === 0x6f) return HAS.count;
    if (first === 0x66 && bytes[from + 1] === 0x6c) return HAS.flags;
    if (first === 0x6f && bytes[from + 1] === 0x72) return HAS.order;
  } else if (length === 7 && first === 0x6d && bytes[from + 3] === 0x70) return HAS.mapping;
  else if (length === 8 && first === 0x6d && bytes[from + 3] === 0x63) return HAS.mapcount;
  return 0;
}

/** Does the body begin with `pfn=`, or with one other field and then `pfn=`? (Not anywhere: a user's print may say so.) */
export function isPageBody(bytes: Uint8Array, from: number, to: number): boolean {
  if (startsPfn(bytes, from, to)) return true;
  const space = bytes.indexOf(SPACE, from);
  const equals = bytes.indexOf(EQUALS, from);
  return space > 0 && space < to && equals > from && equals < space && startsPfn(bytes, space + 1, to);
}

function startsPfn(bytes: Uint8Array, from: number, to: number): boolean {
  return to - from > 4 && columnOf(bytes, from, 3) === HAS.pfn && bytes[from + 3] === EQUALS;
}

/** What one body says; used again for every line. */
export class TextFields {
  /** page number, -1 for none */
  pfn = -1;
  /** as a record of a trace.dat, all fields in the order of `FIELD` */
  readonly words = new Int32Array(SHAPE_WORDS);

  constructor(private readonly flags: ByteInterner) {}

  /** Reads one body; returns which fields were there (bits of `HAS`). */
  read(bytes: Uint8Array, from: number, to: number): number {
    this.pfn = -1;
    this.words.fill(0);
    let has = 0;
    let noPage = false;
    for (let at = from; at < to; ) {
      const key = at;
      while (at < to && bytes[at] !== EQUALS && bytes[at] !== SPACE) at++;
      if (at < to && bytes[at] === EQUALS) {
        const value = at + 1;
        let end = value;
        while (end < to && bytes[end] !== SPACE) end++;
        const column = columnOf(bytes, key, at - key);
        if (column !== 0 && this.store(column, bytes, value, end)) has |= column;
        else if (at - key === 4 && bytes[key] === 0x70 && bytes[key + 1] === 0x61) noPage = isNull(bytes, value, end);
        at = end;
      }
      at++;
    }
    // a failed allocation is printed as page=NULL pfn=0
    if (noPage && this.pfn === 0) this.pfn = -1;
    return has;
  }

  /** Stores one value; false where it is not what the field takes. */
  private store(column: number, bytes: Uint8Array, from: number, to: number): boolean {
    const { words } = this;
    if (column === HAS.flags) {
      words[FIELD.flags] = this.flags.intern(bytes, from, to);
      return true;
    }
    if (column === HAS.mapping) {
      pointer(words, bytes, from, to);
      return true;
    }
    const value = integer(bytes, from, to);
    if (Number.isNaN(value)) return false;
    if (column === HAS.pfn) this.pfn = value >= 0 && value < 2 ** 52 ? value : -1;
    else if (column === HAS.val) words[FIELD.val] = value;
    else if (column === HAS.ret) words[FIELD.ret] = value;
    else if (column === HAS.count) words[FIELD.count] = value;
    else if (column === HAS.mapcount) words[FIELD.mapcount] = value;
    else if (words[FIELD.val] === 0) words[FIELD.val] = value; // the order, where there is no val
    return true;
  }
}

/** Decimal with sign, or 0x and hexadecimal; NaN for anything else. */
function integer(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  if (bytes[at] === 48 && (bytes[at + 1] | 32) === 0x78 && at + 1 < to) return hexadecimal(bytes, at + 2, to);
  const negative = bytes[at] === 45;
  if (negative) at++;
  if (at >= to) return Number.NaN;
  let value = 0;
  for (; at < to; at++) {
    const digit = bytes[at] - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

function hexadecimal(bytes: Uint8Array, from: number, to: number): number {
  if (from >= to) return Number.NaN;
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = hexDigit(bytes[at]);
    if (digit < 0) return Number.NaN;
    value = value * 16 + digit;
  }
  return value;
}

/** `%p`: hexadecimal with or without 0x, `(null)`, or `(____ptrval____)`, which becomes all ones: not to be known. */
function pointer(words: Int32Array, bytes: Uint8Array, from: number, to: number): void {
  let low = 0;
  let high = 0;
  let at = bytes[from] === 48 && (bytes[from + 1] | 32) === 0x78 ? from + 2 : from;
  if (bytes[from] === 40 && bytes[from + 1] !== 0x6e) low = high = 0xffffffff;
  for (; at < to; at++) {
    const digit = hexDigit(bytes[at]);
    if (digit < 0) break;
    high = ((high << 4) | (low >>> 28)) >>> 0;
    low = ((low << 4) | digit) >>> 0;
  }
  words[FIELD.mapping] = low;
  words[FIELD.mappingHigh] = high;
}

function isNull(bytes: Uint8Array, from: number, to: number): boolean {
  if (bytes[from] === 40) return bytes[from + 1] === 0x6e;
  const value = integer(bytes, from, to);
  return value === 0 || hexadecimal(bytes, from, to) === 0;
}

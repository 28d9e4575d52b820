// SPDX-License-Identifier: Apache-2.0
/**
 * A mail or an mbox as it came over the wire: what is quoted-printable in it (RFC 2045, section 6.7) is made plain, piece by piece,
 * so that lines which the transport has broken are whole again. All else, headers included, is handed on as it is. Not here: `> ` in
 * front of lines (text-frame.ts), and bodies in base64.
 */

import { asciiOf, hexDigit } from './bytes.js';

const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;
const EQUALS = 61;
/** what is handed on although its line has no end yet */
const LINE_MAX = 1 << 16;

/** The first words of a mail or an mbox. */
const HEAD =
  /^(?:From [^ ]|(?:Return-Path|Received|Delivered-To|Date|From|To|Subject|Message-I[dD]|MIME-Version|X-[A-Za-z-]+):)/;

/** Does a text begin as a mail does? */
export const isMail = (head: Uint8Array): boolean => HEAD.test(asciiOf(head, 0, Math.min(head.length, 80)));

const ENCODING = /^content-transfer-encoding:\s*([\w-]+)/i;

export class MailText {
  private rest = new Uint8Array(0);
  private isQuoted = false;

  /** @returns the next piece of text; a line that has not ended waits for the piece after it */
  add(part: Uint8Array): Uint8Array {
    const bytes = joined(this.rest, part);
    const out = new Uint8Array(bytes.length);
    let size = 0;
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      size = this.line(bytes, from, end + 1, out, size);
      from = end + 1;
    }
    if (bytes.length - from > LINE_MAX) {
      size = this.line(bytes, from, bytes.length, out, size);
      from = bytes.length;
    }
    this.rest = bytes.slice(from);
    return out.subarray(0, size);
  }

  /** The last line, where it has no end. */
  finish(): Uint8Array {
    const out = new Uint8Array(this.rest.length);
    const size = this.line(this.rest, 0, this.rest.length, out, 0);
    this.rest = new Uint8Array(0);
    return out.subarray(0, size);
  }

  /** Hands a line on to `out`; returns where the next one goes. */
  private line(bytes: Uint8Array, from: number, to: number, out: Uint8Array, size: number): number {
    const first = bytes[from] | 0x20;
    // c and f: of the lines of a trace hardly one begins so
    if (first === 99 || first === 102) this.header(asciiOf(bytes, from, Math.min(to, from + 80)));
    if (this.isQuoted) return decoded(bytes, from, to, out, size);
    out.set(bytes.subarray(from, to), size);
    return size + to - from;
  }

  private header(text: string): void {
    const encoding = ENCODING.exec(text)?.[1];
    if (encoding !== undefined) this.isQuoted = encoding.toLowerCase() === 'quoted-printable';
    else if (text.startsWith('From ')) this.isQuoted = false;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

/** A line in quoted-printable; what is no escape stays as it is. */
function decoded(bytes: Uint8Array, from: number, to: number, out: Uint8Array, size: number): number {
  let end = to;
  while (end > from && isSpace(bytes[end - 1])) end--;
  // a line that ends with = goes on in the next one
  const isBroken = end > from && bytes[end - 1] === EQUALS;
  for (let at = from; at < (isBroken ? end - 1 : to); at++) {
    const high = bytes[at] === EQUALS && at + 2 < to ? hexDigit(bytes[at + 1]) : -1;
    const low = high < 0 ? -1 : hexDigit(bytes[at + 2]);
    out[size++] = low < 0 ? bytes[at] : high * 16 + low;
    if (low >= 0) at += 2;
  }
  return size;
}

const isSpace = (byte: number): boolean => byte === NEWLINE || byte === RETURN || byte === SPACE;

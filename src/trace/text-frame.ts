// SPDX-License-Identifier: Apache-2.0
/**
 * A line of a stack in a text: ` => symbol`, with an address behind it as trace-cmd report prints it, or the form of perf script
 * (tools/perf/builtin-script.c). It says where the name is, not what it means; and which line announces a stack.
 */
import { asciiOf } from './bytes.js';

const SPACE = 32;
const TAB = 9;

/** whose stack follows; 0 where none does */
const KERNEL_STACK = 1;
export const USER_STACK = 2;
const KERNEL = Uint8Array.from('<stack', (letter) => letter.charCodeAt(0));
const USER = Uint8Array.from('<user', (letter) => letter.charCodeAt(0));

/** `<stack trace>` and `<user stack trace>`. */
export function announcedBy(bytes: Uint8Array, from: number, to: number): number {
  if (begins(bytes, from, to, USER)) return USER_STACK;
  return begins(bytes, from, to, KERNEL) ? KERNEL_STACK : 0;
}

/** `kernel_stack: <stack trace >`: the name of the event. */
export function announcedByName(name: string): number {
  return name === 'kernel_stack' ? KERNEL_STACK : name === 'user_stack' ? USER_STACK : 0;
}

function begins(bytes: Uint8Array, from: number, to: number, text: Uint8Array): boolean {
  if (to - from < text.length) return false;
  for (let at = 0; at < text.length; at++) if (bytes[from + at] !== text[at]) return false;
  return true;
}

/** Parses one line at a time into its own fields. */
export class FrameLine {
  /** the name of the function, with its module where that follows in brackets */
  from = 0;
  to = 0;
  /** the module that perf names, as it is to be appended; empty for none */
  module = '';

  /** True for ` => symbol`. */
  arrow(bytes: Uint8Array, from: number, to: number): boolean {
    let at = skip(bytes, from, to);
    if (bytes[at] !== 61 || bytes[at + 1] !== 62) return false;
    at = skip(bytes, at + 2, to);
    let end = to;
    while (end > at && bytes[end - 1] === SPACE) end--;
    this.from = at;
    this.to = withoutAddress(bytes, at, end);
    this.module = '';
    return true;
  }

  /** A frame of perf, `ffffffff811cd8f8 symbol+0x48 ([kernel.kallsyms])`: 'kernel', or 'user' where it is none of the kernel's. */
  perf(bytes: Uint8Array, from: number, to: number): 'kernel' | 'user' | undefined {
    if (bytes[from] !== TAB && bytes[from] !== SPACE) return undefined;
    const match = PERF.exec(asciiOf(bytes, from, Math.min(to, from + 600)));
    if (!match) return undefined;
    const [, before, address, name, object] = match;
    // a word or two of prose, indented
    if (object === undefined && address.length < SHORTEST) return undefined;
    if (object !== undefined && !/^\[[^[\]]+\]/.test(object)) return 'user';
    // what perf cannot name is the kernel's where its address is: in the upper half
    if (object === '[unknown]' && address.length < 16) return 'user';
    this.from = from + before.length;
    this.to = this.from + name.length;
    const module = /^\[([\w-]+)\]/.exec(object ?? '')?.[1];
    this.module = module === undefined || module.startsWith('kernel') || module === 'unknown' ? '' : ` [${module}]`;
    return 'kernel';
  }
}

/** digits of an address behind which perf names no object */
const SHORTEST = 4;
const PERF = /^(\s+([0-9a-f]{1,16}) )([^\s+]{1,500})(?:\+0x[0-9a-f]+)?(?:\s+\(([^()]*)\))?\s*$/;

function skip(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] === SPACE) at++;
  return at;
}

/** ` (ffffffff811cd8f8)` and ` <ffffffff811cd8f8>` are cut off. */
function withoutAddress(bytes: Uint8Array, from: number, to: number): number {
  const opens = bytes[to - 1] === 41 ? 40 : bytes[to - 1] === 62 ? 60 : 0;
  if (opens === 0) return to;
  let at = to - 2;
  while (at > from && isHex(bytes[at])) at--;
  return bytes[at] === opens && at < to - 2 && at - 1 > from && bytes[at - 1] === SPACE ? at - 1 : to;
}

const isHex = (byte: number): boolean => (byte >= 48 && byte <= 57) || (byte >= 97 && byte <= 102) || byte === 120;

/** Where a line begins that a mail has quoted: behind `> `, as often as it was. */
export function unquoted(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] === 62) {
    at++;
    if (bytes[at] === SPACE) at++;
  }
  return at;
}

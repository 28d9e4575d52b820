// SPDX-License-Identifier: Apache-2.0
/**
 * Interning without a JavaScript object per look-up: byte strings (task names, event bodies, stack frames of text) and
 * stacks of raw 32-bit words. Equal input gives the same small id; ids count from 0.
 */
import { textOf } from './bytes.js';

const NO_SLOT = -1;

/** Open addressing over ids; the owner compares, this only hashes and probes. Doubles at half full. */
export class Slots {
  ids = new Int32Array(64).fill(NO_SLOT);
  hashes = new Int32Array(64);
  private used = 0;

  put(slot: number, hash: number, id: number): void {
    this.ids[slot] = id;
    this.hashes[slot] = hash;
    if (++this.used * 2 > this.ids.length) this.grow();
  }

  private grow(): void {
    const { ids, hashes } = this;
    this.ids = new Int32Array(ids.length * 2).fill(NO_SLOT);
    this.hashes = new Int32Array(ids.length * 2);
    const mask = this.ids.length - 1;
    for (let at = 0; at < ids.length; at++) {
      if (ids[at] === NO_SLOT) continue;
      let slot = hashes[at] & mask;
      while (this.ids[slot] !== NO_SLOT) slot = (slot + 1) & mask;
      this.ids[slot] = ids[at];
      this.hashes[slot] = hashes[at];
    }
  }
}

/** Byte strings to ids and back. */
export class ByteInterner {
  private readonly slots = new Slots();
  private data = new Uint8Array(1024);
  private starts = new Uint32Array(64);
  private texts: (string | undefined)[] = [];
  size = 0;

  /** The id of `bytes[from, to)`, which is copied when new. */
  intern(bytes: Uint8Array, from: number, to: number): number {
    let hash = 0x811c9dc5 ^ (to - from);
    for (let at = from; at < to; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193);
    hash ^= hash >>> 15;
    const mask = this.slots.ids.length - 1;
    let slot = hash & mask;
    for (;;) {
      const id = this.slots.ids[slot];
      if (id === NO_SLOT) return this.add(slot, hash, bytes, from, to);
      if (this.slots.hashes[slot] === hash && this.same(id, bytes, from, to)) return id;
      slot = (slot + 1) & mask;
    }
  }

  internText(text: string): number {
    const bytes = new TextEncoder().encode(text);
    return this.intern(bytes, 0, bytes.length);
  }

  /** The text of an id; empty for an id that was never given out. */
  text(id: number): string {
    if (id < 0 || id >= this.size) return '';
    return (this.texts[id] ??= textOf(this.data, this.starts[id], this.starts[id + 1]));
  }

  private same(id: number, bytes: Uint8Array, from: number, to: number): boolean {
    const start = this.starts[id];
    if (this.starts[id + 1] - start !== to - from) return false;
    for (let at = from, mine = start; at < to; at++, mine++) if (this.data[mine] !== bytes[at]) return false;
    return true;
  }

  private add(slot: number, hash: number, bytes: Uint8Array, from: number, to: number): number {
    const id = this.size++;
    const start = this.starts[id];
    const end = start + (to - from);
    if (end > this.data.length) this.data = grown(this.data, end);
    if (id + 2 > this.starts.length) this.starts = grown(this.starts, id + 2);
    this.data.set(bytes.subarray(from, to), start);
    this.starts[id + 1] = end;
    this.slots.put(slot, hash, id);
    return id;
  }
}

/** Sequences of 32-bit words to ids and back: the stacks. */
export class WordInterner {
  private readonly slots = new Slots();
  private data = new Uint32Array(1024);
  private starts = new Uint32Array(64);
  size = 0;
  /** what the caller fills before `intern()`; grows by `room` */
  scratch = new Uint32Array(256);

  /** Makes `scratch` hold at least `words`. */
  room(words: number): Uint32Array {
    if (words > this.scratch.length) this.scratch = grown(this.scratch, words);
    return this.scratch;
  }

  /** The id of `scratch[0, count)`. */
  intern(count: number): number {
    const words = this.scratch;
    let hash = 0x811c9dc5 ^ count;
    for (let at = 0; at < count; at++) hash = Math.imul(hash ^ words[at], 0x01000193) ^ (hash >>> 13);
    hash ^= hash >>> 16;
    const mask = this.slots.ids.length - 1;
    let slot = hash & mask;
    for (;;) {
      const id = this.slots.ids[slot];
      if (id === NO_SLOT) return this.add(slot, hash, count);
      if (this.slots.hashes[slot] === hash && this.same(id, count)) return id;
      slot = (slot + 1) & mask;
    }
  }

  /** The words of an id; a view, not a copy. */
  words(id: number): Uint32Array {
    if (id < 0 || id >= this.size) return this.data.subarray(0, 0);
    return this.data.subarray(this.starts[id], this.starts[id + 1]);
  }

  private same(id: number, count: number): boolean {
    const start = this.starts[id];
    if (this.starts[id + 1] - start !== count) return false;
    for (let at = 0; at < count; at++) if (this.data[start + at] !== this.scratch[at]) return false;
    return true;
  }

  private add(slot: number, hash: number, count: number): number {
    const id = this.size++;
    const start = this.starts[id];
    if (start + count > this.data.length) this.data = grown(this.data, start + count);
    if (id + 2 > this.starts.length) this.starts = grown(this.starts, id + 2);
    this.data.set(this.scratch.subarray(0, count), start);
    this.starts[id + 1] = start + count;
    this.slots.put(slot, hash, id);
    return id;
  }
}

type Growable = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array | BigUint64Array;

/** A copy of at least `least` elements and at least twice the length of `array`. */
export function grown<T extends Growable>(array: T, least: number): T {
  const Same = array.constructor as new (length: number) => T;
  const larger = new Same(Math.max(least, array.length * 2));
  (larger as Uint8Array).set(array as Uint8Array);
  return larger;
}

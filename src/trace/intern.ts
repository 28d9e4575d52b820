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
  private data = new Int32Array(1024);
  private starts = new Uint32Array(64);
  private scratch = new Int32Array(256);
  size = 0;

  /** An array of at least `words`, for callers who have to put a sequence together first. */
  room(words: number): Int32Array {
    if (words > this.scratch.length) this.scratch = grown(this.scratch, words);
    return this.scratch;
  }

  /** The id of `words[from, from + count)`. */
  intern(words: Int32Array, from: number, count: number): number {
    const { slots, data, starts } = this;
    // two chains that do not wait for each other: of addresses the lower and the upper halves
    let hash = 0x811c9dc5 ^ count;
    let other = 0;
    const end = from + count;
    for (let at = from; at + 1 < end; at += 2) {
      hash = Math.imul(hash ^ words[at], 0x9e3779b1);
      other = Math.imul(other, 31) + words[at + 1];
    }
    if (count & 1) hash = Math.imul(hash ^ words[end - 1], 0x9e3779b1);
    hash ^= Math.imul(other, 0x85ebca6b) ^ (hash >>> 15);
    const mask = slots.ids.length - 1;
    let slot = (hash ^ (hash >>> 13)) & mask;
    for (;;) {
      const id = slots.ids[slot];
      if (id === NO_SLOT) return this.add(slot, hash ^ (hash >>> 13), words, from, count);
      const start = starts[id];
      if (starts[id + 1] - start === count) {
        let at = 0;
        while (at < count && data[start + at] === words[from + at]) at++;
        if (at === count) return id;
      }
      slot = (slot + 1) & mask;
    }
  }

  /** The words of an id; a view, not a copy. */
  words(id: number): Uint32Array {
    const known = id >= 0 && id < this.size;
    const [from, to] = known ? [this.starts[id], this.starts[id + 1]] : [0, 0];
    return new Uint32Array(this.data.buffer, from * 4, to - from);
  }

  /** All sequences behind each other; that of an id begins at `starts[id]`. */
  contents(): { words: Int32Array; starts: Uint32Array } {
    return { words: this.data.slice(0, this.starts[this.size]), starts: this.starts.slice(0, this.size + 1) };
  }

  private add(slot: number, hash: number, words: Int32Array, from: number, count: number): number {
    const id = this.size++;
    const start = this.starts[id];
    if (start + count > this.data.length) this.data = grown(this.data, start + count);
    if (id + 2 > this.starts.length) this.starts = grown(this.starts, id + 2);
    this.data.set(words.subarray(from, from + count), start);
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

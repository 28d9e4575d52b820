// SPDX-License-Identifier: Apache-2.0
/**
 * An open-addressing hash table in segments of shared memory. An entry is two 32-bit words: a tag, which says where it is at
 * home and is never 0, and a second word, never 0 either; what that means is its owner's. Entries lie in the order of
 * their tags, more or less: growing reads and writes the segments front to back, and each is let go once it has been read.
 *
 * Not here: probing (store.ts), for which segments, home and wrap-around are laid open.
 */
import { assert } from '../base/assert.js';

/** Slots of a segment; probing wraps around within it. */
export const SEGMENT_BITS = 16;
const SLOTS = 1 << SEGMENT_BITS;
/** (position of an entry's first word) & this */
export const SEGMENT_MASK = SLOTS * 2 - 1;

/** How full it may be, and by what it then grows. */
export interface Filling {
  most: number;
  growth: number;
}

export class Table {
  segments: Int32Array[];
  /** slot where a tag is at home: `(tag >>> 0) * scale`, rounded down */
  scale: number;
  readonly #filling: Filling;

  constructor(filling: Filling) {
    assert(filling.most < 1 && filling.growth > 1, 'a table that cannot grow');
    this.#filling = filling;
    this.segments = [newSegment()];
    this.scale = SLOTS / 2 ** 32;
  }

  get bytes(): number {
    return this.segments.length * SLOTS * 8;
  }

  /** Bytes once there is room for `entries`; growth needs one segment beside. */
  bytesFor(entries: number): number {
    const segments = this.#segmentsFor(entries);
    return (segments + (segments > this.segments.length ? 1 : 0)) * SLOTS * 8;
  }

  /** Makes room for `entries` altogether. */
  reserve(entries: number): void {
    const wanted = this.#segmentsFor(entries);
    if (wanted === this.segments.length) return;
    const old: (Int32Array | undefined)[] = this.segments;
    this.segments = [];
    this.scale = (wanted * SLOTS) / 2 ** 32;
    for (let i = 0; i < old.length; i++) {
      const from = old[i];
      old[i] = undefined;
      // its entries go to this segment at most
      const last = Math.min(wanted, Math.ceil(((i + 1) * wanted) / old.length) + 1);
      while (this.segments.length < last) this.segments.push(newSegment());
      if (from) this.#takeAll(from);
    }
  }

  #segmentsFor(entries: number): number {
    const { most, growth } = this.#filling;
    let segments = this.segments.length;
    while (entries > segments * SLOTS * most) segments = Math.max(segments + 1, Math.floor(segments * growth));
    return segments;
  }

  #takeAll(from: Int32Array): void {
    const { segments, scale } = this;
    for (let i = 0; i < from.length; i += 2) {
      const tag = from[i];
      if (tag === 0) continue;
      const home = ((tag >>> 0) * scale) | 0;
      const segment = segments[home >>> SEGMENT_BITS];
      let at = (home << 1) & SEGMENT_MASK;
      while (segment[at] !== 0) at = (at + 2) & SEGMENT_MASK;
      segment[at] = tag;
      segment[at + 1] = from[i + 1];
    }
  }
}

function newSegment(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(SLOTS * 8));
}

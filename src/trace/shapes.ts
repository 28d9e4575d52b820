// SPDX-License-Identifier: Apache-2.0
/**
 * The contents of events, each distinct one stored once: a recording of a million events has about a thousand of them (1,321
 * of 1,267,713 in 6.12/large). What an event says, but for its time, its task and its page, is then one number a row. And who
 * did it: CPU, task and name, as one number too.
 */
import { grown, Slots } from './intern.js';

/** Words of a shape. Flags and mapping are 64 bits wide, low half first. */
export const FIELD = {
  kind: 0,
  val: 1,
  ret: 2,
  count: 3,
  mapcount: 4,
  flags: 5,
  flagsHigh: 6,
  mapping: 7,
  mappingHigh: 8,
} as const;
export const SHAPE_WORDS = 9;

/** Where the fields are in a record, in words; -1 for one that it lacks. */
export interface Places {
  kind: number;
  val: number;
  ret: number;
  count: number;
  mapcount: number;
  flags: number;
  flagsHigh: number;
  mapping: number;
  mappingHigh: number;
}

/** Distinct contents. */
export class Shapes {
  /** Those that another thread found: to be looked up. */
  static over(words: Int32Array, size: number): Shapes {
    return Object.assign(new Shapes(), { words, size });
  }

  size = 0;
  /** `SHAPE_WORDS` a shape */
  words = new Int32Array(SHAPE_WORDS * 64);
  private readonly slots = new Slots();

  /**
   * The number of the content of a record that begins at the word `start`. One long function: every event of a recording
   * comes by, and numbers of 32 bits that are handed on cost an allocation.
   */
  intern(record: Int32Array, start: number, places: Places): number {
    const { kind } = places;
    const val = places.val < 0 ? 0 : record[start + places.val];
    const ret = places.ret < 0 ? 0 : record[start + places.ret];
    const count = places.count < 0 ? 0 : record[start + places.count];
    const mapcount = places.mapcount < 0 ? 0 : record[start + places.mapcount];
    const flags = places.flags < 0 ? 0 : record[start + places.flags];
    const flagsHigh = places.flagsHigh < 0 ? 0 : record[start + places.flagsHigh];
    const mapping = places.mapping < 0 ? 0 : record[start + places.mapping];
    const mappingHigh = places.mappingHigh < 0 ? 0 : record[start + places.mappingHigh];
    // products that do not wait for each other
    let hash =
      Math.imul(kind ^ (count << 6) ^ (val << 18), 0x9e3779b1) ^
      Math.imul(flags ^ (ret << 27), 0x85ebca6b) ^
      Math.imul(mapping ^ (mapcount << 3), 0xc2b2ae35) ^
      Math.imul(flagsHigh ^ (mappingHigh << 1), 0x27d4eb2f);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    hash ^= hash >>> 13;
    const { ids } = this.slots;
    const { words } = this;
    const mask = ids.length - 1;
    let slot = hash & mask;
    for (let id = ids[slot]; id >= 0; id = ids[slot]) {
      const at = id * SHAPE_WORDS;
      if (
        words[at + FIELD.count] === count &&
        words[at + FIELD.val] === val &&
        words[at + FIELD.kind] === kind &&
        words[at + FIELD.flags] === flags &&
        words[at + FIELD.mapping] === mapping &&
        words[at + FIELD.mapcount] === mapcount &&
        words[at + FIELD.ret] === ret &&
        words[at + FIELD.mappingHigh] === mappingHigh &&
        words[at + FIELD.flagsHigh] === flagsHigh
      ) {
        return id;
      }
      slot = (slot + 1) & mask;
    }
    const at = this.size * SHAPE_WORDS;
    if (at + SHAPE_WORDS > this.words.length) this.words = grown(this.words, at + SHAPE_WORDS);
    this.words.set([kind, val, ret, count, mapcount, flags, flagsHigh, mapping, mappingHigh], at);
    this.slots.put(slot, hash, this.size);
    return this.size++;
  }
}

/** Distinct (CPU, task, name of the task). */
export class Whos {
  /** Those that another thread found: to be looked up. */
  static over(contents: ReturnType<Whos['contents']>): Whos {
    return Object.assign(new Whos(), contents, { size: contents.pid.length });
  }

  size = 0;
  cpu = new Uint16Array(64);
  pid = new Int32Array(64);
  /** id in `Recording.comms`, -1 where the name was not saved */
  comm = new Int32Array(64);
  private readonly slots = new Slots();

  intern(cpu: number, pid: number, comm: number): number {
    let hash = Math.imul(pid, 0x9e3779b1) ^ Math.imul(comm + 1, 0x85ebca6b) ^ Math.imul(cpu, 0xc2b2ae35);
    hash ^= hash >>> 15;
    const { slots } = this;
    const mask = slots.ids.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const id = slots.ids[slot];
      if (id < 0) return this.add(slot, hash, cpu, pid, comm);
      if (slots.hashes[slot] === hash && this.cpu[id] === cpu && this.pid[id] === pid && this.comm[id] === comm)
        return id;
    }
  }

  /** All of them, by number. */
  contents(): { cpu: Uint16Array; pid: Int32Array; comm: Int32Array } {
    const { size, cpu, pid, comm } = this;
    return { cpu: cpu.slice(0, size), pid: pid.slice(0, size), comm: comm.slice(0, size) };
  }

  private add(slot: number, hash: number, cpu: number, pid: number, comm: number): number {
    const id = this.size++;
    if (id === this.pid.length) {
      this.cpu = grown(this.cpu, id + 1);
      this.pid = grown(this.pid, id + 1);
      this.comm = grown(this.comm, id + 1);
    }
    this.cpu[id] = cpu;
    this.pid[id] = pid;
    this.comm[id] = comm;
    this.slots.put(slot, hash, id);
    return id;
  }
}

/** Page numbers to small numbers, in the order in which they were met. */
export class PageTable {
  size = 0;
  /** by page: its number in the kernel; a double, since it can exceed 32 bits */
  pfn = new Float64Array(1024);
  /** 1 + the page (0: free) and the low half of its pfn, side by side: a look-up touches one line of the cache */
  private slots = new Int32Array(8192);
  /** no pfn has more than 32 bits, as on nearly every machine */
  private narrow = true;
  private lastLow = 0;
  private lastHigh = -1;
  private last = -1;

  /** The page of a pfn, given as two 32-bit halves; it becomes known. */
  add(low: number, high: number): number {
    if (low === this.lastLow && high === this.lastHigh) return this.last;
    if (this.slots.length === 0) this.grow();
    const slot = this.slotOf(low, high);
    let page = this.slots[slot] - 1;
    if (page < 0) {
      page = this.size++;
      if (page >= this.pfn.length) this.pfn = grown(this.pfn, page + 1);
      this.pfn[page] = (high >>> 0) * 4294967296 + (low >>> 0);
      this.slots[slot] = page + 1;
      this.slots[slot + 1] = low;
      if (high !== 0) this.narrow = false;
      if (this.size * 4 > this.slots.length) this.grow();
    }
    this.lastLow = low;
    this.lastHigh = high;
    this.last = page;
    return page;
  }

  /** Takes over the pages that another table has in this order: of each pfn the low and the high half. */
  take(pairs: Int32Array): void {
    this.size = pairs.length / 2;
    this.pfn = new Float64Array(Math.max(1024, this.size));
    for (let page = 0; page < this.size; page++) {
      this.pfn[page] = (pairs[2 * page + 1] >>> 0) * 4294967296 + (pairs[2 * page] >>> 0);
      if (pairs[2 * page + 1] !== 0) this.narrow = false;
    }
    this.lastHigh = -1;
    // to be filled when it is asked
    this.slots = new Int32Array(0);
  }

  /** The page of a pfn, -1 for one that was not met. */
  find(pfn: number): number {
    if (this.slots.length === 0) this.grow();
    return this.slots[this.slotOf(pfn | 0, Math.floor(pfn / 4294967296) | 0)] - 1;
  }

  /** Neighbours stay together, eight to a cache line; the lines are scattered. */
  private slotOf(low: number, high: number): number {
    const { slots, narrow } = this;
    const mask = slots.length / 2 - 1;
    const product = Math.imul((low >>> 3) ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1);
    // pages far apart differ in its upper half alone
    const line = product ^ (product >>> 15);
    for (let at = ((line << 3) | (low & 7)) & mask; ; at = (at + 1) & mask) {
      const page = slots[at * 2] - 1;
      if (page < 0) return at * 2;
      if (slots[at * 2 + 1] === low && ((narrow && high === 0) || this.highOf(page) === high)) return at * 2;
    }
  }

  private highOf(page: number): number {
    return (this.pfn[page] / 4294967296) | 0;
  }

  private grow(): void {
    let length = 8192;
    while (length < this.size * 4) length *= 2;
    this.slots = new Int32Array(length);
    for (let page = 0; page < this.size; page++) {
      const low = this.pfn[page] | 0;
      const slot = this.slotOf(low, this.highOf(page));
      this.slots[slot] = page + 1;
      this.slots[slot + 1] = low;
    }
  }
}

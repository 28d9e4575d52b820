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

/** Distinct contents; the caller fills `scratch` (words by `FIELD`) and interns it. */
export class Shapes {
  size = 0;
  /** `SHAPE_WORDS` a shape */
  words = new Int32Array(SHAPE_WORDS * 64);
  readonly scratch = new Int32Array(SHAPE_WORDS);
  private readonly slots = new Slots();

  /** The number of the content in `scratch`. */
  intern(): number {
    const { scratch, slots } = this;
    // independent products: a chain of them would wait for each
    let hash =
      (Math.imul(scratch[0] + 1, 0x9e3779b1) + Math.imul(scratch[1], 0x85ebca6b)) ^
      (Math.imul(scratch[2], 0xc2b2ae35) + Math.imul(scratch[3], 0x27d4eb2f)) ^
      (Math.imul(scratch[4], 0x165667b1) + Math.imul(scratch[5], 0x2c1b3c6d)) ^
      (Math.imul(scratch[6], 0x297a2d39) + Math.imul(scratch[7], 0x369dea0f) + Math.imul(scratch[8], 0x5bd1e995));
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    hash ^= hash >>> 13;
    const mask = slots.ids.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const id = slots.ids[slot];
      if (id < 0) return this.add(slot, hash);
      if (slots.hashes[slot] === hash && this.same(id)) return id;
    }
  }

  private same(id: number): boolean {
    const { words, scratch } = this;
    const at = id * SHAPE_WORDS;
    for (let word = 0; word < SHAPE_WORDS; word++) if (words[at + word] !== scratch[word]) return false;
    return true;
  }

  private add(slot: number, hash: number): number {
    const id = this.size++;
    if (this.size * SHAPE_WORDS > this.words.length) this.words = grown(this.words, this.size * SHAPE_WORDS);
    this.words.set(this.scratch, id * SHAPE_WORDS);
    this.slots.put(slot, hash, id);
    return id;
  }
}

/** Distinct (CPU, task, name of the task). */
export class Whos {
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
  private slots = new Int32Array(4096).fill(-1);

  /** The page of a pfn, which becomes known. */
  add(pfn: number): number {
    const slot = this.slotOf(pfn);
    const known = this.slots[slot];
    if (known >= 0) return known;
    const page = this.size++;
    if (page >= this.pfn.length) this.pfn = grown(this.pfn, page + 1);
    this.pfn[page] = pfn;
    this.slots[slot] = page;
    if (this.size * 2 > this.slots.length) this.grow();
    return page;
  }

  /** The page of a pfn, -1 for one that was not met. */
  find(pfn: number): number {
    return this.slots[this.slotOf(pfn)];
  }

  /** Neighbours stay together, sixteen to a cache line; the lines are scattered. */
  private slotOf(pfn: number): number {
    const mask = this.slots.length - 1;
    const low = pfn >>> 0;
    const line = Math.imul((low >>> 4) ^ (pfn / 4294967296), 0x9e3779b1) >>> 7;
    for (let slot = ((line << 4) | (low & 15)) & mask; ; slot = (slot + 1) & mask) {
      const page = this.slots[slot];
      if (page < 0 || this.pfn[page] === pfn) return slot;
    }
  }

  private grow(): void {
    this.slots = new Int32Array(this.slots.length * 2).fill(-1);
    for (let page = 0; page < this.size; page++) this.slots[this.slotOf(this.pfn[page])] = page;
  }
}

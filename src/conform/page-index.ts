// SPDX-License-Identifier: Apache-2.0
/**
 * Which rows of a recording belong to which page: a page's life becomes one slice. Two passes of counting, no object a page.
 */
import { OP, type Op, opOf } from '../spec/ops.js';
import type { Recording } from '../trace/recording.js';

export interface PageIndex {
  /** distinct pages, in the order of their first event */
  pages: Float64Array;
  /** rows of page `p` are `rows[starts[p], starts[p + 1])`, in the order of time */
  starts: Uint32Array;
  rows: Uint32Array;
  /** by event kind */
  ops: Uint8Array;
  /** the page of a pfn, -1 for none */
  find(pfn: number): number;
}

/** Indexes all events that say something about a page's count or allocation. */
export function indexPages(recording: Recording): PageIndex {
  const { events, kinds } = recording;
  const ops = Uint8Array.from(kinds, ({ name }): Op => opOf(name));
  const table = new PfnTable();
  const pageOf = new Int32Array(events.length).fill(-1);
  let counts = new Uint32Array(1024);
  let used = 0;
  for (let row = 0; row < events.length; row++) {
    const pfn = events.pfn[row];
    if (pfn < 0 || ops[events.kind[row]] === OP.none) continue;
    const page = table.add(pfn);
    if (page >= counts.length) {
      const larger = new Uint32Array(counts.length * 2);
      larger.set(counts);
      counts = larger;
    }
    counts[page]++;
    pageOf[row] = page;
    used++;
  }
  const starts = new Uint32Array(table.size + 1);
  for (let page = 0; page < table.size; page++) starts[page + 1] = starts[page] + counts[page];
  const next = starts.slice();
  const rows = new Uint32Array(used);
  for (let row = 0; row < events.length; row++) if (pageOf[row] >= 0) rows[next[pageOf[row]]++] = row;
  return { pages: table.keys.slice(0, table.size), starts, rows, ops, find: (pfn) => table.find(pfn) };
}

/** Page numbers to small numbers, open addressing. */
class PfnTable {
  keys = new Float64Array(1024);
  size = 0;
  private slots = new Int32Array(4096).fill(-1);

  add(pfn: number): number {
    const slot = this.slotOf(pfn);
    if (this.slots[slot] >= 0) return this.slots[slot];
    const page = this.size++;
    if (page >= this.keys.length) {
      const larger = new Float64Array(this.keys.length * 2);
      larger.set(this.keys);
      this.keys = larger;
    }
    this.keys[page] = pfn;
    this.slots[slot] = page;
    if (this.size * 2 > this.slots.length) this.grow();
    return page;
  }

  find(pfn: number): number {
    return this.slots[this.slotOf(pfn)];
  }

  private slotOf(pfn: number): number {
    const mask = this.slots.length - 1;
    let slot = Math.imul((pfn >>> 0) ^ (pfn / 4294967296), 0x9e3779b1) >>> 8;
    for (slot &= mask; ; slot = (slot + 1) & mask) {
      const page = this.slots[slot];
      if (page < 0 || this.keys[page] === pfn) return slot;
    }
  }

  private grow(): void {
    this.slots = new Int32Array(this.slots.length * 2).fill(-1);
    for (let page = 0; page < this.size; page++) this.slots[this.slotOf(this.keys[page])] = page;
  }
}

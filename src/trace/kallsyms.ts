// SPDX-License-Identifier: Apache-2.0
/** /proc/kallsyms (`address type name[\t[module]]`) as a sorted table, made when the first address is asked for. */
import { asciiOf } from './bytes.js';

const isText = (type: number): boolean => 'tTwW'.includes(String.fromCharCode(type));

/** Names kernel addresses. Addresses are kept in two halves: they do not fit a double. */
export class SymbolTable {
  private readonly low: Uint32Array;
  private readonly high: Uint32Array;
  private readonly nameFrom: Uint32Array;
  private readonly order: Uint32Array;
  private readonly known = new Map<string, string | undefined>();

  constructor(private readonly text: Uint8Array) {
    let lines = 0;
    for (let at = text.indexOf(10); at >= 0; at = text.indexOf(10, at + 1)) lines++;
    this.low = new Uint32Array(lines + 1);
    this.high = new Uint32Array(lines + 1);
    this.nameFrom = new Uint32Array(lines + 1);
    const size = this.fill();
    this.order = new Uint32Array(size).map((_, at) => at);
    this.order.sort((a, b) => this.high[a] - this.high[b] || this.low[a] - this.low[b] || a - b);
  }

  /** The name of the function that holds the address, undefined outside all of them. */
  lookup(low: number, high: number): string | undefined {
    const key = `${high}:${low}`;
    if (!this.known.has(key)) this.known.set(key, this.search(low, high));
    return this.known.get(key);
  }

  /** The names of all functions, those of modules without their module. */
  names(): Set<string> {
    return new Set(Array.from(this.order, (at) => this.nameAt(this.nameFrom[at]).replace(/ \[.*$/, '')));
  }

  private fill(): number {
    const { text } = this;
    let size = 0;
    for (let from = 0; from < text.length; ) {
      let end = text.indexOf(10, from);
      if (end < 0) end = text.length;
      const space = text.indexOf(32, from);
      const digits = space - from;
      if (space > 0 && digits <= 16 && space + 3 < end && isText(text[space + 1])) {
        const address = asciiOf(text, from, space).padStart(16, '0');
        this.high[size] = Number.parseInt(address.slice(0, 8), 16);
        this.low[size] = Number.parseInt(address.slice(8), 16);
        this.nameFrom[size] = space + 3;
        // all zero: the recorder was not allowed to see addresses
        if (this.high[size] !== 0 || this.low[size] !== 0) size++;
      }
      from = end + 1;
    }
    return size;
  }

  private search(low: number, high: number): string | undefined {
    let from = 0;
    let to = this.order.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const at = this.order[middle];
      const above = this.high[at] - high || this.low[at] - low;
      if (above > 0) to = middle;
      else from = middle + 1;
    }
    if (from === 0) return undefined;
    const same = (a: number, b: number) => this.low[a] === this.low[b] && this.high[a] === this.high[b];
    // of several names for one address the kernel prints the first (kernel/kallsyms.c: get_symbol_pos)
    while (from > 1 && same(this.order[from - 1], this.order[from - 2])) from--;
    const at = this.order[from - 1];
    // a function of a megabyte is none: the address lies behind the last symbol, in a module that was not listed
    if ((high - this.high[at]) * 4294967296 + (low - this.low[at]) > 0x100000) return undefined;
    return this.nameAt(this.nameFrom[at]);
  }

  private nameAt(from: number): string {
    let end = this.text.indexOf(10, from);
    if (end < 0) end = this.text.length;
    return asciiOf(this.text, from, end).replace(/\t+/, ' ').trim();
  }
}

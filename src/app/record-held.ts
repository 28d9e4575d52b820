// SPDX-License-Identifier: Apache-2.0
/**
 * Which pages of devices somebody holds now, on a kernel that says it nowhere: /proc/kpagecount counts mappings, and leaves out
 * device memory. A probe on write(2) reads the pages' counts: the address of their struct pages is what we write to /dev/null
 * (Documentation/trace/kprobetrace.rst: `+u0(…)` is user memory, `+52(…)` kernel memory; what cannot be read is a "(fault)").
 *
 * Not here: the probes on functions that take and put (record-substitute.ts). x86-64 only: elsewhere nothing that a probe can
 * read tells where the memory map is.
 */
import type { PfnRange } from '../conform/ranges.js';
import type { KernelVersion } from '../spec/kernel-version.js';
import { type PageKind, restRule } from '../spec/rest.js';
import type { Host, Symbols } from './record-host.js';
import { statsOf } from './record-pump.js';
import { type Instance, makeInstance } from './record-tracefs.js';
import type { Undo } from './record-undo.js';

/** offsets in struct page of every 64-bit kernel from 5.10 to 7.3 (include/linux/mm_types.h) */
export const REFCOUNT = 52;
const MAPCOUNT = 48;
/** of a page of ZONE_DEVICE: its struct dev_pagemap, one for a range */
const PGMAP = 8;
/** bytes of struct page: as distributions have it, and without CONFIG_MEMCG */
const SIZES = [64, 56] as const;
/** pages whose counts one write reads; their struct pages lie in one page, which is there or not */
const AT_ONCE = 16;
/** of the longest look, 16 GiB of device memory: some seconds */
const MOST_PAGES = 1 << 22;
/** pages that are named */
const NAMED = 32;
/** where the memory map begins if its place is not random (arch/x86/include/asm/pgtable_64_types.h) */
const FIXED_BASE = 0xffffea0000000000n;

/** A page that counts more than an idle one and its mappings together. */
export interface HeldPage {
  pfn: number;
  kind: PageKind;
  count: number;
  /** what a page of its kind counts when nobody uses it */
  idle: number;
  /** mappings that the page knows of */
  mapped: number;
}

/** What was found at the end of the recording. */
export interface Held {
  /** pages looked at, and of all device memory */
  looked: number;
  of: number;
  /** how many are held (at least that many where `more`), and the first of them */
  count: number;
  more: boolean;
  pages: HeldPage[];
}

export class MemoryMap {
  /** bytes of struct page, 0 while it is not known */
  private size = 0;

  private constructor(
    private readonly instance: Instance,
    private readonly system: string,
    /** address of the struct page of page 0 */
    private readonly base: bigint,
  ) {}

  /** @returns undefined on a machine that does not let its memory map be read so */
  static open(host: Host, root: string, has: Symbols, undo: Undo): MemoryMap | undefined {
    const control = `${root}/kprobe_events`;
    const call = '__x64_sys_write';
    if (host.machine !== 'x86_64' || !host.exists(control) || !has(call, 'tT')) return undefined;
    const system = `refzero_held_${host.pid}`;
    const moves = has('vmemmap_base', 'dDbBrR');
    for (const size of SIZES) {
      const probe = `${system}/held${size}`;
      try {
        host.write(control, `p:${probe} ${call} ${fieldsOf(size, moves).join(' ')}\n`);
      } catch {
        return undefined;
      }
      undo.add(`the probe ${probe} is still there`, () => host.write(control, `-:${probe}\n`));
    }
    const instance = makeInstance(host, root, undo, 'held-');
    instance.write('options/stacktrace', '0');
    const map = (base: bigint) => new MemoryMap(instance, system, base);
    if (!moves) return map(FIXED_BASE);
    const [line = ''] = map(0n).ask(SIZES[0], `common_pid == ${host.pid}`, [0n]);
    const base = /\bbase=(0x[0-9a-f]+)/.exec(line)?.[1];
    return base === undefined ? undefined : map(BigInt(base));
  }

  /**
   * Finds out how large a struct page is: all pages of a range have one dev_pagemap.
   * @returns is it known now?
   */
  measure(ranges: readonly PfnRange[]): boolean {
    const some = ranges.flatMap(({ first, last }) => [first, Math.floor((first + last) / 2), last + 1 - AT_ONCE]);
    const starts = some.map((pfn) => Math.max(0, pfn - (pfn % AT_ONCE)));
    for (const size of this.size === 0 ? SIZES : []) {
      const addresses = starts.map((pfn) => this.base + BigInt(pfn * size));
      const lines = this.ask(size, `common_pid == ${this.instance.host.pid}`, addresses);
      if (this.size === 0 && lines.some(hasOnePagemap)) this.size = size;
    }
    return this.size !== 0;
  }

  /** Is a struct page as large as that of distributions? Then its address tells its number to whoever knows the base. */
  get usual(): boolean {
    return this.size === SIZES[0];
  }

  /** The address of a page's struct page, as the kernel's filters are written, once the size is known. */
  address(pfn: number): string {
    return `0x${(this.base + BigInt(pfn * this.size)).toString(16)}`;
  }

  /**
   * Looks at the pages of `ranges`. The caller is stopped meanwhile: a second or two for a million pages.
   * @returns undefined where struct page is of a size that is not known
   */
  held(ranges: readonly PfnRange[], kernel: KernelVersion): Held | undefined {
    if (!this.measure(ranges)) return undefined;
    const { size, base } = this;
    const found = new Map<number, HeldPage>();
    let looked = 0;
    for (const { first, last, kind } of ranges) {
      const idle = restRule(kind, kernel)?.idle;
      if (idle === undefined) continue;
      const from = first - (first % AT_ONCE);
      const to = Math.min(last + 1, from + MOST_PAGES - looked);
      const addresses = (function* () {
        for (let pfn = from; pfn < to; pfn += AT_ONCE) yield base + BigInt(pfn * size);
      })();
      const above = Array.from({ length: AT_ONCE }, (_, page) => `c${page} > ${idle}`).join(' || ');
      for (const line of this.ask(size, `common_pid == ${this.instance.host.pid} && (${above})`, addresses)) {
        for (const page of this.pagesIn(line, kind, idle)) {
          if (page.pfn >= first && page.pfn <= last) found.set(page.pfn, page);
        }
      }
      looked += Math.max(0, to - first);
    }
    const of = ranges.reduce((sum, { first, last }) => sum + last + 1 - first, 0);
    const pages = [...found.values()].sort((a, b) => a.pfn - b.pfn);
    const more = this.instance.cpus().some((cpu) => statsOf(this.instance, cpu).overrun > 0);
    return { looked, of, count: pages.length, more, pages: pages.slice(0, NAMED) };
  }

  /** Those of one look that are held. */
  private pagesIn(line: string, kind: PageKind, idle: number): HeldPage[] {
    const at = /\bat=(0x[0-9a-f]+)/.exec(line)?.[1];
    if (at === undefined || line.includes('there=(fault)')) return [];
    const start = Number((BigInt(at) - this.base) / BigInt(this.size));
    const pages: HeldPage[] = [];
    for (const [, name, count, mapcount] of line.matchAll(/\bc(\d+)=(-?\d+) m\d+=(-?\d+) /g)) {
      const mapped = Math.max(0, Number(mapcount) + 1);
      const page = { pfn: start + Number(name), kind, count: Number(count), idle, mapped };
      if (page.count - idle - mapped > 0) pages.push(page);
    }
    return pages;
  }

  /** Has the kernel look at each address. @returns the looks that pass the filter, a line each */
  private ask(size: number, filter: string, addresses: Iterable<bigint>): string[] {
    const { instance, system } = this;
    const event = `events/${system}/held${size}`;
    const bytes = new Uint8Array(8);
    const word = new DataView(bytes.buffer);
    instance.write(`${event}/filter`, filter);
    instance.write(`${event}/enable`, '1');
    instance.write('tracing_on', '1');
    try {
      for (const address of addresses) {
        word.setBigUint64(0, address, true);
        instance.host.toNowhere(bytes);
      }
    } finally {
      instance.write('tracing_on', '0');
      instance.write(`${event}/enable`, '0');
    }
    const own = new RegExp(`(?:^| )held${size}: `);
    const lines = instance.read('trace').split('\n');
    return lines.filter((line) => own.test(line));
  }
}

/** What a probe reads of 16 struct pages of that size that lie where the second argument of write(2) says. */
function fieldsOf(size: number, moves: boolean): string[] {
  // rsi in the saved registers
  const written = '+u0(+104($arg1))';
  const words = Array.from({ length: AT_ONCE }, (_, page) => [
    `c${page}=+${page * size + REFCOUNT}(${written}):s32`,
    `m${page}=+${page * size + MAPCOUNT}(${written}):s32`,
    `g${page}=+${page * size + PGMAP}(${written}):x64`,
  ]);
  // the highest byte of a count is zero: as a string, empty
  const fields = [`at=${written}:x64`, ...words.flat(), `there=+${REFCOUNT + 3}(${written}):string`];
  return moves ? [...fields, 'base=@vmemmap_base:x64'] : fields;
}

/** Is the same pointer into the kernel in all pages of a look? */
function hasOnePagemap(line: string): boolean {
  const pointers = Array.from(line.matchAll(/\bg\d+=0x([0-9a-f]+)/g), ([, pointer]) => pointer);
  const [first = ''] = pointers;
  return !line.includes('there=(fault)') && /^ff.{14}$/.test(first) && pointers.every((pointer) => pointer === first);
}

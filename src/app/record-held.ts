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

/** offsets in struct page of every 64-bit kernel from 5.10 to 7.3 (include/linux/mm_types.h), and its size there */
export const REFCOUNT = 52;
const MAPCOUNT = 48;
const PAGE_STRUCT = 64;
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
  private constructor(
    private readonly instance: Instance,
    private readonly system: string,
    /** address of the struct page of page 0 */
    readonly base: bigint,
  ) {}

  /** @returns undefined on a machine that does not let its memory map be read so */
  static open(host: Host, root: string, has: Symbols, undo: Undo): MemoryMap | undefined {
    const control = `${root}/kprobe_events`;
    const call = '__x64_sys_write';
    if (host.machine !== 'x86_64' || !host.exists(control) || !has(call, 'tT')) return undefined;
    const system = `refzero_held_${host.pid}`;
    const moves = has('vmemmap_base', 'dDbBrR');
    // the second argument of write(2): rsi in the saved registers
    const written = '+u0(+104($arg1))';
    const words = Array.from({ length: AT_ONCE }, (_, page) => [
      `c${page}=+${page * PAGE_STRUCT + REFCOUNT}(${written}):s32`,
      `m${page}=+${page * PAGE_STRUCT + MAPCOUNT}(${written}):s32`,
    ]);
    // the highest byte of a count is zero: as a string, empty
    const fields = [`at=${written}:x64`, ...words.flat(), `there=+${REFCOUNT + 3}(${written}):string`];
    if (moves) fields.push('base=@vmemmap_base:x64');
    try {
      host.write(control, `p:${system}/held ${call} ${fields.join(' ')}\n`);
    } catch {
      return undefined;
    }
    undo.add(`the probe ${system}/held is still there`, () => host.write(control, `-:${system}/held\n`));
    const instance = makeInstance(host, root, undo, 'held-');
    instance.write('options/stacktrace', '0');
    const map = (base: bigint) => new MemoryMap(instance, system, base);
    if (!moves) return map(FIXED_BASE);
    const [line = ''] = map(0n).ask(`common_pid == ${host.pid}`, [0n]);
    const base = /\bbase=(0x[0-9a-f]+)/.exec(line)?.[1];
    return base === undefined ? undefined : map(BigInt(base));
  }

  /** The address of a page's struct page, as the kernel's filters are written. */
  address(pfn: number): string {
    return `0x${(this.base + BigInt(pfn * PAGE_STRUCT)).toString(16)}`;
  }

  /** Looks at the pages of `ranges`. The caller is stopped meanwhile: a second or two for a million pages. */
  held(ranges: readonly PfnRange[], kernel: KernelVersion): Held {
    const found = new Map<number, HeldPage>();
    let looked = 0;
    for (const { first, last, kind } of ranges) {
      const idle = restRule(kind, kernel)?.idle;
      if (idle === undefined) continue;
      const from = first - (first % AT_ONCE);
      const to = Math.min(last + 1, from + MOST_PAGES - looked);
      const addresses = (function* (base: bigint) {
        for (let pfn = from; pfn < to; pfn += AT_ONCE) yield base + BigInt(pfn * PAGE_STRUCT);
      })(this.base);
      const above = Array.from({ length: AT_ONCE }, (_, page) => `c${page} > ${idle}`).join(' || ');
      for (const line of this.ask(`common_pid == ${this.instance.host.pid} && (${above})`, addresses)) {
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
    const start = Number((BigInt(at) - this.base) / BigInt(PAGE_STRUCT));
    const pages: HeldPage[] = [];
    for (const [, name, count, mapcount] of line.matchAll(/\bc(\d+)=(-?\d+) m\d+=(-?\d+)/g)) {
      const mapped = Math.max(0, Number(mapcount) + 1);
      const page = { pfn: start + Number(name), kind, count: Number(count), idle, mapped };
      if (page.count - idle - mapped > 0) pages.push(page);
    }
    return pages;
  }

  /** Has the kernel look at each address. @returns the looks that pass the filter, a line each */
  private ask(filter: string, addresses: Iterable<bigint>): string[] {
    const { instance, system } = this;
    const { host } = instance;
    const event = `events/${system}/held`;
    const bytes = new Uint8Array(8);
    const word = new DataView(bytes.buffer);
    instance.write(`${event}/filter`, filter);
    instance.write(`${event}/enable`, '1');
    instance.write('tracing_on', '1');
    try {
      for (const address of addresses) {
        word.setBigUint64(0, address, true);
        host.toNowhere(bytes);
      }
    } finally {
      instance.write('tracing_on', '0');
      instance.write(`${event}/enable`, '0');
    }
    return instance
      .read('trace')
      .split('\n')
      .filter((line) => /(?:^| )held: /.test(line));
  }
}

// SPDX-License-Identifier: Apache-2.0
/**
 * The head of a trace.dat version 6, from the texts that tracefs gave (trace-cmd Documentation/trace-cmd/trace-cmd.dat.v6.5.txt):
 * every trace-cmd and KernelShark reads version 6. What follows it are the sub-buffers of the CPUs as the kernel handed them out.
 *
 * Not here: where the texts are from, and writing of files (src/app/record*.ts). Reading is dat.ts.
 */
import { DAT_MAGIC } from './dat.js';
import { OPTION } from './dat-parts.js';

export interface DatSystem {
  name: string;
  /** texts of the format files */
  formats: readonly string[];
}

export interface DatHead {
  /** byte order and word size of the traced machine */
  little: boolean;
  longSize: 4 | 8;
  /** of a sub-buffer, in bytes */
  pageSize: number;
  /** events/header_page and events/header_event */
  headerPage: string;
  headerEvent: string;
  /** formats of `ftrace` and of the systems that were enabled */
  ftrace: readonly string[];
  systems: readonly DatSystem[];
  kallsyms: Uint8Array;
  printk: Uint8Array;
  /** `pid comm` lines */
  cmdlines: string;
  /** text of trace_clock, the chosen one in brackets */
  clock: string;
  /** `uname -a` */
  uname: string;
  /** texts of per_cpu/cpuN/stats, by CPU */
  cpuStats: readonly { cpu: number; text: string }[];
  /** what the recorder knows of the machine, as JSON (src/app/record-facts.ts) */
  facts: string;
  /** bytes of sub-buffers of CPU 0, 1, …, in this order behind the head; 0 for a CPU that has none */
  sizes: readonly number[];
}

const encoder = new TextEncoder();

/** Pieces one behind the other, numbers in the order of the machine. */
class Writer {
  private readonly parts: Uint8Array[] = [];
  size = 0;

  constructor(private readonly little: boolean) {}

  bytes(bytes: Uint8Array): this {
    this.parts.push(bytes);
    this.size += bytes.length;
    return this;
  }
  text(text: string): this {
    return this.bytes(encoder.encode(text));
  }
  u8(value: number): this {
    return this.bytes(Uint8Array.of(value));
  }
  u16(value: number): this {
    return this.number(2, (view) => view.setUint16(0, value, this.little));
  }
  u32(value: number): this {
    return this.number(4, (view) => view.setUint32(0, value, this.little));
  }
  u64(value: number): this {
    return this.number(8, (view) => view.setBigUint64(0, BigInt(value), this.little));
  }
  /** u64 size and text */
  block(text: string): this {
    const bytes = encoder.encode(text);
    return this.u64(bytes.length).bytes(bytes);
  }
  option(id: number, text: string): this {
    const bytes = encoder.encode(text);
    return this.u16(id).u32(bytes.length).bytes(bytes);
  }
  join(): Uint8Array {
    const out = new Uint8Array(this.size);
    let at = 0;
    for (const part of this.parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
  private number(size: number, set: (view: DataView) => void): this {
    const bytes = new Uint8Array(size);
    set(new DataView(bytes.buffer));
    return this.bytes(bytes);
  }
}

/** @returns everything before the data of the first CPU; its length is a multiple of the page size */
export function datHead(head: DatHead): Uint8Array {
  const out = new Writer(head.little).bytes(Uint8Array.from(DAT_MAGIC)).text('6\0');
  out
    .u8(head.little ? 0 : 1)
    .u8(head.longSize)
    .u32(head.pageSize);
  out.text('header_page\0').block(head.headerPage).text('header_event\0').block(head.headerEvent);
  out.u32(head.ftrace.length);
  for (const format of head.ftrace) out.block(format);
  out.u32(head.systems.length);
  for (const { name, formats } of head.systems) {
    out.text(`${name}\0`).u32(formats.length);
    for (const format of formats) out.block(format);
  }
  out.u32(head.kallsyms.length).bytes(head.kallsyms);
  out.u32(head.printk.length).bytes(head.printk);
  out.block(head.cmdlines);
  out.u32(head.sizes.length);
  writeOptions(out, head);
  writeTable(out, head);
  return out.join();
}

function writeOptions(out: Writer, head: DatHead): void {
  out.text('options  \0');
  for (const { cpu, text } of head.cpuStats) out.option(OPTION.cpuStat, `CPU: ${cpu}\n${text}\0`);
  out.option(OPTION.clock, `${head.clock}\0`).option(OPTION.uname, `${head.uname}\0`);
  out.option(OPTION.facts, head.facts).u16(OPTION.done);
}

/** Where each CPU's data lies, the clock again, and zeros up to the first page. */
function writeTable(out: Writer, { sizes, clock, pageSize }: DatHead): void {
  out.text('flyrecord\0');
  const begin = out.size + sizes.length * 16 + 8 + encoder.encode(clock).length;
  let offset = Math.ceil(begin / pageSize) * pageSize;
  const data = offset;
  for (const size of sizes) {
    out.u64(offset).u64(size);
    offset += Math.ceil(size / pageSize) * pageSize;
  }
  out.block(clock);
  out.bytes(new Uint8Array(data - out.size));
}

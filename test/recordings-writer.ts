// SPDX-License-Identifier: Apache-2.0
/**
 * Writes trace.dat files, for tests only: any byte order, long size, version and compression, from the parts of a real file
 * or from events made here. It follows trace-cmd's documentation and not src/trace, so that one can check the other.
 */
import { deflateSync } from 'node:zlib';
import { openDat } from '../src/trace/dat.js';
import { type DatFile, unpack } from '../src/trace/dat-parts.js';
import { type Codecs, Notes } from '../src/trace/recording.js';

export interface DatParts {
  version: 6 | 7;
  little: boolean;
  longSize: 4 | 8;
  pageSize: number;
  compression: 'none' | 'zlib' | 'zstd';
  systems: { name: string; formats: string[] }[];
  kallsyms: Uint8Array;
  cmdlines: Uint8Array;
  uname: string;
  clock: string;
  cpuStats: string[];
  buffers: { name: string; cpus: { cpu: number; pages: Uint8Array }[] }[];
  /** further options: id and data */
  options?: { id: number; data: Uint8Array }[];
}

const encoder = new TextEncoder();

/** Grows as it is written to. */
export class Bytes {
  private data = new Uint8Array(1 << 12);
  size = 0;

  constructor(readonly little: boolean) {}

  private room(size: number): DataView {
    if (this.size + size > this.data.length) {
      const larger = new Uint8Array(Math.max(this.data.length * 2, this.size + size));
      larger.set(this.data);
      this.data = larger;
    }
    this.size += size;
    return new DataView(this.data.buffer, this.size - size, size);
  }

  u8(value: number): this {
    this.room(1).setUint8(0, value);
    return this;
  }
  u16(value: number): this {
    this.room(2).setUint16(0, value, this.little);
    return this;
  }
  u32(value: number): this {
    this.room(4).setUint32(0, value >>> 0, this.little);
    return this;
  }
  u64(value: number | bigint): this {
    this.room(8).setBigUint64(0, BigInt.asUintN(64, BigInt(value)), this.little);
    return this;
  }
  raw(bytes: Uint8Array): this {
    const view = this.room(bytes.length);
    new Uint8Array(view.buffer, view.byteOffset, bytes.length).set(bytes);
    return this;
  }
  text(text: string): this {
    return this.raw(encoder.encode(text));
  }
  cstring(text: string): this {
    return this.text(text).u8(0);
  }
  align(to: number): this {
    while (this.size % to !== 0) this.u8(0);
    return this;
  }
  /** overwrites a u64 that was written before */
  patch64(at: number, value: number): void {
    new DataView(this.data.buffer).setBigUint64(at, BigInt(value), this.little);
  }
  done(): Uint8Array {
    return this.data.slice(0, this.size);
  }
}

/** The parts of a real file, ready to be written in another way. */
export function partsOf(bytes: Uint8Array, codecs: Codecs): DatParts {
  const file = openDat(bytes, codecs, new Notes());
  if (!file) throw new Error('no trace.dat');
  const systems = new Map<string, string[]>();
  for (const { system, text } of file.formats.values()) {
    const list = systems.get(system) ?? [];
    list.push(text);
    systems.set(system, list);
  }
  return {
    version: file.version as 6 | 7,
    little: file.little,
    longSize: 8,
    pageSize: file.pageSize,
    compression: file.compression as DatParts['compression'],
    systems: [...systems].map(([name, formats]) => ({ name, formats })),
    kallsyms: file.kallsyms(),
    cmdlines: file.cmdlines,
    uname: file.uname,
    clock: file.buffers[0].clock || file.clock,
    cpuStats: file.cpuStats,
    buffers: file.buffers.map(({ name, areas, compressed }) => ({
      name,
      cpus: areas.map(({ cpu, offset, size }) => ({
        cpu,
        pages: compressed ? unpackArea(file, bytes, offset, size) : bytes.slice(offset, offset + size),
      })),
    })),
  };
}

function unpackArea(file: DatFile, bytes: Uint8Array, offset: number, size: number): Uint8Array {
  const out = new Bytes(true);
  if (size === 0) return out.done();
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let at = offset + 4;
  for (let left = view.getUint32(offset, file.little); left > 0; left--) {
    const packed = view.getUint32(at, file.little);
    out.raw(unpack(file, bytes.subarray(at + 8, at + 8 + packed), view.getUint32(at + 4, file.little)));
    at += 8 + packed;
  }
  return out.done();
}

export function writeDat(parts: DatParts): Uint8Array {
  const out = new Bytes(parts.little);
  out
    .raw(Uint8Array.of(0x17, 0x08, 0x44))
    .text('tracing')
    .cstring(String(parts.version));
  out
    .u8(parts.little ? 0 : 1)
    .u8(parts.longSize)
    .u32(parts.pageSize);
  if (parts.version === 6) writeV6(out, parts);
  else writeV7(out, parts);
  return out.done();
}

const headerInfo = (parts: DatParts): Uint8Array => {
  const { longSize, little } = parts;
  const data = 8 + longSize;
  const page =
    '\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n' +
    `\tfield: local_t commit;\toffset:8;\tsize:${longSize};\tsigned:1;\n` +
    '\tfield: char overwrite;\toffset:8;\tsize:1;\tsigned:0;\n' +
    `\tfield: char data;\toffset:${data};\tsize:${parts.pageSize - data};\tsigned:0;\n`;
  const event = '# compressed entry header\n';
  const bytes = new Bytes(little).cstring('header_page').u64(page.length).text(page);
  return bytes.cstring('header_event').u64(event.length).text(event).done();
};

const ftraceFormats = ({ systems, little }: DatParts): Uint8Array => {
  const formats = systems.find(({ name }) => name === 'ftrace')?.formats ?? [];
  const bytes = new Bytes(little).u32(formats.length);
  for (const text of formats) bytes.u64(text.length).text(text);
  return bytes.done();
};

const eventFormats = ({ systems, little }: DatParts): Uint8Array => {
  const others = systems.filter(({ name }) => name !== 'ftrace');
  const bytes = new Bytes(little).u32(others.length);
  for (const { name, formats } of others) {
    bytes.cstring(name).u32(formats.length);
    for (const text of formats) bytes.u64(text.length).text(text);
  }
  return bytes.done();
};

function plainOptions(parts: DatParts): { id: number; data: Uint8Array }[] {
  return [
    ...parts.cpuStats.map((text) => ({ id: 2, data: encoder.encode(`${text}\0`) })),
    { id: 4, data: encoder.encode(`local [${parts.clock || 'local'}] perf\0`) },
    { id: 5, data: encoder.encode(`${parts.uname}\0`) },
    { id: 99, data: encoder.encode('an option of the future') },
    ...(parts.options ?? []),
  ];
}

function writeV6(out: Bytes, parts: DatParts): void {
  out.raw(headerInfo(parts)).raw(ftraceFormats(parts)).raw(eventFormats(parts));
  out.u32(parts.kallsyms.length).raw(parts.kallsyms).u32(0).u64(parts.cmdlines.length).raw(parts.cmdlines);
  const [top, ...instances] = parts.buffers;
  out.u32(top.cpus.length).text('options  \0');
  const places: number[] = [];
  for (const { id, data } of plainOptions(parts)) out.u16(id).u32(data.length).raw(data);
  for (const { name } of instances) {
    out.u16(3).u32(8 + name.length + 1);
    places.push(out.size);
    out.u64(0).cstring(name);
  }
  out.u16(0);
  for (const [at, buffer] of [top, ...instances].entries()) {
    if (at > 0) out.patch64(places[at - 1], out.size);
    out.text('flyrecord\0');
    const table = out.size;
    for (const { pages } of buffer.cpus) out.u64(0).u64(pages.length);
    for (const [cpu, { pages }] of buffer.cpus.entries()) {
      out.align(parts.pageSize);
      out.patch64(table + cpu * 16, out.size);
      out.raw(pages);
    }
  }
}

function writeV7(out: Bytes, parts: DatParts): void {
  out.cstring(parts.compression).cstring(parts.compression === 'none' ? '' : '1.0');
  const first = out.size;
  out.u64(0);
  const pointers = new Bytes(parts.little);
  const point = (id: number, offset: number) => pointers.u16(id).u32(8).u64(offset);
  const commands = new Bytes(parts.little).u64(parts.cmdlines.length).raw(parts.cmdlines).done();
  point(16, section(out, parts, 16, headerInfo(parts)));
  point(17, section(out, parts, 17, ftraceFormats(parts)));
  point(18, section(out, parts, 18, eventFormats(parts)));
  point(19, section(out, parts, 19, new Bytes(parts.little).u32(parts.kallsyms.length).raw(parts.kallsyms).done()));
  point(21, section(out, parts, 21, commands));
  for (const buffer of parts.buffers) writeBufferV7(out, parts, buffer, pointers);
  for (const { id, data } of plainOptions(parts)) pointers.u16(id).u32(data.length).raw(data);
  pointers.u16(0).u32(8).u64(0);
  out.patch64(first, section(out, parts, 0, pointers.done()));
}

function writeBufferV7(out: Bytes, parts: DatParts, buffer: DatParts['buffers'][0], pointers: Bytes): void {
  const start = out.size;
  out
    .u16(3)
    .u16(parts.compression === 'none' ? 0 : 1)
    .u32(0xffffffff);
  const sizeAt = out.size;
  out.u64(0);
  const table = new Bytes(parts.little)
    .u64(start)
    .cstring(buffer.name)
    .cstring(`[${parts.clock || 'local'}]`);
  table.u32(parts.pageSize).u32(buffer.cpus.length);
  for (const { cpu, pages } of buffer.cpus) {
    if (parts.compression === 'none') out.align(parts.pageSize);
    const offset = out.size;
    if (parts.compression === 'none') out.raw(pages);
    else if (pages.length > 0) out.raw(chunks(parts, pages));
    table
      .u32(cpu)
      .u64(offset)
      .u64(out.size - offset);
  }
  out.patch64(sizeAt, out.size - sizeAt - 8);
  const data = table.done();
  pointers.u16(3).u32(data.length).raw(data);
}

function chunks(parts: DatParts, pages: Uint8Array): Uint8Array {
  const size = parts.pageSize * 10;
  const count = Math.ceil(pages.length / size);
  const bytes = new Bytes(parts.little).u32(count);
  for (let at = 0; at < pages.length; at += size) {
    const plain = pages.subarray(at, at + size);
    const packed = pack(parts, plain);
    bytes.u32(packed.length).u32(plain.length).raw(packed);
  }
  return bytes.done();
}

function section(out: Bytes, parts: DatParts, id: number, content: Uint8Array): number {
  const offset = out.size;
  const packed = parts.compression === 'none' ? undefined : pack(parts, content);
  out
    .u16(id)
    .u16(packed ? 1 : 0)
    .u32(0xffffffff)
    .u64(packed ? packed.length + 8 : content.length);
  if (packed) out.u32(packed.length).u32(content.length).raw(packed);
  else out.raw(content);
  return offset;
}

const pack = ({ compression }: DatParts, plain: Uint8Array): Uint8Array =>
  compression === 'zlib' ? deflateSync(plain) : zstdStored(plain);

/** A zstd frame of uncompressed blocks, without its size, as trace-cmd's frames are (RFC 8878). */
export function zstdStored(plain: Uint8Array): Uint8Array {
  const out = new Bytes(true)
    .u32(0xfd2fb528)
    .u8(0)
    .u8(11 << 3);
  let at = 0;
  do {
    const size = Math.min(128 << 10, plain.length - at);
    const header = (at + size >= plain.length ? 1 : 0) | (size << 3);
    out
      .u8(header & 255)
      .u8((header >>> 8) & 255)
      .u8(header >>> 16)
      .raw(plain.subarray(at, at + size));
    at += size;
  } while (at < plain.length);
  return out.done();
}

/** One event for `pagesOf`. */
export interface MadeEvent {
  /** ns since the previous event of the page; larger than 27 bits becomes a TIME_EXTEND */
  delta: number;
  payload: Uint8Array;
  /** write it with type_len 0 and a length word, whatever its size */
  long?: boolean;
  /** before it: an absolute time stamp, or a discarded event of that many bytes */
  stamp?: bigint;
  discarded?: number;
}

/** One sub-buffer. `missed`: true for lost events, a number where the count is stored behind the data. */
export function pageOf(
  { little, longSize, pageSize }: Pick<DatParts, 'little' | 'longSize' | 'pageSize'>,
  time: bigint,
  events: MadeEvent[],
  missed?: boolean | number,
): Uint8Array {
  const data = new Bytes(little);
  const word = (type: number, delta: number) => data.u32(little ? type | (delta << 5) : (type << 27) | delta);
  for (const { delta, payload, long, stamp, discarded } of events) {
    if (discarded !== undefined)
      word(29, 1)
        .u32(discarded)
        .raw(new Uint8Array(discarded - 4));
    if (stamp !== undefined) word(31, Number(stamp & 0x7ffffffn)).u32(Number((stamp >> 27n) & 0xffffffffn));
    let rest = delta;
    if (rest >= 1 << 27) {
      word(30, rest % (1 << 27)).u32(Math.floor(rest / (1 << 27)));
      rest = 0;
    }
    const words = Math.ceil(payload.length / 4);
    if (long || words > 28 || words === 0) word(0, rest).u32(payload.length + 4);
    else word(words, rest);
    data.raw(payload).align(4);
  }
  const body = data.done();
  const lost = missed === undefined ? 0 : typeof missed === 'number' ? 0xc0000000 : 0x80000000;
  const page = new Bytes(little).u64(time);
  if (longSize === 8) page.u64(BigInt(body.length + lost));
  else page.u32(body.length + lost);
  page.raw(body);
  if (typeof missed === 'number') longSize === 8 ? page.u64(missed) : page.u32(missed);
  return page.raw(new Uint8Array(pageSize - page.size)).done();
}

/** A format file as the kernel prints it. */
export function formatText(
  name: string,
  id: number,
  fields: [type: string, name: string, offset: number, size: number][],
): string {
  const line = ([type, field, offset, size]: [string, string, number, number]) => {
    const signed = /^(int|long|s\d+)\b/.test(type) ? 1 : 0;
    return `\tfield:${type} ${field};\toffset:${offset};\tsize:${size};\tsigned:${signed};\n`;
  };
  const common: [string, string, number, number][] = [
    ['unsigned short', 'common_type', 0, 2],
    ['unsigned char', 'common_flags', 2, 1],
    ['unsigned char', 'common_preempt_count', 3, 1],
    ['int', 'common_pid', 4, 4],
  ];
  const own = fields.map(line).join('');
  return `name: ${name}\nID: ${id}\nformat:\n${common.map(line).join('')}\n${own}\nprint fmt: "x", REC->x\n`;
}

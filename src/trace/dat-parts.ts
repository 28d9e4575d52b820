// SPDX-License-Identifier: Apache-2.0
/** What versions 6 and 7 of trace.dat share: the opened file, format files, options, unpacking (lib/trace-cmd/trace-input.c). */
import { asciiOf, ByteReader, Damaged, textOf } from './bytes.js';
import type { Codecs, Notes } from './recording.js';
import type { Source } from './source.js';

/** Where one CPU's data lies in the file. */
export interface CpuArea {
  cpu: number;
  offset: number;
  size: number;
}

export interface DatBuffer {
  name: string;
  clock: string;
  pageSize: number;
  /** data in compressed chunks (version 7) */
  compressed: boolean;
  areas: CpuArea[];
}

/** Fields of events/header_page that place the parts of a sub-buffer. */
export interface PageLayout {
  commitOffset: number;
  commitSize: number;
  dataOffset: number;
}

export interface DatFile {
  source: Source;
  version: number;
  little: boolean;
  longSize: number;
  pageSize: number;
  compression: string;
  codecs: Codecs;
  layout: PageLayout;
  /** by event id; the text is parsed when the first event of that id is met */
  formats: Map<number, { system: string; text: string }>;
  buffers: DatBuffer[];
  uname: string;
  clock: string;
  /** added to every time stamp, in ns */
  offset: bigint;
  tsc: { mult: number; shift: number; offset: bigint } | undefined;
  cpuStats: string[];
  /** what `refzero record` wrote of the machine */
  facts: string;
  cmdlines: Uint8Array;
  /** /proc/kallsyms, unpacked only when a stack is shown */
  kallsyms: () => Uint8Array;
  notes: Notes;
}

/** Runs `part`; where it meets damage, notes that and gives undefined. */
export function guard<T>(notes: Notes, what: string, part: () => T): T | undefined {
  try {
    return part();
  } catch (error) {
    if (!(error instanceof Damaged)) throw error;
    const where = error.offset >= 0 ? ` at byte ${error.offset}` : '';
    notes.add('RZ3002', `${what} cannot be read: ${error.message}${where}`);
    return undefined;
  }
}

/** The largest block of meta data that is unpacked; a kallsyms or BTF of a big kernel has some 20 MB. */
const MAX_UNPACKED = 256 << 20;
/** zstd and zlib cannot do better than this (a 4-byte run-length block of 128 KiB) */
const MAX_RATIO = 40_000;

/** Unpacks one block that claims to be `size` bytes. @throws Damaged where the claim or the content is wrong */
export function unpack(file: DatFile, packed: Uint8Array, size: number, limit = MAX_UNPACKED): Uint8Array {
  if (size > limit || size > packed.length * MAX_RATIO) {
    throw new Damaged(`a block of ${packed.length} bytes claims to hold ${size}`);
  }
  if (size === 0) return new Uint8Array(0);
  let out: Uint8Array | undefined;
  try {
    if (file.compression === 'zstd') out = file.codecs.zstd(packed, size);
    else if (file.compression === 'zlib') out = file.codecs.zlib(packed, size);
    else throw new Damaged(`compression ${JSON.stringify(file.compression)} is not known`);
  } catch (error) {
    if (error instanceof Damaged) throw error;
  }
  if (out?.length !== size) throw new Damaged(`a ${file.compression} block is damaged`);
  return out;
}

/** events/header_page and events/header_event, as both versions store them. */
export function readHeaderInfo(file: DatFile, reader: ByteReader): void {
  expectTag(reader, 'header_page');
  const text = asciiOf(reader.take(reader.u64()));
  const commit = /field:\s*local_t commit;\s*offset:(\d+);\s*size:(\d+);/.exec(text);
  const data = /field:\s*char data;\s*offset:(\d+);/.exec(text);
  if (commit && data) {
    const commitSize = Number(commit[2]) === 4 ? 4 : 8;
    const commitOffset = Number(commit[1]);
    const dataOffset = Number(data[1]);
    const aligned = commitOffset % 4 === 0 && dataOffset % 4 === 0;
    if (
      aligned &&
      commitOffset >= 8 &&
      commitOffset <= 64 &&
      dataOffset >= commitOffset + commitSize &&
      dataOffset <= 256
    ) {
      file.layout = { commitOffset, commitSize, dataOffset };
    }
  } else file.notes.add('RZ3003', 'events/header_page is not understood: the usual layout of sub-buffers is assumed');
  expectTag(reader, 'header_event');
  reader.skip(reader.u64());
}

function expectTag(reader: ByteReader, tag: string): void {
  const found = reader.cstring(16);
  if (found !== tag) throw new Damaged(`${tag} expected, ${JSON.stringify(found)} found`, reader.pos);
}

/** ftrace's own formats: u32 count, each u64 size and text. */
export function readFtraceFormats(file: DatFile, reader: ByteReader): void {
  const count = reader.u32();
  for (let n = 0; n < count; n++) addFormat(file, 'ftrace', reader);
}

/** The formats of all systems. */
export function readEventFormats(file: DatFile, reader: ByteReader): void {
  const systems = reader.u32();
  for (let s = 0; s < systems; s++) {
    const system = reader.cstring();
    const count = reader.u32();
    for (let n = 0; n < count; n++) addFormat(file, system, reader);
  }
}

function addFormat(file: DatFile, system: string, reader: ByteReader): void {
  const text = asciiOf(reader.take(reader.u64()));
  const id = /^ID:\s*(\d+)/m.exec(text)?.[1];
  if (id !== undefined) file.formats.set(Number(id), { system, text });
}

/** One option, the same in both versions apart from DONE and BUFFER, which the callers handle. */
export function readOption(file: DatFile, id: number, data: Uint8Array): void {
  const text = () => asciiOf(data).replace(/\0+$/, '');
  if (id === OPTION.uname) file.uname = text();
  else if (id === OPTION.clock) file.clock = chosenClock(text());
  else if (id === OPTION.facts) file.facts = textOf(data);
  else if (id === OPTION.cpuStat) file.cpuStats.push(text());
  else if (id === OPTION.offset) file.offset += decimal(text());
  else if (id === OPTION.date) file.offset += decimal(text()) * 1000n;
  else if (id === OPTION.tsc && data.length >= 16) {
    const reader = new ByteReader(data, file.little);
    file.tsc = { mult: reader.u32(), shift: reader.u32() & 63, offset: reader.u64big() };
  }
}

/** Ids of trace-cmd, and one of `refzero record` that trace-cmd passes over: what is known of the machine, as JSON. */
export const OPTION = {
  done: 0,
  date: 1,
  cpuStat: 2,
  buffer: 3,
  clock: 4,
  uname: 5,
  offset: 7,
  cpuCount: 8,
  tsc: 14,
  facts: 0x725a,
};

/** `local [global] counter` -> `global`; a text without brackets is the name itself. */
export function chosenClock(text: string): string {
  return /\[([\w-]+)\]/.exec(text)?.[1] ?? /^\s*([\w-]+)\s*$/.exec(text)?.[1] ?? '';
}

function decimal(text: string): bigint {
  const match = /^\s*([+-]?)(0[xX][0-9a-fA-F]{1,16}|\d{1,20})/.exec(text);
  if (!match) return 0n;
  return match[1] === '-' ? -BigInt(match[2]) : BigInt(match[2]);
}

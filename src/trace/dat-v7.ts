// SPDX-License-Identifier: Apache-2.0
/**
 * The body of a trace.dat version 7: a chain of option sections that point to all others
 * (trace-cmd Documentation/trace-cmd/trace-cmd.dat.v7.5.txt).
 */
import { ByteReader, Damaged, type ByteReader as Reader } from './bytes.js';
import {
  type CpuArea,
  chosenClock,
  type DatBuffer,
  type DatFile,
  guard,
  OPTION,
  readEventFormats,
  readFtraceFormats,
  readHeaderInfo,
  readOption,
  unpack,
} from './dat-parts.js';

const SECTION = {
  options: 0,
  buffer: 3,
  headerInfo: 16,
  ftraceFormats: 17,
  eventFormats: 18,
  kallsyms: 19,
  cmdlines: 21,
};
const HEADER_SIZE = 16;
const COMPRESSED = 1;

interface Section {
  id: number;
  compressed: boolean;
  /** of the content, behind the header */
  offset: number;
  size: number;
}

/** Fills `file` from everything after the common head. */
export function readSectionsV7(file: DatFile, reader: Reader): void {
  const first = guard(file.notes, 'the head of the trace.dat', () => {
    file.compression = reader.cstring(64);
    reader.cstring(64); // its version
    return reader.u64();
  });
  if (first === undefined) return;
  const parts = new Map<number, number>();
  const isCut = first >= file.source.size;
  if (isCut) {
    const message = `the file has ${file.source.size} bytes, but its table of contents is said to stand at byte ${first}`;
    file.notes.add(
      'RZ3002',
      message,
      'its end is missing: copy it again; what is there is read as far as it tells where',
    );
  }
  const complete = !isCut && readOptionChain(file, first, parts);
  if (!complete) findSections(file, reader.pos, parts);
  readParts(file, parts);
}

/** Follows the option sections; false where the chain is broken. `parts` gets section ids and their offsets. */
function readOptionChain(file: DatFile, first: number, parts: Map<number, number>): boolean {
  const seen = new Set<number>();
  for (let offset = first; offset !== 0; ) {
    if (seen.has(offset)) {
      file.notes.add('RZ3002', `the options of the trace.dat form a loop at byte ${offset}`);
      return false;
    }
    seen.add(offset);
    const next = guard(file.notes, 'an options section', () => readOptions(file, offset, parts));
    if (next === undefined) return false;
    offset = next;
  }
  return true;
}

/** One options section; returns the offset of the next one, 0 at the end. */
function readOptions(file: DatFile, offset: number, parts: Map<number, number>): number {
  const section = readHeader(file, offset);
  if (section.id !== SECTION.options) throw new Damaged(`section ${section.id} stands where options are due`, offset);
  const reader = new ByteReader(content(file, section), file.little);
  while (reader.left >= 6) {
    const id = reader.u16();
    const data = reader.take(reader.u32());
    if (id === OPTION.done) return data.length >= 8 ? new ByteReader(data, file.little).u64() : 0;
    if (id === OPTION.buffer) guard(file.notes, 'the table of a ring buffer', () => readBuffer(file, data));
    else if (id >= SECTION.headerInfo && id <= SECTION.cmdlines && data.length >= 8) {
      parts.set(id, new ByteReader(data, file.little).u64());
    } else guard(file.notes, `option ${id}`, () => readOption(file, id, data));
  }
  return 0;
}

function readHeader(file: DatFile, offset: number): Section {
  const reader = new ByteReader(file.source, file.little);
  reader.seek(offset);
  const id = reader.u16();
  const compressed = (reader.u16() & COMPRESSED) !== 0;
  reader.u32(); // description
  const size = reader.u64();
  return { id, compressed, offset: offset + HEADER_SIZE, size };
}

/** The content of a section that is not ring-buffer data, unpacked. */
function content(file: DatFile, section: Section): Uint8Array {
  const reader = new ByteReader(file.source, file.little);
  reader.seek(section.offset);
  if (!section.compressed) return reader.take(section.size);
  const packed = reader.u32();
  const size = reader.u32();
  return unpack(file, reader.take(packed), size);
}

/** u64 section offset, name, clock, u32 page size, u32 CPUs, each u32 cpu, u64 offset, u64 size. */
function readBuffer(file: DatFile, data: Uint8Array): void {
  const reader = new ByteReader(data, file.little);
  const section = readHeader(file, reader.u64());
  const name = reader.cstring();
  const clock = chosenClock(reader.cstring());
  const pageSize = reader.u32();
  const count = reader.u32();
  const buffer = { name, clock, pageSize, compressed: section.compressed, areas: [] as CpuArea[] };
  file.buffers.push(buffer);
  for (let n = 0; n < count; n++) {
    const cpu = reader.u32();
    const offset = reader.u64();
    buffer.areas.push({ cpu, offset, size: reader.u64() });
  }
}

/** Sections follow each other: what a broken chain does not tell is found by walking over them. */
function findSections(file: DatFile, from: number, parts: Map<number, number>): void {
  let offset = from;
  while (offset + HEADER_SIZE <= file.source.size) {
    const section = readHeader(file, offset);
    if (section.id >= SECTION.headerInfo && section.id <= SECTION.cmdlines && !parts.has(section.id)) {
      parts.set(section.id, offset);
    }
    if (section.id === SECTION.buffer && !file.buffers.some((buffer) => buffer.areas.length > 0)) {
      recoverBuffer(file, section);
    }
    if (section.id === SECTION.options) readLostOptions(file, offset);
    if (!(section.size >= 0) || section.size > file.source.size) return;
    offset = section.offset + section.size;
  }
}

/** Options found by walking: taken where the chain had not come to them (nothing is known of the kernel otherwise). */
function readLostOptions(file: DatFile, offset: number): void {
  if (file.uname === '' && file.cpuStats.length === 0)
    guard(file.notes, 'options', () => readOptions(file, offset, new Map()));
}

/**
 * Ring-buffer data whose table is lost. Compressed data is one run of chunks for each CPU, so its parts can be told apart;
 * the numbers of the CPUs are then a guess in the order of the file.
 */
function recoverBuffer(file: DatFile, section: Section): void {
  const end = Math.min(file.source.size, section.offset + section.size);
  const { clock, pageSize } = file;
  const buffer: DatBuffer = { name: '', clock, pageSize, compressed: section.compressed, areas: [] };
  if (section.compressed) {
    const reader = new ByteReader(file.source, file.little, Math.min(section.offset, end), end);
    while (reader.left > 4 && buffer.areas.length < 4096) {
      alignRun(reader, pageSize);
      if (reader.left < 12) break;
      const offset = reader.pos;
      skipRun(reader);
      buffer.areas.push({ cpu: buffer.areas.length, offset, size: reader.pos - offset });
    }
  } else splitByTime(file, buffer, section.offset, end);
  file.buffers.push(buffer);
  file.notes.add('RZ3006', 'the table of the ring buffer is lost: CPU numbers and the order across CPUs are a guess');
}

/** Plain data: page-aligned areas, one CPU after the other; a new CPU begins where time jumps back. */
function splitByTime(file: DatFile, buffer: DatBuffer, from: number, end: number): void {
  const page = buffer.pageSize;
  if (!(page >= 64)) return;
  let last = Number.POSITIVE_INFINITY;
  for (let at = Math.ceil(from / page) * page; at + 8 <= end && buffer.areas.length < 4096; at += page) {
    const time = new ByteReader(file.source, file.little, at).u64();
    if (time < last) buffer.areas.push({ cpu: buffer.areas.length, offset: at, size: 0 });
    buffer.areas[buffer.areas.length - 1].size =
      Math.min(end, at + page) - buffer.areas[buffer.areas.length - 1].offset;
    last = time;
  }
}

/** trace-cmd begins each run at a page of the file: zeros up to there are no run. */
function alignRun(reader: Reader, pageSize: number): void {
  if (reader.left < 4 || !(pageSize >= 64)) return;
  const at = reader.pos;
  const zero = reader.u32() === 0;
  reader.pos = at;
  if (!zero) return;
  const next = Math.ceil((at + 1) / pageSize) * pageSize;
  reader.pos = Math.min(next, reader.end);
}

function skipRun(reader: Reader): void {
  const chunks = reader.u32();
  for (let n = 0; n < chunks && reader.left >= 8; n++) {
    const packed = reader.u32();
    reader.u32();
    reader.skip(Math.min(packed, reader.left));
  }
}

function readParts(file: DatFile, parts: Map<number, number>): void {
  const part = (id: number, what: string, read: (reader: Reader) => void) => {
    const offset = parts.get(id);
    if (offset === undefined) return;
    guard(file.notes, what, () => {
      const section = readHeader(file, offset);
      if (section.id !== id) throw new Damaged(`section ${section.id} stands where ${id} is due`, offset);
      read(new ByteReader(content(file, section), file.little));
    });
  };
  part(SECTION.headerInfo, 'the header formats', (reader) => readHeaderInfo(file, reader));
  part(SECTION.ftraceFormats, 'the formats of ftrace', (reader) => readFtraceFormats(file, reader));
  part(SECTION.eventFormats, 'the formats of the events', (reader) => readEventFormats(file, reader));
  part(SECTION.cmdlines, 'the names of the tasks', (reader) => {
    file.cmdlines = reader.take(reader.u64());
  });
  file.kallsyms = () => {
    let symbols = new Uint8Array(0);
    part(SECTION.kallsyms, 'the symbols', (reader) => {
      symbols = new Uint8Array(reader.take(reader.u32()));
    });
    return symbols;
  };
}

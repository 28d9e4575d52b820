// SPDX-License-Identifier: Apache-2.0
/** The body of a trace.dat version 6: parts in a fixed order, ring-buffer data at the end (trace-cmd lib/trace-cmd/trace-input.c). */
import { asciiOf, ByteReader, Damaged } from './bytes.js';
import {
  type DatBuffer,
  type DatFile,
  guard,
  OPTION,
  readEventFormats,
  readFtraceFormats,
  readHeaderInfo,
  readOption,
} from './dat-parts.js';

const TAG_SIZE = 10;

/** Fills `file` from everything after the head. Damage ends the reading: what follows cannot be found without it. */
export function readBodyV6(file: DatFile, reader: ByteReader): void {
  guard(file.notes, 'the trace.dat', () => {
    readHeaderInfo(file, reader);
    readFtraceFormats(file, reader);
    readEventFormats(file, reader);
    const size = reader.u32();
    const symbols = reader.skip(size);
    file.kallsyms = () => {
      const read = () => new ByteReader(file.source, file.little, symbols).take(size);
      return guard(file.notes, 'the symbols', read) ?? new Uint8Array(0);
    };
    reader.skip(reader.u32()); // printk_formats
    file.cmdlines = reader.take(reader.u64());
    readOptionsAndData(file, reader);
  });
}

function readOptionsAndData(file: DatFile, reader: ByteReader): void {
  let cpus = reader.u32();
  const instances: { offset: number; name: string }[] = [];
  let tag = asciiOf(reader.take(TAG_SIZE));
  if (tag.startsWith('options')) {
    cpus = Math.max(cpus, readOptions(file, reader, instances));
    tag = asciiOf(reader.take(TAG_SIZE));
  }
  if (tag.startsWith('latency')) throw new Damaged('it holds a latency text, not ring-buffer data', reader.pos);
  if (!tag.startsWith('flyrecord')) throw new Damaged(`${JSON.stringify(tag)} is no kind of data`, reader.pos);
  addBuffer(file, reader, '', cpus);
  for (const { offset, name } of instances) {
    guard(file.notes, `the ring buffer ${JSON.stringify(name)}`, () => {
      const at = new ByteReader(file.source, file.little);
      at.seek(offset < file.source.size ? offset : swapped(offset));
      if (!asciiOf(at.take(TAG_SIZE)).startsWith('flyrecord')) throw new Damaged('no data there', offset);
      addBuffer(file, at, name, cpus);
    });
  }
}

/** Returns the number of CPUs that the options claim, 0 if they do not. */
function readOptions(file: DatFile, reader: ByteReader, instances: { offset: number; name: string }[]): number {
  let cpus = 0;
  for (;;) {
    const id = reader.u16();
    if (id === OPTION.done) return cpus;
    const data = reader.take(reader.u32());
    if (id === OPTION.cpuCount && data.length >= 4) cpus = new ByteReader(data, file.little).u32();
    else if (id === OPTION.buffer && data.length >= 8) {
      const offset = new ByteReader(data, file.little).u64();
      instances.push({ offset, name: asciiOf(data, 8).replace(/\0.*$/s, '') });
    } else readOption(file, id, data);
  }
}

/** trace-cmd writes an instance's offset without swapping it (update_buffer_cpu_offset_v6). */
function swapped(offset: number): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(Math.min(offset, Number.MAX_SAFE_INTEGER)));
  return Number(view.getBigUint64(0, true));
}

function addBuffer(file: DatFile, reader: ByteReader, name: string, cpus: number): void {
  const buffer: DatBuffer = { name, clock: file.clock, pageSize: file.pageSize, compressed: false, areas: [] };
  file.buffers.push(buffer);
  for (let cpu = 0; cpu < cpus; cpu++) {
    const offset = reader.u64();
    buffer.areas.push({ cpu, offset, size: reader.u64() });
  }
}

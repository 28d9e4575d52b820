// SPDX-License-Identifier: Apache-2.0
/**
 * trace.dat to columns: opens the file, chooses the ring buffer, merges the CPUs by time (ties by CPU number, as the kernel's
 * own `trace` file does) and decodes each record once, straight into its row.
 */
import { Batch } from './batch.js';
import { Columns } from './columns.js';
import { CpuStream, type Origin } from './cpu-stream.js';
import { openDat } from './dat.js';
import type { CpuArea, DatBuffer, DatFile } from './dat-parts.js';
import { Decoder, Tables } from './decode.js';
import type { ByteInterner } from './intern.js';
import { SymbolTable } from './kallsyms.js';
import { merge } from './merge.js';
import {
  type Codecs,
  type CpuSummary,
  interruptedText,
  type Loss,
  type Notes,
  type Reading,
  type ReadOptions,
  type Recording,
} from './recording.js';
import type { Source } from './source.js';

/** Reads a trace.dat; undefined (with notes) where nothing at all can be read. */
export function* readDat(
  source: Source,
  codecs: Codecs,
  notes: Notes,
  options: ReadOptions,
): Reading<Recording | undefined> {
  const file = openDat(source, codecs, notes);
  if (!file) return undefined;
  const chosen = chooseBuffer(file, options.buffer);
  const reader = new DatReader(file, chosen, options);
  yield* reader.run();
  return recordingOf(file, chosen, reader);
}

const bytesOf = (buffer: DatBuffer): number => buffer.areas.reduce((sum, { size }) => sum + size, 0);

/** The named buffer; else the top one; else, where that is empty, the fullest instance. */
function chooseBuffer(file: DatFile, name: string | undefined): DatBuffer | undefined {
  const named = name === undefined ? undefined : file.buffers.find((buffer) => buffer.name === name);
  if (named) return named;
  if (name !== undefined) file.notes.add('RZ3007', `the recording has no ring buffer ${JSON.stringify(name)}`);
  if (file.buffers.length === 0) {
    file.notes.add('RZ3002', 'the recording has no ring-buffer data that can be found');
    return undefined;
  }
  const top = file.buffers.find((buffer) => buffer.name === '');
  if (top && bytesOf(top) > 0) return top;
  return file.buffers.reduce((best, buffer) => (bytesOf(buffer) > bytesOf(best) ? buffer : best));
}

/** Decodes the chosen buffer; its results are read off when it is done. */
class DatReader {
  readonly tables = new Tables();
  readonly events = new Columns(this.tables.shapes, this.tables.whos, this.tables.pages);
  readonly losses: Loss[] = [];
  readonly decoder: Decoder;
  readonly origin: Origin;
  lost = 0;
  lostUnknown = 0;

  constructor(
    private readonly file: DatFile,
    private readonly buffer: DatBuffer | undefined,
    private readonly options: ReadOptions,
  ) {
    this.decoder = new Decoder(file, this.tables);
    this.origin = { known: false, high: 0, low: 0, budget: (64 << 20) + 256 * file.source.size };
  }

  *run(): Reading<void> {
    const { buffer, file, decoder, options } = this;
    if (!buffer) return;
    if (!(buffer.pageSize >= 64 && buffer.pageSize <= 1 << 26 && buffer.pageSize % 4 === 0)) {
      file.notes.add('RZ3002', `sub-buffers of ${buffer.pageSize} bytes are not possible`);
      return;
    }
    const usable = usableAreas(file, buffer);
    this.events.reserve(roomFor(usable, buffer, file.source.size));
    const streams = usable.map((area) => new CpuStream(file, buffer, area, this.origin));
    const lanes = streams.map((stream) => ({
      cpu: stream.cpu,
      batch: new Batch(Math.min(Batch.SIZE, Math.max(16, Math.floor(stream.length / 4)))),
      refill: (batch: Batch) => decoder.fill(stream, batch),
      missedAtEnd: () => stream.missed,
    }));
    const done = () => streams.reduce((sum, { offset, begin }) => sum + offset - begin, 0);
    const total = usable.reduce((sum, { size }) => sum + size, 0);
    const steps = merge(lanes, this.events, (loss) => this.addLoss(loss));
    for (let step = steps.next(); !step.done; ) {
      options.progress?.(Math.min(done(), total), total);
      const stop = yield;
      if (stop) this.interrupted(done() / total);
      step = steps.next(stop);
    }
    decoder.finish();
    this.events.trim();
    const read = new Set(usable.map(({ cpu }) => cpu));
    for (const { cpu, size } of buffer.areas) {
      if (size === 0 || read.has(cpu)) continue;
      this.addLoss({ cpu, after: -1, before: this.events.length, events: -1 });
    }
  }

  private interrupted(share: number): void {
    this.file.notes.add('RZ3030', interruptedText(this.events.length, share));
    this.addLoss({ cpu: -1, after: this.events.length - 1, before: this.events.length, events: -1 });
  }

  private addLoss(loss: Loss): void {
    if (loss.events > 0) this.lost += loss.events;
    else this.lostUnknown++;
    if (this.losses.length < 100_000) this.losses.push(loss);
  }
}

/** About as many events as there can be: memory that stays unwritten costs nothing, growing costs a copy. */
function roomFor(areas: readonly CpuArea[], { compressed }: DatBuffer, fileSize: number): number {
  const bytes = areas.reduce((sum, { offset, size }) => sum + Math.min(size, fileSize - offset), 0);
  return Math.floor(bytes / (compressed ? 4 : 24));
}

/** The areas that hold data, each byte of the file in one of them only. */
function usableAreas(file: DatFile, buffer: DatBuffer): CpuArea[] {
  const areas = buffer.areas.filter(({ size }) => size > 0).sort((a, b) => a.offset - b.offset);
  const usable: CpuArea[] = [];
  let end = 0;
  for (const area of areas) {
    const { cpu, offset, size } = area;
    if (cpu > 0xffff) file.notes.add('RZ3004', `CPU number ${cpu} is not possible; its data is left out`);
    else if (offset >= file.source.size)
      file.notes.add('RZ3004', `CPU ${cpu}: its data lies behind the end of the file`);
    else if (offset < end) file.notes.add('RZ3004', `CPU ${cpu}: its data lies in that of another CPU; it is left out`);
    else {
      if (offset + size > file.source.size) {
        const there = file.source.size - offset;
        file.notes.add('RZ3004', `CPU ${cpu}: the file ends after ${there} of ${size} bytes of its data`);
      }
      usable.push(area);
      end = offset + size;
    }
  }
  return usable;
}

function recordingOf(file: DatFile, chosen: DatBuffer | undefined, reader: DatReader): Recording {
  const { decoder, tables } = reader;
  const clock = chosen?.clock || file.clock || 'local';
  const ticks = clock === 'counter' || (/tsc/.test(clock) && !file.tsc);
  const { high, low } = reader.origin;
  let base = (BigInt(high) << 32n) | BigInt(low);
  if (file.tsc && file.tsc.mult > 0) base = (base * BigInt(file.tsc.mult)) >> BigInt(file.tsc.shift);
  let known: SymbolTable | undefined;
  const symbols = () => {
    known ??= new SymbolTable(file.kallsyms());
    return known;
  };
  tables.stacks.symbolOf = (lowWord, highWord) => symbols().lookup(lowWord, highWord);
  tables.stacks.symbolNames = () => symbols().names();
  return {
    format: `trace.dat ${file.version}`,
    compression: file.compression,
    kernel: /^\S+\s+\S+\s+(\d+\.\d+\S*)/.exec(file.uname)?.[1],
    facts: file.facts,
    clock,
    unit: ticks ? 'ticks' : 'ns',
    little: file.little,
    precision: ticks ? 0 : 9,
    timeBase: base + file.offset,
    events: reader.events,
    kinds: tables.kinds,
    comms: decoder.names.names,
    flagTexts: undefined as ByteInterner | undefined,
    stacks: tables.stacks,
    extras: tables.extras,
    losses: reader.losses,
    lost: reader.lost,
    lostUnknown: reader.lostUnknown,
    orphanStacks: decoder.orphanStacks,
    cpus: cpuSummaries(file, reader.events),
    buffers: file.buffers.map((buffer) => ({ name: buffer.name, bytes: bytesOf(buffer), chosen: buffer === chosen })),
    diagnostics: file.notes.list,
  };
}

/** What trace-cmd saved of the ring buffer's own counters, with the rows that were read. */
function cpuSummaries(file: DatFile, events: Columns): CpuSummary[] {
  const byCpu = new Map<number, CpuSummary>();
  const at = (cpu: number): CpuSummary => {
    let entry = byCpu.get(cpu);
    if (!entry) byCpu.set(cpu, (entry = { cpu, read: 0, overrun: -1, dropped: -1 }));
    return entry;
  };
  const reads = new Float64Array(events.whos.size);
  for (let row = 0; row < events.length; row++) reads[events.who[row]]++;
  for (let who = 0; who < reads.length; who++) at(events.whos.cpu[who]).read += reads[who];
  for (const text of file.cpuStats) {
    const cpu = /CPU:\s*(\d+)/.exec(text)?.[1];
    if (cpu === undefined) continue;
    const number = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? -1);
    const entry = at(Number(cpu));
    entry.overrun = Math.max(number('overrun'), entry.overrun);
    entry.dropped = Math.max(number('dropped events'), entry.dropped);
  }
  return [...byCpu.values()].sort((a, b) => a.cpu - b.cpu);
}

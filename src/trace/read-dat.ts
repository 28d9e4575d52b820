// SPDX-License-Identifier: Apache-2.0
/**
 * trace.dat to columns: opens the file, chooses the ring buffer, merges the CPUs by time (ties by CPU number, as the kernel's
 * own `trace` file does) and decodes each record once, straight into its row.
 */
import { Columns } from './columns.js';
import { CpuStream, type Origin } from './cpu-stream.js';
import { openDat } from './dat.js';
import type { CpuArea, DatBuffer, DatFile } from './dat-parts.js';
import { Decoder, Tables } from './decode.js';
import type { ByteInterner } from './intern.js';
import { type Adopted, adopt, endSeam, fits, type LateStack, type Seam, type SliceData, seamOf } from './join.js';
import { SymbolTable } from './kallsyms.js';
import { CPUS_MAX } from './loop-places.js';
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
import { SHAPE_WORDS } from './shapes.js';
import { type Slice, slicesOf } from './slices.js';
import type { Source } from './source.js';

/** Reads a trace.dat; undefined (with notes) where nothing at all can be read. */
export function* readDat(
  source: Source,
  codecs: Codecs,
  notes: Notes,
  options: ReadOptions,
): Reading<Recording | undefined> {
  const reader = DatReader.open(source, codecs, notes, options);
  if (!reader) return undefined;
  yield* reader.read();
  return reader.recording();
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

/** Decodes one buffer of a file, all of it or slices of it. */
export class DatReader {
  readonly tables = new Tables();
  readonly events = new Columns(this.tables.shapes, this.tables.whos, this.tables.pages);
  readonly losses: Loss[] = [];
  readonly decoder: Decoder;
  readonly origin: Origin;
  private readonly readable: boolean;
  private readonly usable: CpuArea[];
  /** the CPUs at the end of what was read */
  readonly seams: Seam[] = [];
  /** of adopted slices; they are set when all rows are written */
  private readonly late: LateStack[] = [];
  private readonly notesBefore: number;
  /** how much of it was read when that was last asked, 0 to 1 */
  share = 0;
  private stopped = false;
  /** time at which the reading ends */
  private until = Number.POSITIVE_INFINITY;
  lost = 0;
  lostUnknown = 0;

  private constructor(
    private readonly file: DatFile,
    private readonly buffer: DatBuffer | undefined,
    private readonly options: ReadOptions,
  ) {
    this.decoder = new Decoder(file, this.tables, this.events, (loss) => this.addLoss(loss));
    this.origin = { known: false, high: 0, low: 0, budget: budgetOf(file) };
    this.readable = buffer !== undefined && isReadable(file, buffer);
    this.usable = buffer && this.readable ? usableAreas(file, buffer) : [];
    this.notesBefore = file.notes.list.length;
  }

  /** Undefined, with notes, where nothing at all can be read. */
  static open(source: Source, codecs: Codecs, notes: Notes, options: ReadOptions): DatReader | undefined {
    const file = openDat(source, codecs, notes);
    return file && new DatReader(file, chooseBuffer(file, options.buffer), options);
  }

  /** Bytes of events in the file, unpacked; of a compressed one that is a guess. */
  get size(): number {
    return bytesIn(this.usable, this.file.source.size) * (this.buffer?.compressed ? PACKED : 1);
  }

  /** Cuts what there is into slices with these shares of it; undefined where it has to be read in one piece. */
  slices(shares: readonly number[]): Slice[] | undefined {
    const { file, buffer, usable } = this;
    return buffer && slicesOf(file, buffer, usable, shares, budgetOf(file));
  }

  /** To be called before `read`, or between its steps: it is to end where a slice begins. False where it is beyond that. */
  endAt({ from }: Slice): boolean {
    if (this.seams.length > 0 && !this.decoder.endAt(from)) return false;
    this.until = from;
    return true;
  }

  /** Reads everything, or one slice. */
  *read(slice?: Slice): Reading<void> {
    const { buffer, file, decoder, options, usable, origin, events } = this;
    if (!buffer || usable.length === 0) return;
    events.reserve(roomFor(usable, buffer, file.source.size));
    const from = slice?.from ?? Number.NEGATIVE_INFINITY;
    if (slice && from > Number.NEGATIVE_INFINITY) {
      Object.assign(origin, { known: true, high: slice.high, low: slice.low });
    }
    decoder.begin(buffer, origin);
    const streams = usable.map((area) => new CpuStream(file, buffer, area, origin, decoder.loop));
    for (const [at, stream] of streams.entries()) {
      const place = slice?.places[at];
      if (place && from > Number.NEGATIVE_INFINITY) stream.startAt(place);
      decoder.enter(stream, from);
      this.seams.push(seamOf(stream, stream.position()));
    }
    Object.assign(origin, decoder.origin);
    const begin = streams.reduce((sum, { offset }) => sum + offset, 0);
    const total = usable.reduce((sum, { size }) => sum + size, 0);
    const share = () => Math.min(1, (streams.reduce((sum, { offset }) => sum + offset, 0) - begin) / total);
    const steps = decoder.merge(streams, slice?.until ?? this.until);
    for (let step = steps.next(); !step.done; ) {
      this.share = share();
      options.progress?.(this.share * total, total);
      const stop = yield;
      if (stop) this.interrupted(share());
      step = steps.next(stop);
    }
    for (const [at, stream] of streams.entries()) endSeam(this.seams[at], stream);
  }

  /** What was read, for another thread to adopt. Not to be used any more afterwards. */
  data(): SliceData {
    const { events, tables, decoder, losses, seams, origin, file } = this;
    decoder.finish();
    const stacks = tables.stacks.table.contents();
    return {
      ...events.contents(),
      tally: events.tally,
      shapes: tables.shapes.words.slice(0, tables.shapes.size * SHAPE_WORDS),
      whos: tables.whos.contents(),
      pfns: tables.pages.pfn.slice(0, tables.pages.size),
      stackWords: stacks.words,
      stackStarts: stacks.starts,
      extras: tables.extras.contents(),
      kinds: tables.kinds,
      losses,
      orphanStacks: decoder.orphanStacks,
      deferred: decoder.deferred,
      seams,
      high: origin.high,
      low: origin.low,
      noted: file.notes.list.length > this.notesBefore,
    };
  }

  /** Nothing was found that one reading would have told about, and it was not interrupted. */
  get plain(): boolean {
    return this.file.notes.list.length === this.notesBefore;
  }

  /**
   * Puts the next slice behind what is here, but for its rows, which are to be written with what is returned (`rowsInto`).
   * @returns undefined where the two do not fit
   */
  adopt(slice: SliceData): Adopted | undefined {
    const { events, tables, decoder, seams, origin } = this;
    if (!this.plain || slice.high !== origin.high || slice.low !== origin.low || !fits(seams, slice)) return undefined;
    const found = adopt(slice, events, tables, decoder, seams);
    if (!found) return undefined;
    for (const loss of found.losses) this.addLoss(loss);
    this.late.push(...found.late);
    return found.adopted;
  }

  /** What was read. */
  recording(): Recording {
    const { file, decoder, events, usable, seams, buffer } = this;
    decoder.finish();
    events.trim();
    for (const { row, stack } of this.late) events.setStack(row, stack);
    for (const { cpu, missedAfter, lastRow } of this.stopped ? [] : seams) {
      if (missedAfter !== 0) this.addLoss({ cpu, after: lastRow, before: events.length, events: missedAfter });
    }
    const read = new Set(usable.map(({ cpu }) => cpu));
    for (const { cpu, size } of this.readable ? (buffer?.areas ?? []) : []) {
      if (size === 0 || read.has(cpu)) continue;
      this.addLoss({ cpu, after: -1, before: events.length, events: -1 });
    }
    return recordingOf(file, buffer, this);
  }

  /** There was more, and it is not read. */
  stop(): void {
    this.interrupted(this.share);
  }

  get isStopped(): boolean {
    return this.stopped;
  }

  private interrupted(share: number): void {
    this.stopped = true;
    this.file.notes.add('RZ3030', interruptedText(this.events.length, share));
    this.addLoss({ cpu: -1, after: this.events.length - 1, before: this.events.length, events: -1 });
  }

  private addLoss(loss: Loss): void {
    if (loss.events > 0) this.lost += loss.events;
    else this.lostUnknown++;
    if (this.losses.length < 100_000) this.losses.push(loss);
  }
}

/** Bytes that may be unpacked. */
const budgetOf = ({ source }: DatFile): number => (64 << 20) + 256 * source.size;

function isReadable({ notes }: DatFile, { pageSize }: DatBuffer): boolean {
  if (pageSize >= 64 && pageSize <= 1 << 26 && pageSize % 4 === 0) return true;
  notes.add('RZ3002', `sub-buffers of ${pageSize} bytes are not possible`);
  return false;
}

/** by how much events are compressed, about */
const PACKED = 10;

/** About as many events as there can be: memory that stays unwritten costs nothing, growing costs a copy. */
function roomFor(areas: readonly CpuArea[], { compressed }: DatBuffer, fileSize: number): number {
  return Math.floor(bytesIn(areas, fileSize) / (compressed ? 4 : 24));
}

/** What a file has of areas, whatever they claim. */
const bytesIn = (areas: readonly CpuArea[], fileSize: number): number =>
  areas.reduce((sum, { offset, size }) => sum + Math.min(size, fileSize - offset), 0);

/** The areas that hold data, each byte of the file in one of them only. */
function usableAreas(file: DatFile, buffer: DatBuffer): CpuArea[] {
  const areas = buffer.areas.filter(({ size }) => size > 0).sort((a, b) => a.offset - b.offset);
  const usable: CpuArea[] = [];
  let end = 0;
  for (const area of areas) {
    const { cpu, offset, size } = area;
    if (cpu > 0xffff) file.notes.add('RZ3004', `CPU number ${cpu} is not possible; its data is left out`);
    else if (usable.length === CPUS_MAX) file.notes.add('RZ3004', `more than ${CPUS_MAX} CPUs are not possible`);
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
    cpus: cpuSummaries(file, reader.seams),
    buffers: file.buffers.map((buffer) => ({ name: buffer.name, bytes: bytesOf(buffer), chosen: buffer === chosen })),
    diagnostics: file.notes.list,
  };
}

/** What trace-cmd saved of the ring buffer's own counters, with the rows that were read. */
function cpuSummaries(file: DatFile, seams: readonly Seam[]): CpuSummary[] {
  const byCpu = new Map<number, CpuSummary>();
  const at = (cpu: number): CpuSummary => {
    let entry = byCpu.get(cpu);
    if (!entry) byCpu.set(cpu, (entry = { cpu, read: 0, overrun: -1, dropped: -1 }));
    return entry;
  };
  for (const { cpu, rows } of seams) if (rows > 0) at(cpu).read += rows;
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

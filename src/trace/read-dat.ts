// SPDX-License-Identifier: Apache-2.0
/**
 * trace.dat to columns: opens the file, chooses the ring buffer, merges the CPUs by time (ties by CPU number, as the kernel's
 * own `trace` file does) and decodes each record once, straight into its row.
 */
import { Columns, type EventKind, Extras, StackTable } from './columns.js';
import { CpuStream, type Origin } from './cpu-stream.js';
import { openDat } from './dat.js';
import type { CpuArea, DatBuffer, DatFile } from './dat-parts.js';
import { fieldOf, parseFormat } from './format.js';
import type { ByteInterner } from './intern.js';
import { SymbolTable } from './kallsyms.js';
import { kindOf, type Plan, planOf } from './record.js';
import type { Codecs, CpuSummary, Loss, Notes, ReadOptions, Recording } from './recording.js';
import { FIELD } from './shapes.js';
import { TaskNames } from './task-names.js';

/** Reads a trace.dat; undefined (with notes) where nothing at all can be read. */
export function readDat(bytes: Uint8Array, codecs: Codecs, notes: Notes, options: ReadOptions): Recording | undefined {
  const file = openDat(bytes, codecs, notes);
  if (!file) return undefined;
  const chosen = chooseBuffer(file, options.buffer);
  const decoder = new DatDecoder(file, chosen, options);
  if (chosen) decoder.run();
  return recordingOf(file, chosen, decoder);
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

/** Runs the merge; its results are read off when it is done. */
class DatDecoder {
  readonly events = new Columns();
  readonly kinds: EventKind[] = [];
  readonly extras = new Extras();
  readonly stacks = new StackTable('addresses');
  readonly names: TaskNames;
  readonly losses: Loss[] = [];
  readonly streams: CpuStream[] = [];
  readonly read = new Map<number, number>();
  readonly origin: Origin;
  lost = 0;
  lostUnknown = 0;
  orphanStacks = 0;
  private readonly plans = new Map<number, Plan>();
  private readonly scale: number;
  private readonly little: boolean;
  private lastCpu = -1;
  private lastPid = 0;
  private lastWho = -1;

  constructor(
    private readonly file: DatFile,
    private readonly buffer: DatBuffer | undefined,
    private readonly options: ReadOptions,
  ) {
    this.little = file.little;
    this.names = new TaskNames(file.cmdlines);
    this.origin = { known: false, high: 0, low: 0, budget: (64 << 20) + 256 * file.bytes.length };
    this.scale = file.tsc && file.tsc.mult > 0 ? file.tsc.mult / 2 ** file.tsc.shift : 1;
  }

  run(): void {
    const { buffer, file } = this;
    if (!buffer) return;
    if (!(buffer.pageSize >= 64 && buffer.pageSize <= 1 << 26)) {
      file.notes.add('RZ3002', `sub-buffers of ${buffer.pageSize} bytes are not possible`);
      return;
    }
    const usable = usableAreas(file, buffer);
    const all = usable.map((area) => new CpuStream(file, buffer, area, this.origin));
    for (const stream of all) if (stream.next()) this.streams.push(stream);
    this.merge();
    for (const stream of all) if (stream.missed !== 0) this.lose(stream);
    const read = new Set(usable.map(({ cpu }) => cpu));
    for (const { cpu, size } of buffer.areas) {
      if (size === 0 || read.has(cpu)) continue;
      this.addLoss({ cpu, after: -1, before: this.events.length, events: -1 });
    }
  }

  /** Always takes the earliest event; stays on a CPU as long as no other one is earlier. */
  private merge(): void {
    const heap = this.streams.slice().sort(earlier);
    let left = heap.length;
    let steps = 0;
    while (left > 0) {
      const stream = heap[0];
      const other = runnerUp(heap, left);
      do {
        this.take(stream);
        if ((++steps & 0xffff) === 0) this.options.progress?.(this.done(), this.file.bytes.length);
        if (!stream.next()) {
          heap[0] = heap[--left];
          break;
        }
      } while (other === undefined || precedes(stream, other));
      if (left > 0) sink(heap, left);
    }
  }

  private done(): number {
    let sum = 0;
    for (const stream of this.streams) sum += stream.offset;
    return Math.min(sum, this.file.bytes.length);
  }

  /** Decodes the event a stream stands on. */
  private take(stream: CpuStream): void {
    if (stream.missed !== 0) this.lose(stream);
    const { start, end, view } = stream;
    if (end - start < 2) {
      this.damaged(stream, 'an event has no type');
      return;
    }
    const id = view.getUint16(start, this.little);
    const plan = this.plans.get(id) ?? this.prepare(id);
    if (end - start < plan.least) {
      this.damaged(stream, `an event of id ${id} is too short`);
      return;
    }
    const kind = this.kinds[plan.kind];
    kind.count++;
    const flags8 = plan.flags8 < 0 ? 0 : stream.bytes[start + plan.flags8];
    const pid = plan.pid < 0 ? -1 : view.getInt32(start + plan.pid, this.little);
    const context = flags8 & 0x40 ? 3 : flags8 & 0x08 ? 2 : flags8 & 0x10 ? 1 : 0;
    if (plan.stack !== 'no') {
      if (plan.stack === 'kernel') this.attachStack(stream, plan, context, pid);
      return;
    }
    const { events } = this;
    const time = this.scale === 1 ? stream.time : Math.round(stream.time * this.scale);
    const row = events.push(
      time,
      this.who(stream.cpu, pid),
      plan.pfn < 0 ? this.bare(plan.kind) : this.shape(start, view, plan),
    );
    if (plan.pfn < 0) events.setExtra(row, this.extras.add(stream.bytes, start, end));
    else this.page(row, start, view, plan);
    stream.lastRow = row;
    stream.openRow[context] = row;
    stream.openPid[context] = pid;
  }

  /** CPU and task; mostly those of the event before. */
  private who(cpu: number, pid: number): number {
    if (pid !== this.lastPid || cpu !== this.lastCpu) {
      this.lastPid = pid;
      this.lastCpu = cpu;
      this.lastWho = this.events.whos.intern(cpu, pid, this.names.of(pid));
    }
    return this.lastWho;
  }

  /** The shape of an event that has no page: its kind. */
  private bare(kind: number): number {
    const { shapes } = this.events;
    shapes.scratch.fill(0);
    shapes.scratch[FIELD.kind] = kind;
    return shapes.intern();
  }

  private shape(start: number, view: DataView, plan: Plan): number {
    const { little } = this;
    const { shapes } = this.events;
    const { scratch } = shapes;
    scratch[FIELD.kind] = plan.kind;
    scratch[FIELD.val] = plan.val < 0 ? 0 : view.getInt32(start + plan.val, little);
    scratch[FIELD.ret] = plan.ret < 0 ? 0 : view.getInt32(start + plan.ret, little);
    scratch[FIELD.count] = plan.count < 0 ? 0 : view.getInt32(start + plan.count, little);
    scratch[FIELD.mapcount] = plan.mapcount < 0 ? 0 : view.getInt32(start + plan.mapcount, little);
    scratch[FIELD.flags] = plan.flags < 0 ? 0 : view.getInt32(start + plan.flags, little);
    scratch[FIELD.flagsHigh] = plan.flagsHigh < 0 ? 0 : view.getInt32(start + plan.flagsHigh, little);
    scratch[FIELD.mapping] = plan.mapping < 0 ? 0 : view.getInt32(start + plan.mapping, little);
    scratch[FIELD.mappingHigh] = plan.mappingHigh < 0 ? 0 : view.getInt32(start + plan.mappingHigh, little);
    return shapes.intern();
  }

  private page(row: number, start: number, view: DataView, plan: Plan): void {
    const low = view.getUint32(start + plan.pfn, this.little);
    const high = plan.pfnHigh < 0 ? 0 : view.getUint32(start + plan.pfnHigh, this.little);
    // a failed allocation is traced as -1UL; no page number has more than 52 bits
    if (high > 0xfffff || (plan.pfnHigh < 0 && low === 0xffffffff)) return;
    const { events } = this;
    events.page[row] = events.pages.add(high * 4294967296 + low);
  }

  /** A stack belongs to the latest event of the same CPU, context and task that has none yet. */
  private attachStack(stream: CpuStream, plan: Plan, context: number, pid: number): void {
    const row = stream.openRow[context];
    if (row < 0 || stream.openPid[context] !== pid || plan.frame < 0) {
      this.orphanStacks++;
      return;
    }
    stream.openRow[context] = -1;
    const { start, end, view } = stream;
    const room = Math.max(0, Math.floor((end - start - plan.frame) / plan.word));
    // 5.10 has no reliable size in every configuration: the record bounds it
    const claimed = plan.frames < 0 ? room : view.getUint32(start + plan.frames, this.little);
    const frames = Math.min(claimed, room);
    const words = this.stacks.table.room(frames * 2);
    let count = 0;
    for (let n = 0, at = start + plan.frame; n < frames; n++, at += plan.word) {
      const wide = plan.word === 8;
      const first = view.getUint32(at, this.little);
      const second = wide ? view.getUint32(at + 4, this.little) : 0;
      const low = this.little || !wide ? first : second;
      const high = this.little || !wide ? second : first;
      if (low === 0xffffffff && (high === 0xffffffff || !wide)) break;
      words[count++] = low;
      words[count++] = high;
    }
    this.events.setStack(row, this.stacks.table.intern(count));
  }

  private lose(stream: CpuStream): void {
    this.addLoss({ cpu: stream.cpu, after: stream.lastRow, before: this.events.length, events: stream.missed });
    stream.missed = 0;
  }

  private addLoss(loss: Loss): void {
    if (loss.events > 0) this.lost += loss.events;
    else this.lostUnknown++;
    if (this.losses.length < 100_000) this.losses.push(loss);
  }

  private damaged(stream: CpuStream, why: string): void {
    this.file.notes.add('RZ3004', `CPU ${stream.cpu}: ${why}`);
  }

  /** The plan of an event id that was not met before. */
  private prepare(id: number): Plan {
    const stored = this.file.formats.get(id);
    const format = stored && parseFormat(stored.text, stored.system);
    if (!stored || !format) {
      this.file.notes.add('RZ3005', `events of id ${id} have no format in the file: only counted and kept as bytes`);
    }
    const known = format ?? { id, system: '', name: `event#${id}`, fields: this.commonFields(), printFmt: '' };
    const { plan, has } = planOf(known, this.kinds.length, this.little);
    this.kinds.push(kindOf(known, has));
    this.plans.set(id, plan);
    return plan;
  }

  /** struct trace_entry is the same for all events: borrow it from any. */
  private commonFields() {
    for (const { text, system } of this.file.formats.values()) {
      const format = parseFormat(text, system);
      if (format && fieldOf(format, 'common_pid'))
        return format.fields.filter(({ name }) => name.startsWith('common_'));
    }
    return [];
  }
}

/** The areas that hold data, each byte of the file in one of them only. */
function usableAreas(file: DatFile, buffer: DatBuffer): CpuArea[] {
  const areas = buffer.areas.filter(({ size }) => size > 0).sort((a, b) => a.offset - b.offset);
  const usable: CpuArea[] = [];
  let end = 0;
  for (const area of areas) {
    const { cpu, offset, size } = area;
    if (cpu > 0xffff) file.notes.add('RZ3004', `CPU number ${cpu} is not possible; its data is left out`);
    else if (offset >= file.bytes.length)
      file.notes.add('RZ3004', `CPU ${cpu}: its data lies behind the end of the file`);
    else if (offset < end) file.notes.add('RZ3004', `CPU ${cpu}: its data lies in that of another CPU; it is left out`);
    else {
      if (offset + size > file.bytes.length) {
        const there = file.bytes.length - offset;
        file.notes.add('RZ3004', `CPU ${cpu}: the file ends after ${there} of ${size} bytes of its data`);
      }
      usable.push(area);
      end = offset + size;
    }
  }
  return usable;
}

const earlier = (a: CpuStream, b: CpuStream): number => a.time - b.time || a.cpu - b.cpu;
const precedes = (a: CpuStream, b: CpuStream): boolean => a.time < b.time || (a.time === b.time && a.cpu < b.cpu);

/** The second smallest of a heap. */
function runnerUp(heap: CpuStream[], size: number): CpuStream | undefined {
  if (size < 2) return undefined;
  return size > 2 && precedes(heap[2], heap[1]) ? heap[2] : heap[1];
}

/** Restores the heap below a root that has moved on. */
function sink(heap: CpuStream[], size: number): void {
  const moved = heap[0];
  let at = 0;
  for (;;) {
    let child = at * 2 + 1;
    if (child >= size) break;
    if (child + 1 < size && precedes(heap[child + 1], heap[child])) child++;
    if (!precedes(heap[child], moved)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = moved;
}

function recordingOf(file: DatFile, chosen: DatBuffer | undefined, decoder: DatDecoder): Recording {
  const clock = chosen?.clock || file.clock || 'local';
  const ticks = clock === 'counter' || (/tsc/.test(clock) && !file.tsc);
  const { high, low } = decoder.origin;
  let base = (BigInt(high) << 32n) | BigInt(low);
  if (file.tsc && file.tsc.mult > 0) base = (base * BigInt(file.tsc.mult)) >> BigInt(file.tsc.shift);
  let known: SymbolTable | undefined;
  const symbols = () => {
    known ??= new SymbolTable(file.kallsyms());
    return known;
  };
  decoder.stacks.symbolOf = (lowWord, highWord) => symbols().lookup(lowWord, highWord);
  decoder.stacks.symbolNames = () => symbols().names();
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
    events: decoder.events,
    kinds: decoder.kinds,
    comms: decoder.names.names,
    flagTexts: undefined as ByteInterner | undefined,
    stacks: decoder.stacks,
    extras: decoder.extras,
    losses: decoder.losses,
    lost: decoder.lost,
    lostUnknown: decoder.lostUnknown,
    orphanStacks: decoder.orphanStacks,
    cpus: cpuSummaries(file, decoder.events),
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

// SPDX-License-Identifier: Apache-2.0
/**
 * Records of a trace.dat to batches: each record once, by the plan of its event, its content and its task to the numbers that
 * stand for them. The tables behind the numbers are shared by all CPUs that one thread decodes.
 */
import { Batch } from './batch.js';
import { type EventKind, Extras, StackTable } from './columns.js';
import { type CpuStream, PADDING } from './cpu-stream.js';
import type { DatFile } from './dat-parts.js';
import { fieldOf, parseFormat } from './format.js';
import { grown } from './intern.js';
import { kindOf, type Plan, planOf } from './record.js';
import { PageTable, Shapes, Whos } from './shapes.js';
import { TaskNames } from './task-names.js';

/** What the numbers of the columns mean. */
export class Tables {
  readonly shapes = new Shapes();
  readonly whos = new Whos();
  readonly pages = new PageTable();
  readonly kinds: EventKind[] = [];
  readonly extras = new Extras();
  readonly stacks = new StackTable('addresses');
}

/** Decodes the events of any CPU of one file. */
export class Decoder {
  orphanStacks = 0;
  readonly names: TaskNames;
  /** 1 + the plan of an event id, 0 for one not met */
  private readonly planOf = new Uint16Array(0x10000);
  private readonly plans: Plan[] = [];
  /** records by kind */
  private counts = new Float64Array(64);
  private readonly little: boolean;
  private readonly scale: number;

  constructor(
    private readonly file: DatFile,
    readonly tables: Tables,
  ) {
    this.little = file.little;
    this.names = new TaskNames(file.cmdlines);
    this.scale = file.tsc && file.tsc.mult > 0 ? file.tsc.mult / 2 ** file.tsc.shift : 1;
  }

  /** Tells the kinds how often they occurred. */
  finish(): void {
    for (const [kind, entry] of this.tables.kinds.entries()) entry.count = this.counts[kind];
  }

  /** Fills an empty batch with the next events of a CPU; it stays empty at the end of that CPU's data. */
  fill(stream: CpuStream, batch: Batch): void {
    while (batch.length < batch.capacity) {
      if (stream.pos < stream.pageEnd) this.page(stream, batch);
      else if (!stream.nextPage()) return;
    }
  }

  /** The events of the page, as many as there is room for. */
  private page(stream: CpuStream, batch: Batch): void {
    const { little, scale } = this;
    const { words, pageEnd } = stream;
    let { pos, time } = stream;
    while (pos < pageEnd && batch.length < batch.capacity) {
      const word = words[pos];
      const type = little ? word & 31 : word >>> 27;
      const delta = little ? word >>> 5 : word & 0x07ffffff;
      let start = pos + 1;
      let size = type * 4;
      if (type === 0) {
        // the length stands in front of the payload and counts itself
        size = (pos + 1 < pageEnd ? words[++start - 1] >>> 0 : 0) - 4;
        if (size < 0) break;
      } else if (type >= PADDING) {
        stream.pos = pos;
        stream.time = time;
        if (!stream.special(type, delta)) return;
        ({ pos, time } = stream);
        continue;
      }
      time += delta;
      if (start * 4 + size > pageEnd * 4) {
        stream.time = time;
        stream.breakPage('an event reaches beyond its page');
        return;
      }
      pos = start + ((size + 3) >> 2);
      // here, since a double that is handed to a function costs an allocation
      batch.time[batch.length] = scale === 1 ? time : Math.round(time * scale);
      this.record(stream, batch, start, size);
    }
    stream.time = time;
    stream.pos = pos;
    if (pos < pageEnd && batch.length < batch.capacity) stream.breakPage('an event has no length');
  }

  /** One record: `size` bytes at the word `start`; its time is in the batch already. */
  private record(stream: CpuStream, batch: Batch, start: number, size: number): void {
    if (stream.missed !== 0) {
      batch.gaps.push({ at: batch.length, events: stream.missed });
      stream.missed = 0;
    }
    if (size < 4) {
      stream.note('an event has no type');
      return;
    }
    const { words } = stream;
    const head = words[start];
    const id = this.little ? head & 0xffff : head >>> 16;
    const plan = this.plans[(this.planOf[id] || this.prepare(id)) - 1];
    if (size < plan.least) {
      stream.note(`an event of id ${id} is too short`);
      return;
    }
    this.counts[plan.kind]++;
    const flags = plan.flags8 < 0 ? 0 : words[start + plan.flags8] >>> plan.flagsShift;
    const context = flags & 0x58 ? (flags & 0x40 ? 3 : flags & 0x08 ? 2 : 1) : 0;
    const pid = plan.pid < 0 ? -1 : words[start + plan.pid];
    if (plan.stack !== 'no') {
      if (plan.stack === 'kernel') this.attachStack(stream, batch, plan, start, size, context, pid);
      return;
    }
    const row = batch.length++;
    batch.stack[row] = 0;
    if (pid !== stream.lastPid || stream.lastWho < 0) {
      stream.lastPid = pid;
      stream.lastWho = this.tables.whos.intern(stream.cpu, pid, this.names.of(pid));
    }
    batch.who[row] = stream.lastWho;
    if (plan.pfn < 0) {
      const handle = this.tables.extras.add(stream.record(start, size));
      batch.page[row] = handle < 0 ? -1 : -2 - handle;
    } else batch.page[row] = this.pageOf(words, start, plan);
    batch.shape[row] = this.tables.shapes.intern(words, start, plan);
    batch.openAt[context] = row;
    batch.openPid[context] = pid;
  }

  private pageOf(words: Int32Array, start: number, plan: Plan): number {
    const low = words[start + plan.pfn];
    const high = plan.pfnHigh < 0 ? 0 : words[start + plan.pfnHigh];
    // a failed allocation is traced as -1UL; no page number has more than 52 bits
    if (high >>> 20 !== 0 || (plan.pfnHigh < 0 && low === -1)) return -1;
    return this.tables.pages.add(low, high);
  }

  /** A stack belongs to the latest event of the same CPU, context and task that has none yet. */
  private attachStack(
    stream: CpuStream,
    batch: Batch,
    plan: Plan,
    start: number,
    size: number,
    context: number,
    pid: number,
  ): void {
    const row = batch.openAt[context];
    if (row === Batch.NONE || batch.openPid[context] !== pid || plan.frame < 0) {
      this.orphanStacks++;
      return;
    }
    batch.openAt[context] = Batch.NONE;
    const stack = 1 + this.stackOf(stream.words, start, size, plan);
    if (row >= 0) batch.stack[row] = stack;
    else batch.late.push({ context, stack });
  }

  private stackOf(words: Int32Array, start: number, size: number, plan: Plan): number {
    const { little } = this;
    const wide = plan.word === 8;
    const room = Math.max(0, Math.floor((size - plan.frame * 4) / plan.word));
    // 5.10 has no reliable size in every configuration: the record bounds it
    const claimed = plan.frames < 0 ? room : words[start + plan.frames] >>> 0;
    const frames = Math.min(claimed, room);
    const { table } = this.tables.stacks;
    const scratch = table.room(frames * 2);
    let count = 0;
    for (let n = 0, at = start + plan.frame; n < frames; n++, at += wide ? 2 : 1) {
      const first = words[at];
      const second = wide ? words[at + 1] : 0;
      const low = little || !wide ? first : second;
      const high = little || !wide ? second : first;
      if (low === -1 && (high === -1 || !wide)) break;
      scratch[count++] = low;
      scratch[count++] = high;
    }
    return table.intern(count);
  }

  /** Makes the plan of an event id that was not met before; 1 + its place. */
  private prepare(id: number): number {
    const stored = this.file.formats.get(id);
    const format = stored && parseFormat(stored.text, stored.system);
    if (!stored || !format) {
      this.file.notes.add('RZ3005', `events of id ${id} have no format in the file: only counted and kept as bytes`);
    }
    const known = format ?? { id, system: '', name: `event#${id}`, fields: this.commonFields(), printFmt: '' };
    const { kinds } = this.tables;
    const { plan, has } = planOf(known, kinds.length, this.little);
    kinds.push(kindOf(known, has));
    if (kinds.length > this.counts.length) this.counts = grown(this.counts, kinds.length);
    this.planOf[id] = this.plans.push(plan);
    return this.planOf[id];
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

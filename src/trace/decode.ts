// SPDX-License-Identifier: Apache-2.0
/**
 * Records of a trace.dat to columns: each record once, by the plan of its event, its content and its task to the numbers that
 * stand for them. The tables behind the numbers are shared by all CPUs that one thread decodes.
 */
import { type Columns, type EventKind, Extras, StackTable } from './columns.js';
import { type CpuStream, PADDING, UNSEEN } from './cpu-stream.js';
import type { DatFile } from './dat-parts.js';
import { fieldOf, parseFormat } from './format.js';
import { grown } from './intern.js';
import { kindOf, NO_PLAN, type Plan, planOf } from './record.js';
import type { Loss } from './recording.js';
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

/** Where a run over one CPU's events is to end: before the first that is not earlier, or when there are so many rows. */
export interface Limit {
  until: number;
  rows: number;
}

export interface DeferredStack {
  cpu: number;
  context: number;
  pid: number;
  stack: number;
}

/** Decodes the events of any CPU of one file, each straight into its row. */
export class Decoder {
  orphanStacks = 0;
  /** stacks of events that another slice may have, in their order */
  readonly deferred: DeferredStack[] = [];
  readonly names: TaskNames;
  /** the plan of an event id, 0 for one not met: an event without a page */
  private readonly planOf = new Uint16Array(0x10000);
  private readonly plans: Plan[] = [NO_PLAN];
  /** records by kind */
  private counts = new Float64Array(64);
  private readonly little: boolean;
  private readonly scale: number;

  constructor(
    private readonly file: DatFile,
    readonly tables: Tables,
    private readonly events: Columns,
    private readonly lose: (loss: Loss) => void,
  ) {
    this.little = file.little;
    this.names = new TaskNames(file.cmdlines);
    this.scale = scaleOf(file);
  }

  /** Tells the kinds how often they occurred. */
  finish(): void {
    for (const [kind, entry] of this.tables.kinds.entries()) entry.count = this.counts[kind];
  }

  /** The number here of a kind that another thread met, with its records counted. */
  adoptKind({ format, count }: EventKind): number {
    const id = format?.id ?? 0;
    const { kind } = this.plans[this.planOf[id] || this.prepare(id)];
    this.counts[kind] += count;
    return kind;
  }

  /** Decodes the record that is due on a CPU and those after it that come before `limit`; false at the end of the CPU's data. */
  run(stream: CpuStream, { until, rows }: Limit): boolean {
    const { events } = this;
    do {
      if (this.pageEvents(stream, until, rows)) continue;
      this.other(stream);
      this.advance(stream);
    } while (!stream.over && stream.due < until && events.length < rows);
    return !stream.over;
  }

  /**
   * Events of pages from the record that is due on, which is before the limit however that compares: beyond 2^53 times are no whole
   * numbers. One long function on few numbers: nearly all of a recording comes by.
   * @returns false at a record that is none; true where the limit is reached or the data ends
   */
  private pageEvents(stream: CpuStream, until: number, rows: number): boolean {
    const { little, scale, plans, planOf, counts, events, tables } = this;
    const { shapes } = tables;
    const { openRow, openPid } = stream;
    let { words, pageEnd, time, due, start, size } = stream;
    let { time: times, page: pages, shape: contents, who: whos, capacity, length: row } = events;
    do {
      const head = words[start];
      const plan = plans[planOf[little ? head & 0xffff : head >>> 16]];
      if (plan.pfn < 0 || size < plan.least) return false;
      counts[plan.kind]++;
      const flags = plan.flags8 < 0 ? 0 : words[start + plan.flags8] >>> plan.flagsShift;
      const context = (flags & 0x58) === 0 ? 0 : contextOf(flags);
      const pid = plan.pid < 0 ? -1 : words[start + plan.pid];
      if (pid !== stream.lastPid || stream.lastWho < 0) this.enter(stream, pid);
      if (row === capacity) {
        events.reserve(row * 2);
        ({ time: times, page: pages, shape: contents, who: whos, capacity } = events);
      }
      events.length = row + 1;
      times[row] = due;
      whos[row] = stream.lastWho;
      contents[row] = shapes.intern(words, start, plan);
      pages[row] = this.pageOf(words, start, plan);
      if (stream.missed !== 0) this.gap(stream, row);
      openRow[context] = row;
      openPid[context] = pid;
      stream.lastRow = row++;
      // on to the next record: here where its header is a plain one
      const pos = start + ((size + 3) >> 2);
      const word = pos < pageEnd ? words[pos] : 0;
      const type = little ? word & 31 : word >>> 27;
      start = pos + 1;
      if (type === 0 || type >= PADDING || start + type > pageEnd) {
        stream.pos = pos;
        stream.time = time;
        if (!this.advance(stream)) return true;
        ({ words, pageEnd, time, due, start, size } = stream);
        continue;
      }
      size = type * 4;
      time += little ? word >>> 5 : word & 0x07ffffff;
      due = scale === 1 ? time : Math.round(time * scale);
      stream.time = time;
      stream.due = due;
      stream.start = start;
      stream.size = size;
      stream.pos = start + type;
    } while (due < until && row < rows);
    return true;
  }

  /** Moves over headers, padding and page ends to the next record; false at the end of the CPU's data. */
  advance(stream: CpuStream): boolean {
    const { little, scale } = this;
    let { words, pos, pageEnd, time } = stream;
    for (;;) {
      if (pos >= pageEnd) {
        if (!stream.nextPage()) return false;
        ({ words, pos, pageEnd, time } = stream);
        continue;
      }
      const word = words[pos];
      const type = little ? word & 31 : word >>> 27;
      const delta = little ? word >>> 5 : word & 0x07ffffff;
      let start = pos + 1;
      let size = type * 4;
      if (type >= PADDING) {
        stream.pos = pos;
        stream.time = time;
        stream.special(type, delta);
        ({ pos, time } = stream);
        continue;
      }
      if (type === 0) {
        // the length stands in front of the payload and counts itself
        size = (pos + 1 < pageEnd ? words[start] >>> 0 : 0) - 4;
        start++;
      }
      const end = start + ((size + 3) >> 2);
      if (size < 0 || end > pageEnd) {
        stream.breakPage(size < 0 ? 'an event has no length' : 'an event reaches beyond its page');
        pos = pageEnd;
        continue;
      }
      time += delta;
      stream.time = time;
      stream.due = scale === 1 ? time : Math.round(time * scale);
      stream.start = start;
      stream.size = size;
      stream.pos = end;
      return true;
    }
  }

  /** The record that is due, where it is no event of a page: a stack, or one that is kept as bytes. */
  private other(stream: CpuStream): void {
    const { words, start, size } = stream;
    if (size < 4) {
      stream.note('an event has no type');
      return;
    }
    const head = words[start];
    const id = this.little ? head & 0xffff : head >>> 16;
    // of an id that was not met before; it may be one of pages
    const plan = this.plans[this.planOf[id] || this.prepare(id)];
    if (size < plan.least) {
      stream.note(`an event of id ${id} is too short`);
      return;
    }
    this.counts[plan.kind]++;
    const flags = plan.flags8 < 0 ? 0 : words[start + plan.flags8] >>> plan.flagsShift;
    const context = contextOf(flags);
    const pid = plan.pid < 0 ? -1 : words[start + plan.pid];
    if (plan.stack !== 'no') {
      if (plan.stack === 'kernel') this.attachStack(stream, plan, context, pid);
      return;
    }
    const { events, tables } = this;
    if (pid !== stream.lastPid || stream.lastWho < 0) this.enter(stream, pid);
    const row = events.push(stream.due, stream.lastWho, tables.shapes.intern(words, start, plan));
    if (plan.pfn < 0) events.setExtra(row, tables.extras.add(stream.record(start, size)));
    else events.page[row] = this.pageOf(words, start, plan);
    if (stream.missed !== 0) this.gap(stream, row);
    stream.lastRow = row;
    stream.openRow[context] = row;
    stream.openPid[context] = pid;
  }

  /** Another task is on a CPU. */
  private enter(stream: CpuStream, pid: number): void {
    stream.lastPid = pid;
    stream.lastWho = this.tables.whos.intern(stream.cpu, pid, this.names.of(pid));
  }

  /** Events are missing between the CPU's last one and `row`. */
  private gap(stream: CpuStream, row: number): void {
    this.lose({ cpu: stream.cpu, after: stream.lastRow, before: row, events: stream.missed });
    stream.missed = 0;
  }

  private pageOf(words: Int32Array, start: number, plan: Plan): number {
    const low = words[start + plan.pfn];
    const high = plan.pfnHigh < 0 ? 0 : words[start + plan.pfnHigh];
    // a failed allocation is traced as -1UL; no page number has more than 52 bits
    if (high >>> 20 !== 0 || (plan.pfnHigh < 0 && low === -1)) return -1;
    return this.tables.pages.add(low, high);
  }

  /** A stack belongs to the latest event of the same CPU, context and task that has none yet. */
  private attachStack(stream: CpuStream, plan: Plan, context: number, pid: number): void {
    const row = stream.openRow[context];
    if (row === UNSEEN && plan.frame >= 0) {
      this.deferred.push({ cpu: stream.cpu, context, pid, stack: this.stackOf(stream, plan) });
      return;
    }
    if (row < 0 || stream.openPid[context] !== pid || plan.frame < 0) {
      this.orphanStacks++;
      return;
    }
    stream.openRow[context] = -1;
    this.events.setStack(row, this.stackOf(stream, plan));
  }

  private stackOf({ words, start, size }: CpuStream, plan: Plan): number {
    const wide = plan.word === 8;
    const room = Math.max(0, Math.floor((size - plan.frame * 4) / plan.word));
    // 5.10 has no reliable size in every configuration: the record bounds it
    const claimed = plan.frames < 0 ? room : words[start + plan.frames] >>> 0;
    const frames = Math.min(claimed, room);
    const from = start + plan.frame;
    const { table } = this.tables.stacks;
    if (wide && this.little) return table.intern(words, from, pairsBefore(words, from, frames));
    const pairs = table.room(frames * 2);
    for (let n = 0; n < frames; n++) {
      const first = words[wide ? from + 2 * n : from + n];
      const second = wide ? words[from + 2 * n + 1] : 0;
      pairs[2 * n] = wide ? second : first;
      pairs[2 * n + 1] = wide ? first : first === -1 ? -1 : 0;
    }
    return table.intern(pairs, 0, pairsBefore(pairs, 0, frames));
  }

  /** Makes the plan of an event id that was not met before; its place. */
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
    this.planOf[id] = this.plans.push(plan) - 1;
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

/** Nanoseconds of a tick of the clock, where the file has ticks and says so; else 1. */
export function scaleOf({ tsc }: DatFile): number {
  return tsc && tsc.mult > 0 ? tsc.mult / 2 ** tsc.shift : 1;
}

/** common_flags to the context of the event: a task, a softirq, an interrupt, an NMI. */
function contextOf(flags: number): number {
  return flags & 0x58 ? (flags & 0x40 ? 3 : flags & 0x08 ? 2 : 1) : 0;
}

/** Words of the address pairs from `at` on, at most `pairs`, that stand before the end mark of all ones. */
function pairsBefore(words: Int32Array, at: number, pairs: number): number {
  let count = 0;
  while (count < 2 * pairs && (words[at + count] !== -1 || words[at + count + 1] !== -1)) count += 2;
  return count;
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Records of a trace.dat to columns: each record once, by the plan of its event, its content and its task to the numbers that
 * stand for them. The loop (loop-text.ts) makes rows of events of pages; here is what it needs for that, and all that is rare.
 */
import { type Columns, type EventKind, Extras, StackTable } from './columns.js';
import { type CpuStream, type Origin, UNSEEN } from './cpu-stream.js';
import type { DatBuffer, DatFile } from './dat-parts.js';
import { fieldOf, parseFormat } from './format.js';
import { Lately } from './lately.js';
import { Loop } from './loop.js';
import { AT, EXIT, PLAN, ROW, ROWS, STAGE, STREAM, WHO_SLOTS } from './loop-places.js';
import { kindOf, type Plan, planOf, wordsOf } from './record.js';
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

export interface DeferredStack {
  cpu: number;
  context: number;
  pid: number;
  stack: number;
}

/** Decodes the events of all CPUs of one file, each straight into its row. */
export class Decoder {
  orphanStacks = 0;
  /** stacks of events that another slice may have, in their order */
  readonly deferred: DeferredStack[] = [];
  readonly names: TaskNames;
  readonly loop: Loop;
  /** in the order of their kinds, and where the loop has them */
  private readonly plans: Plan[] = [];
  private readonly places: number[] = [];
  /** records that other threads met, by kind */
  private readonly adopted: number[] = [];
  private readonly little: boolean;
  private readonly lately: Lately;

  constructor(
    private readonly file: DatFile,
    readonly tables: Tables,
    private readonly events: Columns,
    private readonly lose: (loss: Loss) => void,
  ) {
    this.little = file.little;
    this.names = new TaskNames(file.cmdlines);
    const scale = scaleOf(file);
    this.loop = new Loop({ little: file.little, scaled: scale !== 1 });
    this.loop.doubles[AT.scale / 2] = scale;
    this.lately = new Lately(this.loop, tables, events.tallied);
  }

  /** Tells the kinds how often they occurred. Nothing can be decoded or adopted any more. */
  finish(): void {
    if (this.loop.words.length === 0) return;
    for (const [kind, entry] of this.tables.kinds.entries()) {
      entry.count = (this.loop.words[this.places[kind] + PLAN.count] >>> 0) + this.adopted[kind];
    }
    this.loop.release();
  }

  /** The number here of a kind that another thread met, with its records counted. */
  adoptKind({ format, count }: EventKind): number {
    const { kind } = this.planOf(format?.id ?? 0);
    this.adopted[kind] += count;
    return kind;
  }

  // ---- the CPUs ---------------------------------------------------------------------------------------------------

  /** To be called before anything is read. @param origin where it is known already */
  begin({ pageSize }: DatBuffer, origin: Origin): void {
    const { commitOffset, commitSize, dataOffset } = this.file.layout;
    const { words } = this.loop;
    words[AT.pageSize] = pageSize;
    words[AT.dataOffset] = dataOffset >> 2;
    words[AT.wordOfLong] = !this.little && commitSize === 8 ? 1 : 0;
    words[AT.commit] = (commitOffset >> 2) + words[AT.wordOfLong];
    words[AT.commitSize] = commitSize;
    words[AT.originKnown] = origin.known ? 1 : 0;
    words[AT.originHigh] = origin.high;
    words[AT.originLow] = origin.low;
    this.lately.begin();
  }

  /** Time zero, where a page was entered or it was known before. */
  get origin(): Pick<Origin, 'known' | 'high' | 'low'> {
    const { words } = this.loop;
    return {
      known: words[AT.originKnown] !== 0,
      high: words[AT.originHigh] >>> 0,
      low: words[AT.originLow] >>> 0,
    };
  }

  /** Goes to the first record of a CPU that is not before the time `from`. What is missing before that is not its business. */
  enter(stream: CpuStream, from: number): void {
    const { loop } = this;
    for (;;) {
      const exit = loop.functions.enter(stream.at);
      if (exit !== 0) this.turn(stream, exit);
      else if (stream.due >= from) return;
      else stream.missed = 0;
      if (stream.over) return;
    }
  }

  /**
   * Makes rows of the events before the time `until`, of all CPUs in one order: by time, ties by CPU number.
   * @param streams those that are not at their end stand at a record
   * @returns steps: now and then, with all rows in the columns; who answers true wants no more
   */
  *merge(streams: readonly CpuStream[], until: number): Generator<void, void, boolean | undefined> {
    const { loop, events } = this;
    const heap = streams.filter(({ over }) => !over).sort((a, b) => a.due - b.due || a.cpu - b.cpu);
    loop.words.set(
      heap.map(({ at }) => at),
      AT.heap,
    );
    loop.words[AT.heapSize] = heap.length;
    loop.words[AT.stage] = STAGE.record;
    loop.words[AT.base] = events.length;
    loop.doubles[AT.until / 2] = until;
    const byPlace = new Map(heap.map((stream) => [stream.at, stream]));
    for (let rows = 0; ; ) {
      const exit = loop.functions.run();
      if (exit === EXIT.end) break;
      const stream = byPlace.get(loop.words[AT.heap]);
      if (exit === EXIT.pages) {
        if (this.lately.growPages()) continue;
        this.giveUp();
        break;
      }
      if (exit !== EXIT.full) this.turn(stream as CpuStream, exit);
      else {
        this.flush();
        if ((rows += ROWS) < STEP) continue;
        if (yield) break;
        rows = 0;
      }
    }
    this.flush();
    this.lately.end();
  }

  /** The merge that is under way is to end before the time `until`; false where it is beyond that. */
  endAt(until: number): boolean {
    const { words, doubles } = this.loop;
    const due = doubles[(words[AT.heap] + STREAM.due) / 2];
    if (words[AT.heapSize] === 0 || due >= until || doubles[AT.last / 2] >= until) return false;
    doubles[AT.until / 2] = until;
    return true;
  }

  /** No more is read. */
  private giveUp(): void {
    const { words } = this.loop;
    const message = `more than ${words[AT.pages]} different pages do not fit into memory; it is judged as if it ended there`;
    this.file.notes.add('RZ3004', message);
    const rows = words[AT.base] + words[AT.row];
    this.lose({ cpu: -1, after: rows - 1, before: rows, events: -1 });
  }

  /** The rows so far go to the columns. */
  private flush(): void {
    const { loop, events } = this;
    const { words, doubles } = loop;
    const rows = words[AT.row];
    const part = (from: number) => words.subarray(from, from + rows);
    const stacks = words[AT.stacked] === 0 ? undefined : part(ROW.stack);
    const times = doubles.subarray(ROW.time / 2, ROW.time / 2 + rows);
    events.append(times, part(ROW.page), part(ROW.shape), part(ROW.who), stacks);
    events.tallied.rows = events.length;
    events.tallied.stacked += words[AT.stacked];
    stacks?.fill(0);
    words[AT.row] = words[AT.stacked] = 0;
    words[AT.base] = events.length;
  }

  // ---- what the loop came back for ----------------------------------------------------------------------------------

  private turn(stream: CpuStream, exit: number): void {
    const { words } = this.loop;
    if (exit === EXIT.window) {
      if (!stream.fetch()) words[AT.stage] = STAGE.ended;
    } else if (exit === EXIT.claim) stream.noteClaim();
    else if (exit === EXIT.broken) stream.noteBroken();
    else if (exit === EXIT.other) this.other(stream);
    else if (exit === EXIT.gap) this.gap(stream);
    else {
      const plan = this.planOf(this.idOf(stream));
      if (exit === EXIT.who) this.enterTask(stream);
      else if (exit === EXIT.shape) this.lately.shape(stream.start, plan);
      else if (!this.lately.stack(this.stackOf(stream, plan))) this.other(stream);
    }
  }

  private idOf({ start }: CpuStream): number {
    const head = this.loop.words[start];
    return this.little ? head & 0xffff : head >>> 16;
  }

  /** The record that is due, where it is no event of a page: a stack, or one that is kept as bytes. */
  private other(stream: CpuStream): void {
    const { loop } = this;
    const { size } = stream;
    if (size < 4) {
      stream.note('an event has no type');
      loop.words[AT.stage] = STAGE.header;
      return;
    }
    const id = this.idOf(stream);
    const isNew = loop.words[AT.planOf + id] === 0;
    const plan = this.planOf(id);
    // of an id that was not met before the loop may know now what to do
    if (isNew && size >= plan.least) return;
    loop.words[AT.stage] = STAGE.header;
    if (size < plan.least) {
      stream.note(`an event of id ${id} is too short`);
      return;
    }
    loop.words[this.places[plan.kind] + PLAN.count]++;
    if (plan.stack === 'kernel') this.attachStack(stream, plan);
    if (plan.stack === 'no') this.keep(stream, plan);
  }

  /** A record that is kept as bytes: a row without a page. */
  private keep(stream: CpuStream, plan: Plan): void {
    const { loop, tables } = this;
    const { words } = loop;
    if (stream.missed !== 0) this.gap(stream);
    const [pid, context] = [words[AT.pid], words[AT.context]];
    if (pid !== words[stream.at + STREAM.lastPid] || stream.lastWho < 0) this.enterTask(stream);
    const row = words[AT.row]++;
    const handle = tables.extras.add(stream.record());
    loop.doubles[ROW.time / 2 + row] = stream.due;
    words[ROW.page + row] = handle < 0 ? -1 : -2 - handle;
    const shape = tables.shapes.intern(words, stream.start, plan);
    words[ROW.shape + row] = shape;
    this.events.tallied.addShape(shape, 1);
    this.events.tallied.addTimes(stream.due, stream.due);
    words[stream.at + STREAM.rows]++;
    words[ROW.who + row] = stream.lastWho;
    words[stream.at + STREAM.lastRow] = words[stream.at + STREAM.openRow + context] = words[AT.base] + row;
    words[stream.at + STREAM.openPid + context] = pid;
  }

  /** Another task is on a CPU. */
  private enterTask({ at, cpu }: CpuStream): void {
    const { words } = this.loop;
    const pid = words[AT.pid];
    const who = this.tables.whos.intern(cpu, pid, this.names.of(pid));
    const slot = at + STREAM.whos + 2 * (pid & (WHO_SLOTS - 1));
    words[at + STREAM.lastPid] = words[slot] = pid;
    words[at + STREAM.lastWho] = who;
    words[slot + 1] = who + 1;
  }

  /** Events are missing between the CPU's last one and the next row. */
  private gap(stream: CpuStream): void {
    const { words } = this.loop;
    const before = words[AT.base] + words[AT.row];
    this.lose({ cpu: stream.cpu, after: stream.lastRow, before, events: stream.missed });
    stream.missed = 0;
  }

  /** A stack belongs to the latest event of the same CPU, context and task that has none yet. */
  private attachStack(stream: CpuStream, plan: Plan): void {
    const { words } = this.loop;
    const [pid, context] = [words[AT.pid], words[AT.context]];
    const row = words[stream.at + STREAM.openRow + context];
    if (row === UNSEEN && plan.frame >= 0) {
      this.deferred.push({ cpu: stream.cpu, context, pid, stack: this.stackOf(stream, plan) });
      return;
    }
    if (row < 0 || words[stream.at + STREAM.openPid + context] !== pid || plan.frame < 0) {
      this.orphanStacks++;
      return;
    }
    words[stream.at + STREAM.openRow + context] = -1;
    const id = this.stackOf(stream, plan);
    if (row < words[AT.base]) this.events.setStack(row, id);
    else {
      words[ROW.stack + row - words[AT.base]] = id + 1;
      words[AT.stacked]++;
    }
  }

  private stackOf({ start, size }: CpuStream, plan: Plan): number {
    const { words } = this.loop;
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

  /** The plan of an event id; made when that is first met. */
  private planOf(id: number): Plan {
    const { words } = this.loop;
    const at = words[AT.planOf + id];
    return at === 0 ? this.prepare(id) : this.plans[words[at + PLAN.kind]];
  }

  private prepare(id: number): Plan {
    const stored = this.file.formats.get(id);
    const format = stored && parseFormat(stored.text, stored.system);
    if (!stored || !format) {
      this.file.notes.add('RZ3005', `events of id ${id} have no format in the file: only counted and kept as bytes`);
    }
    const known = format ?? { id, system: '', name: `event#${id}`, fields: this.commonFields(), printFmt: '' };
    const { kinds } = this.tables;
    const { plan, has } = planOf(known, kinds.length, this.little);
    kinds.push(kindOf(known, has));
    const words = wordsOf(plan, this.little);
    const at = this.loop.allocate(words.length);
    this.loop.words.set(words, at);
    this.loop.words[AT.planOf + id] = at;
    this.plans.push(plan);
    this.places.push(at);
    this.adopted.push(0);
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

/** events between two chances to stop, about */
const STEP = 0x10000;

/** Nanoseconds of a tick of the clock, where the file has ticks and says so; else 1. */
export function scaleOf({ tsc }: DatFile): number {
  return tsc && tsc.mult > 0 ? tsc.mult / 2 ** tsc.shift : 1;
}

/** Words of the address pairs from `at` on, at most `pairs`, that stand before the end mark of all ones. */
function pairsBefore(words: Int32Array, at: number, pairs: number): number {
  let count = 0;
  while (count < 2 * pairs && (words[at + count] !== -1 || words[at + count + 1] !== -1)) count += 2;
  return count;
}

// SPDX-License-Identifier: Apache-2.0
/**
 * ftrace text to columns: what `cat trace`, `cat trace_pipe`, `trace-cmd report`, `perf script` and an ftrace dump print
 * (kernel/trace/trace_output.c), as it is or quoted in a mail. The order of the file is the order of the events. Lines that are none of the known kinds
 * are noted with their number.
 */
import { asciiOf, textOf } from './bytes.js';
import { Columns, type EventKind, Extras, HAS, StackTable } from './columns.js';
import { ByteInterner, grown } from './intern.js';
import { isMail, MailText } from './mail-text.js';
import {
  type CpuSummary,
  finished,
  interruptedText,
  type Loss,
  type Notes,
  type Reading,
  type ReadOptions,
  type Recording,
} from './recording.js';
import { FIELD } from './shapes.js';
import { type Source, sourceOf } from './source.js';
import { isPageBody, TextFields } from './text-fields.js';
import { announcedBy, announcedByName, FrameLine, USER_STACK, unquoted } from './text-frame.js';
import { LinePrefix } from './text-line.js';
import { StackLines } from './text-stacks.js';

/** the line of a text in which `refzero record` tells what it knows of the machine, as JSON */
export const FACTS_MARK = '# refzero: ';

const NEWLINE = 10;
const SPACE = 32;
const COLON = 58;
/** lines without a single event after which the file is taken for something else */
const FOREIGN_LINES = 2000;
const FOREIGN_BYTES = 1 << 20;
const MAX_KINDS = 4096;

/** a line beyond this is cut: none that is an event comes near */
const MAX_LINE = 1 << 16;
const WINDOW = 1 << 20;

/** by decimals of a second: nanoseconds of the last */
const NANOSECONDS = Array.from({ length: 10 }, (_, digits) => 10 ** (9 - digits));

/** Reads ftrace text; of a file that is none the recording is empty and the notes say so. */
export function readText(from: Uint8Array | Source, notes: Notes, options: ReadOptions): Recording {
  return finished(textSteps(sourceOf(from), notes, options));
}

/** The same, step by step. */
export function* textSteps(source: Source, notes: Notes, options: ReadOptions): Reading<Recording> {
  const reader = new TextReader(notes);
  const part = new Uint8Array(Math.min(WINDOW, source.size));
  for (let at = 0; at < source.size && !reader.foreign; ) {
    const got = source.read(at, part);
    if (got === 0) break;
    reader.add(part.subarray(0, got));
    at += got;
    options.progress?.(at, source.size);
    if (yield) return reader.interrupt(at / source.size);
  }
  return reader.finish();
}

/** What is remembered of each CPU while reading. */
interface CpuState extends CpuSummary {
  lastRow: number;
  openRow: Int32Array;
  openPid: Int32Array;
}

/** Takes a text piece by piece, as a pipe gives it. */
export class TextReader {
  private readonly events = new Columns();
  private readonly kinds: EventKind[] = [];
  /** of the fields pfn, val and ret, those that an event of the kind had when first met */
  private readonly required: number[] = [];
  private readonly names = new ByteInterner();
  private readonly comms = new ByteInterner();
  private readonly flags = new ByteInterner();
  private readonly fields = new TextFields(this.flags);
  private readonly places = { ...FIELD, kind: 0 as number };
  private readonly extras = new Extras();
  private readonly stacks = new StackTable('lines');
  private readonly cpus: CpuState[] = [];
  private readonly losses: Loss[] = [];
  private readonly prefix = new LinePrefix();
  private lost = 0;
  private lostUnknown = 0;
  private orphanStacks = 0;
  private line = 0;
  private strange = 0;
  private digits = -1;
  private base = 0;
  private kernel: string | undefined;
  private facts = '';
  private entries = -1;
  /** a stack trace was announced: the row it belongs to, -1 for none, and whether frames follow */
  private stackRow = -1;
  private inStack = false;
  /** frames of it, where `stackLines` does not have them */
  private frames = 0;
  private readonly frameLine = new FrameLine();
  private readonly stackLines = new StackLines();
  /** the line at hand with its end, which it may lack */
  private lineFrom = 0;
  private lineTo = 0;
  /** by kind: does it announce a stack? */
  private readonly announces: number[] = [];
  /** kinds that have no name in the text */
  private readonly named = new Map<string, number>();

  /** what is at hand: the beginning of a line, and what came after it */
  private bytes: Uint8Array = new Uint8Array(0);
  private size = 0;
  private total = 0;
  private last = NEWLINE;
  private mail: MailText | undefined;
  /** nothing in it looks like a recording: the rest need not be read */
  foreign = false;

  constructor(private readonly notes: Notes) {}

  /** The next piece; it is not kept. */
  add(part: Uint8Array): void {
    if (this.total === 0 && !this.mail && isMail(part)) this.mail = new MailText();
    this.take(this.mail ? this.mail.add(part) : part);
  }

  private take(part: Uint8Array): void {
    if (part.length === 0) return;
    this.total += part.length;
    this.last = part[part.length - 1];
    const end = part.lastIndexOf(NEWLINE) + 1;
    if (end === 0) {
      this.keep(part);
      return;
    }
    let from = 0;
    if (this.size > 0) {
      from = part.indexOf(NEWLINE) + 1;
      this.keep(part.subarray(0, from));
      this.lines(this.bytes, 0, this.size);
      this.size = 0;
    }
    this.lines(part, from, end);
    this.keep(part.subarray(end));
  }

  /** Keeps the beginning of a line. */
  private keep(part: Uint8Array): void {
    const room = MAX_LINE - this.size;
    if (this.size + Math.min(room, part.length) > this.bytes.length) this.bytes = grown(this.bytes, MAX_LINE + 1);
    this.bytes.set(part.subarray(0, room), this.size);
    this.size += Math.min(room, part.length);
  }

  /** The whole lines in `bytes[from, end)`; the last may lack its end. */
  private lines(bytes: Uint8Array, from: number, end: number): void {
    const kept = this.bytes;
    this.bytes = bytes;
    const view = new DataView(bytes.buffer, bytes.byteOffset, end);
    for (let at = from; at < end && !this.foreign; ) {
      if (this.inStack && !this.prefix.perf) {
        at = this.stackLines.follow(view, at, end);
        this.line += this.stackLines.passed;
        if (at >= end) break;
      }
      let to = bytes.indexOf(NEWLINE, at);
      if (to < 0 || to > end) to = end;
      this.line++;
      this.lineFrom = at;
      this.lineTo = Math.min(to + 1, end);
      if (to > at) this.read(at, Math.min(at + MAX_LINE, bytes[to - 1] === 13 ? to - 1 : to));
      if (this.strange > 0 && this.events.length === 0) {
        this.foreign = this.strange > FOREIGN_LINES || this.total - end + at > FOREIGN_BYTES;
      }
      at = to + 1;
    }
    this.bytes = kept;
  }

  /** No more pieces are wanted. @param share of the text that was read, 0 to 1, where that is known */
  interrupt(share: number | undefined): Recording {
    this.mail = undefined;
    this.size = 0;
    this.entries = -1;
    this.last = NEWLINE;
    this.notes.add('RZ3030', interruptedText(this.events.length, share));
    this.lose(-1, -1, this.events.length - 1, this.events.length);
    return this.finish();
  }

  /** No more pieces: what was read. */
  finish(): Recording {
    if (this.mail) this.take(this.mail.finish());
    if (this.size > 0) this.lines(this.bytes, 0, this.size);
    this.endStack();
    this.closing();
    return this.recording();
  }

  private closing(): void {
    const { total, notes } = this;
    if (this.events.length === 0 && (this.strange > 0 || total === 0)) {
      notes.add(
        'RZ3001',
        total === 0 ? 'the file is empty' : 'this is no recording: neither a trace.dat nor ftrace text',
        'give what `trace-cmd record` or `cat trace` wrote',
      );
      return;
    }
    if (this.last !== NEWLINE) {
      notes.add('RZ3004', 'the text does not end with a line end: its last event may be cut');
    }
    const read = this.kinds.reduce((sum, kind) => sum + kind.count, 0);
    if (this.entries >= 0 && this.entries !== read) {
      notes.add('RZ3004', `the text says that it has ${this.entries} entries, ${read} were found`);
      const end = this.events.length;
      if (read < this.entries) this.lose(-1, this.entries - read, end - 1, end);
    }
  }

  private read(begin: number, to: number): void {
    const from = this.bytes[begin] === 62 ? unquoted(this.bytes, begin, to) : begin;
    if (from === to) return;
    const first = this.bytes[from];
    if (this.inStack) {
      if (this.prefix.perf ? this.perfFrame(from, to) : this.frame(from, to)) return;
      this.endStack();
    }
    if (first === 35) this.header(from, to);
    else if (this.prefix.parse(this.bytes, from, to)) this.event(to);
    else if (!this.lostLine(from, to)) this.odd(from, to);
  }

  /** `# ...`: how many entries were overwritten, the kernel where a latency tracer wrote it, or what our recorder knew. */
  private header(from: number, to: number): void {
    if (this.bytes.subarray(from, from + FACTS_MARK.length).every((byte, at) => byte === FACTS_MARK.charCodeAt(at))) {
      this.facts = textOf(this.bytes, from + FACTS_MARK.length, to);
      return;
    }
    const text = asciiOf(this.bytes, from, Math.min(to, from + 200));
    const entries = /^# entries-in-buffer\/entries-written: (\d{1,15})\/(\d{1,15})/.exec(text);
    if (entries) {
      this.entries = Number(entries[1]);
      const missing = Number(entries[2]) - this.entries;
      if (missing > 0) this.lose(-1, missing, -1, 0);
    }
    this.kernel ??= /^# \w+ latency trace v\S+ on (\d+\.\d+\S*)/.exec(text)?.[1];
  }

  /** `CPU:3 [LOST 12 EVENTS]` of the kernel, `CPU:0 [12 EVENTS DROPPED]` of trace-cmd; other lines without an event. */
  private lostLine(from: number, to: number): boolean {
    const text = asciiOf(this.bytes, from, Math.min(to, from + 80));
    const lost = /^\s*CPU:\s*(\d{1,5}) \[(?:LOST )?(\d{0,15}) ?EVENTS(?: DROPPED)?\]/.exec(text);
    if (lost) {
      const cpu = this.cpu(Math.min(Number(lost[1]), 0xffff));
      this.lose(cpu.cpu, lost[2] === '' ? -1 : Number(lost[2]), cpu.lastRow, this.events.length);
      return true;
    }
    return (
      /^(cpus=\d+|version = \d+|##### CPU \d+ buffer started ####|-{5,}|\s*)\s*$/.test(text) ||
      /^CPU \d+ is empty/.test(text)
    );
  }

  private odd(from: number, to: number): void {
    this.strange++;
    // only worth a word in a file that is a recording otherwise
    if (this.events.length > 0) {
      const start = asciiOf(this.bytes, from, Math.min(to, from + 40)).replace(/[^ -~]/g, '?');
      this.notes.add('RZ3004', `line ${this.line} is not understood: ${JSON.stringify(start)}`);
    }
  }

  private lose(cpu: number, events: number, after: number, before: number): void {
    if (events > 0) this.lost += events;
    else this.lostUnknown++;
    if (this.losses.length < 100_000) this.losses.push({ cpu, after, before, events });
  }

  private cpu(number: number): CpuState {
    return (this.cpus[number] ??= {
      cpu: number,
      read: 0,
      overrun: -1,
      dropped: -1,
      lastRow: -1,
      openRow: new Int32Array(4).fill(-1),
      openPid: new Int32Array(4),
    });
  }

  /** A line with a prefix: an event, or the announcement of a stack. */
  private event(to: number): void {
    const { bytes, prefix } = this;
    const from = prefix.body;
    const cpu = this.cpu(prefix.cpu);
    if (bytes[from] === 60 && bytes[from + 1] !== 45) {
      const announced = announcedBy(bytes, from, to);
      if (announced === 0) this.row(cpu, this.namedKind('function'), from, to);
      else this.announce(cpu, announced);
      return;
    }
    let end = from;
    while (end < to && bytes[end] !== COLON && bytes[end] !== SPACE) end++;
    const named = end > from && bytes[end] === COLON && end < to;
    let body = named ? end + 1 : from;
    while (body < to && bytes[body] === SPACE) body++;
    const kind = named ? this.kind(from, end, body, to) : this.namedKind('function');
    if (this.announces[kind] === 0) this.row(cpu, kind, body, to);
    else this.announce(cpu, this.announces[kind]);
  }

  private row(cpu: CpuState, kind: number, body: number, to: number): void {
    const { bytes, prefix, events, fields, places } = this;
    const entry = this.kinds[kind];
    if (entry.has & HAS.pfn) {
      const has = fields.read(bytes, body, to);
      const required = this.required[kind];
      if ((has & required) !== required) {
        this.notes.add('RZ3004', `line ${this.line}: ${entry.name} without its fields`);
        return;
      }
      entry.has |= has & HAS.val ? has & ~HAS.order : has;
    } else fields.words.fill(0);
    places.kind = kind;
    entry.count++;
    const comm = this.comms.intern(bytes, prefix.commFrom, prefix.commTo);
    const shape = events.shapes.intern(fields.words, 0, places);
    const row = events.push(this.time(), events.whos.intern(cpu.cpu, prefix.pid, comm), shape);
    if (!(entry.has & HAS.pfn)) events.setExtra(row, this.extras.add(bytes, body, to));
    else if (fields.pfn >= 0) events.page[row] = events.pages.add(fields.pfn | 0, (fields.pfn / 4294967296) | 0);
    cpu.read++;
    cpu.lastRow = row;
    cpu.openRow[prefix.context] = row;
    cpu.openPid[prefix.context] = prefix.pid;
    if (!prefix.perf) return;
    // its frames follow without a word
    this.beginStack(row);
  }

  /** Time since the first event, in ns; ticks where the clock is a counter. */
  private time(): number {
    const { prefix } = this;
    if (this.digits < 0) {
      this.digits = prefix.digits;
      this.base = prefix.seconds;
    }
    const whole = prefix.seconds - this.base;
    return this.digits === 0 ? whole : whole * 1e9 + prefix.fraction * NANOSECONDS[prefix.digits];
  }

  private kind(from: number, to: number, body: number, end: number): number {
    const before = this.names.size;
    if (before >= MAX_KINDS) return this.namedKind('(others)');
    const id = this.names.intern(this.bytes, from, to);
    if (id === before) this.addKind(this.names.text(id), isPageBody(this.bytes, body, end));
    if (id === before && this.kinds[id].has & HAS.pfn) this.require(id, body, end);
    return id;
  }

  private namedKind(name: string): number {
    const known = this.named.get(name);
    if (known !== undefined) return known;
    const before = this.names.size;
    const id = this.names.internText(name);
    if (id === before) this.addKind(name, false);
    this.named.set(name, id);
    return id;
  }

  private addKind(name: string, page: boolean): void {
    this.kinds.push({ name, system: '', count: 0, has: page ? HAS.pfn : 0 });
    this.required.push(page ? HAS.pfn : 0);
    this.announces.push(announcedByName(name));
  }

  /** Later events of a kind must have what the first one had of pfn, val and ret. */
  private require(kind: number, body: number, end: number): void {
    this.required[kind] |= this.fields.read(this.bytes, body, end) & (HAS.val | HAS.ret);
  }

  /** `<stack trace>`, `<user stack trace>`, `kernel_stack: <stack trace >`: frames follow. */
  private announce(cpu: CpuState, whose: number): void {
    const user = whose === USER_STACK;
    this.kinds[this.namedKind(user ? 'user_stack' : 'kernel_stack')].count++;
    this.beginStack(-1);
    if (user) return;
    const { context, pid } = this.prefix;
    const row = cpu.openRow[context];
    if (row >= 0 && cpu.openPid[context] === pid) {
      this.stackRow = row;
      cpu.openRow[context] = -1;
    } else this.orphanStacks++;
  }

  private beginStack(row: number): void {
    this.inStack = true;
    this.frames = 0;
    this.stackLines.node = this.prefix.perf ? -1 : 0;
    this.stackRow = row;
  }

  /** ` => symbol`: one frame of the announced stack. */
  private frame(from: number, to: number): boolean {
    const { frameLine } = this;
    if (!frameLine.arrow(this.bytes, from, to)) return false;
    const frame = this.stacks.lines.intern(this.bytes, frameLine.from, frameLine.to);
    const { stackLines, lineFrom, lineTo } = this;
    // without its end a line may go on
    if (this.bytes[lineTo - 1] === NEWLINE && stackLines.add(this.bytes, lineFrom, lineTo, frame)) return true;
    this.leaveStackLines();
    this.addFrame(frame);
    return true;
  }

  /** The rest of the stack is not kept with its lines. */
  private leaveStackLines(): void {
    const { stackLines, stacks } = this;
    if (stackLines.node < 0) return;
    this.frames = stackLines.framesInto(stacks.table.room(stackLines.frames));
    stackLines.node = -1;
  }

  /** A frame as perf script prints it; those of user space are left out. */
  private perfFrame(from: number, to: number): boolean {
    const { frameLine, stacks, bytes } = this;
    const whose = frameLine.perf(bytes, from, to);
    if (whose === undefined) return false;
    if (whose === 'user') return true;
    if (this.frames === 0) this.kinds[this.namedKind('kernel_stack')].count++;
    const { lines } = stacks;
    const name = frameLine.module === '' ? undefined : asciiOf(bytes, frameLine.from, frameLine.to) + frameLine.module;
    this.addFrame(name === undefined ? lines.intern(bytes, frameLine.from, frameLine.to) : lines.internText(name));
    return true;
  }

  private addFrame(line: number): void {
    if (this.frames < 1024) this.stacks.table.room(this.frames + 1)[this.frames++] = line;
  }

  private endStack(): void {
    const { stackLines, stackRow } = this;
    // announced without frames that can be read, as `trace-cmd report -R` has it, it tells nothing
    if (this.inStack && stackRow >= 0 && (this.frames > 0 || stackLines.node > 0)) {
      if (stackLines.node >= 0 && stackLines.id < 0) {
        const node = stackLines.node;
        this.leaveStackLines();
        stackLines.node = node;
        stackLines.id = this.stackId();
      }
      this.events.setStack(stackRow, stackLines.node >= 0 ? stackLines.id : this.stackId());
    }
    this.inStack = false;
  }

  private stackId(): number {
    const { table } = this.stacks;
    return table.intern(table.room(0), 0, this.frames);
  }

  private recording(): Recording {
    const seconds = BigInt(Number.isSafeInteger(this.base) ? this.base : 0);
    return {
      format: 'ftrace text',
      compression: 'none',
      kernel: this.kernel,
      facts: this.facts,
      clock: '',
      unit: this.digits === 0 ? 'ticks' : 'ns',
      little: true,
      precision: Math.max(0, this.digits),
      timeBase: this.digits === 0 ? seconds : seconds * 1_000_000_000n,
      events: this.events,
      kinds: this.kinds,
      comms: this.comms,
      flagTexts: this.flags,
      stacks: this.stacks,
      extras: this.extras,
      losses: this.losses,
      lost: this.lost,
      lostUnknown: this.lostUnknown,
      orphanStacks: this.orphanStacks,
      cpus: this.cpus.filter(Boolean).map(({ cpu, read, overrun, dropped }) => ({ cpu, read, overrun, dropped })),
      buffers: [],
      diagnostics: this.notes.list,
    };
  }
}

// SPDX-License-Identifier: Apache-2.0
/** What a reader gives: the columns and everything that is known about how they were recorded and what is missing. */
import type { Diagnostic } from '../base/diagnostic.js';
import type { Columns, EventKind, Extras, StackTable } from './columns.js';
import type { ByteInterner } from './intern.js';

/** Events of one CPU that the recorder itself lost, between two rows. */
export interface Loss {
  cpu: number;
  /** the gap lies after this row (-1: before everything) ... */
  after: number;
  /** ... and not later than this row, which may be `events.length` */
  before: number;
  /** how many, -1 when the kernel did not say */
  events: number;
}

/** Per-CPU statistics of the ring buffer, as saved by trace-cmd or counted by us. */
export interface CpuSummary {
  cpu: number;
  /** events read from this file, stacks included */
  read: number;
  /** overwritten before they could be saved, -1 unknown */
  overrun: number;
  /** dropped because the buffer was full or not writable, -1 unknown */
  dropped: number;
}

/** The ring buffers of a file: the top one has an empty name, instances have theirs. */
export interface BufferSummary {
  name: string;
  bytes: number;
  /** the one that was read into the columns */
  chosen: boolean;
}

export interface Recording {
  /** `trace.dat 6`, `trace.dat 7`, `ftrace text` */
  format: string;
  /** compression inside the file: `none`, `zstd`, `zlib` */
  compression: string;
  /** release of the traced kernel (`6.12.117`), undefined where the file does not say */
  kernel: string | undefined;
  /** what `refzero record` wrote of the machine, as JSON (src/app/record-facts.ts); empty in files of others */
  facts: string;
  /** the recorder kept events of some pages only: that a tracepoint has no event says nothing then */
  somePages?: boolean;
  /** name of the trace clock */
  clock: string;
  /** what `time` counts */
  unit: 'ns' | 'ticks';
  /** byte order of the records kept in `extras` */
  little: boolean;
  /** decimals of a second that the file has: 9 for trace.dat, 6 for most texts */
  precision: number;
  /** absolute time of `time === 0` */
  timeBase: bigint;
  events: Columns;
  kinds: EventKind[];
  comms: ByteInterner;
  /** texts of `flags=`; only for recordings from text */
  flagTexts: ByteInterner | undefined;
  stacks: StackTable;
  extras: Extras;
  losses: Loss[];
  /** events lost, of those losses that say how many */
  lost: number;
  /** losses that do not say how many */
  lostUnknown: number;
  /** stacks whose event is not in the recording */
  orphanStacks: number;
  cpus: CpuSummary[];
  buffers: BufferSummary[];
  /** what could not be read, and why */
  diagnostics: Diagnostic[];
}

/** How the bytes inside a trace.dat are unpacked; given by the caller because it differs between Node and a browser. */
export interface Codecs {
  /** one frame to exactly `size` bytes; undefined or throwing where that is impossible */
  zstd(bytes: Uint8Array, size: number): Uint8Array | undefined;
  zlib(bytes: Uint8Array, size: number): Uint8Array | undefined;
}

export interface ReadOptions {
  /** name of the ring buffer to read; without it the top one, or the fullest where that is empty */
  buffer?: string;
  /** told now and then how many of how many bytes are done */
  progress?: (done: number, total: number) => void;
}

/**
 * A reading under way: gives control back now and then, so that its caller can draw, or listen for Ctrl-C. Who answers true
 * wants no more: what was read until then is the result, and a note says so.
 */
export type Reading<T> = Generator<void, T, boolean | undefined>;

/** Runs a reading to its end. */
export function finished<T>(reading: Reading<T>): T {
  for (;;) {
    const { done, value } = reading.next();
    if (done) return value;
  }
}

/** @param share of the recording that was read, 0 to 1; undefined for a pipe */
export function interruptedText(events: number, share: number | undefined): string {
  const part = share === undefined ? '' : `, ${Math.floor(share * 100)} % of the recording`;
  return `interrupted: ${events} events were read${part}; it is judged as if it ended there`;
}

/** Collects diagnostics, at most a few of one code: a damaged file must not bury its own report. */
export class Notes {
  readonly list: Diagnostic[] = [];
  private readonly perCode = new Map<string, number>();
  private static readonly LIMIT = 8;

  add(code: string, message: string, hint?: string): void {
    const seen = (this.perCode.get(code) ?? 0) + 1;
    this.perCode.set(code, seen);
    if (seen < Notes.LIMIT) this.list.push(hint === undefined ? { code, message } : { code, message, hint });
    if (seen === Notes.LIMIT) this.list.push({ code, message: 'more of the same is not listed' });
  }
}

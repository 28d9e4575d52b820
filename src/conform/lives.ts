// SPDX-License-Identifier: Apache-2.0
/** The lives of pages as columns: where each began, where it ended, which stayed open. Facts about the recording; nothing is judged. */
import type { Rebuilt } from './rebuild.js';

/** Bits of `Lives.marks`. */
export const LIFE = {
  /** it was under way when the recording began, or its begin leaves no trace in this kernel */
  beginUnseen: 1,
  /** another life began although the end of this one was not recorded */
  endUnseen: 2,
  /** events were lost while it lasted */
  loss: 4,
  /** the count does not follow from the events at some place of this page */
  jump: 8,
  /** the count rests on `count=` alone, no operation of the page returned one */
  evidence: 16,
  /** nobody named the range of its page: that it is device memory, and of which kind, was inferred */
  inferred: 32,
} as const;

/** Lives as data. */
export type LifeColumns = Pick<Lives, 'length' | 'pfn' | 'kind' | 'begin' | 'end' | 'marks'>;

/** One life a row. */
export class Lives {
  length = 0;
  pfn = new Float64Array(256);
  kind = new Uint8Array(256);
  /** row of the event, -1 where unseen */
  begin = new Int32Array(256);
  /** row of the event, -1 for open or unseen */
  end = new Int32Array(256);
  marks = new Uint8Array(256);

  add(pfn: number, kind: number, begin: number, marks: number): number {
    const life = this.length++;
    if (life === this.pfn.length) this.reserve(2 * life);
    this.pfn[life] = pfn;
    this.kind[life] = kind;
    this.begin[life] = begin;
    this.end[life] = -1;
    this.marks[life] = marks;
    return life;
  }

  /** Adds those of another thread, which come behind. */
  append({ length, pfn, kind, begin, end, marks }: LifeColumns): void {
    this.reserve(this.length + length);
    this.pfn.set(pfn.subarray(0, length), this.length);
    this.kind.set(kind.subarray(0, length), this.length);
    this.begin.set(begin.subarray(0, length), this.length);
    this.end.set(end.subarray(0, length), this.length);
    this.marks.set(marks.subarray(0, length), this.length);
    this.length += length;
  }

  /** Makes room for so many lives at once. */
  reserve(length: number): void {
    if (length <= this.pfn.length) return;
    const longer = <T extends Float64Array | Uint8Array | Int32Array>(old: T): T => {
      const array = new (old.constructor as new (length: number) => T)(length);
      array.set(old);
      return array;
    };
    this.pfn = longer(this.pfn);
    this.kind = longer(this.kind);
    this.begin = longer(this.begin);
    this.end = longer(this.end);
    this.marks = longer(this.marks);
  }
}

/** What happened to one page beside its lives. */
export interface PageFacts extends Rebuilt {
  /** times the memory map was initialised (a count was set and set to zero again) */
  made: number;
  /** times the base reference of an idle page went away: torn down, or put once too often */
  gone: number;
  /** times the count fell below zero */
  underflows: number;
}

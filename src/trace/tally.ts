// SPDX-License-Identifier: Apache-2.0
/** How many rows there are of each content and each task, counted as they come: while they are still in the CPU's cache. */
import { grown } from './intern.js';

/** What rows are counted by. */
interface Rows {
  time: Float64Array;
  shape: Int32Array;
  who: Int32Array;
  /** where there are any: memory that nobody writes costs nothing until it is read */
  stacks: Int32Array | undefined;
}

export class Tally {
  /** rows that are counted: those before this one */
  rows = 0;
  perShape = new Uint32Array(64);
  perWho = new Uint32Array(64);
  /** those that have a stack */
  stacked = 0;
  /** the earliest and the latest time */
  first = Number.POSITIVE_INFINITY;
  last = Number.NEGATIVE_INFINITY;

  /** Counts the rows up to `to`. @param shapes how many contents there are. @param whos how many tasks */
  count({ time, shape, who, stacks }: Rows, to: number, shapes: number, whos: number): void {
    this.reserve(shapes, whos);
    const { perShape, perWho } = this;
    let { stacked, first, last } = this;
    for (let row = this.rows; row < to; row++) {
      perShape[shape[row]]++;
      perWho[who[row]]++;
      if (stacks !== undefined && stacks[row] !== 0) stacked++;
      const now = time[row];
      if (now < first) first = now;
      if (now > last) last = now;
    }
    Object.assign(this, { rows: to, stacked, first, last });
  }

  /** Adds what was counted elsewhere. @param shapes by number there the one here. @param whos the same of tasks */
  add(other: TallyData, shapes: Int32Array, whos: Int32Array): void {
    for (let at = 0; at < shapes.length; at++) {
      this.reserve(shapes[at] + 1, 0);
      this.perShape[shapes[at]] += other.perShape[at];
    }
    for (let at = 0; at < whos.length; at++) {
      this.reserve(0, whos[at] + 1);
      this.perWho[whos[at]] += other.perWho[at];
    }
    this.rows += other.rows;
    this.stacked += other.stacked;
    this.first = Math.min(this.first, other.first);
    this.last = Math.max(this.last, other.last);
  }

  private reserve(shapes: number, whos: number): void {
    if (shapes > this.perShape.length) this.perShape = grown(this.perShape, shapes);
    if (whos > this.perWho.length) this.perWho = grown(this.perWho, whos);
  }
}

/** As another thread sends it. */
export type TallyData = Pick<Tally, 'rows' | 'perShape' | 'perWho' | 'stacked' | 'first' | 'last'>;

// SPDX-License-Identifier: Apache-2.0
/** How many rows there are of each content: of a trace.dat the loop over its records counts them (lately.ts), of a text we do. */
import { grown } from './intern.js';

/** What rows are counted by. */
interface Rows {
  time: Float64Array;
  shape: Int32Array;
  /** where there are any: memory that nobody writes costs nothing until it is read */
  stacks: Int32Array | undefined;
}

export class Tally {
  /** rows that are counted: those before this one */
  rows = 0;
  perShape = new Uint32Array(64);
  /** those that have a stack */
  stacked = 0;
  /** the earliest and the latest time */
  first = Number.POSITIVE_INFINITY;
  last = Number.NEGATIVE_INFINITY;

  /** Counts the rows up to `to`. */
  count({ time, shape, stacks }: Rows, to: number): void {
    for (let row = this.rows; row < to; row++) {
      this.addShape(shape[row], 1);
      if (stacks !== undefined && stacks[row] !== 0) this.stacked++;
      this.addTimes(time[row], time[row]);
    }
    this.rows = to;
  }

  addShape(shape: number, rows: number): void {
    if (shape >= this.perShape.length) this.perShape = grown(this.perShape, shape + 1);
    this.perShape[shape] += rows;
  }

  addTimes(first: number, last: number): void {
    if (first < this.first) this.first = first;
    if (last > this.last) this.last = last;
  }

  /** Adds what was counted elsewhere. @param shapes by number there the one here */
  add({ rows, perShape, stacked, first, last }: TallyData, shapes: Int32Array): void {
    for (let shape = 0; shape < shapes.length; shape++) this.addShape(shapes[shape], perShape[shape]);
    this.rows += rows;
    this.stacked += stacked;
    this.addTimes(first, last);
  }
}

/** As another thread sends it. */
export type TallyData = Pick<Tally, 'rows' | 'perShape' | 'stacked' | 'first' | 'last'>;

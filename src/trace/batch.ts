// SPDX-License-Identifier: Apache-2.0
/**
 * A few thousand decoded events of one CPU, on their way into the columns: small enough to stay in the processor's cache until
 * they are merged with those of the other CPUs.
 */

/** Events that were lost before an event of the batch. */
export interface Gap {
  /** place in the batch; its length for "after the last" */
  at: number;
  /** -1 where the kernel did not say */
  events: number;
}

export class Batch {
  static readonly SIZE = 4096;
  static readonly NONE = -1;
  static readonly EARLIER = -2;
  length = 0;
  readonly time: Float64Array;
  /** these as in `Columns` */
  readonly page: Int32Array;
  readonly shape: Int32Array;
  readonly who: Int32Array;
  /** 1 + the id of the stack */
  readonly stack: Int32Array;
  gaps: Gap[] = [];
  /** stacks of events that are not in this batch any more: context and 1 + the id of the stack */
  late: { context: number; stack: number }[] = [];
  /** by context: the event that may still get a stack; NONE, or EARLIER where it was in a batch before */
  readonly openAt = new Int32Array(4).fill(Batch.NONE);
  /** the task of that event */
  readonly openPid = new Int32Array(4);

  /** @param capacity events at most, 4,096 or, for a CPU with hardly any data, fewer */
  constructor(readonly capacity: number = Batch.SIZE) {
    this.time = new Float64Array(capacity);
    this.page = new Int32Array(capacity);
    this.shape = new Int32Array(capacity);
    this.who = new Int32Array(capacity);
    this.stack = new Int32Array(capacity);
  }

  /** Forgets the events, which were merged. */
  clear(): void {
    this.length = 0;
    for (let context = 0; context < 4; context++) if (this.openAt[context] >= 0) this.openAt[context] = Batch.EARLIER;
    if (this.gaps.length > 0) this.gaps = [];
    if (this.late.length > 0) this.late = [];
  }
}

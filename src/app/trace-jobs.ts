// SPDX-License-Identifier: Apache-2.0
/**
 * What the threads of a trace ask of each other, and the other thread as the first sees it. A thread does one job after the other, each
 * for some of the rows or pages; columns, index and counts lie in memory that all share, and only what is small is sent.
 *
 * Not here: in which order (trace-team.ts), and how (trace-worker.ts).
 */
import { Worker } from 'node:worker_threads';
import { InternalError } from '../base/assert.js';
import type { PageCount, PageIndex } from '../conform/page-index.js';
import type { SignTables } from '../conform/page-signs.js';
import type { PortionLives, Portions } from '../conform/portions.js';
import type { PfnRange } from '../conform/ranges.js';
import type { KernelVersion } from '../spec/kernel-version.js';
import type { EventKind } from '../trace/columns.js';
import type { Adopted, ColumnData, SliceData } from '../trace/join.js';
import type { Loss, Recording } from '../trace/recording.js';
import type { Whos } from '../trace/shapes.js';
import type { Slice } from '../trace/slices.js';

/** Jobs by name, in their order: what is asked, and what is answered. */
export interface Jobs {
  /** read a slice, and keep it until it is joined */
  read: [{ path: string; buffer: string | undefined; slice: Slice }, SliceData];
  /** write the rows of that slice where all rows are */
  join: [JoinJob, undefined];
  /** gather what rows say of their pages: `PageSigns.contents` */
  signs: [Share & { tables: SignTables; pages: number }, Int16Array];
  /** the index: count rows, then place them */
  count: [Share & { pages: number }, PageCount];
  place: [Share & { index: SharedIndex; next: Uint32Array }, undefined];
  /** find the lives of pages, and the signs of their stories where these are wanted */
  lives: [LivesJob, PortionLives[]];
}

/** Rows. */
interface Share {
  from: number;
  to: number;
}

/** Of the slice the rows `[from, to)`; and all of the recording that a thread needs later. */
interface JoinJob extends Share {
  adopted: Adopted;
  columns: ColumnData;
  shapes: { words: Int32Array; size: number };
  whos: ReturnType<Whos['contents']>;
  kinds: Pick<EventKind, 'name' | 'has'>[];
}

export type SharedIndex = Pick<PageIndex, 'pages' | 'starts' | 'rows' | 'shapes'>;

interface LivesJob {
  unit: Recording['unit'];
  clock: string;
  losses: Loss[];
  index: SharedIndex;
  before: Int32Array;
  after: Int32Array;
  ranges: readonly PfnRange[];
  kernel: KernelVersion | undefined;
  stories: boolean;
  portions: Portions;
}

export type JobName = keyof Jobs;
export type Asked<Name extends JobName> = Jobs[Name][0];
export type Answer<Name extends JobName> = Jobs[Name][1];

/** One other thread. */
export class Member {
  private readonly worker = new Worker(new URL('./trace-worker.js', import.meta.url));
  /** it has loaded its code */
  readonly ready = this.answer<void>();

  ask<Name extends JobName>(name: Name, asked: Asked<Name>): Promise<Answer<Name>> {
    const answer = this.answer<Answer<Name>>();
    this.worker.postMessage({ name, asked });
    return answer;
  }

  /** What it says next. */
  private answer<T>(): Promise<T> {
    const answer = new Promise<T>((resolve, reject) => {
      this.worker.removeAllListeners();
      this.worker.once('message', resolve);
      this.worker.once('error', reject);
      this.worker.once('exit', () => reject(new InternalError('a thread of the trace ended early')));
    });
    // it may be given up before anybody waits for it
    answer.catch(() => {});
    return answer;
  }

  end(): void {
    void this.worker.terminate();
  }
}

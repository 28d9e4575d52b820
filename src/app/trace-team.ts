// SPDX-License-Identifier: Apache-2.0
/**
 * Reads a trace.dat by several threads: each a slice of its time, this one the first, which then puts them together. The result is
 * that of one thread, to the byte; where the slices do not fit, as in a damaged file, one thread reads it all.
 *
 * Not here: how a recording is cut and joined (src/trace), and what the other threads do (trace-worker.ts).
 */
import { availableParallelism } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { InternalError } from '../base/assert.js';
import type { SliceData } from '../trace/join.js';
import { DatReader } from '../trace/read-dat.js';
import { type Codecs, Notes, type Reading, type ReadOptions, type Recording } from '../trace/recording.js';
import type { Slice } from '../trace/slices.js';
import type { Source } from '../trace/source.js';

export interface TeamOptions extends ReadOptions {
  /** threads at most; without it one a processor, as far as they are worth their start */
  threads?: number;
  interrupted?: () => boolean;
}

/** What a thread is given. */
export interface SliceJob {
  path: string;
  buffer: string | undefined;
  slice: Slice;
}

/** bytes of events that are worth a thread's start, where nobody asked for it, and where somebody did */
const WORTH = 24 << 20;
const LEAST = 1 << 20;
/** bytes that a thread reads while another one starts */
const AHEAD = 12 << 20;
const POLL_MS = 50;

/** How many threads are worth it. @param size bytes of events, unpacked */
export function threadsFor(size: number, wanted: number | undefined): number {
  const most = wanted ?? availableParallelism();
  return Math.max(1, Math.min(most, Math.floor(size / (wanted === undefined ? WORTH : LEAST))));
}

/**
 * Reads the file at `path`, whose bytes are `source`.
 * @param run runs steps of this thread
 * @returns undefined where one thread should do it
 */
export async function readTogether(
  path: string,
  source: Source,
  codecs: Codecs,
  options: TeamOptions,
  run: (reading: Reading<void>) => Promise<void>,
): Promise<Recording | undefined> {
  if (options.threads === 1) return undefined;
  const reader = DatReader.open(source, codecs, new Notes(), options);
  if (!reader) return undefined;
  const threads = threadsFor(reader.size, options.threads);
  if (threads === 1) return undefined;
  const [own, ...others] = reader.slices(sharesOf(reader.size, threads)) ?? [];
  if (own === undefined) return undefined;
  const members = others.map((slice) => new Member({ path, buffer: options.buffer, slice }));
  try {
    await run(reader.read(own));
    for (const { result } of members) {
      const data = reader.isStopped ? undefined : await unlessInterrupted(result, options);
      if (data === 'interrupted') reader.stop();
      else if (data && !reader.adopt(data)) return undefined;
    }
    return reader.recording();
  } finally {
    for (const member of members) member.end();
  }
}

/** The first thread reads while the others start. */
function sharesOf(size: number, threads: number): number[] {
  const ahead = Math.min(AHEAD, size / 4) / size;
  const share = (1 - ahead) / threads;
  return Array.from({ length: threads }, (_, at) => (at === 0 ? share + ahead : share));
}

async function unlessInterrupted(
  result: Promise<SliceData>,
  { interrupted }: TeamOptions,
): Promise<SliceData | 'interrupted'> {
  if (!interrupted) return result;
  for (;;) {
    const data = await Promise.race([result, setTimeout(POLL_MS, undefined)]);
    if (data) return data;
    if (interrupted()) return 'interrupted';
  }
}

/** A thread that reads a slice. */
class Member {
  readonly result: Promise<SliceData>;
  private readonly worker: Worker;

  constructor(job: SliceJob) {
    this.worker = new Worker(new URL('./trace-worker.js', import.meta.url), { workerData: job });
    this.result = new Promise((resolve, reject) => {
      this.worker.once('message', resolve);
      this.worker.once('error', reject);
      this.worker.once('exit', () => reject(new InternalError('a thread that reads a recording ended early')));
    });
    // it may be given up before anybody waits for it
    this.result.catch(() => {});
  }

  end(): void {
    void this.worker.terminate();
  }
}

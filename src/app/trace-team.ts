// SPDX-License-Identifier: Apache-2.0
/**
 * The threads of `refzero trace`. They read a trace.dat, each a slice of its time, and find the lives of its pages, each of some of
 * them; this thread takes the first share and puts all together. The result is that of one thread, to the byte; where slices do not
 * fit, as in a damaged file, one thread reads it all.
 *
 * Not here: how a recording is cut and joined (src/trace), and what the other threads do (trace-worker.ts).
 */
import { availableParallelism } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { InternalError } from '../base/assert.js';
import { indexPages, type PageIndex } from '../conform/page-index.js';
import type { PfnRange, RangeMap } from '../conform/ranges.js';
import { beginsPortion, Counts } from '../conform/rebuild.js';
import { Sites } from '../conform/sites.js';
import { Stories } from '../conform/stories.js';
import { findLives, type LivesOf, type LivesPart, summarize, summaryOf } from '../conform/summary.js';
import type { KernelVersion } from '../spec/kernel-version.js';
import type { Columns, EventKind } from '../trace/columns.js';
import type { SliceData } from '../trace/join.js';
import { DatReader } from '../trace/read-dat.js';
import { type Codecs, type Loss, Notes, type Reading, type ReadOptions, type Recording } from '../trace/recording.js';
import type { Whos } from '../trace/shapes.js';
import type { Slice } from '../trace/slices.js';
import type { Source } from '../trace/source.js';

export interface TeamOptions extends ReadOptions {
  interrupted?: () => boolean;
}

/** What a thread is asked. */
export type TeamJob = ReadJob | LivesJob;

export interface ReadJob {
  kind: 'read';
  path: string;
  buffer: string | undefined;
  slice: Slice;
}

/** Arrays of columns, index and counts lie in shared memory. */
export interface LivesJob {
  kind: 'lives';
  columns: ReturnType<Columns['contents']>;
  shapes: { words: Int32Array; size: number };
  whos: ReturnType<Whos['contents']>;
  kinds: Pick<EventKind, 'name' | 'has'>[];
  unit: Recording['unit'];
  clock: string;
  losses: Loss[];
  index: Pick<PageIndex, 'pages' | 'starts' | 'rows' | 'shapes'>;
  before: Int32Array;
  after: Int32Array;
  ranges: readonly PfnRange[];
  kernel: KernelVersion | undefined;
  from: number;
  to: number;
  /** are stories wanted? */
  stories: boolean;
}

/** What it answers to the latter; `signs` as `Stories.signsOf` gives them. */
export interface LivesAnswer {
  part: LivesPart;
  signs: Int32Array | undefined;
}

/** Lives, and the signs of all stories, where these were asked. */
export interface TeamLives {
  lives: LivesOf;
  signs: Int32Array | undefined;
}

/** bytes of events that are worth a thread's start, where nobody asked for it, and where somebody did */
const WORTH = 64 << 20;
const LEAST = 64 << 10;
/** bytes that a thread reads while another one starts */
const AHEAD = 12 << 20;
const POLL_MS = 50;

export class Team {
  private members: Member[] = [];

  /** @param threads at most; without it one a processor, as far as they are worth their start */
  constructor(private readonly threads?: number) {}

  /**
   * Reads the file at `path`, whose bytes are `source`.
   * @param run runs steps of this thread
   * @returns undefined where one thread should do it
   */
  async read(
    path: string,
    source: Source,
    codecs: Codecs,
    options: TeamOptions,
    run: (reading: Reading<void>) => Promise<void>,
  ): Promise<Recording | undefined> {
    if (this.threads === 1) return undefined;
    const reader = DatReader.open(source, codecs, new Notes(), options);
    if (!reader) return undefined;
    const threads = this.worth(reader.size);
    const [own, ...others] = (threads > 1 && reader.slices(sharesOf(reader.size, threads))) || [];
    if (own === undefined) return undefined;
    reader.events.shared = true;
    this.members = others.map(() => new Member());
    const results = others.map((slice, at) => {
      return this.members[at].ask<SliceData>({ kind: 'read', path, buffer: options.buffer, slice });
    });
    await run(reader.read(own));
    for (const result of results) {
      const data = reader.isStopped ? undefined : await unlessInterrupted(result, options);
      if (data === 'interrupted') reader.stop();
      else if (data && !reader.adopt(data)) return undefined;
    }
    return reader.recording();
  }

  /** How many threads are worth it. */
  private worth(bytes: number): number {
    const most = this.threads ?? availableParallelism();
    return Math.min(most, Math.floor(bytes / (this.threads === undefined ? WORTH : LEAST)));
  }

  /** As `summarize`, by the threads that read the recording, if there were any. */
  async lives(recording: Recording, ranges: RangeMap, kernel: KernelVersion | undefined): Promise<TeamLives> {
    const { events } = recording;
    if (this.members.length === 0 || !events.shared) {
      return { lives: summarize(recording, ranges, kernel), signs: undefined };
    }
    const index = indexPages(recording);
    const counts = new Counts(recording, index);
    // call paths get their numbers as they are met: of these one thread tells the stories
    const stories = recording.stacks.size === 0;
    const [own, ...others] = portionsOf(index, this.members.length + 1);
    const { unit, clock, losses } = recording;
    const { pages, starts, rows, shapes } = index;
    const job: Omit<LivesJob, 'from' | 'to'> = {
      kind: 'lives',
      columns: events.contents(),
      shapes: { words: events.shapes.words, size: events.shapes.size },
      whos: events.whos.contents(),
      kinds: recording.kinds.map(({ name, has }) => ({ name, has })),
      ...{ unit, clock, losses, kernel, stories },
      index: { pages, starts, rows, shapes },
      before: counts.before,
      after: counts.after,
      ranges: ranges.ranges,
    };
    const asked = others.map(([from, to], at) => this.members[at].ask<LivesAnswer>({ ...job, from, to }));
    const part = findLives(recording, index, counts, ranges, kernel, ...own);
    const lived = { index, lives: part.lives, firstLife: part.firstLife, counts };
    const signs = stories && new Stories(recording, lived, ranges, new Sites(recording)).signsOf(...own);
    const answers = await Promise.all(asked);
    const lives = summaryOf(recording, index, counts, [part, ...answers.map((answer) => answer.part)]);
    if (!signs) return { lives, signs: undefined };
    const all = new Int32Array(2 * pages.length);
    all.set(signs, 0);
    for (const [at, [from]] of others.entries()) all.set(answers[at].signs ?? [], 2 * from);
    return { lives, signs: all };
  }

  /** To be called when no more is wanted of it: without that the process does not end. */
  end(): void {
    for (const member of this.members) member.end();
    this.members = [];
  }
}

/** The first thread reads while the others start. */
function sharesOf(size: number, threads: number): number[] {
  const ahead = Math.min(AHEAD, size / 4) / size;
  const share = (1 - ahead) / threads;
  return Array.from({ length: threads }, (_, at) => (at === 0 ? share + ahead : share));
}

/** Pages for each thread, with about equally many events; each begins with a portion (rebuild.ts). */
function portionsOf(index: PageIndex, threads: number): [from: number, to: number][] {
  const { starts } = index;
  const pages = starts.length - 1;
  const parts: [number, number][] = [];
  let from = 0;
  for (let thread = 1; thread <= threads; thread++) {
    const wanted = (starts[pages] * thread) / threads;
    let to = from;
    while (to < pages && (thread === threads || to === from || starts[to] < wanted || !beginsPortion(index, to))) to++;
    parts.push([from, to]);
    from = to;
  }
  return parts;
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

/** One other thread; it does one job after another. */
class Member {
  private readonly worker = new Worker(new URL('./trace-worker.js', import.meta.url));

  ask<T>(job: TeamJob): Promise<T> {
    const answer = new Promise<T>((resolve, reject) => {
      this.worker.removeAllListeners();
      this.worker.once('message', resolve);
      this.worker.once('error', reject);
      this.worker.once('exit', () => reject(new InternalError('a thread of the trace ended early')));
      this.worker.postMessage(job);
    });
    // it may be given up before anybody waits for it
    answer.catch(() => {});
    return answer;
  }

  end(): void {
    void this.worker.terminate();
  }
}

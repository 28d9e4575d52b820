// SPDX-License-Identifier: Apache-2.0
/**
 * The threads of `refzero trace`. Each reads a slice of a trace.dat's time; the slices become one recording, of which each then does a
 * share of all that takes long: some of the rows, or some of the pages. This thread takes the first share and puts together what they
 * found. The result is that of one thread, to the byte; where slices do not fit, as in a damaged file, one thread reads it all.
 *
 * Not here: how a recording is cut and joined (src/trace), what threads ask of each other (trace-jobs.ts) and do (trace-worker.ts).
 */
import { availableParallelism } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { effectsOf } from '../conform/effects.js';
import { countPages, indexPages, layOut, type PageIndex, placeRows } from '../conform/page-index.js';
import { PageSigns, signTablesOf } from '../conform/page-signs.js';
import { livesOfPortions, portionsOf } from '../conform/portions.js';
import type { RangeMap } from '../conform/ranges.js';
import { Counts } from '../conform/rebuild.js';
import { Sites } from '../conform/sites.js';
import { joinGroups, type StoryGroup } from '../conform/stories.js';
import { type LivesOf, summaryOf } from '../conform/summary.js';
import type { KernelVersion } from '../spec/kernel-version.js';
import { type Adopted, rowsInto, type SliceData } from '../trace/join.js';
import { DatReader } from '../trace/read-dat.js';
import { type Codecs, Notes, type Reading, type ReadOptions, type Recording } from '../trace/recording.js';
import type { Source } from '../trace/source.js';
import { type Answer, type Asked, type JobName, Member } from './trace-jobs.js';

export interface TeamOptions extends ReadOptions {
  interrupted?: () => boolean;
}

/** Lives, and all pages by story, where that could be shared. */
export interface TeamLives {
  lives: LivesOf;
  stories: StoryGroup[] | undefined;
}

/** bytes of events that are worth a thread's start, where nobody asked for it, and where somebody did */
const WORTH = 64 << 20;
const LEAST = 64 << 10;
/** fewer are not worth it to share what is left */
const SCRAP = 16 << 20;
/** of the rows of the second slice, which this thread writes */
const EARLY = 0.5;
const POLL_MS = 50;

/** A slice that another thread read. */
interface Adoption {
  data: SliceData;
  adopted: Adopted;
}

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
    if (threads < 2) return undefined;
    reader.events.shared = true;
    this.members = Array.from({ length: threads - 1 }, () => new Member());
    const results = await this.readAll(path, reader, options, run);
    if (results.length === 0) {
      this.end();
      return reader.recording();
    }
    const slices: Adoption[] = [];
    for (const result of results) {
      const data = reader.isStopped ? undefined : await unlessInterrupted(result, options);
      if (data === 'interrupted') reader.stop();
      if (data === undefined || data === 'interrupted') continue;
      const adopted = reader.adopt(data);
      if (!adopted) {
        this.end();
        return undefined;
      }
      slices.push({ data, adopted });
    }
    if (reader.isStopped) {
      // whoever is still reading is not waited for
      this.end();
      const columns = reader.events.contents();
      for (const { data, adopted } of slices) rowsInto(data, columns, adopted, 0, data.length);
      return reader.recording();
    }
    await this.join(reader, slices);
    return reader.recording();
  }

  /**
   * This thread reads; as soon as the others are there, what is left is cut into slices for all. Returns what the others are going to
   * have read: nothing where they came too late, or where it cannot be cut.
   */
  private async readAll(
    path: string,
    reader: DatReader,
    { buffer }: TeamOptions,
    run: (reading: Reading<void>) => Promise<void>,
  ): Promise<Promise<SliceData>[]> {
    const ready = Promise.all(this.members.map((member) => member.ready));
    let results: Promise<SliceData>[] = [];
    let over = false;
    const share = () => {
      const shares = sharesOf(reader.share, this.members.length + 1);
      if (over || reader.size * shares[1] < (this.threads === undefined ? SCRAP : 0)) return;
      const [, ...others] = reader.slices(shares) ?? [];
      if (others.length === 0 || !reader.endAt(others[0])) return;
      results = this.askEach('read', (at) => ({ path, buffer, slice: others[at] }));
    };
    // who cannot come is not needed
    void ready.then(share, () => {});
    // who asks for threads gets them, however short the reading is
    if (reader.size < WORTH) await ready;
    await run(reader.read());
    over = true;
    return results;
  }

  /** Writes the rows of all slices; each member those of its own, but for some of the first that this thread writes. */
  private async join({ events, tables }: DatReader, slices: readonly Adoption[]): Promise<void> {
    const columns = events.contents();
    const shapes = { words: tables.shapes.words, size: tables.shapes.size };
    const whos = tables.whos.contents();
    const kinds = tables.kinds.map(({ name, has }) => ({ name, has }));
    const [first] = slices;
    const early = Math.floor(first.data.length * EARLY);
    const joined = this.askEach('join', (at) => {
      const { data, adopted } = slices[at];
      return { adopted, columns, shapes, whos, kinds, from: at === 0 ? early : 0, to: data.length };
    });
    rowsInto(first.data, columns, first.adopted, 0, early);
    await Promise.all(joined);
  }

  /** What all rows say of their pages, by the threads that read the recording, if there were any. */
  async signs(recording: Recording, kernel: KernelVersion | undefined): Promise<PageSigns | undefined> {
    const { events } = recording;
    if (this.members.length === 0) return undefined;
    const tables = signTablesOf(recording, kernel);
    const pages = events.pages.size;
    const [own, ...others] = sharesOfRows(events.length, this.members.length + 1);
    const answers = this.askEach('signs', (at) => ({ tables, pages, from: others[at][0], to: others[at][1] }));
    const signs = PageSigns.from(events.contents(), tables, pages, ...own);
    for (const answer of answers) signs.add(new PageSigns(await answer));
    return signs;
  }

  /** How many threads are worth it. */
  private worth(bytes: number): number {
    const most = this.threads ?? availableParallelism();
    return Math.min(most, Math.floor(bytes / (this.threads === undefined ? WORTH : LEAST)));
  }

  /** As `summarize`, by all threads. */
  async lives(recording: Recording, ranges: RangeMap, kernel: KernelVersion | undefined): Promise<TeamLives> {
    const index = this.members.length === 0 ? indexPages(recording) : await this.index(recording);
    const counts = new Counts(recording, index);
    const portions = portionsOf(index);
    const { unit, clock, losses } = recording;
    const { before, after } = counts;
    // call paths get their numbers as they are met: of these one thread tells the stories
    const stories = recording.stacks.size === 0;
    const job = { unit, clock, losses, kernel, stories, before, after, portions, ranges: ranges.ranges };
    const asked = this.askEach('lives', () => ({ ...job, index: sharedOf(index) }));
    const sites = stories ? new Sites(recording) : undefined;
    const found = livesOfPortions(recording, index, counts, ranges, kernel, portions, sites);
    for (const answer of asked) found.push(...(await answer));
    // it was the last: that they end takes a while, too
    this.end();
    found.sort((a, b) => a.part.from - b.part.from);
    const parts = found.map(({ part }) => part);
    const lives = summaryOf(recording, index, counts, parts);
    return { lives, stories: stories ? joinGroups(found.map((portion) => portion.stories ?? [])) : undefined };
  }

  /** As `indexPages`. */
  private async index(recording: Recording): Promise<PageIndex> {
    const { events } = recording;
    const effects = effectsOf(recording);
    const pages = events.pages.size;
    const [own, ...others] = sharesOfRows(events.length, this.members.length + 1);
    const asked = this.askEach('count', (at) => ({ pages, from: others[at][0], to: others[at][1] }));
    const counts = [countPages(events, effects, pages, ...own), ...(await Promise.all(asked))];
    const index = layOut(events, effects, counts);
    const shared = sharedOf(index);
    const placed = this.askEach('place', (at) => {
      return { index: shared, next: counts[at + 1].events, from: others[at][0], to: others[at][1] };
    });
    placeRows(events, index, counts[0], ...own);
    await Promise.all(placed);
    return index;
  }

  private askEach<Name extends JobName>(name: Name, job: (at: number) => Asked<Name>): Promise<Answer<Name>>[] {
    return this.members.map((member, at) => member.ask(name, job(at)));
  }

  /** To be called when no more is wanted of it: without that the process does not end. */
  end(): void {
    for (const member of this.members) member.end();
    this.members = [];
  }
}

/** What is left is shared equally; the first thread has `done` of the whole. */
function sharesOf(done: number, threads: number): number[] {
  const share = (1 - done) / threads;
  return Array.from({ length: threads }, (_, at) => (at === 0 ? done + share : share));
}

const sharedOf = ({ pages, starts, rows, shapes }: PageIndex) => ({ pages, starts, rows, shapes });

/** Rows for each thread, equally many. */
function sharesOfRows(rows: number, threads: number): [from: number, to: number][] {
  const end = (thread: number) => Math.floor((rows * thread) / threads);
  return Array.from({ length: threads }, (_, thread) => [end(thread), end(thread + 1)]);
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

// SPDX-License-Identifier: Apache-2.0
/** What several threads read and find, each a slice of the time or some of the pages, is what one thread reads and finds. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
// @ts-expect-error: of the benchmarks, JavaScript
import { makerOf } from '../bench/trace-make.mjs';
import { nodeCodecs, unpackContainer } from '../src/app/trace-unpack.js';
import { indexPages } from '../src/conform/page-index.js';
import { RangeMap } from '../src/conform/ranges.js';
import { Counts } from '../src/conform/rebuild.js';
import { findLives, type LivesOf, summarize, summaryOf } from '../src/conform/summary.js';
import { parseKernelVersion } from '../src/spec/kernel-version.js';
import type { Columns } from '../src/trace/columns.js';
import { rowsInto } from '../src/trace/join.js';
import { DatReader } from '../src/trace/read-dat.js';
import { type Codecs, finished, Notes, type Recording } from '../src/trace/recording.js';
import type { Slice } from '../src/trace/slices.js';
import { sourceOf } from '../src/trace/source.js';
import { Tally } from '../src/trace/tally.js';

const RECORDINGS = fileURLToPath(new URL('../recordings', import.meta.url));
const MAIN = fileURLToPath(new URL('../dist/bin/main.cjs', import.meta.url));
let codecs: Codecs;
beforeAll(async () => {
  codecs = await nodeCodecs();
});

const load = async (name: string) => (await unpackContainer(readFileSync(`${RECORDINGS}/${name}`))).bytes;

function open(bytes: Uint8Array): DatReader {
  const reader = DatReader.open(sourceOf(bytes), codecs, new Notes(), {});
  if (!reader) throw new Error('it cannot be read');
  return reader;
}

function whole(bytes: Uint8Array): Recording {
  const reader = open(bytes);
  finished(reader.read());
  return reader.recording();
}

/** @returns undefined where a slice did not fit */
function inSlices(bytes: Uint8Array, shares: readonly number[]): Recording | undefined {
  const [first, ...others] = [open(bytes), ...shares.slice(1).map(() => open(bytes))];
  const slices = first.slices(shares);
  if (!slices) return undefined;
  finished(first.read(slices[0]));
  return withOthers(first, others, slices.slice(1));
}

/** What the first has read, and what others read behind it, each its slice. */
function withOthers(first: DatReader, others: readonly DatReader[], slices: readonly Slice[]): Recording | undefined {
  for (const [at, reader] of others.entries()) {
    finished(reader.read(slices[at]));
    const slice = structuredClone(reader.data());
    const adopted = first.adopt(slice);
    if (!adopted) return undefined;
    // by two threads
    const middle = slice.length >> 1;
    rowsInto(slice, first.events.contents(), adopted, middle, slice.length);
    rowsInto(slice, first.events.contents(), adopted, 0, middle);
  }
  return first.recording();
}

const REST = ['losses', 'lost', 'lostUnknown', 'orphanStacks', 'cpus', 'timeBase', 'diagnostics'] as const;

/** Everything that a recording says, numbers of the tables included. */
function all(recording: Recording) {
  const { events, kinds, stacks } = recording;
  const rows = Array.from({ length: events.length }, (_, row) => [
    events.time[row],
    events.page[row],
    events.shape[row],
    events.who[row],
    events.stack(row),
  ]);
  const pages = Array.from(events.pages.pfn.subarray(0, events.pages.size));
  const frames = Array.from({ length: stacks.size }, (_, id) => stacks.frames(id));
  const told = kinds.map(({ name, count }) => ({ name, count }));
  const rest = REST.map((what) => [what, recording[what]]);
  return { rows, tally: tallyOf(events), pages, frames, told, ...Object.fromEntries(rest) };
}

/** What was counted on the way: what there is. */
function tallyOf(events: Columns) {
  const { rows, stacked, first, last, perShape } = events.tally;
  const counted = new Tally();
  counted.count(events.contents(), events.length);
  const byShape = (rows: Uint32Array) => Array.from({ length: events.shapes.size }, (_, shape) => rows[shape] ?? 0);
  const told = { rows, stacked, first, last, perShape: byShape(perShape) };
  expect(told).toEqual({
    rows: counted.rows,
    stacked: counted.stacked,
    first: counted.first,
    last: counted.last,
    perShape: byShape(counted.perShape),
  });
  return told;
}

describe.each(['6.12-record.dat.xz', '5.10-leaks-fsdax.dat.xz', '7.3-fsdax.dat.xz'])('%s', (name) => {
  test.each([[[0.5, 0.5]], [[0.1, 0.2, 0.3, 0.4]], [Array.from({ length: 9 }, () => 1 / 9)]])(
    'in slices of %j',
    async (shares) => {
      const bytes = await load(name);
      const sliced = inSlices(bytes, shares);
      expect(sliced).toBeDefined();
      expect(all(sliced as Recording)).toEqual(all(whole(bytes)));
    },
  );
});

test('what is left is cut while it is being read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'refzero-cut-'));
  try {
    writeFileSync(join(folder, 'once.dat'), await load('5.10-leaks-fsdax.dat.xz'));
    const maker = await makerOf(join(folder, 'once.dat'));
    maker.write(join(folder, 'often.dat'), 40);
    const bytes = new Uint8Array(readFileSync(join(folder, 'often.dat')));
    const reader = open(bytes);
    const reading = reader.read();
    expect(reading.next().done).toBe(false);
    const done = reader.share;
    expect(done).toBeGreaterThan(0.1);
    const [, late] = reader.slices([(1 + done) / 2, (1 - done) / 2]) ?? [];
    const [, early] = reader.slices([done / 2, 1 - done / 2]) ?? [];
    expect(reader.endAt(early)).toBe(false);
    expect(reader.endAt(late)).toBe(true);
    finished(reading);
    const alone = whole(bytes);
    expect(reader.events.length).toBeLessThan(alone.events.length);
    const together = withOthers(reader, [open(bytes)], [late]);
    expect(together).toBeDefined();
    expect(all(together as Recording)).toEqual(all(alone));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a damaged page is not glossed over: the slices do not fit, or they say what one reading says', async () => {
  const bytes = await load('7.3-fsdax.dat.xz');
  for (let at = bytes.length - 4096; at > bytes.length - 200_000; at -= 12_345) {
    const damaged = bytes.slice();
    damaged.fill(0xff, at, at + 64);
    const sliced = inSlices(damaged, [0.3, 0.3, 0.4]);
    if (sliced) expect(all(sliced)).toEqual(all(whole(damaged)));
  }
});

test.each([1, 2, 5])('lives found in %i parts are those that are found in one', async (number) => {
  const recording = whole(await load('5.10-leaks-fsdax.dat.xz'));
  const [ranges, kernel] = [new RangeMap([]), parseKernelVersion('5.10')];
  const one = summarize(recording, ranges, kernel);
  const index = indexPages(recording);
  const counts = new Counts(recording, index);
  const pages = index.pages.length;
  const parts = Array.from({ length: number }, (_, at) => {
    const [from, to] = [at, at + 1].map((share) => Math.floor((pages * share) / number));
    return structuredClone(findLives(recording, index, counts, ranges, kernel, from, to));
  });
  const joined = summaryOf(recording, index, counts, parts);
  const told = ({ kinds, trust, facts, firstLife, lives, broken, counts: { before, after } }: LivesOf) => {
    const { length, pfn, kind, begin, end, marks } = lives;
    const columns = [pfn, kind, begin, end, marks].map((column) => Array.from(column.subarray(0, length)));
    const breaches = Array.from({ length: broken.length }, (_, at) => [
      broken.page[at],
      broken.at[at],
      broken.rule[at],
    ]);
    return { kinds, trust, facts, firstLife, columns, breaches, before, after };
  };
  expect(told(joined)).toEqual(told(one));
});

test('the command says the same whatever the number of threads', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'refzero-slices-'));
  try {
    const file = join(folder, 'trace.dat');
    writeFileSync(file, await load('5.10-leaks-fsdax.dat.xz'));
    const said = [1, 2, 3].map(
      (threads) => spawnSync(process.execPath, [MAIN, 'trace', file, '--json', '--threads', `${threads}`]).stdout,
    );
    expect(JSON.parse(`${said[0]}`).events).toBeGreaterThan(1000);
    for (const text of said.slice(1)) expect(text.equals(said[0])).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

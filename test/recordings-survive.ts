// SPDX-License-Identifier: Apache-2.0
/**
 * What the fuzz tests share: real recordings small enough to be damaged all over, in every form, and the judge of what a reader
 * made of a damaged one: no exception, bounded time and memory, every number inside what it points into.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { nodeCodecs, unpackContainer } from '../src/app/trace-unpack.js';
import { pageLife } from '../src/conform/page-life.js';
import { RangeMap } from '../src/conform/ranges.js';
import { summarize } from '../src/conform/summary.js';
import { judge } from '../src/conform/verdict.js';
import { parseKernelVersion } from '../src/spec/kernel-version.js';
import { describe as describeEvent } from '../src/trace/describe.js';
import { readRecording } from '../src/trace/read.js';
import type { Recording } from '../src/trace/recording.js';
import { type DatParts, partsOf, writeDat } from './recordings-writer.js';

export const MAX_MS = 2000;
const KERNEL = parseKernelVersion('7.3');
const RANGES = new RangeMap([{ first: 0x40000, last: 0x4ffff, kind: 'fsdax' }]);
export const read = (name: string) => new Uint8Array(readFileSync(new URL(`../recordings/${name}`, import.meta.url)));

const codecs = await nodeCodecs();
export const parts = small(partsOf((await unpackContainer(read('7.3-fsdax.dat.xz'))).bytes, codecs));
const stacks = small(partsOf((await unpackContainer(read('5.10-leaks-fsdax.dat.xz'))).bytes, codecs));
const whole = (await unpackContainer(read('5.10-leaks-fsdax.trace.txt.xz'))).bytes;
/** the first lines of a real text */
export const text: Uint8Array = whole.slice(0, whole.lastIndexOf(10, 24_000) + 1);

/** A few pages of each CPU and the formats of the events in question: a real file of a size that can be flipped all over. */
function small(all: DatParts): DatParts {
  const systems = all.systems
    .filter(({ name }) => ['ftrace', 'page_ref', 'kmem'].includes(name))
    .map(({ name, formats }) => ({
      name,
      formats: formats.filter((format) => /^name: (page_ref|mm_page|kernel_stack|print)/.test(format)),
    }));
  const buffers = all.buffers.map(({ name, cpus }) => ({
    name,
    cpus: cpus.map(({ cpu, pages }) => ({ cpu, pages: pages.slice(0, 3 * all.pageSize) })),
  }));
  return { ...all, systems, buffers, kallsyms: all.kallsyms.slice(0, 4000), cpuStats: [] };
}

/** A generator of numbers that repeats itself (mulberry32). */
export function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Reads, judges and checks every reference between the columns. */
export function survive(bytes: Uint8Array, what: string): Recording {
  const start = performance.now();
  const recording = readRecording(bytes, codecs);
  const { events, kinds, comms, stacks: table, diagnostics } = recording;
  expect(events.length, what).toBeLessThanOrEqual(bytes.length);
  expect(events.time.length, what).toBeLessThanOrEqual(Math.max(1024, 2 * events.length));
  expect(diagnostics.length, what).toBeLessThan(100);
  for (let row = 0; row < events.length; row++) {
    const sound =
      events.kind(row) < kinds.length &&
      events.comm(row) < comms.size &&
      events.stack(row) < table.size &&
      Number.isFinite(events.time[row]) &&
      events.pfn(row) >= -1;
    if (!sound) expect.fail(`${what}: row ${row} points outside`);
  }
  if (events.length > 0) {
    const row = events.length >>> 1;
    describeEvent(recording, row);
    if (events.stack(row) >= 0) table.frames(events.stack(row));
    const lives = summarize(recording, RANGES, KERNEL);
    for (const kind of lives.kinds) expect(kind.underWay + kind.began).toBe(kind.ended + kind.endUnseen + kind.open);
    judge(recording, lives, RANGES, KERNEL);
    if (events.pfn(row) >= 0) pageLife(recording, events.pfn(row), RANGES, KERNEL);
  }
  const spent = performance.now() - start;
  if (spent > MAX_MS) expect.fail(`${what} took ${spent.toFixed(0)} ms`);
  return recording;
}

export const FORMS = ['6 none', '7 none', '7 zlib', '7 zstd', '6 none with stacks'] as const;

export function made(form: (typeof FORMS)[number]): Uint8Array {
  const [version, compression] = form.split(' ');
  const from = form.endsWith('stacks') ? stacks : parts;
  return writeDat({ ...from, version: Number(version) as 6 | 7, compression: compression as DatParts['compression'] });
}

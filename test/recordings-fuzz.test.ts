// SPDX-License-Identifier: Apache-2.0
/**
 * Damaged recordings: real ones, cut and flipped thousands of ways. Whatever is left must be read without an exception other
 * than a diagnostic, within bounds of time and memory, and every column must stay inside what it points into.
 */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { nodeCodecs, unpackContainer } from '../src/app/trace-unpack.js';
import { InputError } from '../src/base/diagnostic.js';
import { pageLife } from '../src/conform/page-life.js';
import { RangeMap } from '../src/conform/ranges.js';
import { summarize } from '../src/conform/summary.js';
import { parseKernelVersion } from '../src/spec/kernel-version.js';
import { describe as describeEvent } from '../src/trace/describe.js';
import { readRecording } from '../src/trace/read.js';
import type { Codecs, Recording } from '../src/trace/recording.js';
import { type DatParts, partsOf, writeDat, zstdStored } from './recordings-writer.js';

const MAX_MS = 2000;
const KERNEL = parseKernelVersion('7.3');
const RANGES = new RangeMap([{ first: 0x40000, last: 0x4ffff, kind: 'fsdax' }]);
const read = (name: string) => new Uint8Array(readFileSync(new URL(`../recordings/${name}`, import.meta.url)));

let codecs: Codecs;
let parts: DatParts;
let text: Uint8Array;
let stacks: DatParts;

beforeAll(async () => {
  codecs = await nodeCodecs();
  parts = small(partsOf((await unpackContainer(read('7.3-fsdax.dat.xz'))).bytes, codecs));
  stacks = small(partsOf((await unpackContainer(read('5.10-leaks-fsdax.dat.xz'))).bytes, codecs));
  const whole = (await unpackContainer(read('5.10-leaks-fsdax.trace.txt.xz'))).bytes;
  text = whole.slice(0, whole.lastIndexOf(10, 24_000) + 1);
});

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
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Reads, judges and checks every reference between the columns. */
function survive(bytes: Uint8Array, what: string): Recording {
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
    if (events.pfn(row) >= 0) pageLife(recording, events.pfn(row), RANGES, KERNEL);
  }
  const spent = performance.now() - start;
  if (spent > MAX_MS) expect.fail(`${what} took ${spent.toFixed(0)} ms`);
  return recording;
}

const FORMS = ['6 none', '7 none', '7 zlib', '7 zstd', '6 none with stacks'] as const;

function made(form: (typeof FORMS)[number]): Uint8Array {
  const [version, compression] = form.split(' ');
  const from = form.endsWith('stacks') ? stacks : parts;
  return writeDat({ ...from, version: Number(version) as 6 | 7, compression: compression as DatParts['compression'] });
}

describe.each(FORMS)('trace.dat %s', (form) => {
  test('whole', () => {
    const { events, diagnostics } = survive(made(form), form);
    expect(diagnostics).toEqual([]);
    expect(events.length).toBeGreaterThan(100);
  });

  test('cut everywhere', () => {
    const whole = made(form);
    const events = survive(whole, form).events.length;
    const step = Math.max(1, Math.floor(whole.length / 400));
    for (let size = 0; size < whole.length; size += size < 200 ? 1 : step) {
      const recording = survive(whole.slice(0, size), `cut at ${size}`);
      expect(recording.events.length).toBeLessThanOrEqual(events);
      if (recording.events.length < events) expect(recording.diagnostics.length, `cut at ${size}`).toBeGreaterThan(0);
    }
  });

  test('flipped', () => {
    const whole = made(form);
    const next = random(form.length + 7);
    for (let round = 0; round < 600; round++) {
      const copy = whole.slice();
      const flips = 1 + next(4);
      for (let flip = 0; flip < flips; flip++) copy[next(copy.length)] ^= 1 << next(8);
      survive(copy, `round ${round}`);
    }
  });

  test('numbers made as large as they can be', () => {
    const whole = made(form);
    const next = random(form.length + 99);
    for (let round = 0; round < 300; round++) {
      const copy = whole.slice();
      const at = next(copy.length - 8);
      copy.fill(round % 3 === 0 ? 0x7f : 0xff, at, at + [1, 2, 4, 8][round % 4]);
      survive(copy, `round ${round} at ${at}`);
    }
  });

  test('parts exchanged, repeated and left out', () => {
    const whole = made(form);
    const next = random(form.length + 1234);
    for (let round = 0; round < 200; round++) {
      const copy = whole.slice();
      const size = 1 + next(5000);
      const [from, to] = [next(Math.max(1, copy.length - size)), next(Math.max(1, copy.length - size))];
      if (round % 2 === 0) copy.copyWithin(to, from, from + size);
      else copy.fill(0, from, from + size);
      survive(copy, `round ${round}`);
    }
  });
});

test('the real file of 620 KB, flipped where its structure is', async () => {
  const { bytes } = await unpackContainer(read('7.3-fsdax.dat.xz'));
  const next = random(42);
  const start = performance.now();
  for (let round = 0; round < 250; round++) {
    const copy = bytes.slice(0, round % 5 === 0 ? next(bytes.length) : bytes.length);
    const zone = [200, 2000, copy.length, 45_000][round % 4];
    for (let flip = 0; flip < 1 + next(3); flip++) {
      const at =
        zone === 45_000 ? copy.length - 1 - next(Math.min(zone, copy.length)) : next(Math.min(zone, copy.length));
      copy[Math.max(0, at)] ^= 1 << next(8);
    }
    survive(copy, `round ${round}`);
  }
  expect(performance.now() - start).toBeLessThan(60_000);
});

describe('text', () => {
  test('cut everywhere', () => {
    for (let size = 0; size < text.length; size += 37) survive(text.slice(0, size), `cut at ${size}`);
  });

  test('flipped', () => {
    const next = random(5);
    for (let round = 0; round < 1000; round++) {
      const copy = text.slice();
      for (let flip = 0; flip < 1 + next(6); flip++) copy[next(copy.length)] ^= 1 << next(8);
      survive(copy, `round ${round}`);
    }
  });

  test('lines exchanged, joined and made long', () => {
    const lines = Buffer.from(text).toString('latin1').split('\n');
    const next = random(6);
    for (let round = 0; round < 150; round++) {
      const copy = lines.slice();
      for (let change = 0; change < 20; change++) {
        const [a, b] = [next(copy.length), next(copy.length)];
        if (change % 3 === 0) [copy[a], copy[b]] = [copy[b], copy[a]];
        else if (change % 3 === 1) copy[a] = copy[a] + copy[b];
        else copy[a] = copy[a].slice(next(60)).repeat(1 + next(30));
      }
      survive(Buffer.from(copy.join('\n'), 'latin1'), `round ${round}`);
    }
  });

  test('anything at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        survive(bytes, 'bytes');
      }),
      { numRuns: 500, seed: 1 },
    );
  });
});

/** Damaged containers: partial content and a diagnostic, or InputError; nothing else. */
async function surviveContainer(bytes: Uint8Array, limit: number, what: string): Promise<number> {
  const start = performance.now();
  let size = -1;
  try {
    size = (await unpackContainer(bytes, limit)).bytes.length;
    expect(size, what).toBeLessThanOrEqual(Math.max(limit, bytes.length));
  } catch (error) {
    expect(error, what).toBeInstanceOf(InputError);
  }
  expect(performance.now() - start, what).toBeLessThan(MAX_MS);
  return size;
}

describe('containers', () => {
  test.each(['gz', 'xz', 'zst', 'zst, stored'])('.%s cut and flipped', async (ending) => {
    const packed = {
      gz: () => read('6.12-leaks-fsdax.trace.txt.gz'),
      xz: () => read('7.3-fsdax.trace.txt.xz'),
      zst: () => read('5.10-leaks-private.trace.txt.zst'),
      'zst, stored': () => zstdStored(text),
    }[ending]!();
    const next = random(8);
    for (let round = 0; round < 60; round++) {
      const copy = packed.slice(0, round % 2 === 0 ? packed.length : 6 + next(packed.length - 6));
      if (round % 4 !== 1) copy[6 + next(copy.length - 6)] ^= 1 << next(8);
      await surviveContainer(copy, 1 << 24, `${ending} round ${round}`);
    }
  });

  test('what lies before a cut is read', async () => {
    for (const name of [
      '6.12-leaks-fsdax.trace.txt.gz',
      '7.3-fsdax.trace.txt.xz',
      '5.10-leaks-private.trace.txt.zst',
    ]) {
      const packed = read(name);
      const size = await surviveContainer(packed.slice(0, Math.floor(packed.length * 0.7)), 1 << 26, name);
      expect(size, name).toBeGreaterThan(100_000);
    }
  });

  test('a bomb stops at the limit', async () => {
    const bomb = gzipSync(new Uint8Array(64 << 20));
    expect(await surviveContainer(bomb, 1 << 20, 'bomb')).toBeLessThanOrEqual(1 << 20);
  });
});

test('claims of billions allocate nothing', () => {
  const before = process.memoryUsage().arrayBuffers;
  const base = { ...parts, buffers: [{ name: '', cpus: parts.buffers[0].cpus.slice(0, 1) }] };
  for (const compression of ['none', 'zlib', 'zstd'] as const) {
    const whole = writeDat({ ...base, version: 7, compression });
    const view = new DataView(whole.buffer);
    // every aligned word of the tables in turn claims four billion
    for (let at = 16; at + 4 < whole.length; at += whole.length > 20_000 ? 101 : 13) {
      const old = view.getUint32(at);
      view.setUint32(at, 0xffffffff);
      survive(whole, `word ${at}`);
      view.setUint32(at, old);
    }
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(400 << 20);
});

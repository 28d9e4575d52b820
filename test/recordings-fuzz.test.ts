// SPDX-License-Identifier: Apache-2.0
/**
 * Damaged recordings: real ones, cut and flipped thousands of ways. Whatever is left must be read without an exception other
 * than a diagnostic, within bounds of time and memory, and every column must stay inside what it points into.
 */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unpackContainer } from '../src/app/trace-unpack.js';
import { InputError } from '../src/base/diagnostic.js';
import { FORMS, MAX_MS, made, parts, random, read, survive, text } from './recordings-survive.js';
import { writeDat, zstdStored } from './recordings-writer.js';

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

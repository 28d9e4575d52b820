// SPDX-License-Identifier: Apache-2.0
/** A recording that comes in pieces: from a pipe, cut anywhere, interrupted; it says the same as the file, or what it lacks. */
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadRecording } from '../src/app/trace-load.js';
import { nodeCodecs, unpackContainer } from '../src/app/trace-unpack.js';
import { readRecording } from '../src/trace/read.js';
import { TextReader } from '../src/trace/read-text.js';
import { Notes } from '../src/trace/recording.js';
import { digest } from './squeeze.js';

const packed = (name: string) => new Uint8Array(readFileSync(new URL(`../recordings/${name}`, import.meta.url)));
const pieces = (bytes: Uint8Array, size: number) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));

let dat: Uint8Array;
let text: Uint8Array;
let whole: Record<'dat' | 'text', string>;

beforeAll(async () => {
  dat = (await unpackContainer(packed('5.10-leaks-fsdax.dat.xz'))).bytes;
  text = (await unpackContainer(packed('5.10-leaks-fsdax.trace.txt.xz'))).bytes;
  const codecs = await nodeCodecs();
  whole = { dat: digest(readRecording(dat, codecs)), text: digest(readRecording(text, codecs)) };
});

describe('from a pipe', () => {
  test.each([1000, 65_536, 1 << 30])('in pieces of %i bytes', async (size) => {
    for (const [kind, bytes] of [
      ['dat', dat],
      ['text', text],
    ] as const) {
      const recording = await loadRecording('-', { stdin: Readable.from(pieces(bytes, size)) });
      expect(recording.diagnostics).toEqual([]);
      expect(digest(recording), kind).toBe(whole[kind]);
    }
  });

  test('in a container', async () => {
    const recording = await loadRecording('-', { stdin: Readable.from([packed('5.10-leaks-fsdax.trace.txt.xz')]) });
    expect(recording.container).toBe('xz');
    expect(digest(recording)).toBe(whole.text);
  });

  test('nothing, and something else', async () => {
    for (const bytes of ['', 'no recording at all\n'.repeat(20)]) {
      const recording = await loadRecording('-', { stdin: Readable.from([Buffer.from(bytes)]) });
      expect(recording.events.length).toBe(0);
      expect(recording.diagnostics.map(({ code }) => code)).toEqual(['RZ3001']);
    }
  });
});

test('a text that is cut into pieces anywhere is the same text', () => {
  const start = text.subarray(0, text.lastIndexOf(10, 20_000) + 1);
  const once = new TextReader(new Notes());
  once.add(start);
  const wanted = digest(once.finish());
  for (let at = 1; at < start.length; at += 211) {
    const reader = new TextReader(new Notes());
    for (const piece of [start.subarray(0, at), start.subarray(at, at + 7), start.subarray(at + 7)]) reader.add(piece);
    expect(digest(reader.finish()), `cut at ${at}`).toBe(wanted);
  }
});

test('Ctrl-C: what was read until then, and a word about it', async () => {
  let asked = 0;
  const interrupted = () => ++asked > 2;
  const stdin = Readable.from(pieces(text, 50_000));
  const recording = await loadRecording('-', { stdin, interrupted });
  expect(recording.events.length).toBeGreaterThan(100);
  expect(recording.diagnostics.map(({ code }) => code)).toEqual(['RZ3030']);
  // its open lives may have ended: the end counts as a gap
  expect(recording.losses.at(-1)).toMatchObject({ before: recording.events.length, events: -1 });
});

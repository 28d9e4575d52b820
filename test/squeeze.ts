// SPDX-License-Identifier: Apache-2.0
/**
 * Gives every fixture in all the ways in which a user may have it, so that no test has to remember them (speedscope's
 * habit): bare, .gz, .xz, .zst, at an odd offset of a larger buffer, and, for a trace.dat, versions 6 and 7 with each compression.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { nodeCodecs, unpackContainer } from '../src/app/trace-unpack.js';
import { isDat } from '../src/trace/dat.js';
import { containerOf, readRecording } from '../src/trace/read.js';
import type { Recording } from '../src/trace/recording.js';
import { partsOf, writeDat, zstdStored } from './recordings-writer.js';

export interface Squeezed {
  how: string;
  recording: Recording;
}

/** Bytes to a recording, container or not. */
export async function readBytes(bytes: Uint8Array): Promise<Recording> {
  const { bytes: bare, diagnostics } = await unpackContainer(bytes);
  const recording = readRecording(bare, await nodeCodecs());
  recording.diagnostics.unshift(...diagnostics);
  return recording;
}

/** The file in every form, each read. */
export async function* squeeze(file: Uint8Array): AsyncGenerator<Squeezed> {
  const { bytes } = await unpackContainer(file);
  if (containerOf(file) !== undefined)
    yield { how: `as kept (${containerOf(file)})`, recording: await readBytes(file) };
  yield { how: 'bare', recording: await readBytes(bytes) };
  yield { how: 'part of a larger buffer', recording: await readBytes(shifted(bytes)) };
  yield { how: 'gzip', recording: await readBytes(gzipSync(bytes, { level: 1 })) };
  yield {
    how: 'gzip in two members',
    recording: await readBytes(inTwo(bytes, (part) => gzipSync(part, { level: 1 }))),
  };
  yield { how: 'zstd, stored', recording: await readBytes(zstdStored(bytes)) };
  const xz = [bytes.subarray(0, 1000), bytes.subarray(1000)].map((part) => byTool('xz', part));
  if (xz[0] && xz[1]) yield { how: 'xz in two streams', recording: await readBytes(Buffer.concat([xz[0], xz[1]])) };
  yield { how: 'zstd in two frames', recording: await readBytes(inTwo(bytes, zstdStored)) };
  for (const tool of ['zstd', 'xz']) {
    const packed = byTool(tool, bytes);
    if (packed) yield { how: `${tool}, by the tool`, recording: await readBytes(packed) };
  }
  if (isDat(bytes)) yield* rewritten(bytes);
}

/** The same recording in the other versions and compressions. */
async function* rewritten(bytes: Uint8Array): AsyncGenerator<Squeezed> {
  const parts = partsOf(bytes, await nodeCodecs());
  for (const version of [6, 7] as const) {
    for (const compression of version === 6 ? (['none'] as const) : (['none', 'zlib', 'zstd'] as const)) {
      const written = writeDat({ ...parts, version, compression });
      yield { how: `version ${version}, ${compression}`, recording: await readBytes(written) };
    }
  }
}

function shifted(bytes: Uint8Array): Uint8Array {
  const larger = new Uint8Array(bytes.length + 13).fill(0xaa);
  larger.set(bytes, 3);
  return larger.subarray(3, 3 + bytes.length);
}

function inTwo(bytes: Uint8Array, pack: (part: Uint8Array) => Uint8Array): Uint8Array {
  const half = bytes.length >>> 1;
  return Buffer.concat([pack(bytes.subarray(0, half)), pack(bytes.subarray(half))]);
}

/** Undefined where the machine has no such tool. */
function byTool(tool: string, bytes: Uint8Array): Uint8Array | undefined {
  try {
    return execFileSync(tool, ['-c', '-1'], { input: bytes, maxBuffer: 1 << 30, stdio: ['pipe', 'pipe', 'ignore'] });
  } catch {
    return undefined;
  }
}

/** Counts by kind, without kinds that did not occur. */
export function countsOf({ kinds }: Recording): Record<string, number> {
  return Object.fromEntries(kinds.filter(({ count }) => count > 0).map(({ name, count }) => [name, count]));
}

/** A fingerprint of all columns and of what they refer to: equal for equal recordings however they were stored. */
export function digest(recording: Recording): string {
  const { events, kinds, comms, stacks, timeBase } = recording;
  const hash = createHash('sha256');
  const { length } = events;
  hash.update(new Uint8Array(events.time.buffer, 0, length * 8));
  for (const field of ['pfn', 'cpu', 'pid', 'val', 'ret', 'count', 'mapcount'] as const) {
    hash.update(new Uint8Array(Float64Array.from({ length }, (_, row) => events[field](row)).buffer));
  }
  for (const field of ['flags', 'mapping'] as const) {
    hash.update(new Uint8Array(BigUint64Array.from({ length }, (_, row) => events[field](row)).buffer));
  }
  const names = new Map<string, number>();
  for (let row = 0; row < length; row++) {
    const words = `${kinds[events.kind(row)].name} ${comms.text(events.comm(row))} ${events.stack(row)}`;
    names.set(words, (names.get(words) ?? 0) + 1);
  }
  for (let id = 0; id < stacks.size; id++) hash.update(stacks.frames(id).join());
  hash.update(JSON.stringify([...names])).update(String(timeBase));
  return hash.digest('hex');
}

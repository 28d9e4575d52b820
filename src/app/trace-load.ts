// SPDX-License-Identifier: Apache-2.0
/**
 * A recording from disk: reads the file, takes off gzip, xz or zstd, and lends src/trace the decompressors that it may not
 * import. A damaged container gives what could be unpacked and a diagnostic.
 */
import { open, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { constants, createGunzip, inflateSync } from 'node:zlib';
import { ZSTDDecoder } from 'zstddec';
import { type Diagnostic, InputError } from '../base/diagnostic.js';
import { type Container, containerOf, readRecording } from '../trace/read.js';
import type { Codecs, ReadOptions, Recording } from '../trace/recording.js';
import { xzStreams } from './trace-xz.js';
import { unpackZstd } from './trace-zstd.js';

/** Nothing larger is held in memory; typed arrays end near there anyway. */
export const MAX_BYTES = 4 * 1024 ** 3 - 1;

interface Xz {
  XzReadableStream: new (stream: ReadableStream<Uint8Array>) => ReadableStream<Uint8Array>;
}

export interface Loaded {
  bytes: Uint8Array;
  container: Container | undefined;
  diagnostics: Diagnostic[];
}

let zstd: Promise<ZSTDDecoder> | undefined;

async function zstdDecoder(): Promise<ZSTDDecoder> {
  zstd ??= (async () => {
    const decoder = new ZSTDDecoder();
    await decoder.init();
    return decoder;
  })();
  return zstd;
}

/** The decompressors for the inside of a trace.dat. */
export async function nodeCodecs(): Promise<Codecs> {
  const decoder = await zstdDecoder();
  return {
    zstd: (bytes, size) => decoder.decode(bytes, size),
    zlib: (bytes, size) => inflateSync(bytes, { maxOutputLength: Math.max(1, size) }),
  };
}

/** Reads and unpacks. @throws InputError where the file cannot be opened or nothing of it can be unpacked */
export async function loadBytes(path: string, limit = MAX_BYTES): Promise<Loaded> {
  let bytes: Uint8Array;
  try {
    bytes = await readWhole(path);
  } catch (error) {
    if (error instanceof InputError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a directory' : message;
    throw new InputError({ code: 'RZ3000', message: `cannot read ${path}: ${why}` });
  }
  return unpackContainer(bytes, limit);
}

/** A regular file in steps, since readFile ends at 2 GiB; anything else (a pipe) as it comes. */
async function readWhole(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const stat = await file.stat();
    // it may never end
    if (stat.isCharacterDevice() || stat.isBlockDevice()) {
      throw new InputError({ code: 'RZ3000', message: `cannot read ${path}: it is a device` });
    }
    if (!stat.isFile() || stat.size === 0) return await readFile(file);
    if (stat.size > MAX_BYTES) {
      throw new InputError({
        code: 'RZ3009',
        message: `${path} has ${stat.size} bytes; more than ${MAX_BYTES} cannot be held`,
        hint: 'split it: trace-cmd split',
      });
    }
    const bytes = new Uint8Array(stat.size);
    let at = 0;
    while (at < bytes.length) {
      const { bytesRead } = await file.read(bytes, at, Math.min(1 << 30, bytes.length - at), at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return bytes.subarray(0, at);
  } finally {
    await file.close();
  }
}

/** Takes one container off `bytes`, to at most `limit` bytes; bare bytes pass through. */
export async function unpackContainer(bytes: Uint8Array, limit = MAX_BYTES): Promise<Loaded> {
  const container = containerOf(bytes);
  if (container === undefined) return { bytes, container, diagnostics: [] };
  const { out, error } = await unpackers[container](bytes, limit);
  const diagnostics: Diagnostic[] = [];
  if (error !== undefined) {
    const got = out.length === 0 ? 'nothing could be unpacked' : `${out.length} bytes could be unpacked`;
    diagnostics.push({ code: 'RZ3008', message: `the ${container} container is damaged or cut (${error}): ${got}` });
  }
  if (out.length === 0 && error !== undefined) throw new InputError(...diagnostics);
  return { bytes: out, container, diagnostics };
}

interface Unpacked {
  out: Uint8Array;
  error?: string;
}

const unpackers: Record<Container, (bytes: Uint8Array, limit: number) => Promise<Unpacked>> = {
  gzip: unpackGzip,
  xz: unpackXz,
  zstd: async (bytes, limit) => unpackZstd(await zstdDecoder(), bytes, limit),
};

/** Collects pieces up to a limit. */
class Pile {
  private readonly parts: Uint8Array[] = [];
  size = 0;
  constructor(private readonly limit: number) {}

  /** False when the limit is reached. */
  add(part: Uint8Array): boolean {
    if (this.size + part.length > this.limit) return false;
    this.parts.push(part);
    this.size += part.length;
    return true;
  }

  join(): Uint8Array {
    if (this.parts.length === 1) return this.parts[0];
    const out = new Uint8Array(this.size);
    let at = 0;
    for (const part of this.parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
}

const tooLarge = (limit: number): string => `it unpacks to more than ${limit} bytes`;

function unpackGzip(bytes: Uint8Array, limit: number): Promise<Unpacked> {
  return new Promise((resolve) => {
    const pile = new Pile(limit);
    const gunzip = createGunzip({ chunkSize: 1 << 16, finishFlush: constants.Z_FINISH });
    const finish = (error?: string) =>
      resolve(error === undefined ? { out: pile.join() } : { out: pile.join(), error });
    gunzip.on('data', (part: Uint8Array) => {
      if (pile.add(part)) return;
      finish(tooLarge(limit));
      gunzip.destroy();
    });
    gunzip.on('end', () => finish());
    gunzip.on('error', (error) => finish(error.message));
    gunzip.end(bytes);
  });
}

async function unpackXz(bytes: Uint8Array, limit: number): Promise<Unpacked> {
  const pile = new Pile(limit);
  for (const stream of xzStreams(bytes)) {
    const error = await unpackXzStream(stream, pile, limit);
    if (error !== undefined) return { out: pile.join(), error };
  }
  return { out: pile.join() };
}

/** One xz stream onto the pile; returns what was wrong with it. */
async function unpackXzStream(bytes: Uint8Array, pile: Pile, limit: number): Promise<string | undefined> {
  // CommonJS without names that Node could find, hence require
  const { XzReadableStream } = createRequire(import.meta.url)('xz-decompress') as Xz;
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
  const reader = new XzReadableStream(source).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return undefined;
      if (pile.add(value)) continue;
      await reader.cancel();
      return tooLarge(limit);
    }
  } catch {
    return 'its data is damaged';
  }
}

/** Loads and reads a recording; the diagnostics of the container come first. @throws InputError as `loadBytes` */
export async function loadRecording(
  path: string,
  options: ReadOptions = {},
): Promise<Recording & { container?: Container }> {
  const { bytes, container, diagnostics } = await loadBytes(path);
  const recording = readRecording(bytes, await nodeCodecs(), options);
  recording.diagnostics.unshift(...diagnostics);
  return container === undefined ? recording : { ...recording, container };
}

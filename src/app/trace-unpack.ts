// SPDX-License-Identifier: Apache-2.0
/**
 * Takes gzip, xz or zstd off a recording, piece by piece, and lends src/trace the decompressors for the inside of a trace.dat,
 * which it may not import. A damaged container gives what could be unpacked and says what was wrong.
 */
import { createRequire } from 'node:module';
import * as zlib from 'node:zlib';
import type { ZSTDDecoder } from 'zstddec';
import { type Diagnostic, InputError } from '../base/diagnostic.js';
import { type Container, containerOf } from '../trace/read.js';
import type { Codecs } from '../trace/recording.js';
import { xzStreams } from './trace-xz.js';
import { unpackZstd } from './trace-zstd.js';

/** Nothing larger is held in memory; typed arrays end near there anyway. */
export const MAX_BYTES = 4 * 1024 ** 3 - 1;

interface Xz {
  XzReadableStream: new (stream: ReadableStream<Uint8Array>) => ReadableStream<Uint8Array>;
}

/** Takes what was unpacked; false when it wants no more. The piece is its own only until it returns. */
export type Sink = (part: Uint8Array) => boolean;

let zstd: Promise<ZSTDDecoder> | undefined;

async function zstdDecoder(): Promise<ZSTDDecoder> {
  zstd ??= (async () => {
    const { ZSTDDecoder } = await import('zstddec');
    const decoder = new ZSTDDecoder();
    await withoutFetch(() => decoder.init());
    return decoder;
  })();
  return zstd;
}

/** Where there is `fetch`, zstddec takes the bytes of its own module through that: loading Node's costs 50 ms of CPU time, decoding them 2. */
function withoutFetch<T>(start: () => T): T {
  const { fetch } = globalThis;
  Object.assign(globalThis, { fetch: undefined });
  try {
    return start();
  } finally {
    Object.assign(globalThis, { fetch });
  }
}

/** zlib has zstd since Node 22.15, about twice as fast as WebAssembly. */
const native = (zlib as { zstdDecompressSync?: (bytes: Uint8Array, options: object) => Uint8Array }).zstdDecompressSync;

/** The decompressors for the inside of a trace.dat; zstd's takes a while to start and is left out where nobody needs it. */
export async function nodeCodecs(needsZstd = true): Promise<Codecs> {
  const inflate: Codecs['zlib'] = (bytes, size) => zlib.inflateSync(bytes, { maxOutputLength: Math.max(1, size) });
  if (!needsZstd) return { zstd: () => undefined, zlib: inflate };
  if (native) return { zstd: (bytes, size) => native(bytes, { maxOutputLength: Math.max(1, size) }), zlib: inflate };
  const decoder = await zstdDecoder();
  return { zstd: (bytes, size) => decoder.decode(bytes, size), zlib: inflate };
}

export interface Loaded {
  bytes: Uint8Array;
  container: Container | undefined;
  diagnostics: Diagnostic[];
}

/** Takes one container off `bytes`, to at most `limit` bytes; bare bytes pass through. @throws InputError where nothing came out */
export async function unpackContainer(bytes: Uint8Array, limit = MAX_BYTES): Promise<Loaded> {
  const container = containerOf(bytes);
  if (container === undefined) return { bytes, container, diagnostics: [] };
  const parts: Uint8Array[] = [];
  const diagnostics = await unpackTo(container, bytes, limit, (part) => parts.push(part.slice()) > 0);
  return { bytes: parts.length === 1 ? parts[0] : new Uint8Array(Buffer.concat(parts)), container, diagnostics };
}

/**
 * Unpacks `bytes` into `sink`, to at most `limit` bytes.
 * @returns what was wrong. @throws InputError where nothing could be unpacked
 */
export async function unpackTo(
  container: Container,
  bytes: Uint8Array,
  limit: number,
  sink: Sink,
): Promise<Diagnostic[]> {
  let size = 0;
  let tooLarge = false;
  const error = await UNPACKERS[container](bytes, limit, (part) => {
    tooLarge = size + part.length > limit;
    if (tooLarge) return false;
    size += part.length;
    return sink(part);
  });
  const why = tooLarge ? `it unpacks to more than ${limit} bytes` : error;
  if (why === undefined) return [];
  const got = size === 0 ? 'nothing could be unpacked' : `${size} bytes could be unpacked`;
  const diagnostic = { code: 'RZ3008', message: `the ${container} container is damaged or cut (${why}): ${got}` };
  if (size === 0) throw new InputError(diagnostic);
  return [diagnostic];
}

/** Each returns what was wrong. */
const UNPACKERS: Record<Container, (bytes: Uint8Array, limit: number, sink: Sink) => Promise<string | undefined>> = {
  gzip: (bytes, _limit, sink) => unpackGzip(bytes, sink),
  xz: (bytes, _limit, sink) => unpackXz(bytes, sink),
  zstd: async (bytes, limit, sink) => {
    const { out, error } = unpackZstd(await zstdDecoder(), bytes, limit);
    sink(out);
    return error;
  },
};

function unpackGzip(bytes: Uint8Array, sink: Sink): Promise<string | undefined> {
  return new Promise((resolve) => {
    const gunzip = zlib.createGunzip({ chunkSize: 1 << 16, finishFlush: zlib.constants.Z_FINISH });
    gunzip.on('data', (part: Uint8Array) => {
      if (sink(part)) return;
      resolve(undefined);
      gunzip.destroy();
    });
    gunzip.on('end', () => resolve(undefined));
    gunzip.on('error', (error) => resolve(error.message));
    gunzip.end(bytes);
  });
}

async function unpackXz(bytes: Uint8Array, sink: Sink): Promise<string | undefined> {
  // CommonJS without names that Node could find, hence require
  const { XzReadableStream } = createRequire(import.meta.url)('xz-decompress') as Xz;
  for (const part of xzStreams(bytes)) {
    const source = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(part);
        controller.close();
      },
    });
    const reader = new XzReadableStream(source).getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        if (sink(value)) continue;
        await reader.cancel();
        return undefined;
      }
    } catch {
      return 'its data is damaged';
    }
  }
  return undefined;
}

// SPDX-License-Identifier: Apache-2.0
/** A recording in a file as a source of bytes, and the decompressors that it needs. */
import { closeSync, openSync, readSync } from 'node:fs';
import type { Codecs } from '../trace/recording.js';
import type { Source } from '../trace/source.js';
import { nodeCodecs } from './trace-unpack.js';

/** A file that is read piece by piece. What is asked for after `close` (symbols, when a stack is shown) opens it once more. */
export function fileSource(file: number, path: string, size: number): Source & { close(): void } {
  let open = true;
  return {
    size,
    read(offset, into) {
      const now = open ? file : openSync(path, 'r');
      try {
        return readSync(now, into, 0, into.length, offset);
      } finally {
        if (!open) closeSync(now);
      }
    },
    close() {
      open = false;
    },
  };
}

/** The decompressors for a trace.dat: starting zstd's takes a while, so only where it is needed. */
export async function codecsFor(source: Source): Promise<Codecs> {
  const head = new Uint8Array(Math.min(source.size, 64));
  source.read(0, head);
  // version 7 names its compression behind the magic, the version and the sizes
  return nodeCodecs(Buffer.from(head).subarray(10).includes('zstd'));
}

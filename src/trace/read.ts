// SPDX-License-Identifier: Apache-2.0
/** The door of src/trace: bytes of any recording in, columns and notes out. It never throws for what is in the bytes. */
import { DAT_MAGIC, isDat } from './dat.js';
import { readDat } from './read-dat.js';
import { textSteps } from './read-text.js';
import { type Codecs, finished, Notes, type Reading, type ReadOptions, type Recording } from './recording.js';
import { type Source, sourceOf } from './source.js';

/** Container formats, which the caller has to unpack (they differ between Node and a browser). */
export type Container = 'gzip' | 'zstd' | 'xz';

/** Which container these bytes are in, undefined for a bare file. */
export function containerOf(bytes: Uint8Array): Container | undefined {
  const begins = (...magic: number[]) => magic.every((byte, at) => bytes[at] === byte);
  if (begins(0x1f, 0x8b)) return 'gzip';
  if (begins(0x28, 0xb5, 0x2f, 0xfd)) return 'zstd';
  if (begins(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return 'xz';
  return undefined;
}

/**
 * Reads a recording: trace.dat 6 or 7, or ftrace text.
 * @param from its bytes, or a source of them that is read piece by piece
 * @returns columns and diagnostics; no events and a diagnostic where the bytes are no recording
 */
export function readRecording(from: Uint8Array | Source, codecs: Codecs, options: ReadOptions = {}): Recording {
  return finished(recordingSteps(sourceOf(from), codecs, options));
}

/** The same, step by step. */
export function* recordingSteps(source: Source, codecs: Codecs, options: ReadOptions = {}): Reading<Recording> {
  const notes = new Notes();
  const head = new Uint8Array(Math.min(source.size, DAT_MAGIC.length));
  source.read(0, head);
  if (isDat(head)) {
    const recording = yield* readDat(source, codecs, notes, options);
    if (recording) return recording;
  } else if (head.length > 0 && head.length < DAT_MAGIC.length && head.every((byte, at) => byte === DAT_MAGIC[at])) {
    notes.add('RZ3001', 'the file ends inside the first ten bytes of a trace.dat');
  }
  return yield* textSteps(source, notes, options);
}

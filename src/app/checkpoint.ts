// SPDX-License-Identifier: Apache-2.0
/**
 * A search in a file: written whole beside it and renamed, so that it is there or not; read only if every byte is as it was
 * written and the model is the same.
 *
 * The file: a line `refzero checkpoint 2 N`, N bytes of JSON, the states and edges (src/explore/checkpoint.ts, numbers with the
 * least byte first), and the SHA-256 of all that.
 */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { type Diagnostic, InputError } from '../base/diagnostic.js';
import type { BufferDepth } from '../compiler/link.js';
import { type Border, bytesOf, type Model, modelText, type Sink, type Source, type Storage } from '../explore/check.js';
import type { Job } from './check-data.js';

const MAGIC = 'refzero checkpoint 2 ';
const HASH_BYTES = 32;
/** Nobody has so many levels. */
const HEADER_MAX = 1 << 26;
const CHUNK = 1 << 20;

interface Header {
  job: Job;
  /** SHA-256 of the model's text */
  model: string;
  depth?: number;
  border: Border;
}

/** A search that can be taken up again; to be closed. */
export interface Opened {
  /** the store buffers of its model */
  depth: BufferDepth;
  /**
   * @param storage how states have to be stored; as they were if absent
   * @throws InputError RZ4051 where this is not its model, or they were stored otherwise
   */
  of(model: Model, storage?: Storage): { border: Border; source: Source };
  close(): void;
}

function hashOf(model: Model): string {
  const hash = createHash('sha256');
  for (const piece of modelText(model)) hash.update(piece).update('\n');
  return hash.digest('hex');
}

/**
 * @param path what was there is replaced once all is written
 * @throws Error of the file system; then what was there is still there
 */
export function saveCheckpoint(
  path: string,
  model: Model,
  job: Job,
  border: Border,
  write: (sink: Sink) => void,
): void {
  const part = `${path}.part`;
  const file = openSync(part, 'w');
  try {
    const hash = createHash('sha256');
    const put = (bytes: Uint8Array): void => {
      hash.update(bytes);
      writeAll(file, bytes);
    };
    const header: Header = { job, model: hashOf(model), ...depthOf(model.linked.depth), border };
    const text = Buffer.from(JSON.stringify(header));
    put(Buffer.from(`${MAGIC}${text.length}\n`));
    put(text);
    write({ write: put });
    writeAll(file, hash.digest());
    fsyncSync(file);
    closeSync(file);
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
}

function depthOf(depth: BufferDepth): { depth?: number } {
  return depth === undefined ? {} : { depth };
}

/**
 * @param job what is to be gone on with
 * @throws InputError RZ4050 for a file that cannot be read or is not what was written
 */
export function openCheckpoint(path: string, job: Job): Opened {
  const file = opened(path);
  try {
    const { header, body } = headerIn(path, file);
    const { size } = fstatSync(file);
    const whole = body + bytesOf(header.border) + HASH_BYTES;
    if (size !== whole) throw new InputError(damaged(path, `it has ${size} bytes, and should have ${whole}`));
    if (!digestOf(file, size - HASH_BYTES).equals(readAt(file, size - HASH_BYTES, HASH_BYTES)))
      throw new InputError(damaged(path, 'its checksum is wrong'));
    let at = body;
    const read = (into: Uint8Array): void => {
      into.set(readAt(file, at, into.length));
      at += into.length;
    };
    return {
      depth: header.depth,
      of(model, storage = header.border.storage) {
        if (header.model !== hashOf(model)) throw new InputError(ofAnother(path, header.job, job));
        if (header.border.storage !== storage) throw new InputError(storedOtherwise(path, storage));
        return { border: header.border, source: { read } };
      },
      close: () => closeSync(file),
    };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

function opened(path: string): number {
  try {
    const file = openSync(path, 'r');
    if (fstatSync(file).isFile()) return file;
    closeSync(file);
    throw new Error('it is no file');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError({ code: 'RZ4050', message: `cannot read ${path}: ${reason}` });
  }
}

/** @returns the header, and where what follows it begins */
function headerIn(path: string, file: number): { header: Header; body: number } {
  const line = readAt(file, 0, MAGIC.length + 16).toString('latin1');
  const [first, length] = /^refzero checkpoint 2 (\d{1,10})\n/.exec(line) ?? [];
  if (first === undefined) {
    const other = line.startsWith('refzero checkpoint ') ? 'it was written by another version of refzero' : undefined;
    throw new InputError(other ? damaged(path, other) : notOne(path));
  }
  const bytes = Number(length);
  const text = readAt(file, first.length, Math.min(bytes, HEADER_MAX));
  const header = text.length === bytes ? headerOf(text.toString()) : undefined;
  if (!header) throw new InputError(damaged(path, 'its beginning cannot be read'));
  return { header, body: first.length + bytes };
}

function headerOf(text: string): Header | undefined {
  try {
    const header: Header = JSON.parse(text);
    const { storage, states, edges, words, levels } = header.border;
    if (storage !== 'exact' && storage !== 'fingerprints') return undefined;
    const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
    return [states, edges, words, ...levels].every(isCount) && levels.length > 0 ? header : undefined;
  } catch {
    return undefined;
  }
}

/** @returns fewer bytes where the file ends before */
function readAt(file: number, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let done = 0;
  for (let got = -1; got !== 0 && done < length; done += got)
    got = readSync(file, bytes, done, length - done, from + done);
  return bytes.subarray(0, done);
}

function digestOf(file: number, length: number): Buffer {
  const hash: Hash = createHash('sha256');
  for (let at = 0; at < length; at += CHUNK) hash.update(readAt(file, at, Math.min(CHUNK, length - at)));
  return hash.digest();
}

function notOne(path: string): Diagnostic {
  return { code: 'RZ4050', message: `${path} is no checkpoint`, hint: 'one is written by refzero check --checkpoint' };
}

function damaged(path: string, reason: string): Diagnostic {
  const hint = 'it cannot be gone on from; search from the start';
  return { code: 'RZ4050', message: `${path} is not what was written: ${reason}`, hint };
}

function storedOtherwise(path: string, wanted: Storage): Diagnostic {
  const [held, hint] =
    wanted === 'exact'
      ? ['fingerprints of states, not whole ones', 'go on without --exact']
      : ['whole states', 'go on without --fingerprints'];
  return { code: 'RZ4051', message: `${path} holds ${held}`, hint };
}

function ofAnother(path: string, saved: Job, job: Job): Diagnostic {
  const nameOf = ({ scenario, kernel, variant }: Job) =>
    `${scenario}${variant === undefined ? '' : ` (broken: ${variant})`} on ${kernel}`;
  const isSame = nameOf(saved) === nameOf(job);
  return {
    code: 'RZ4051',
    message: isSame
      ? `${path} is of ${nameOf(job)} as it was: its sources or options have changed since`
      : `${path} is of ${nameOf(saved)}, not of ${nameOf(job)}`,
    hint: 'only the same scenario, kernel, sources and options can be gone on with; search from the start',
  };
}

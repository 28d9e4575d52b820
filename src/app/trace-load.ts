// SPDX-License-Identifier: Apache-2.0
/**
 * A recording from disk or a pipe. A bare file is read piece by piece and never held; what is in a container or comes from a
 * pipe is trace-intake.ts's. The reading lets go now and then, so that progress can be drawn and Ctrl-C heard.
 */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { type Diagnostic, InputError } from '../base/diagnostic.js';
import { type Container, containerOf, recordingSteps } from '../trace/read.js';
import { finished, type Reading, type ReadOptions, type Recording } from '../trace/recording.js';
import type { Source } from '../trace/source.js';
import { Intake } from './trace-intake.js';
import { codecsFor, fileSource } from './trace-source.js';
import type { Team } from './trace-team.js';
import { MAX_BYTES, unpackTo } from './trace-unpack.js';

export interface LoadOptions extends ReadOptions {
  /** asked now and then: true ends the reading, what was read is the result */
  interrupted?: () => boolean;
  /** reads a trace.dat; without it this thread does */
  team?: Team;
  /** where `-` comes from */
  stdin?: AsyncIterable<Uint8Array>;
}

/** a container that unpacks to more than so many times its size is no recording */
const MAX_RATIO = 1000;

type Loadable = Recording & { container?: Container };

/** Loads and reads a recording; `-` is `options.stdin`. @throws InputError where it cannot be opened or nothing of it unpacked */
export async function loadRecording(path: string, options: LoadOptions = {}): Promise<Loadable> {
  if (path === '-' && options.stdin) return fromPipe(options.stdin, options);
  const file = openFile(path);
  try {
    const stat = fstatSync(file);
    // it may never end
    if (stat.isCharacterDevice() || stat.isBlockDevice()) throw unreadable(path, 'it is a device');
    if (!stat.isFile() || stat.size === 0) return await fromBytes(new Uint8Array(readFileSync(file)), options);
    const head = new Uint8Array(Math.min(stat.size, 64));
    readSync(file, head, 0, head.length, 0);
    if (containerOf(head) !== undefined) return await fromBytes(readWhole(file, stat.size, path), options);
    const source = fileSource(file, path, stat.size);
    try {
      return await fromFile(path, source, options);
    } finally {
      source.close();
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (error instanceof InputError || code === undefined) throw error;
    throw unreadable(path, code === 'EISDIR' ? 'it is a directory' : message);
  } finally {
    closeSync(file);
  }
}

const unreadable = (path: string, why: string): InputError =>
  new InputError({ code: 'RZ3000', message: `cannot read ${path}: ${why}` });

function openFile(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw unreadable(path, code === 'ENOENT' ? 'there is no such file' : message);
  }
}

/** In steps, since readFile ends at 2 GiB. */
function readWhole(file: number, size: number, path: string): Uint8Array {
  if (size > MAX_BYTES) {
    const message = `${path} has ${size} bytes; of a container more than ${MAX_BYTES} cannot be held`;
    throw new InputError({ code: 'RZ3009', message, hint: 'unpack it into a pipe: xz -dc FILE | refzero trace -' });
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (let got = 1; at < size && got > 0; at += got) got = readSync(file, bytes, at, Math.min(1 << 30, size - at), at);
  return bytes.subarray(0, at);
}

async function fromFile(path: string, source: Source, options: LoadOptions): Promise<Recording> {
  const codecs = await codecsFor(source);
  const together = await options.team?.read(path, source, codecs, options, (reading) => run(reading, options));
  return together ?? run(recordingSteps(source, codecs, options), options);
}

/** Runs a reading; somebody who may interrupt it, or help, is listened to between its steps. */
async function run<T>(reading: Reading<T>, { interrupted, team }: LoadOptions): Promise<T> {
  if (!interrupted && !team) return finished(reading);
  for (let stop = false; ; ) {
    const { done, value } = reading.next(stop);
    if (done) return value;
    await setImmediate();
    stop = interrupted?.() === true;
  }
}

/** What may be in a container. */
async function fromBytes(bytes: Uint8Array, options: LoadOptions): Promise<Loadable> {
  const intake = new Intake();
  const container = containerOf(bytes);
  let diagnostics: Diagnostic[] = [];
  if (container === undefined) intake.add(bytes);
  else {
    const limit = Math.max(1 << 30, MAX_RATIO * bytes.length);
    diagnostics = await unpackTo(container, bytes, limit, (part) => {
      intake.add(part);
      return !intake.foreign;
    });
  }
  const recording = await ended(intake, options);
  recording.diagnostics.unshift(...diagnostics);
  return container === undefined ? recording : { ...recording, container };
}

async function ended(intake: Intake, options: LoadOptions, interrupted = false): Promise<Loadable> {
  const end = intake.end(interrupted);
  return 'events' in end ? end : run(recordingSteps(end, await codecsFor(end), options), options);
}

/** A pipe: a container in it is collected, all else is taken as it comes. */
async function fromPipe(stdin: AsyncIterable<Uint8Array>, options: LoadOptions): Promise<Loadable> {
  const intake = new Intake();
  const packed: Uint8Array[] = [];
  let container: Container | undefined;
  let stop = false;
  for await (const part of stdin) {
    if (intake.size === 0 && packed.length === 0) container = containerOf(part);
    if (container !== undefined) packed.push(part);
    else intake.add(part);
    options.progress?.(intake.size, 0);
    stop = options.interrupted?.() === true;
    if (stop || intake.foreign) break;
  }
  if (container !== undefined) return fromBytes(new Uint8Array(Buffer.concat(packed)), options);
  return ended(intake, options, stop);
}

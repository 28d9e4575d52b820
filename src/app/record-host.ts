// SPDX-License-Identifier: Apache-2.0
/**
 * The machine that is recorded, as files: /proc, /sys and tracefs, read and written as text. One object, so that a recording
 * can be made against a directory that only looks like a machine.
 *
 * Not here: what the files mean, and the files that a recording is written to (record-out.ts).
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmdirSync,
  writeSync,
} from 'node:fs';
import { endianness, machine } from 'node:os';
import { InputError } from '../base/diagnostic.js';

/** All paths are absolute, as on the machine; every method throws Node's error with its `code`. */
export interface Host {
  platform: string;
  /** `x86_64`, `aarch64` */
  machine: string;
  /** the process that records */
  pid: number;
  little: boolean;
  readBytes(path: string): Uint8Array;
  write(path: string, text: string): void;
  list(path: string): string[];
  /** false also where the path may not be looked at */
  exists(path: string): boolean;
  mkdir(path: string): void;
  rmdir(path: string): void;
  /** @returns undefined, or what mount(8) or umount(8) said against it */
  mount(type: string, path: string): string | undefined;
  umount(path: string): string | undefined;
  /** a stream that never makes its reader wait */
  open(path: string): number;
  /** @returns bytes read, 0 where there is nothing at the moment */
  pull(stream: number, into: Uint8Array, at: number, length: number): number;
  close(stream: number): void;
  /** writes to /dev/null: a system call whose argument a probe finds */
  toNowhere(bytes: Uint8Array): void;
  /** is there such a process? */
  alive(pid: number): boolean;
}

const decoder = new TextDecoder();

/** @returns the machine this process runs on */
export function liveHost(): Host {
  let nowhere = -1;
  return {
    platform: process.platform,
    machine: machine(),
    pid: process.pid,
    little: endianness() === 'LE',
    readBytes: (path) => new Uint8Array(readFileSync(path)),
    write: writeOnce,
    list: (path) => readdirSync(path),
    exists: (path) => existsSync(path),
    mkdir: (path) => void mkdirSync(path),
    rmdir: (path) => rmdirSync(path),
    mount: (type, path) => tool('mount', ['-t', type, 'nodev', path]),
    umount: (path) => tool('umount', [path]),
    open: (path) => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK),
    pull,
    close: (stream) => closeSync(stream),
    toNowhere: (bytes) => {
      if (nowhere < 0) nowhere = openSync('/dev/null', 'w');
      writeSync(nowhere, bytes);
    },
    alive: (pid) => existsSync(`/proc/${pid}`),
  };
}

/** Each write is a command of its own. Truncating one of these files would be another: it takes away what all users set. */
function writeOnce(path: string, text: string): void {
  const file = openSync(path, constants.O_WRONLY | constants.O_APPEND);
  try {
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
}

function pull(stream: number, into: Uint8Array, at: number, length: number): number {
  try {
    return readSync(stream, into, at, length, null);
  } catch (error) {
    if (codeOf(error) === 'EAGAIN' || codeOf(error) === 'EINTR') return 0;
    throw error;
  }
}

function tool(name: string, args: string[]): string | undefined {
  const { status, stderr, error } = spawnSync(name, args, { encoding: 'utf8' });
  if (status === 0) return undefined;
  return error ? error.message : stderr.trim().split('\n')[0];
}

/** The text of a file. @throws Node's error */
export function readText(host: Host, path: string): string {
  return decoder.decode(host.readBytes(path));
}

/** The text of a file, '' where it is not there or may not be read. */
export function tryText(host: Host, path: string): string {
  try {
    return readText(host, path);
  } catch {
    return '';
  }
}

/** The names in a folder, none where it is not there or may not be read. */
export function tryList(host: Host, path: string): string[] {
  try {
    return host.list(path).sort();
  } catch {
    return [];
  }
}

/** Does the kernel have a symbol of that name, of one of the types that /proc/kallsyms writes (`tT`: functions)? */
export type Symbols = (name: string, types: string) => boolean;

/** Reads the symbols, which takes long enough to be done once. */
export function symbolsOf(host: Host): Symbols {
  const text = tryText(host, '/proc/kallsyms');
  return (name, types) => new RegExp(` [${types}] ${name}(?:\\t|$)`, 'm').test(text);
}

/** `EBUSY`, `ENOENT`, …; '' for what is no error of a system call */
export function codeOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : '';
}

/** What stopped the recording, in one shape. */
export function cannot(code: string, message: string, hint?: string): InputError {
  return new InputError(hint === undefined ? { code, message } : { code, message, hint });
}

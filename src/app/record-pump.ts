// SPDX-License-Identifier: Apache-2.0
/**
 * From the kernel's ring buffers to files, while the command runs: of each CPU the sub-buffers as they are, in one file a CPU.
 *
 * The ring buffer is where a recording waits; it is emptied only from a quarter full on, and through O_DIRECT where the file
 * system can: what a recorder writes through the page cache are pages of its own in its own recording. Memory is one chunk,
 * whatever the load; where the disk is slower than the events, the kernel overwrites the oldest and counts them.
 */
import { closeSync, constants, openSync, statfsSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from './record-host.js';
import type { Instance } from './record-tracefs.js';

/** of the JavaScript engine; its types come with those of browsers only */
declare const WebAssembly: { Memory: new (size: { initial: number }) => { buffer: ArrayBuffer } };

/** bytes; a multiple of every sub-buffer size up to it */
const CHUNK = 1 << 20;
const WASM_PAGE = 1 << 16;
/** share of a CPU's buffer from which on it is emptied */
const FULL_ENOUGH = 0.25;
/** left on the disk, beside what putting the parts together takes */
const SPARE = 64 << 20;

/** Counters of one CPU's ring buffer (kernel/trace/trace.c: tracing_stats_read). */
export interface CpuStats {
  cpu: number;
  text: string;
  /** records taken out so far: events, stacks, marks */
  taken: number;
  overrun: number;
  dropped: number;
}

/** Reads the counters. `overrun` takes in events that found the buffer busy (commit overrun). */
export function statsOf(instance: Instance, cpu: number): CpuStats {
  const text = instance.read(`per_cpu/cpu${cpu}/stats`);
  const number = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  const overrun = number('overrun') + number('commit overrun');
  return { cpu, text, taken: number('read events'), overrun, dropped: number('dropped events') };
}

/** Where a source is poured to. */
class Part {
  readonly path: string;
  private file: number;
  size = 0;

  constructor(path: string) {
    this.path = path;
    this.file = openPart(path);
  }

  /** @throws Node's error, ENOSPC among them */
  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      try {
        at += writeSync(this.file, bytes, at, bytes.length - at);
      } catch (error) {
        // this file system takes O_DIRECT when opening and not when writing
        if (codeOf(error) !== 'EINVAL') throw error;
        closeSync(this.file);
        this.file = openSync(this.path, 'a');
      }
    }
    this.size += bytes.length;
  }

  close(): void {
    closeSync(this.file);
  }
}

function openPart(path: string): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;
  try {
    return openSync(path, flags | constants.O_DIRECT, 0o600);
  } catch (error) {
    if (codeOf(error) !== 'EINVAL') throw error;
    return openSync(path, flags, 0o600);
  }
}

interface Source {
  cpu: number;
  stream: number;
  part: Part;
}

export interface PumpOptions {
  /** path of the file to be; the parts lie beside it */
  out: string;
  /** bytes of one CPU's ring buffer, and of a sub-buffer */
  capacity: number;
  pageSize: number;
  /** one stream of text in place of the CPUs' sub-buffers */
  text: boolean;
}

export class Pump {
  /** why nothing more is taken, once that is so */
  stopped: string | undefined;
  private readonly sources: Source[] = [];
  /** page-aligned, as O_DIRECT wants it */
  private readonly chunk = new Uint8Array(new WebAssembly.Memory({ initial: CHUNK / WASM_PAGE }).buffer);
  private total = 0;
  private nextCheck = 0;

  constructor(
    private readonly instance: Instance,
    private readonly options: PumpOptions,
  ) {
    const { host, path } = instance;
    try {
      if (options.text) this.open(-1, host.open(`${path}/trace_pipe`));
      else for (const cpu of instance.cpus()) this.open(cpu, host.open(`${path}/per_cpu/cpu${cpu}/trace_pipe_raw`));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  private open(cpu: number, stream: number): void {
    try {
      const part = new Part(`${this.options.out}.part${cpu < 0 ? '' : cpu}`);
      this.sources.push({ cpu, stream, part });
    } catch (error) {
      this.instance.host.close(stream);
      throw error;
    }
  }

  get bytes(): number {
    return this.total;
  }

  get parts(): { cpu: number; path: string; size: number }[] {
    return this.sources.map(({ cpu, part }) => ({ cpu, path: part.path, size: part.size }));
  }

  /**
   * Empties the buffers that are full enough. @returns ms until it should be called again
   */
  turn(): number {
    let highest = 0;
    for (const source of this.sources) {
      const level = this.levelOf(source);
      highest = Math.max(highest, level);
      if (level >= FULL_ENOUGH) this.empty(source, this.options.capacity);
      if (this.stopped !== undefined) return 1000;
    }
    return highest >= FULL_ENOUGH ? 5 : highest > 0.02 ? 25 : 100;
  }

  /** Empties all, when tracing is off. */
  finish(): void {
    for (const source of this.sources) if (this.stopped === undefined) this.empty(source, Number.POSITIVE_INFINITY);
  }

  close(): void {
    for (const { stream, part } of this.sources) {
      this.instance.host.close(stream);
      part.close();
    }
  }

  private levelOf({ cpu }: Source): number {
    const level = (of: number) => {
      const bytes = /^bytes:\s*(\d+)/m.exec(this.instance.read(`per_cpu/cpu${of}/stats`))?.[1];
      return Number(bytes ?? 0) / this.options.capacity;
    };
    return cpu >= 0 ? level(cpu) : Math.max(...this.instance.cpus().map(level));
  }

  /** Takes at most `limit` bytes: the writer may be as fast as we are. */
  private empty({ stream, part }: Source, limit: number): void {
    const { host } = this.instance;
    const { pageSize, text } = this.options;
    for (let taken = 0; taken < limit && this.stopped === undefined; ) {
      let filled = 0;
      while (filled + pageSize <= CHUNK) {
        const got = host.pull(stream, this.chunk, filled, text ? CHUNK - filled : pageSize);
        if (got === 0) break;
        filled += got;
      }
      if (filled === 0) return;
      taken += filled;
      this.save(part, this.chunk.subarray(0, filled));
    }
  }

  private save(part: Part, bytes: Uint8Array): void {
    try {
      part.write(bytes);
      this.total += bytes.length;
      if (this.total >= this.nextCheck) this.checkRoom();
    } catch (error) {
      const code = codeOf(error);
      this.stopped = code === 'ENOSPC' || code === 'EDQUOT' ? 'the disk is full' : (error as Error).message;
    }
  }

  /** Putting the parts together takes as much again as the largest of them. */
  private checkRoom(): void {
    this.nextCheck = this.total + SPARE / 2;
    const { bavail, bsize } = statfsSync(dirname(this.options.out));
    const largest = Math.max(...this.sources.map(({ part }) => part.size));
    if (bavail * bsize < largest + SPARE) this.stopped = 'the disk is nearly full';
  }
}

// SPDX-License-Identifier: Apache-2.0
/**
 * A line or two on stderr that say how far a check is and where its searches would stop, drawn over themselves; nothing at
 * all where stderr is no terminal.
 */
import type { Bounds, JobProgress } from '../app/check-data.js';
import { bytes, hang, seconds, short } from './terminal.js';

/** The part of process.stderr that is used. */
export interface ProgressStream {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

const CLEAR = '\r\u001b[K';
/** clears the line, and goes to the one before */
const BACK = `${CLEAR}\u001b[A`;

export class Progress {
  private drawn = 0;
  private bounds: Bounds | undefined;

  constructor(private readonly stream: ProgressStream) {}

  /** Says from now on where a search ends undecided. */
  bound(bounds: Bounds): void {
    this.bounds = bounds;
  }

  /** Draws what is running; the search with the most states stands for those beside it. */
  show(running: readonly JobProgress[], done: number, total: number): void {
    this.line(progressText(running, done, total, this.bounds));
  }

  line(text: string): void {
    if (!this.stream.isTTY) return;
    const width = (this.stream.columns ?? 80) - 1;
    const lines = hang(text, width, 2).map((line) => line.slice(0, width));
    this.stream.write(this.erasure() + lines.join('\n'));
    this.drawn = lines.length;
  }

  /** Leaves the place empty, for other output. */
  clear(): void {
    if (this.drawn > 0) this.stream.write(this.erasure());
    this.drawn = 0;
  }

  private erasure(): string {
    return BACK.repeat(Math.max(0, this.drawn - 1)) + CLEAR;
  }
}

/**
 * @returns `12/40  dax-truncate v7.3: 1.23M states, 812k/s, frontier 12.3k, depth 31, 96 MiB, 1.5s on 2 threads; each search stops at
 * 10.0M states or 12.0 GiB`
 */
export function progressText(
  running: readonly JobProgress[],
  done: number,
  total: number,
  bounds: Bounds | undefined,
): string {
  const jobs = `${done}/${total}`;
  if (running.length === 0) return jobs;
  const largest = running.reduce((a, b) => (b.states > a.states ? b : a));
  const { job, states, frontier, depth } = largest;
  const rate = largest.seconds > 0 ? `, ${short(Math.round(states / largest.seconds))}/s` : '';
  const name = `${job.scenario}${job.variant === undefined ? '' : `/${job.variant}`} ${job.kernel}`;
  const threads = largest.threads > 1 ? ` on ${largest.threads} threads` : '';
  const cost = `${bytes(largest.bytes)}, ${seconds(largest.seconds)}${threads}`;
  const limit = bounds ? `; ${total === 1 ? 'it' : 'each search'} stops at ${boundsText(bounds)}` : '';
  return `${jobs}  ${name}: ${short(states)} states${rate}, frontier ${short(frontier)}, depth ${depth}, ${cost}${limit}`;
}

function boundsText({ statesMax, memoryMax, secondsMax }: Bounds): string {
  const all = [
    ...(statesMax === undefined ? [] : [`${short(statesMax)} states`]),
    bytes(memoryMax),
    ...(secondsMax === undefined ? [] : [`${secondsMax}s`]),
  ];
  const last = all.pop();
  return all.length > 0 ? `${all.join(', ')} or ${last}` : `${last}`;
}

// SPDX-License-Identifier: Apache-2.0
/**
 * One line on stderr that says how far a check is, drawn over itself; nothing at all where stderr is no terminal.
 */
import type { JobProgress } from '../app/check-data.js';
import { grouped, short } from './terminal.js';

/** The part of process.stderr that is used. */
export interface ProgressStream {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

const CLEAR = '\r\u001b[K';

export class Progress {
  private drawn = false;

  constructor(private readonly stream: ProgressStream) {}

  /** Draws what is running; the search with the most states stands for those beside it. */
  show(running: readonly JobProgress[], done: number, total: number): void {
    this.line(progressText(running, done, total));
  }

  line(text: string): void {
    if (!this.stream.isTTY) return;
    this.stream.write(CLEAR + text.slice(0, (this.stream.columns ?? 80) - 1));
    this.drawn = true;
  }

  /** Leaves the line empty, for other output. */
  clear(): void {
    if (this.drawn) this.stream.write(CLEAR);
    this.drawn = false;
  }
}

/** @returns `12/40  dax-truncate v7.3: 1,234,567 states, 812k/s, frontier 12,345, depth 31` */
export function progressText(running: readonly JobProgress[], done: number, total: number): string {
  const jobs = `${done}/${total}`;
  if (running.length === 0) return jobs;
  const largest = running.reduce((a, b) => (b.states > a.states ? b : a));
  const { job, states, frontier, depth, seconds } = largest;
  const rate = seconds > 0 ? `, ${short(Math.round(states / seconds))}/s` : '';
  const name = `${job.scenario}${job.variant === undefined ? '' : `/${job.variant}`} ${job.kernel}`;
  return `${jobs}  ${name}: ${grouped(states)} states${rate}, frontier ${grouped(frontier)}, depth ${depth}`;
}

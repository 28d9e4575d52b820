// SPDX-License-Identifier: Apache-2.0
/** When the ring buffers are emptied, how much at a time, and what ends it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Host, liveHost } from './record-host.js';
import { Pump, statsOf } from './record-pump.js';
import { Instance } from './record-tracefs.js';

const PAGE = 4096;
const CAPACITY = 64 * PAGE;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'refzero-pump-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Two CPUs that hold so many sub-buffers; each sub-buffer's first byte is its number. `endless` ones fill as fast as read. */
class Cpus {
  readonly waiting: number[];
  largest = 0;
  private next = 1;
  constructor(
    waiting: number[],
    private readonly endless = false,
  ) {
    this.waiting = waiting;
  }
  host(): Host {
    const stats = (cpu: number) =>
      `overrun: 1\ncommit overrun: 2\nbytes: ${this.waiting[cpu] * PAGE}\ndropped events: 3\nread events: 4\n`;
    return {
      ...liveHost(),
      list: () => ['cpu0', 'cpu1'],
      readBytes: (path) => new TextEncoder().encode(stats(Number(/cpu(\d)/.exec(path)?.[1]))),
      open: (path) => Number(/cpu(\d)/.exec(path)?.[1]),
      close: () => {},
      pull: (cpu, into, at, length) => {
        this.largest = Math.max(this.largest, at + length);
        if (this.waiting[cpu] === 0) return 0;
        if (!this.endless) this.waiting[cpu]--;
        into.fill(this.next++ & 255, at, at + PAGE);
        return PAGE;
      },
    };
  }
}

function pumpOf(cpus: Cpus): Pump {
  const options = { out: join(folder, 'x'), capacity: CAPACITY, pageSize: PAGE, text: false };
  return new Pump(new Instance(cpus.host(), '/t', '/t/i'), options);
}

it('leaves events in the kernel until a quarter of a buffer is full', () => {
  const cpus = new Cpus([15, 16]);
  const pump = pumpOf(cpus);
  expect(pump.turn()).toBeLessThan(25);
  expect(cpus.waiting).toEqual([15, 0]);
  expect(pump.turn()).toBeGreaterThanOrEqual(25);
  pump.finish();
  pump.close();
  expect(cpus.waiting).toEqual([0, 0]);
  expect(pump.parts.map(({ size }) => size / PAGE)).toEqual([15, 16]);
  const first = readFileSync(pump.parts[1].path);
  expect([first.length, first[0], first[15 * PAGE]]).toEqual([16 * PAGE, 1, 16]);
});

it('waits longer where little happens', () => {
  const pump = pumpOf(new Cpus([0, 0]));
  expect(pump.turn()).toBe(100);
  pump.close();
});

it('goes to the next CPU where one fills as fast as it is emptied, in the memory of one chunk', () => {
  const cpus = new Cpus([1000, 1000], true);
  const pump = pumpOf(cpus);
  pump.turn();
  const sizes = pump.parts.map(({ size }) => size);
  expect(Math.min(...sizes)).toBeGreaterThanOrEqual(CAPACITY);
  expect(Math.max(...sizes)).toBeLessThan(CAPACITY + (2 << 20));
  expect(cpus.largest).toBe(1 << 20);
  pump.close();
});

it('counts what the kernel lost', () => {
  const instance = new Instance(new Cpus([0, 0]).host(), '/t', '/t/i');
  expect(statsOf(instance, 0)).toMatchObject({ overrun: 3, dropped: 3, taken: 4 });
});

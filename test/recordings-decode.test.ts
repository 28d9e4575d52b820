// SPDX-License-Identifier: Apache-2.0
/**
 * Every record of a trace.dat becomes the row that a slow reader makes of it, which is written here from the kernel's description of
 * sub-buffers alone: byte by byte, record by record, without a table. Recordings are made by chance, whole and damaged, and large
 * enough for what the fast one (src/trace/loop-text.ts) remembers to be forgotten and to grow.
 */
import { describe, expect, test, vi } from 'vitest';
import { nodeCodecs } from '../src/app/trace-unpack.js';
import { Loop } from '../src/trace/loop.js';
import { readRecording } from '../src/trace/read.js';
import type { Recording } from '../src/trace/recording.js';
import { random } from './recordings-survive.js';
import { Bytes, type DatParts, formatText, type MadeEvent, pageOf, writeDat } from './recordings-writer.js';

const codecs = await nodeCodecs();
const ID = { stack: 4, wide: 300, narrow: 301, other: 77, unknown: 99 };
const PAGE = 4096;

type Shape = Pick<DatParts, 'little' | 'longSize'> & { name: string; tsc?: [mult: number, shift: number] };
const SHAPES: Shape[] = [
  { name: 'little endian', little: true, longSize: 8 },
  { name: 'big endian', little: false, longSize: 8 },
  { name: '32-bit commit words', little: true, longSize: 4 },
  { name: 'big endian, 32 bits', little: false, longSize: 4 },
  { name: 'ticks', little: true, longSize: 8, tsc: [5592405, 24] },
];

const SYSTEMS: DatParts['systems'] = [
  {
    name: 'ftrace',
    formats: [
      formatText('kernel_stack', ID.stack, [
        ['int', 'size', 8, 4],
        ['unsigned long', 'caller[8]', 16, 64],
      ]),
    ],
  },
  {
    name: 'page_ref',
    formats: [
      formatText('wide', ID.wide, [
        ['unsigned long', 'pfn', 8, 8],
        ['unsigned long', 'flags', 16, 8],
        ['int', 'count', 24, 4],
        ['int', 'mapcount', 28, 4],
        ['void *', 'mapping', 32, 8],
        ['int', 'val', 40, 4],
        ['int', 'ret', 44, 4],
      ]),
      formatText('narrow', ID.narrow, [
        ['unsigned int', 'pfn', 8, 4],
        ['unsigned int', 'order', 12, 4],
      ]),
      formatText('other', ID.other, [['u64', 'what', 8, 8]]),
    ],
  },
];

// ---- recordings by chance -------------------------------------------------------------------------------------------

/** @param rare one of so many events has what seldom occurs @param many numbers of contents, stacks and pages */
function eventBy(roll: (below: number) => number, { little }: Shape, many: number): MadeEvent {
  const flags = roll(8) === 0 ? [0x08, 0x10, 0x40, 0x01][roll(4)] : 0;
  const kind = roll(16);
  const id = kind < 8 ? ID.wide : kind < 10 ? ID.narrow : kind < 14 ? ID.stack : kind === 14 ? ID.other : ID.unknown;
  const bytes = new Bytes(little)
    .u16(id)
    .u8(flags)
    .u8(0)
    .u32(100 + roll(roll(4) === 0 ? 300 : 3));
  const pfn = roll(50) === 0 ? 0xffffffffffffffffn : BigInt(roll(many)) + (roll(9) === 0 ? 0x3_0000_0000n : 0n);
  if (id === ID.wide) {
    bytes
      .u64(pfn)
      .u64(BigInt(roll(3)) << 40n)
      .u32(roll(4))
      .u32(-roll(2))
      .u64(BigInt(roll(many)) << 6n);
    bytes.u32(roll(3) - 1).u32(roll(4));
  } else if (id === ID.narrow) bytes.u32(Number(pfn & 0xffffffffn)).u32(roll(3));
  else if (id === ID.stack) {
    const frames = roll(200) === 0 ? 300 : roll(30);
    bytes.u32(roll(9) === 0 ? roll(400) : frames).u32(0);
    const which = BigInt(roll(many));
    for (let frame = 0; frame < frames; frame++) bytes.u64(0xffffffff81000000n + which * BigInt(frame + 1));
    if (roll(3) === 0) bytes.u64(0xffffffffffffffffn).u64(5n);
  } else bytes.u64(BigInt(roll(1000)));
  const event: MadeEvent = {
    delta: roll(300) === 0 ? 0x9000000 : roll(40),
    payload: bytes.done(),
    long: roll(20) === 0,
  };
  if (roll(200) === 0) event.discarded = 8 + 4 * roll(9);
  return event;
}

function pagesBy(roll: (below: number) => number, shape: Shape, count: number, many: number): Uint8Array {
  const pages: Uint8Array[] = [];
  for (let time = 1_000_000n; pages.length < count; time += BigInt(roll(900))) {
    const events: MadeEvent[] = [];
    for (let room = PAGE - 100; ; ) {
      const event = eventBy(roll, shape, many);
      room -= event.payload.length + 24 + (event.discarded ?? 0) + 4;
      if (room < 0) break;
      if (roll(400) === 0) event.stamp = time + BigInt(roll(1000));
      events.push(event);
    }
    const missed = roll(20) === 0 ? [true, 1 + roll(9)][roll(2)] : undefined;
    pages.push(pageOf({ ...shape, pageSize: PAGE }, time, roll(30) === 0 ? [] : events, missed));
  }
  return new Uint8Array(Buffer.concat(pages));
}

const fileOf = (shape: Shape, cpus: Uint8Array[], version: 6 | 7): Uint8Array =>
  writeDat({
    ...{ ...shape, version, pageSize: PAGE, compression: version === 6 ? 'none' : 'zlib', systems: SYSTEMS },
    ...{ kallsyms: new Uint8Array(0), cmdlines: new TextEncoder().encode('100 a\n102 b c\n'), uname: 'Linux h 6.12' },
    ...{ clock: shape.tsc ? 'x86-tsc' : 'local', cpuStats: [] },
    buffers: [{ name: '', cpus: cpus.map((pages, cpu) => ({ cpu, pages })) }],
    options: shape.tsc
      ? [{ id: 14, data: new Bytes(shape.little).u32(shape.tsc[0]).u32(shape.tsc[1]).u64(0).done() }]
      : [],
  });

// ---- the slow reader ------------------------------------------------------------------------------------------------

interface Raw {
  time: number;
  cpu: number;
  payload: DataView;
  missed: number;
}

/** The records of one CPU, and what is missing behind the last. */
function* recordsOf(shape: Shape, cpu: number, bytes: Uint8Array, zero: bigint): Generator<Raw, number> {
  const { little, longSize, tsc } = shape;
  let missed = 0;
  for (let at = 0; at + PAGE <= bytes.length; at += PAGE) {
    const page = new DataView(bytes.buffer, bytes.byteOffset + at, PAGE);
    const long = (place: number) =>
      longSize === 8 ? page.getBigUint64(place, little) : BigInt(page.getUint32(place, little));
    const stamp = page.getBigUint64(0, little);
    let time = Number(stamp - zero);
    const commit = Number(long(8) & 0xffffffffn);
    let place = 8 + longSize;
    const full = place + (commit % 2 ** 27);
    const end = Math.min(PAGE, full);
    if (commit >= 2 ** 31) {
      missed = commit & 0x40000000 && end + longSize <= PAGE ? Number(long(end) & 0xffffffffn) | 0 : -1;
      if (missed <= 0) missed = -1;
    }
    const whole = end - (end % 4);
    while (place < whole) {
      const word = page.getUint32(place, little);
      const [type, delta] = little ? [word % 32, word >>> 5] : [word >>> 27, word % 2 ** 27];
      const value = place + 8 <= whole ? page.getUint32(place + 4, little) : undefined;
      if (type >= 29) {
        if ((type === 29 && delta === 0) || value === undefined) break;
        if (type === 29) time += delta;
        if (type === 30) time += value * 2 ** 27 + delta;
        const top = (stamp >> 59n) << 59n;
        if (type === 31) time = Number(((BigInt(value) << 27n) | BigInt(delta) | top) - zero);
        place += type === 29 ? 4 + 4 * Math.ceil(Math.max(4, value) / 4) : 8;
        continue;
      }
      const [from, size] = type > 0 ? [place + 4, type * 4] : [place + 8, (value ?? 0) - 4];
      if (size < 0 || from + 4 * Math.ceil(size / 4) > whole) {
        missed = -1;
        break;
      }
      time += delta;
      const due = tsc ? Math.round((time * tsc[0]) / 2 ** tsc[1]) : time;
      const payload = new DataView(page.buffer, page.byteOffset + from, size);
      const isRow = (yield { time: due, cpu, payload, missed }) as unknown as boolean;
      if (isRow) missed = 0;
      place = from + 4 * Math.ceil(size / 4);
    }
  }
  return missed;
}

/** What a recording says, by row and as a whole. */
function slowly(shape: Shape, cpus: Uint8Array[]) {
  const { little } = shape;
  const rows: Record<string, unknown>[] = [];
  const losses: number[][] = [];
  const waiting = new Map<string, { row: number; pid: number }>();
  const last = cpus.map(() => -1);
  let orphans = 0;
  const zero = new DataView(cpus[0].buffer, cpus[0].byteOffset).getBigUint64(0, little);
  const readers = cpus.map((bytes, cpu) => recordsOf(shape, cpu, bytes, zero));
  const heads = readers.map((reader) => reader.next());
  for (;;) {
    const due = heads.filter(({ done }) => !done).map(({ value }) => value as Raw);
    if (due.length === 0) break;
    const { time, cpu, payload, missed } = due.reduce((a, b) => (b.time < a.time ? b : a));
    const id = payload.byteLength >= 4 ? payload.getUint16(0, little) : -1;
    const least = { [-1]: 9999, [ID.stack]: 12, [ID.wide]: 48, [ID.narrow]: 16 }[id] ?? 8;
    const isRow = payload.byteLength >= least && id !== ID.stack;
    if (payload.byteLength >= least) {
      const flags = payload.getUint8(2);
      const context = flags & 0x40 ? 3 : flags & 0x08 ? 2 : flags & 0x50 ? 1 : 0;
      const pid = payload.getInt32(4, little);
      const key = `${cpu} ${context}`;
      if (isRow) {
        if (missed !== 0) losses.push([cpu, last[cpu], rows.length, missed]);
        last[cpu] = rows.length;
        waiting.set(key, { row: rows.length, pid });
        rows.push({ time, cpu, pid, id, stack: undefined, ...fieldsOf(payload, id, little) });
      } else {
        const event = waiting.get(key);
        if (event?.pid === pid) {
          waiting.delete(key);
          rows[event.row].stack = framesOf(payload, little);
        } else orphans++;
      }
    }
    heads[cpu] = (readers[cpu] as Generator<Raw, number, boolean>).next(isRow);
  }
  for (const [cpu, { value }] of heads.entries()) {
    if (value !== 0) losses.push([cpu, last[cpu], rows.length, value as number]);
  }
  return { rows, losses, orphans };
}

function fieldsOf(payload: DataView, id: number, little: boolean): object {
  const word = (at: number) => payload.getInt32(at, little);
  const long = (at: number) => payload.getBigUint64(at, little);
  if (id === ID.wide) {
    const pfn = long(8) >= 1n << 52n ? -1 : Number(long(8));
    const [flags, mapping] = [long(16), long(32)];
    return { pfn, flags, mapping, count: word(24), mapcount: word(28), val: word(40), ret: word(44) };
  }
  const none = { flags: 0n, mapping: 0n, count: 0, mapcount: 0, ret: 0 };
  if (id === ID.narrow) return { ...none, pfn: word(8) === -1 ? -1 : word(8) >>> 0, val: word(12) };
  const kept = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('hex');
  return { ...none, pfn: -1, val: 0, kept };
}

function framesOf(payload: DataView, little: boolean): string[] {
  const frames: string[] = [];
  const claimed = payload.getUint32(8, little);
  for (let at = 16; at + 8 <= payload.byteLength && frames.length < claimed; at += 8) {
    const address = payload.getBigUint64(at, little);
    if (address === 0xffffffffffffffffn) break;
    frames.push(`0x${address.toString(16)}`);
  }
  return frames;
}

/** The same of what was read. */
function told({ events, kinds, stacks, extras, losses, orphanStacks }: Recording) {
  const rows = Array.from({ length: events.length }, (_, row) => {
    const extra = events.extra(row);
    return {
      ...{ time: events.time[row], cpu: events.cpu(row), pid: events.pid(row) },
      ...{ id: kinds[events.kind(row)].format?.id, pfn: events.pfn(row), val: events.val(row), ret: events.ret(row) },
      ...{ count: events.count(row), mapcount: events.mapcount(row) },
      ...{ flags: events.flags(row), mapping: events.mapping(row) },
      stack: events.stack(row) < 0 ? undefined : stacks.frames(events.stack(row)),
      ...(extra < 0 ? {} : { kept: Buffer.from(extras.get(extra)).toString('hex') }),
    };
  });
  const lost = losses.map(({ cpu, after, before, events: count }) => [cpu, after, before, count]);
  return { rows, losses: lost, orphans: orphanStacks };
}

function expectEqual(shape: Shape, cpus: Uint8Array[], version: 6 | 7, what: string) {
  const [fast, slow] = [told(readRecording(fileOf(shape, cpus, version), codecs)), slowly(shape, cpus)];
  const first = slow.rows.findIndex((row, at) => !isSame(row, fast.rows[at]));
  if (first >= 0) expect(fast.rows[first], `${what}, row ${first}`).toEqual(slow.rows[first]);
  expect(fast.rows.length, what).toBe(slow.rows.length);
  expect({ ...fast, rows: [] }, what).toEqual({ ...slow, rows: [] });
  return slow;
}

const text = (value: unknown): string =>
  JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}n` : part));
const isSame = (slow: Record<string, unknown>, fast: Record<string, unknown> | undefined): boolean =>
  fast !== undefined && Object.keys(slow).every((key) => text(slow[key]) === text(fast[key]));

describe.each(SHAPES)('$name', (shape) => {
  test('a large recording', () => {
    const roll = random(shape.name.length);
    const cpus = Array.from({ length: 3 }, () => pagesBy(roll, shape, 160, 40_000));
    const { rows, losses, orphans } = expectEqual(shape, cpus, 6, 'all');
    expect(rows.length).toBeGreaterThan(12_000);
    expect(losses.length).toBeGreaterThan(5);
    expect(orphans).toBeGreaterThan(5);
    expect(new Set(rows.map(({ pfn }) => pfn)).size).toBeGreaterThan(8192);
  });

  test('damaged ones', () => {
    const roll = random(shape.name.length + 1);
    for (let round = 0; round < 30; round++) {
      const cpus = Array.from({ length: 1 + roll(5) }, () => pagesBy(roll, shape, 1 + roll(4), 8));
      for (let flips = roll(30); flips > 0; flips--) {
        const bytes = cpus[roll(cpus.length)];
        // times far away are no whole numbers any more: they are left as they are
        const at = 8 + roll(PAGE - 8) + PAGE * roll(bytes.length / PAGE);
        bytes[at] = [0, 0xff, roll(256), 4][roll(4)];
      }
      expectEqual(shape, cpus, roll(2) ? 6 : 7, `round ${round}`);
    }
  });
});

test('a length that is negative as 32 bits does not lead back into what was read', () => {
  const [shape] = SHAPES;
  const pages = pagesBy(random(7), shape, 1, 8);
  const view = new DataView(pages.buffer);
  view.setUint32(16 + 52, 0);
  view.setUint32(16 + 56, 0xfffffff4, true);
  view.setUint32(16, 12 | (3 << 5), true);
  expectEqual(shape, [pages], 6, 'one page');
});

test('pages that do not fit into memory end the reading, and it says so', () => {
  const [shape] = SHAPES;
  const cpus = [pagesBy(random(3), shape, 400, 40_000)];
  const bytes = fileOf(shape, cpus, 6);
  const all = told(readRecording(bytes, codecs));
  const { allocate } = Loop.prototype;
  const spy = vi.spyOn(Loop.prototype, 'allocate').mockImplementation(function (this: Loop, words) {
    if (words > 0x9000) throw new RangeError('no more');
    return allocate.call(this, words);
  });
  try {
    const recording = readRecording(bytes, codecs);
    const { rows, losses } = told(recording);
    expect(recording.diagnostics.map(({ message }) => message).join()).toMatch(/(^|,)more than 8192 different pages/);
    expect(rows.length).toBeGreaterThan(8000);
    expect(rows.length).toBeLessThan(all.rows.length);
    expect(losses.at(-1)).toEqual([-1, rows.length - 1, rows.length, -1]);
  } finally {
    spy.mockRestore();
  }
});

// SPDX-License-Identifier: Apache-2.0
/**
 * Files that no recording at hand has, made here: the other byte order, 32-bit kernels, large sub-buffers, every kind of
 * event header, lost events, instances, sparse CPUs, unknown events, and page_ref events with fields moved, dropped or renamed.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { nodeCodecs } from '../src/app/trace-unpack.js';
import { indexPages } from '../src/conform/page-index.js';
import { describe as describeEvent } from '../src/trace/describe.js';
import { readRecording } from '../src/trace/read.js';
import type { Codecs, Recording } from '../src/trace/recording.js';
import { Bytes, type DatParts, formatText, type MadeEvent, pageOf, writeDat } from './recordings-writer.js';
import { countsOf } from './squeeze.js';

let codecs: Codecs;
beforeAll(async () => {
  codecs = await nodeCodecs();
});

type Shape = Pick<DatParts, 'little' | 'longSize' | 'pageSize'>;
const SHAPES: (Shape & { name: string })[] = [
  { name: 'little endian, 64 bits', little: true, longSize: 8, pageSize: 4096 },
  { name: 'big endian, 64 bits', little: false, longSize: 8, pageSize: 4096 },
  { name: 'little endian, 32 bits', little: true, longSize: 4, pageSize: 4096 },
  { name: 'big endian, 32 bits', little: false, longSize: 4, pageSize: 65536 },
];

const ID = { mod: 300, stack: 4, odd: 77, probe: 78 };

/** Formats for a machine: pfn, flags and mapping are longs. */
function systems({ longSize }: Shape): DatParts['systems'] {
  const long: [string, number] = ['unsigned long', longSize];
  const at = 8 + 2 * longSize;
  return [
    {
      name: 'ftrace',
      formats: [
        formatText('kernel_stack', ID.stack, [
          ['int', 'size', 8, 4],
          [long[0], 'caller[8]', longSize === 8 ? 16 : 12, 8 * longSize],
        ]),
      ],
    },
    {
      name: 'page_ref',
      formats: [
        formatText('page_ref_mod_and_return', ID.mod, [
          [long[0], 'pfn', 8, longSize],
          [long[0], 'flags', 8 + longSize, longSize],
          ['int', 'count', at, 4],
          ['int', 'mapcount', at + 4, 4],
          ['void *', 'mapping', at + 8, longSize],
          ['int', 'val', at + 8 + longSize, 4],
          ['int', 'ret', at + 12 + longSize, 4],
        ]),
      ],
    },
    {
      name: 'odd',
      formats: [
        formatText('never_heard_of', ID.odd, [
          ['u16', 'small', 8, 2],
          ['__data_loc char[]', 'text', 12, 4],
          ['s64', 'wide', 16, 8],
        ]),
        formatText('try_grab_page', ID.probe, [
          ['u64', 'page', 8, 8],
          ['u64', 'vmemmap', 16, 8],
        ]),
      ],
    },
  ];
}

function mod({ little, longSize }: Shape, pfn: number, val: number, ret: number, pid = 7): Uint8Array {
  const long = (bytes: Bytes, value: bigint) =>
    longSize === 8 ? bytes.u64(value) : bytes.u32(Number(value & 0xffffffffn));
  const bytes = new Bytes(little).u16(ID.mod).u8(0).u8(0).u32(pid);
  long(bytes, BigInt(pfn));
  long(bytes, 0x800000000000002cn);
  bytes.u32(ret).u32(-1);
  long(bytes, 0xffff888012345678n);
  return bytes.u32(val).u32(ret).done();
}

function stackOf({ little, longSize }: Shape, addresses: bigint[], claimed = addresses.length, pid = 7): Uint8Array {
  const bytes = new Bytes(little).u16(ID.stack).u8(0).u8(0).u32(pid).u32(claimed);
  if (longSize === 8) bytes.u32(0);
  for (const address of addresses) longSize === 8 ? bytes.u64(address) : bytes.u32(Number(address & 0xffffffffn));
  return bytes.done();
}

function partsOf(shape: Shape, cpus: { cpu: number; pages: Uint8Array }[], version: 6 | 7 = 7): DatParts {
  const text = (value: string) => new TextEncoder().encode(value);
  return {
    ...shape,
    version,
    compression: 'none',
    systems: systems(shape),
    kallsyms: text(
      'ffffffff81000000 T first\nffffffff81000100 T second\nffffffff81000100 t alias\nffffffff81000200 d datum\n',
    ),
    cmdlines: text('7 a b\n'),
    uname: 'Linux host 6.18.44 #1 SMP x86_64',
    clock: 'local',
    cpuStats: ['CPU: 0\nentries: 3\noverrun: 12\ndropped events: 4\n'],
    buffers: [{ name: '', cpus }],
  };
}

const open = (parts: DatParts, buffer?: string): Recording =>
  readRecording(writeDat(parts), codecs, buffer === undefined ? {} : { buffer });

describe.each(SHAPES)('$name', (shape) => {
  test('two CPUs at one time so late that it is no whole number in a double', () => {
    const at = (time: bigint, pfn: number) => pageOf(shape, time, [{ delta: 1, payload: mod(shape, pfn, 1, 2) }]);
    const first = new Uint8Array(Buffer.concat([at(0n, 1), at(1n << 60n, 2)]));
    const { events } = open(
      partsOf(
        shape,
        [first, at(1n << 60n, 3)].map((pages, cpu) => ({ cpu, pages })),
      ),
    );
    expect(Array.from({ length: events.length }, (_, row) => events.pfn(row))).toEqual([1, 2, 3]);
  });

  test.each([6, 7] as const)('version %i: every column', (version) => {
    const address = shape.longSize === 8 ? 0xffffffff81000104n : 0x81000104n;
    const events: MadeEvent[] = [
      { delta: 5, payload: mod(shape, 0x40603, -1, 1) },
      { delta: 1, payload: stackOf(shape, [address, 0xffffffffffffffffn, 1n], 3) },
      { delta: 2 ** 28, payload: mod(shape, 0x40604, 1023, -5, 8), long: true },
      { delta: 0, payload: mod(shape, 1, 2, 3), stamp: (1n << 40n) + 12345n, discarded: 40 },
    ];
    const pages = pageOf(shape, 1n << 40n, events);
    const recording = open(partsOf(shape, [{ cpu: 0, pages }], version));
    expect(recording.diagnostics).toEqual([]);
    const { events: columns } = recording;
    expect(columns.length).toBe(3);
    expect([0, 1, 2].map((row) => columns.pfn(row))).toEqual([0x40603, 0x40604, 1]);
    expect([0, 1, 2].map((row) => columns.val(row))).toEqual([-1, 1023, 2]);
    expect([0, 1, 2].map((row) => columns.ret(row))).toEqual([1, -5, 3]);
    expect([0, 1, 2].map((row) => columns.mapcount(row))).toEqual([-1, -1, -1]);
    expect([0, 1, 2].map((row) => columns.pid(row))).toEqual([7, 8, 7]);
    const absolute = Array.from(columns.time.slice(0, 3), (time) => recording.timeBase + BigInt(time) - (1n << 40n));
    expect(absolute).toEqual([5n, 6n + (1n << 28n), 12345n]);
    const wide = shape.longSize === 8;
    expect(columns.flags(0)).toBe(wide ? 0x800000000000002cn : 0x2cn);
    expect(columns.mapping(0)).toBe(wide ? 0xffff888012345678n : 0x12345678n);
    expect(recording.comms.text(columns.comm(0))).toBe('a b');
    expect(recording.stacks.frames(columns.stack(0))).toEqual([wide ? 'second' : '0x81000104']);
    expect(recording.kernel).toBe('6.18.44');
  });

  test('CPUs merge by time, ties by number; a gap in the numbers is fine', () => {
    const page = (times: number[], pfn: number) =>
      pageOf(
        shape,
        1000n,
        times.map((time, at) => ({ delta: time - (times[at - 1] ?? 0), payload: mod(shape, pfn, 1, 1) })),
      );
    const cpus = [
      { cpu: 9, pages: page([1, 4, 4, 9], 9) },
      { cpu: 2, pages: page([1, 2, 4, 20], 2) },
      { cpu: 5, pages: page([3, 4], 5) },
    ];
    const { events } = open(partsOf(shape, cpus));
    expect(Array.from({ length: events.length }, (_, row) => events.cpu(row))).toEqual([2, 9, 2, 5, 2, 5, 9, 9, 9, 2]);
    expect(Array.from({ length: events.length }, (_, row) => events.pfn(row))).toEqual([2, 9, 2, 5, 2, 5, 9, 9, 9, 2]);
  });

  test('lost events, counted and not', () => {
    const one = [{ delta: 1, payload: mod(shape, 1, 1, 1) }];
    const pages = Buffer.concat([pageOf(shape, 10n, one), pageOf(shape, 20n, one, 33), pageOf(shape, 30n, one, true)]);
    const recording = open(partsOf(shape, [{ cpu: 0, pages: new Uint8Array(pages) }]));
    expect(recording.lost).toBe(33);
    expect(recording.lostUnknown).toBe(1);
    expect(recording.losses).toEqual([
      { cpu: 0, after: 0, before: 1, events: 33 },
      { cpu: 0, after: 1, before: 2, events: -1 },
    ]);
    expect(recording.cpus[0]).toMatchObject({ overrun: 12, dropped: 4, read: 3 });
  });

  test('an unknown event is kept and shown by its format; one without a format is counted', () => {
    const { little } = shape;
    const head = (id: number) => new Bytes(little).u16(id).u8(0).u8(0).u32(7);
    const odd = head(ID.odd)
      .u16(513)
      .u16(0)
      .u32((3 << 16) | 24)
      .u64(-2n)
      .text('hi')
      .u8(0)
      .done();
    const pages = pageOf(shape, 1n, [
      { delta: 0, payload: odd },
      { delta: 0, payload: head(999).u32(1).done() },
      { delta: 0, payload: head(ID.probe).u64(0xffc553e201018140n).u64(0xffc553e200000000n).done() },
    ]);
    const recording = open(partsOf(shape, [{ cpu: 0, pages }]));
    expect(countsOf(recording)).toEqual({ never_heard_of: 1, 'event#999': 1, try_grab_page: 1 });
    expect(describeEvent(recording, 2)).toMatch(/^pfn=0x40605 page=/);
    expect(describeEvent(recording, 0)).toBe('small=513 text=hi wide=-2');
    expect(recording.events.pid(1)).toBe(7);
    expect(recording.diagnostics.map(({ code }) => code)).toEqual(['RZ3005']);
  });

  test('an instance is read where the top buffer is empty, or by its name', () => {
    const page = (pfn: number) => pageOf(shape, 1n, [{ delta: 0, payload: mod(shape, pfn, 1, 1) }]);
    const empty = new Uint8Array(0);
    const parts = { ...partsOf(shape, []), version: 6 as const };
    const buffers = [
      { name: '', cpus: [{ cpu: 0, pages: empty }] },
      { name: 'mmb', cpus: [{ cpu: 0, pages: page(5) }] },
      { name: 'other', cpus: [{ cpu: 0, pages: page(6) }] },
    ];
    for (const version of [6, 7] as const) {
      expect(open({ ...parts, version, buffers }).events.pfn(0)).toBe(5);
      const other = open({ ...parts, version, buffers }, 'other');
      expect(other.events.pfn(0)).toBe(6);
      expect(other.buffers.map(({ name, chosen }) => [name, chosen])).toEqual([
        ['', false],
        ['mmb', false],
        ['other', true],
      ]);
      expect(open({ ...parts, version, buffers }, 'none').diagnostics[0].code).toBe('RZ3007');
    }
  });
});

test('folio_ref events with only pfn, val and ret, in another order', () => {
  const shape = SHAPES[0];
  const parts = partsOf(shape, []);
  const fields: [string, string, number, number][] = [
    ['int', 'ret', 8, 4],
    ['int', 'val', 12, 4],
    ['unsigned long', 'pfn', 16, 8],
  ];
  parts.systems = [{ name: 'folio_ref', formats: [formatText('folio_ref_mod_and_test', 5, fields)] }];
  const payload = new Bytes(true).u16(5).u8(0).u8(0).u32(1).u32(1).u32(-1).u64(0x1234).done();
  const recording = open({
    ...parts,
    buffers: [{ name: '', cpus: [{ cpu: 0, pages: pageOf(shape, 1n, [{ delta: 0, payload }]) }] }],
  });
  expect(recording.diagnostics).toEqual([]);
  expect([recording.events.pfn(0), recording.events.val(0), recording.events.ret(0)]).toEqual([0x1234, -1, 1]);
  expect(indexPages(recording).find(0x1234)).toBe(0);
});

test('tsc times become ns where the file says how', () => {
  const shape = SHAPES[0];
  const events = [0, 3000].map((delta) => ({ delta, payload: mod(shape, 1, 1, 1) }));
  const parts = { ...partsOf(shape, [{ cpu: 0, pages: pageOf(shape, 6000n, events) }]), clock: 'x86-tsc' };
  expect(open(parts).unit).toBe('ticks');
  const scaled = open({
    ...parts,
    options: [
      {
        id: 14,
        data: new Bytes(true)
          .u32(1 << 10)
          .u32(11)
          .u64(0)
          .done(),
      },
    ],
  });
  expect([scaled.unit, scaled.timeBase, scaled.events.time[1]]).toEqual(['ns', 3000n, 1500]);
});

describe('texts', () => {
  const read = (text: string) => readRecording(new TextEncoder().encode(text), codecs);
  const mod1 = 'page_ref_mod: pfn=0x206a70 flags=referenced|lru count=3 mapcount=0 mapping=(____ptrval____) mt=1 val=1';
  test.each([
    ['kernel 6.1', `            init-1       [000] d..1.    46.552985: ${mod1}`, 46_552_985_000n],
    ['kernel with tgid', `            init-1       (     1) [003] d..1.    46.552985: ${mod1}`, 46_552_985_000n],
    ['tgid unknown', `            init-1       (-------) [003] d..1.    46.552985: ${mod1}`, 46_552_985_000n],
    [
      'trace-cmd 3.1',
      `            init-1     [000]    46.552985: page_ref_mod:         ${mod1.slice(14)}`,
      46_552_985_000n,
    ],
    ['trace-cmd with ns', `            init-1     [000]    46.552985123: ${mod1}`, 46_552_985_123n],
    ['instance', `mmb:             init-1     [000]    46.552985: ${mod1}`, 46_552_985_000n],
    ['a name like a prefix', `   a-12 [001] b-1       [000] d..1.    46.552985: ${mod1}`, 46_552_985_000n],
    ['dump', `    init-1         3..... 46552985us : ${mod1}`, 46_552_985_000n],
    ['dump in dmesg', `[  99.123456]     init-1         3..... 46552985us : ${mod1}`, 46_552_985_000n],
  ])('%s', (_name, line, time) => {
    const recording = read(`${line}\n`);
    expect(recording.diagnostics).toEqual([]);
    const { events } = recording;
    expect(recording.timeBase + BigInt(events.time[0])).toBe(time);
    expect([events.pfn(0), events.val(0), events.count(0), events.pid(0)]).toEqual([0x206a70, 1, 3, 1]);
    expect(recording.flagTexts!.text(Number(events.flags(0)))).toBe('referenced|lru');
    expect(events.mapping(0)).toBe(0xffffffffffffffffn);
    expect(recording.comms.text(events.comm(0))).toBe(line.includes('a-12') ? 'a-12 [001] b' : 'init');
  });

  test('losses, stacks, the kernel of a latency header, a cut line', () => {
    const prefix = '            init-1       [000] d..1.    46.55298';
    const recording = read(
      [
        '# irqsoff latency trace v1.1.5 on 5.10.0-rc1',
        '# entries-in-buffer/entries-written: 4/104   #P:2',
        `${prefix}1: ${mod1}`,
        `${prefix}2: <stack trace>`,
        ' => get_page',
        ' => try_grab [mod]',
        'CPU:0 [LOST 12 EVENTS]',
        'CPU:1 [LOST EVENTS]',
        `${prefix}3: ${mod1}`,
        `${prefix}4: kernel_stack:         <stack trace >`,
        '=> get_page (ffffffff81000000)',
        `${prefix}5: page_ref_mod: pfn=0x2`,
        '',
      ].join('\r\n'),
    );
    expect(recording.kernel).toBe('5.10.0-rc1');
    expect([recording.lost, recording.lostUnknown]).toEqual([112, 1]);
    expect(recording.stacks.frames(recording.events.stack(0))).toEqual(['get_page', 'try_grab [mod]']);
    expect(recording.stacks.frames(recording.events.stack(1))).toEqual(['get_page']);
    expect(recording.diagnostics.map(({ message }) => message)).toEqual(['line 12: page_ref_mod without its fields']);
  });

  test.each(['', 'hello\nworld\n', '\u0000\u0001\u0002', '{"a": 1}'])('%j is no recording', (text) => {
    const recording = read(text);
    expect([recording.events.length, recording.diagnostics[0].code]).toEqual([0, 'RZ3001']);
  });
});

// SPDX-License-Identifier: Apache-2.0
/** Lives of pages: the rules kernel by kernel, counts rebuilt from val and ret, and the pages that a module really leaked. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openTrace, pageOf, reportOf } from '../src/app/trace.js';
import { LifeFinder } from '../src/conform/life-finder.js';
import { LIFE } from '../src/conform/lives.js';
import { indexPages } from '../src/conform/page-index.js';
import { parseRange, RangeMap } from '../src/conform/ranges.js';
import { summarize } from '../src/conform/summary.js';
import { parseKernelVersion } from '../src/spec/kernel-version.js';
import { countAfter, OP, opOf, UNKNOWN } from '../src/spec/ops.js';
import { pageFlagNames } from '../src/spec/page-flags.js';
import { PAGE_KINDS, type PageKind, type RestRule, restRule } from '../src/spec/rest.js';
import { readText } from '../src/trace/read-text.js';
import { Notes, type Recording } from '../src/trace/recording.js';
import type { MetaRun } from './recordings-shared.js';

const kernel = (name: string) => parseKernelVersion(name)!;
const kept = (name: string) => new URL(`../recordings/${name}`, import.meta.url).pathname;

/** A text recording of one page: each event `cpu name key=value...`. */
function recordingOf(events: string[], pfn = 0x100): Recording {
  const lines = events.map((event, at) => {
    const [cpu, name, ...fields] = event.split(' ');
    const body = fields.join(' ');
    if (name === 'lost') return `CPU:${cpu} [LOST 5 EVENTS]`;
    return `            task-7${cpu}      [00${cpu}] d..1.     1.${String(at).padStart(6, '0')}: ${name}: pfn=0x${pfn.toString(16)} ${body}`;
  });
  return readText(new TextEncoder().encode(`${lines.join('\n')}\n`), new Notes(), {});
}

function livesOf(kind: PageKind, release: string, events: string[]) {
  const ranges = kind === 'ordinary' ? [] : [parseRange(`0x100-0x1ff=${kind}`)!];
  const [summary] = summarize(recordingOf(events), new RangeMap(ranges), kernel(release)).kinds;
  const { underWay, began, ended, open, made, gone, underflows, endUnseen, weak } = summary;
  return { underWay, began, ended, open, made, gone, underflows, endUnseen, weak };
}

const NONE = { underWay: 0, began: 0, ended: 0, open: 0, made: 0, gone: 0, underflows: 0, endUnseen: 0 };

describe('rules', () => {
  test.each([
    // private, coherent, fsdax, devdax, p2pdma, device of a type not known, ordinary: idle, and over where it differs
    ['5.10', ['1', '1', '1', '1', '1', '1', '0']],
    ['v5.17', ['1', '1', '1', '1', '1', '1', '0']],
    ['seed', ['0', '0', '0', '0', '0', '0', '0']],
    ['5.18', ['1>0', '1>0', '1', '1', '1>0', '-', '0']],
    ['6.0.12', ['1>0', '1>0', '1', '1', '1>0', '-', '0']],
    ['6.1.192', ['0', '0', '1', '1', '1>0', '-', '0']],
    ['6.14', ['0', '0', '1', '1', '1>0', '-', '0']],
    ['6.15-rc1', ['0', '0', '0', '1', '0', '-', '0']],
    ['7.3.4-kernlab', ['0', '0', '0', '1', '0', '-', '0']],
  ])('%s', (release, wanted) => {
    const rules = PAGE_KINDS.map((kind) => restRule(kind, kernel(release)));
    const text = ({ idle, over }: RestRule) => (idle === over ? `${idle}` : `${idle}>${over}`);
    expect(rules.map((rule) => (rule ? text(rule) : '-'))).toEqual(wanted);
  });

  test('releases', () => {
    expect(parseKernelVersion('Linux version 7.3.4-kernlab (x)')).toMatchObject({ major: 7, minor: 3 });
    for (const wrong of ['', 'six', '6', '6.x', 'v', '1e3.4z'])
      expect(parseKernelVersion(wrong), wrong).toBeUndefined();
  });

  test('names of events and flags', () => {
    expect(opOf('page_ref_mod_and_test')).toBe(OP.modAndTest);
    expect(opOf('folio_ref_freeze')).toBe(OP.freeze);
    expect(opOf('mm_page_free_batched')).toBe(OP.none);
    expect(pageFlagNames(0x2c, kernel('6.12'))).toBe('referenced|uptodate|lru');
    expect(pageFlagNames(0x16, kernel('5.10'))).toBe('referenced|uptodate|lru');
    expect(pageFlagNames(0, kernel('7.3'))).toBe('none');
    expect(pageFlagNames(1, kernel('6.9'))).toBe('locked');
  });
});

describe('lives', () => {
  const get = '0 page_ref_mod count=9 val=1';
  const put = (ret: number) => `0 page_ref_mod_and_test count=9 val=-1 ret=${ret}`;
  const back = (ret: number) => `0 page_ref_mod_and_return count=9 val=-1 ret=${ret}`;
  const set = (val: number) => `0 page_ref_set count=${val} val=${val}`;

  test.each<[string, PageKind, string, string[], Partial<typeof NONE>]>([
    ['fsdax idle at 1: a pin and its end', 'fsdax', '5.10', [get, back(1), get, back(1)], { began: 2, ended: 2 }],
    ['fsdax idle at 1: a pin that stays', 'fsdax', '6.12', [get, get, back(2)], { began: 1, open: 1 }],
    ['fsdax idle at 0: mapped, pinned, unmapped', 'fsdax', '7.3', [get, get, put(0), put(1)], { began: 1, ended: 1 }],
    ['private at 6.1: set by the driver', 'private', '6.1', [set(1), get, put(0), put(1)], { began: 1, ended: 1 }],
    ['private at 5.10: get_page by the driver', 'private', '5.10', [get, back(1)], { began: 1, ended: 1 }],
    ['private at 5.18: only the end is visible', 'private', '5.18', [put(1), set(1)], { underWay: 1, ended: 1 }],
    [
      'p2pdma at 6.12: inserted, put, unmapped, parked',
      'p2pdma',
      '6.12',
      [get, put(0), put(1), set(1)],
      { began: 1, ended: 1 },
    ],
    ['a range is made', 'private', '7.3', [set(1), set(0)], { made: 1 }],
    ['a range is made and used', 'coherent', '7.3', [set(1), set(0), set(1), put(1)], { made: 1, began: 1, ended: 1 }],
    ['a range is torn down', 'fsdax', '5.10', [get, back(1), back(0)], { began: 1, ended: 1, gone: 1 }],
    ['a tail page of devdax', 'devdax', '7.3', [set(1), set(0)], {}],
    ['it was in use before', 'fsdax', '5.10', [back(2), back(1)], { underWay: 1, ended: 1 }],
    [
      'a put too many',
      'ordinary',
      '5.10',
      [set(1), '0 page_ref_mod count=0 val=-1', '0 page_ref_mod count=-1 val=-1'],
      { began: 1, ended: 1, underflows: 1 },
    ],
    [
      'frozen is alive',
      'private',
      '7.3',
      [set(1), '0 page_ref_freeze count=0 val=1 ret=1', '0 page_ref_unfreeze count=2 val=2', put(0), put(1)],
      { began: 1, ended: 1 },
    ],
    [
      'frozen and given back',
      'ordinary',
      '7.3',
      [set(1), '0 page_ref_freeze count=0 val=1 ret=1', '0 mm_page_free order=0'],
      { began: 1, ended: 1 },
    ],
    [
      'failed tries change nothing',
      'private',
      '7.3',
      ['0 page_ref_mod_unless count=0 val=1 ret=0', '0 page_ref_freeze count=0 val=3 ret=0'],
      {},
    ],
    [
      'allocation before the count',
      'ordinary',
      '7.3',
      ['0 mm_page_alloc order=0', set(1), put(1), '0 mm_page_free order=0'],
      { began: 1, ended: 1 },
    ],
    [
      'allocation after the count',
      'ordinary',
      '5.10',
      [set(1), '0 mm_page_alloc order=0', put(1), '0 mm_page_free order=0'],
      { began: 1, ended: 1 },
    ],
    [
      'slab of 7.3: no count at all',
      'ordinary',
      '7.3',
      ['0 mm_page_alloc order=0', '0 mm_page_free order=0'],
      { began: 1, ended: 1 },
    ],
    ['freed after a life that nobody saw', 'ordinary', '7.3', ['0 mm_page_free order=0'], { underWay: 1, ended: 1 }],
    [
      'an end that was not recorded',
      'ordinary',
      '7.3',
      ['0 mm_page_alloc order=0', set(1), '0 mm_page_alloc order=0'],
      { began: 2, endUnseen: 1, open: 1 },
    ],
  ])('%s', (_name, kind, release, events, wanted) => {
    expect(livesOf(kind, release, events)).toMatchObject({ ...NONE, ...wanted });
  });

  test.each<[string, PageKind, string, string[], string[]]>([
    ['below zero', 'ordinary', '5.10', [set(1), put(1), '0 page_ref_mod count=-1 val=-1'], ['belowZero 2']],
    ['taken when free', 'ordinary', '6.12', [set(1), put(1), '0 page_ref_mod count=1 val=1'], ['takenFree 2']],
    ['private: taken when free', 'private', '7.3', [set(1), put(1), '0 page_ref_mod count=1 val=1'], ['takenFree 2']],
    ['fsdax of 7.3 is first taken so', 'fsdax', '7.3', ['0 page_ref_mod count=1 val=1', put(1), get], []],
    [
      'frozen, and given what it shall have',
      'ordinary',
      '5.10',
      [set(1), '0 page_ref_freeze val=1 ret=1', '0 page_ref_mod count=2 val=2'],
      [],
    ],
    ['allocated anew', 'ordinary', '6.12', [set(1), put(1), '0 mm_page_free order=0', set(1), put(1)], []],
    [
      'freed twice',
      'ordinary',
      '6.12',
      [set(1), put(1), '0 mm_page_free order=0', '0 mm_page_free order=0'],
      ['freedTwice 3'],
    ],
    [
      'allocated between',
      'ordinary',
      '7.3',
      ['0 mm_page_free order=0', '0 mm_page_alloc order=0', '0 mm_page_free order=0'],
      [],
    ],
    ['freed in use', 'ordinary', '6.12', [set(2), put(0), '0 mm_page_free order=0'], ['freedInUse 2', 'adrift 2']],
    ['base lost', 'fsdax', '5.10', [get, back(1), back(0)], ['baseLost 2']],
    ['idle and whole', 'fsdax', '5.10', [get, back(1), get, back(1)], []],
    ['a count out of nowhere', 'private', '7.3', [set(1), back(6)], ['adrift 1']],
  ])('%s', (_name, kind, release, events, wanted) => {
    const ranges = kind === 'ordinary' ? [] : [parseRange(`0x100-0x1ff=${kind}`)!];
    const { broken } = summarize(recordingOf(events), new RangeMap(ranges), kernel(release));
    const told = Array.from({ length: broken.length }, (_, at) => `${broken.invariant(at)} ${broken.at[at]}`);
    expect(told).toEqual(wanted);
  });

  test('a life with lost events is marked; one before them is not', () => {
    const recording = recordingOf([get, back(1), get, '0 lost', back(1)]);
    const index = indexPages(recording);
    const finder = new LifeFinder(recording, index);
    finder.page(0, 'fsdax', 2, kernel('5.10'));
    expect(Array.from(finder.lives.marks.slice(0, 2))).toEqual([0, LIFE.loss]);
  });

  test('without a kernel the kinds that depend on it are left out', () => {
    const lives = summarize(recordingOf([get]), new RangeMap([parseRange('0x100-0x1ff=fsdax')!]), undefined);
    expect([lives.kinds, [...lives.skipped]]).toEqual([[], [['fsdax', 1]]]);
  });
});

/** What a page really did, and how the tracepoints tell it: each event after its operation, and read late. */
const history = fc.array(
  fc.record({
    cpu: fc.integer({ min: 0, max: 3 }),
    op: fc.integer({ min: 0, max: 6 }),
    size: fc.integer({ min: 1, max: 3 }),
    late: fc.integer({ min: 0, max: 2 }),
  }),
  { minLength: 1, maxLength: 40 },
);

function play(steps: { cpu: number; op: number; size: number }[], start: number) {
  const events: string[] = [];
  const counts: [number, number][] = [];
  let count = start;
  for (const { cpu, op, size } of steps) {
    const before = count;
    const add = (delta: number) => (count += delta);
    if (op === 0 && count > 0) events.push(`${cpu} page_ref_mod count=${add(size)} val=${size}`);
    else if (op === 1 && count > size) events.push(`${cpu} page_ref_mod count=${add(-size)} val=${-size}`);
    else if (op === 2 && count >= 1)
      events.push(`${cpu} page_ref_mod_and_test count=${add(-1)} val=-1 ret=${count === 0 ? 1 : 0}`);
    else if (op === 3 && count >= 1) events.push(`${cpu} page_ref_mod_and_return count=${add(-1)} val=-1 ret=${count}`);
    else if (op === 4)
      events.push(`${cpu} page_ref_mod_unless count=${count > 0 ? add(1) : 0} val=1 ret=${before > 0 ? 1 : 0}`);
    else if (op === 5 && count === size) events.push(`${cpu} page_ref_freeze count=${(count = 0)} val=${size} ret=1`);
    else if (op === 5) events.push(`${cpu} page_ref_freeze count=${count} val=${size} ret=0`);
    else if (op === 6 && count === 0) events.push(`${cpu} page_ref_unfreeze count=${(count = size)} val=${size}`);
    else continue;
    counts.push([before, count]);
  }
  return { events, counts };
}

function rebuilt(recording: Recording) {
  const index = indexPages(recording);
  const finder = new LifeFinder(recording, index);
  const facts = finder.page(0, 'ordinary', 5, kernel('7.3'));
  const counts = Array.from(index.rows, (_, at) => [finder.counts.before[at], finder.counts.after[at]]);
  return { facts, counts };
}

describe('counts', () => {
  test('follow from val and ret, from any start', () => {
    fc.assert(
      fc.property(history, fc.integer({ min: 0, max: 5 }), (steps, start) => {
        const { events, counts } = play(steps, start);
        fc.pre(events.length > 0);
        const { facts, counts: got } = rebuilt(recordingOf(events));
        expect(got).toEqual(counts);
        expect([facts.jumps, facts.swapped, facts.late]).toEqual([0, 0, 0]);
      }),
      { numRuns: 400, seed: 3 },
    );
  });

  test('follow without any count= where one operation returned a count', () => {
    fc.assert(
      fc.property(history, fc.integer({ min: 1, max: 5 }), (steps, start) => {
        const { events, counts } = play(steps, start);
        const bare = events.map((event) => event.replace(/ count=-?\d+/, ''));
        const told = bare.some((event) => /and_return|ret=1|unfreeze/.test(event) && !/unless/.test(event));
        fc.pre(told);
        expect(rebuilt(recordingOf(bare)).counts).toEqual(counts);
      }),
      { numRuns: 400, seed: 4 },
    );
  });

  test('two CPUs in the wrong order are put right by what was returned', () => {
    const { facts, counts } = rebuilt(
      recordingOf([
        '0 page_ref_set val=3',
        '0 page_ref_mod_and_return val=-1 ret=1',
        '1 page_ref_mod_and_return val=-1 ret=2',
        '0 page_ref_mod_and_test val=-1 ret=1',
      ]),
    );
    expect(facts).toMatchObject({ swapped: 1, jumps: 0 });
    expect(counts.map(([, after]) => after)).toEqual([3, 2, 1, 0]);
  });

  test('an event that was traced long after it happened is put where it belongs, behind a free and a new life', () => {
    // page 0x7fcf6 of 6.12/large: CPU 1 put its reference, then stood still for 4 ms before the tracepoint
    const put = (cpu: number, ret: number, count: number) =>
      `${cpu} page_ref_mod_and_test val=-1 ret=${ret} count=${count}`;
    const events = [
      '0 page_ref_set val=3 count=3',
      put(0, 0, 1),
      put(0, 1, 0),
      '0 mm_page_free order=0',
      '0 page_ref_set val=1 count=1',
      '0 page_ref_mod val=1 count=2',
      put(0, 0, 1),
      put(1, 0, 1),
      put(0, 1, 0),
      '0 mm_page_free order=0',
    ];
    const { facts, counts } = rebuilt(recordingOf(events));
    expect(facts).toMatchObject({ swapped: 1, jumps: 0, underflows: 0 });
    expect(counts.map(([, after]) => after)).toEqual([3, 2, 1, 0, 0, 1, 2, 1, 0, 0]);
    expect(livesOf('ordinary', '6.12', events)).toMatchObject({ began: 2, ended: 2, open: 0, underflows: 0 });
  });

  test('events that are missing show as a jump', () => {
    const { facts, counts } = rebuilt(recordingOf(['0 page_ref_set val=3', '0 page_ref_mod_and_return val=-1 ret=7']));
    expect(facts.jumps).toBe(1);
    expect(counts[1]).toEqual([8, 7]);
  });

  test('one late count= is a race, many in a row are believed', () => {
    const late = rebuilt(
      recordingOf(['0 page_ref_set val=1 count=1', '0 page_ref_mod val=1 count=5', '0 page_ref_mod val=1 count=3']),
    );
    expect(late.facts).toMatchObject({ late: 1, jumps: 0 });
    const shifted = [
      '0 page_ref_set val=1 count=1',
      ...[3, 4, 5, 6, 7, 8, 9, 10, 11].map((count) => `0 page_ref_mod val=1 count=${count}`),
    ];
    const { facts, counts } = rebuilt(recordingOf(shifted));
    expect(facts.jumps).toBe(1);
    expect(counts.at(-1)).toEqual([10, 11]);
  });

  test('what returns nothing is not known', () => {
    expect(rebuilt(recordingOf(['0 page_ref_mod val=1'])).counts).toEqual([[UNKNOWN, UNKNOWN]]);
    expect(countAfter(OP.modAndTest, -1, 0)).toBe(UNKNOWN);
  });
});

describe('pages that were really leaked', () => {
  test.each([
    '5.10-leaks-fsdax.dat.xz',
    '5.10-leaks-fsdax.trace.txt.xz',
    '6.12-leaks-fsdax.trace.txt.gz',
    '5.10-leaks-private.trace.txt.zst',
  ])('%s', async (name) => {
    const meta = kept(name.replace(/\.(dat|trace).*$/, '.meta.json'));
    const trace = await openTrace(kept(name), { meta });
    const { pages } = reportOf(trace);
    const [run] = Object.values(JSON.parse(readFileSync(meta, 'utf8')).runs) as MetaRun[];
    const leaks = run.leak_ground_truth!.filter(({ leak }) => leak);
    const device = pages.filter(({ kind }) => kind !== 'ordinary');
    expect(device.flatMap(({ openPages }) => openPages)).toEqual(leaks.map(({ pfn }) => Number(pfn)));
    for (const { pfn } of leaks) expect(pageOf(trace, pfn).open).toBe(1);
  });

  test.each(['7.3-fsdax.dat.xz', '6.12-p2pdma.trace.txt.xz'])('%s: none', async (name) => {
    const trace = await openTrace(kept(name), { meta: kept(name.replace(/\.(dat|trace).*$/, '.meta.json')) });
    const device = reportOf(trace).pages.filter(({ kind }) => kind !== 'ordinary');
    expect(device.length).toBe(1);
    expect(device[0]).toMatchObject({
      open: 0,
      underWay: 0,
      gone: 0,
      underflows: 0,
      weak: { loss: 0, jump: 0, evidence: 0 },
    });
    expect(device[0].began).toBeGreaterThan(10);
  });

  const shared = new URL('../../shared/recordings/', import.meta.url).pathname;
  test.skipIf(!existsSync(shared))(
    'every recording beside the clone: device pages add up, leaks are open, nothing else is',
    async () => {
      for (const release of ['5.10', '6.1', '6.12', '7.3']) {
        const metas = readdirSync(shared + release).filter((name) =>
          /^(leaks|fsdax|p2pdma|device-coherent).*\.meta\.json$/.test(name),
        );
        for (const name of metas) {
          const meta = `${shared}${release}/${name}`;
          for (const run of Object.values(JSON.parse(readFileSync(meta, 'utf8')).runs) as MetaRun[]) {
            const { pages } = reportOf(await openTrace(`${shared}${release}/${run.files.dat!.file}`, { meta }));
            const leaks = (run.leak_ground_truth ?? []).filter(({ leak, memory }) => leak && memory !== 'anon');
            const device = pages.filter(({ kind }) => kind !== 'ordinary');
            const wanted = leaks.map(({ pfn }) => Number(pfn));
            expect(
              device.flatMap(({ openPages }) => openPages),
              `${release} ${run.files.dat!.file}`,
            ).toEqual(wanted);
            for (const { weak, late } of device) expect([weak.jump, weak.loss, late]).toEqual([0, 0, 0]);
          }
        }
      }
    },
  );
});

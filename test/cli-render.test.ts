// SPDX-License-Identifier: Apache-2.0
/** What the command line shows, against golden texts of 80 columns in test/golden/cli, made from results written by hand. */
import { describe, expect, it } from 'vitest';
import type { CheckReport, Outcome } from '../src/app/check-data.js';
import { InternalError } from '../src/base/assert.js';
import { InputError } from '../src/base/diagnostic.js';
import { exitOf } from '../src/cli/check.js';
import { renderError } from '../src/cli/errors.js';
import { Progress, progressText } from '../src/cli/progress.js';
import { renderOutcome } from '../src/cli/render.js';
import { renderTable } from '../src/cli/table.js';
import {
  bytes,
  COLOURED,
  count,
  hang,
  PLAIN,
  printable,
  type Screen,
  screenOf,
  seconds,
  short,
  wrap,
} from '../src/cli/terminal.js';
import type { Access, CheckResult, Frame, PathStep } from '../src/explore/verdict.js';

const SCREEN: Screen = { width: 80, style: PLAIN };
const COLOUR_SCREEN: Screen = { width: 80, style: COLOURED };
const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

function frame(name: string, file: string, line: number): Frame {
  return { function: name, file, line, column: 3 };
}

const PUNCH = frame('punch', 'src/scenarios/layout-break-refault.ts', 41);
const EXT4_PUNCH = frame('ext4_punch_hole', 'src/linux/fs/ext4/inode.ts', 88);
const BREAK = frame('dax_break_layout', 'src/linux/fs/dax.ts', 402);
const IDLE = frame('dax_page_is_idle', 'src/linux/fs/dax.ts', 377);
const WAIT = frame('___wait_var_event', 'src/linux/include/linux/wait_bit.ts', 30);
const DMA = frame('dma', 'src/scenarios/layout-break-refault.ts', 55);
const PUT = frame('put_page', 'src/linux/include/linux/mm.ts', 210);
const FREE = frame('free_zone_device_folio', 'src/linux/mm/memremap.ts', 301);

const REF = 'mem_map[1]._refcount';
const MAP = 'mem_map[1]._mapcount';

function read(cell: string, value: string): Access {
  return { cell, kind: 'read', value, ghost: false };
}

function write(cell: string, before: string, value: string, ghost = false): Access {
  return { cell, kind: 'write', before, value, ghost };
}

/** Numbers the steps and carries the counts of two pages through them. */
function pathOf(steps: Pick<PathStep, 'task' | 'operation' | 'stack' | 'accesses'>[]): PathStep[] {
  const watched: Record<string, string> = { ...INITIAL };
  return steps.map((step, index) => {
    for (const { cell, kind, value } of step.accesses) if (kind === 'write' && cell in watched) watched[cell] = value;
    return { ...step, number: index + 1, watched: { ...watched }, choices: index === 0 ? [1] : [] };
  });
}

const INITIAL = {
  'mem_map[0]._refcount': '0',
  'mem_map[0]._mapcount': '0',
  [REF]: '2',
  [MAP]: '1',
};

const PATH = pathOf([
  { task: 'punch', operation: 'mapping->i_mmap', stack: [EXT4_PUNCH, PUNCH], accesses: [read('mapping.i_mmap', '1')] },
  {
    task: 'punch',
    operation: 'atomic_dec(folio->_mapcount)',
    stack: [BREAK, EXT4_PUNCH, PUNCH],
    accesses: [write(MAP, '1', '0'), write('owner[1]', '0', '2', true)],
  },
  {
    task: 'punch',
    operation: 'folio_ref_count(folio)',
    stack: [IDLE, BREAK, EXT4_PUNCH, PUNCH],
    accesses: [read(REF, '2')],
  },
  {
    task: 'dma',
    operation: 'put_page_testzero(page)',
    stack: [PUT, DMA],
    accesses: [read(REF, '2'), write(REF, '2', '1')],
  },
  {
    task: 'dma',
    operation: 'a_very_long_operation(with, several, arguments, that->do_not, fit, on->one_line)',
    stack: [FREE, PUT, DMA],
    accesses: [read('mem_map[1].pgmap', 'pgmap'), read('pgmap.type', '3')],
  },
  {
    task: 'punch',
    operation: 'schedule()',
    stack: [WAIT, BREAK, EXT4_PUNCH, PUNCH],
    accesses: [read('cpus[0].wait_on', '17')],
  },
]);

const SEARCHED = {
  scenario: 'layout-break-refault',
  kernel: 'v7.3',
  sometimes: { 'the page is mapped while the punch waits': true },
  states: 12_345,
  transitions: 34_567,
  depth: 41,
  complete: true,
  stateBytes: 24,
  reductions: [],
  memoryModel: 'sequentially consistent',
  storage: 'exact',
} as const;

const STUCK: CheckResult = {
  ...SEARCHED,
  verdict: 'violated',
  violation: { kind: 'stuck', name: 'stuck', message: 'punch sleeps and nothing is left that could wake it' },
  path: PATH,
  initialWatched: INITIAL,
  blocked: [{ task: 'punch', reason: 'sleep', stack: [WAIT, BREAK, EXT4_PUNCH, PUNCH] }],
};

const HOLDS: CheckResult = { ...SEARCHED, verdict: 'holds' };

const EXPLORED = {
  title: 'layout break against a re-fault',
  question:
    'Does a hole punch always return once the DMA has ended, although a fault may map the page again meanwhile?',
  tasks: ['punch', 'dma', 'fault'],
  pages: 2,
};

function outcome(result: CheckResult, changes: Partial<Outcome> = {}): Outcome {
  const { scenario, kernel } = result;
  return { scenario, kernel, result, explored: EXPLORED, seconds: 0.42, ...changes };
}

const REPLAY = { scenario: 'layout-break-refault', with: [], without: [] };

function fitsIn80(text: string): void {
  const wrapped = text
    .replace(ESCAPES, '')
    .replace(/^ *(replay|A path, step by step): .*$/gm, 'commands are not broken, so that they can be copied');
  for (const line of wrapped.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
}

async function golden(name: string, text: string): Promise<void> {
  fitsIn80(text);
  await expect(text).toMatchFileSnapshot(`golden/cli/${name}.txt`);
}

describe('one check', () => {
  it('says beside the verdict how likely fingerprints were mistaken, rounded up', () => {
    const found = { storage: 'fingerprints', wholeStates: 5000, collisionProbability: 7.012e-7 } as const;
    const [first, second] = renderOutcome(outcome({ ...HOLDS, ...found }), REPLAY, SCREEN).split('\n');
    expect(first).toBe('layout-break-refault on v7.3: holds,');
    expect(second).toBe('  with a probability of at most 7.1e-7 that two states were taken for one');
    const text = renderOutcome(outcome({ ...STUCK, ...found }), REPLAY, SCREEN).replace(/\s+/g, ' ');
    expect(text).toContain('64-bit fingerprints, since memory ended at 5,000 whole states (two states were taken');
  });

  it('shows the path to a stuck wait', async () => {
    await golden('stuck', renderOutcome(outcome(STUCK), REPLAY, SCREEN));
  });

  it('says the same in colour', async () => {
    const coloured = renderOutcome(outcome(STUCK), REPLAY, COLOUR_SCREEN);
    await golden('stuck-coloured', coloured);
    expect(coloured.replace(ESCAPES, '')).toBe(renderOutcome(outcome(STUCK), REPLAY, SCREEN));
  });

  it('shows an assertion with its place, and the whole command to replay it', async () => {
    const violation = { kind: 'BUG', name: 'VM_BUG_ON_PAGE', message: 'page->_refcount is 0', at: PUT } as const;
    const result: CheckResult = { ...STUCK, violation, path: PATH.slice(0, 4), blocked: [], variant: 'no wait' };
    const replay = { scenario: 'my/layout-break-refault.ts', with: ['a b'], without: ['0123456789ab'] };
    const recorded = { verdict: 'violated', violates: 'stuck' } as const;
    const text = renderOutcome(outcome(result, { variant: 'no wait', recorded, asRecorded: false }), replay, SCREEN);
    await golden('assertion', text);
  });

  it('says what a verdict of holds rests on', async () => {
    await golden('holds', renderOutcome(outcome(HOLDS), REPLAY, SCREEN));
  });

  it('says of an inconclusive search what had been looked at and what had not been met', async () => {
    const sometimes = { ...HOLDS.sometimes, 'a pin is taken meanwhile': false };
    const result = {
      ...HOLDS,
      verdict: 'inconclusive',
      inconclusive: '5,000 states reached',
      finishedDepth: 12,
      sometimes,
    } as const;
    await golden('inconclusive', renderOutcome(outcome(result), REPLAY, SCREEN));
  });

  it('shows counts of as many pages as fit, and names the others', () => {
    const names = Array.from({ length: 8 }, (_, page) => `mem_map[${page}]._refcount`);
    const at = (value: string) => Object.fromEntries(names.map((name) => [name, value]));
    const path = [{ ...PATH[3], number: 1, watched: at('1') }];
    const text = renderOutcome(outcome({ ...STUCK, path, initialWatched: at('0') }), REPLAY, SCREEN);
    fitsIn80(text);
    expect(text).toContain('counts not shown: mem_map[6], mem_map[7]');
  });

  it('tells a long path in short: counts, sleeps and wake-ups', () => {
    const sleep = {
      ...PATH[5],
      operation: 'prepare_to_wait_on(variable)',
      accesses: [write('cpus[0].wait_on', '0', '&mem_map[1]')],
    };
    const wake = {
      ...PATH[3],
      accesses: [write('cpus[0].wait_on', '&mem_map[1]', '0'), write('cpus[1].wait_on', '0', '0')],
    };
    const path = pathOf([...PATH.slice(0, 4), sleep, wake, ...Array.from({ length: 14 }, () => PATH[0])]);
    const text = renderOutcome(outcome({ ...STUCK, path }), REPLAY, SCREEN);
    const [, story] = /^In short:\n([\s\S]*?)\n\n/m.exec(text) ?? [];
    expect(story.split('\n')).toEqual([
      '  2 punch  dax_break_layout  mem_map[1]._mapcount: 1 -> 0',
      '  4 dma    put_page in dma  mem_map[1]._refcount: 2 -> 1',
      '  5 punch  ___wait_var_event in dax_break_layout  waits for mem_map[1]',
      '  6 dma    put_page in dma  wakes CPU 0 from &mem_map[1]',
    ]);
    expect(renderOutcome(outcome(STUCK), REPLAY, SCREEN)).not.toContain('In short');
  });

  it('needs no counts', () => {
    const path = PATH.map((step) => ({ ...step, watched: {} }));
    const text = renderOutcome(outcome({ ...STUCK, path, initialWatched: {} }), REPLAY, SCREEN);
    expect(text).toContain('mem_map[1]._refcount: 2 -> 1');
    expect(text).not.toContain('at the start');
  });
});

const NOT_APPLICABLE: Outcome = {
  scenario: 'dax-odirect',
  kernel: 'v5.14',
  recorded: { verdict: 'not applicable' },
  seconds: 0,
};

function reportOf(outcomes: Outcome[]): CheckReport {
  const kernels = [...new Set(outcomes.map(({ kernel }) => kernel))];
  return { outcomes, kernels, seconds: 12.34, threads: 2, interrupted: false };
}

const AS_RECORDED = [
  outcome(HOLDS, { kernel: 'v5.14', recorded: { verdict: 'holds' }, asRecorded: true }),
  outcome(STUCK, { recorded: { verdict: 'violated', violates: 'stuck' }, asRecorded: true }),
  outcome(STUCK, { variant: 'no scan', recorded: { verdict: 'violated', violates: 'stuck' }, asRecorded: true }),
  NOT_APPLICABLE,
  outcome(
    { ...HOLDS, scenario: 'dax-odirect', states: 1_234_567 },
    { recorded: { verdict: 'holds' }, asRecorded: true },
  ),
];

describe('the table', () => {
  it('has a row a scenario and a column a kernel', async () => {
    await golden(
      'table',
      renderTable(reportOf(AS_RECORDED), () => REPLAY, SCREEN),
    );
  });

  it('points at what is not as recorded and at what is not decided', async () => {
    const inconclusive = { ...HOLDS, verdict: 'inconclusive', inconclusive: 'interrupted' } as const;
    const outcomes = [
      outcome(HOLDS, { recorded: { verdict: 'violated', violates: 'stuck' }, asRecorded: false }),
      outcome(inconclusive, { kernel: 'v6.1', recorded: { verdict: 'holds' } }),
      { scenario: HOLDS.scenario, kernel: 'v5.14', recorded: { verdict: 'holds' }, seconds: 0 } as const,
    ];
    await golden(
      'table-differing',
      renderTable({ ...reportOf(outcomes), interrupted: true }, () => REPLAY, SCREEN),
    );
  });

  it('breaks into blocks where the kernels are many', () => {
    const kernels = ['v5.14', 'seed', 'v5.18', 'v6.1', 'v6.12', 'v6.15', 'v7.3'];
    const late = outcome(STUCK, { kernel: 'v7.3', variant: 'a name that is long', asRecorded: true });
    const outcomes = kernels.map((kernel) =>
      outcome(HOLDS, { kernel, recorded: { verdict: 'holds' }, asRecorded: true }),
    );
    const text = renderTable(reportOf([...outcomes, late]), () => REPLAY, SCREEN);
    fitsIn80(text);
    const blocks = text.split(/^(?=scenario)/m);
    expect(blocks.map((block) => block.includes('  broken: a name that is long\n'))).toEqual([false, true]);
  });
});

describe('the exit code', () => {
  const violated = outcome(STUCK, { recorded: { verdict: 'violated' }, asRecorded: true });
  const undecided = outcome({ ...HOLDS, verdict: 'inconclusive' });

  it.each([
    ['one that holds', [outcome(HOLDS)], 0],
    ['one that is violated, as recorded or not', [violated], 1],
    ['one that is inconclusive', [undecided], 3],
    ['many as recorded', AS_RECORDED, 0],
    ['many, one of them not as recorded', [...AS_RECORDED, outcome(HOLDS, { asRecorded: false })], 1],
    ['many, one of them violated where nothing is on record', [...AS_RECORDED, outcome(STUCK)], 1],
    ['many, one of them inconclusive', [...AS_RECORDED, undecided], 3],
    ['many, one of them not begun', [...AS_RECORDED, { scenario: 'a', kernel: 'b', seconds: 0 }], 3],
    ['none begun', [], 3],
  ])('of %s', (_, outcomes, code) => {
    expect(exitOf(reportOf(outcomes))).toBe(code);
  });
});

describe('errors', () => {
  it('are shown as far as somebody reads', () => {
    const diagnostics = Array.from({ length: 3000 }, (_, i) => ({ code: 'RZ1000', message: `wrong ${i}` }));
    const { text } = renderError(new InputError(...diagnostics), SCREEN, false);
    expect(text).toContain('wrong 19\n');
    expect(text).not.toContain('wrong 20\n');
    expect(text).toMatch(/\nand 2980 more\n$/);
  });

  const place = { file: 'my/scenario.ts', line: 12, column: 5, text: '\tlet x = page;', length: 99 };

  it('show the place, the line, a caret and a hint', async () => {
    const hint = 'write the type of the pointer; a hint that is longer than the screen is wide goes on below itself';
    const error = new InputError(
      { code: 'RZ1003', message: 'let needs a type', place, hint },
      { code: 'RZ1004', message: 'b' },
    );
    const { text, exit } = renderError(error, SCREEN, false);
    expect(exit).toBe(2);
    await golden('diagnostic', text);
  });

  it.each([new InternalError('two owners'), new TypeError('x is undefined'), 'thrown text'])(
    'of our own: %s',
    (error) => {
      const { text, exit } = renderError(error, SCREEN, false);
      expect(exit).toBe(70);
      expect(text).toMatch(/^internal: (two owners|x is undefined|thrown text)\n/);
      expect(text).toContain('bug in refzero');
      expect(text).not.toMatch(/^ +at /m);
    },
  );

  it('of our own show their stack only when asked', () => {
    expect(renderError(new InternalError('two owners'), SCREEN, true).text).toMatch(/^ +at /m);
  });
});

describe('progress', () => {
  const job = { scenario: 'dax-truncate', kernel: 'v7.3' };
  const running = [
    { job, states: 1_234_567, frontier: 12_345, depth: 31, bytes: 100_000_000, threads: 2, seconds: 2 },
    { job: { ...job, kernel: 'seed' }, states: 5, frontier: 1, depth: 1, bytes: 1024, threads: 1, seconds: 0 },
  ];
  const bounds = { memoryMax: 6 * 2 ** 30 };

  it('is about the largest search, and says where searches stop', () => {
    const sizes = '1.23M states, 617k/s, frontier 12.3k, depth 31, 95 MiB, 2.0s on 2 threads';
    expect(progressText(running, 12, 40, undefined)).toBe(`12/40  dax-truncate v7.3: ${sizes}`);
    expect(progressText(running, 12, 40, bounds)).toBe(
      `12/40  dax-truncate v7.3: ${sizes}; each search stops at 6.0 GiB`,
    );
    expect(progressText(running.slice(0, 1), 0, 1, { ...bounds, statesMax: 10_000_000, secondsMax: 600 })).toMatch(
      /; it stops at 10\.0M states, 6\.0 GiB or 600s$/,
    );
    expect(progressText([], 0, 40, bounds)).toBe('0/40');
  });

  it('is drawn over itself, on a terminal only, and never wider than it', () => {
    const written: string[] = [];
    const stream = { isTTY: true, columns: 40, write: (text: string) => written.push(text) };
    const progress = new Progress(stream);
    progress.show(running, 12, 40);
    progress.clear();
    const lines = written[0].replace('\r\u001b[K', '').split('\n');
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line.length).toBeLessThan(40);
    expect(written.slice(1)).toEqual(['\r\u001b[K\u001b[A\r\u001b[K\u001b[A\r\u001b[K']);
    const silent = new Progress({ ...stream, isTTY: false });
    silent.show(running, 12, 40);
    silent.clear();
    expect(written).toHaveLength(2);
  });
});

describe('the screen', () => {
  it('has colours on a terminal, unless they are not wanted', () => {
    const colours = (stream: object, env: Record<string, string>) => screenOf(stream, env).style === COLOURED;
    expect(colours({ isTTY: true }, {})).toBe(true);
    expect(colours({ isTTY: true }, { NO_COLOR: '1' })).toBe(false);
    expect(colours({ isTTY: true }, { TERM: 'dumb' })).toBe(false);
    expect(colours({}, {})).toBe(false);
    expect(screenOf({ isTTY: true, columns: 300 }, {}).width).toBe(120);
    expect(screenOf({ columns: 300 }, {}).width).toBe(80);
  });

  it('wraps and indents', () => {
    expect(wrap('a bb ccc dddd', 5)).toEqual(['a bb', 'ccc', 'dddd']);
    expect(wrap('toolong a', 4)).toEqual(['toolong', 'a']);
    expect(hang('a bb ccc dddd', 6, 2)).toEqual(['a bb', '  ccc', '  dddd']);
  });

  it('is driven by nobody: colours are kept, other control characters and turned text are not', () => {
    const safe = 'a\tb\n\u001b[1;31mred\u001b[0m é ← ─';
    expect(printable(safe)).toBe(safe);
    expect(printable('\u001b[2J\u001b]0;title\u0007\u202e\u009b\r')).toBe('?[2J?]0;title????');
  });

  it('writes numbers short', () => {
    expect([9_999, 12_345, 123_456, 1_234_567, 2e9].map(short)).toEqual(['9999', '12.3k', '123k', '1.23M', '2.00G']);
    expect([0.04, 3.21, 128].map(seconds)).toEqual(['0.04s', '3.2s', '128s']);
    expect([2_000, 99 * 2 ** 20, 12 * 2 ** 30].map(bytes)).toEqual(['2 KiB', '99 MiB', '12.0 GiB']);
    expect([count(1, 'state'), count(1_234, 'state')]).toEqual(['1 state', '1,234 states']);
  });
});

// SPDX-License-Identifier: Apache-2.0
/** A recording made on a machine that is a folder: what the file says, what is left behind, and everything that can go wrong. */
import { execFileSync, spawnSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakeMachine, INSTANCE, type Source, sourceOf, statsText, TRACEFS } from '../../test/helpers/fake-machine.js';
import { InputError } from '../base/diagnostic.js';
import { Interrupted, type RecordOptions, type RecordResult, record } from './record.js';
import { openTrace, reportOf } from './trace.js';

const RECORDING = 'recordings/5.10-leaks-fsdax.dat.xz';

let source: Source;
let machine: FakeMachine;
let folder: string;
let out: string;
let signals: EventEmitter;
let said: string[];

beforeAll(async () => {
  source = await sourceOf(RECORDING);
});
beforeEach(() => {
  machine = new FakeMachine(source);
  folder = mkdtempSync(join(tmpdir(), 'refzero-record-'));
  out = join(folder, 'x.dat');
  signals = new EventEmitter();
  said = [];
});
afterEach(() => {
  machine.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const OPTIONS = { force: false, stacks: true, text: false, events: ['dax'], pfn: [], deviceOnly: false, pids: [] };
const MORE = { buffer: undefined, clock: undefined, after: 0, substitute: false };

const sh = (text: string) => ['sh', '-c', text];

function run(options: Partial<RecordOptions> = {}, atTerminal = false): Promise<RecordResult> {
  const hooks = { said: (text: string) => said.push(text), signals, atTerminal, host: machine };
  return record({ command: ['true'], out, ...OPTIONS, ...MORE, ...options }, hooks);
}

/** @returns code and message of the one diagnostic; the machine is as it was, and nothing is left of the file */
async function refused(options: Partial<RecordOptions> = {}): Promise<string> {
  const error = await run(options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof InputError)) throw error ?? new Error('nothing was refused');
  expectUndone();
  expect(readdirSync(folder)).toEqual([]);
  const [{ code, message, hint }] = error.diagnostics;
  return `${code} ${message}; ${hint ?? ''}`.replaceAll(folder, '');
}

function expectUndone(): void {
  expect(machine.openStreams).toBe(0);
  expect(machine.exists(INSTANCE)).toBe(false);
  expect(signals.eventNames()).toEqual([]);
}

describe('a recording', () => {
  it('says what the kernel served, to the last event, and what is known of the machine', async () => {
    const result = await run({ command: sh('exit 3') });
    expect(result).toMatchObject({ ended: { code: 3 }, file: out, failure: undefined, notUndone: [], records: 200 });
    expectUndone();
    expect(readdirSync(folder)).toEqual(['x.dat']);
    const meta = 'recordings/5.10-leaks-fsdax.meta.json';
    const [was, is] = [reportOf(await openTrace(RECORDING, { meta })), reportOf(await openTrace(out))];
    expect(is).toMatchObject({ kernel: '5.10.223-fake', kernelFrom: 'recording', clock: 'local', diagnostics: [] });
    expect(is.kinds).toEqual(was.kinds);
    expect(is.stacks).toEqual(was.stacks);
    expect(is.pages.find(({ kind }) => kind === 'fsdax')).toEqual(was.pages.find(({ kind }) => kind === 'fsdax'));
    expect(is.verdict.suspects.map(({ site }) => site)).toEqual(was.verdict.suspects.map(({ site }) => site));
    expect(is.ranges).toEqual([{ first: 0x40000, last: 0x4ffff, kind: 'fsdax' }]);
  });

  it.runIf(spawnSync('trace-cmd', ['-h']).error === undefined)('is read by trace-cmd', async () => {
    await run();
    const text = execFileSync('trace-cmd', ['report', '-i', out], { encoding: 'utf8', maxBuffer: 1 << 28 });
    expect(text.match(/ page_ref_mod_and_test: /g)).toHaveLength(1926);
    expect(text).toContain('=> refleak_get_user_leak');
  });

  it('begins and ends with tracing off, and changes nothing outside its instance', async () => {
    await run({ pfn: ['0x40000..0x50000', '0x10'], events: ['dax'], stacks: false, clock: 'mono', buffer: '8M' });
    const written = machine.writes.map(([path, text]) => `${path} ${text}`.trim());
    expect(written.filter((line) => line.startsWith('tracing_on'))).toEqual([
      'tracing_on 0',
      'tracing_on 1',
      'tracing_on 0',
    ]);
    expect(written.filter((line) => line.startsWith('/'))).toEqual([]);
    const filter = '(pfn >= 0x40000 && pfn < 0x50000) || pfn == 0x10';
    expect(written).toEqual(
      expect.arrayContaining([
        'trace_clock mono',
        'buffer_size_kb 4096',
        'options/stacktrace 0',
        `events/page_ref/page_ref_mod/filter ${filter}`,
        `events/kmem/mm_page_alloc/filter ${filter}`,
        'events/fs_dax/dax_pte_fault/enable 1',
      ]),
    );
    expect(written).not.toContain(`events/fs_dax/dax_pte_fault/filter ${filter}`);
    expect(written.indexOf('tracing_on 1')).toBeGreaterThan(written.indexOf('events/page_ref/page_ref_mod/enable 1'));
    const { recording } = await openTrace(out);
    expect(recording.somePages).toBe(true);
    const [note] = recording.diagnostics;
    expect(note).toMatchObject({ code: 'RZ3019', message: `it was recorded with a filter: ${filter}` });
  });

  it('of device memory only is filtered by what /proc/iomem names', async () => {
    await run({ deviceOnly: true });
    const filter = machine.writes.find(([path]) => path === 'events/page_ref/page_ref_mod/filter');
    expect(filter?.[1]).toBe('(pfn >= 0x40000 && pfn < 0x50000)');
  });

  it('of some tasks only says so, and then nobody is accused', async () => {
    machine.put('/proc/77/task/77/comm', 'a');
    machine.put('/proc/77/task/78/comm', 'b');
    await run({ pids: ['command', '77'] });
    expect(machine.writes).toContainEqual(['set_event_pid', '4711 77 78']);
    expect(machine.writes).toContainEqual(['options/event-fork', '1']);
    const report = reportOf(await openTrace(out));
    expect(report.diagnostics[0].message).toBe('it was recorded with --pid: only what some tasks did');
    expect(report.verdict.suspects).toEqual([]);
    expect(report.verdict.weaker).toHaveLength(1);
  });

  it('as text ends with what is known of the machine', async () => {
    const line =
      '  cat-12  [001] d..1   12.000001: page_ref_mod: pfn=0x40001 flags= count=2 mapcount=0 mapping=0 mt=0 val=1\n';
    await run({
      text: true,
      command: sh(
        `printf '%s' '${line}' >> ${machine.at(`${INSTANCE}/trace_pipe`)}; echo >> ${machine.at(`${INSTANCE}/trace_pipe`)}`,
      ),
    });
    expect(readFileSync(out, 'utf8')).toMatch(/^ {2}cat-12.*\n(\n)?# refzero: \{"kernel"/);
    const { recording, ranges, kernel } = await openTrace(out);
    expect(recording.events.length).toBe(1);
    expect([ranges.kindOf(0x40001), kernel?.name]).toEqual(['fsdax', '5.10.223-fake']);
  });

  it('takes what comes while the command runs', async () => {
    const [first, second] = source.pages;
    const half = Math.floor(second.length / 8192) * 4096;
    machine = new FakeMachine({ ...source, pages: [first, second.slice(0, half)] });
    const rest = join(folder, 'rest');
    writeFileSync(rest, second.slice(half));
    const raw = machine.at(`${INSTANCE}/per_cpu/cpu1/trace_pipe_raw`);
    await run({ command: sh(`cat ${rest} >> ${raw}; rm ${rest}`) });
    const [was, is] = [reportOf(await openTrace(RECORDING)), reportOf(await openTrace(out))];
    expect(is.events).toBe(was.events);
  });

  it('tells of events that the ring buffer lost', async () => {
    const stats = machine.at(`${INSTANCE}/per_cpu/cpu1/stats`);
    const text = statsText({ overrun: 1000, dropped: 7, read: 5000 });
    const result = await run({ command: sh(`printf '${text}' > ${stats}`) });
    expect(result.lost).toEqual({ overrun: 1000, dropped: 7, missed: 0 });
    expect(reportOf(await openTrace(out)).lost).toMatchObject({ overrun: 1000, dropped: 7 });
  });
});

describe('the command', () => {
  it.each([
    [['/nowhere/at-all'], { code: 127, failure: '/nowhere/at-all: there is no such command' }],
    [['/etc'], { code: 126 }],
  ])('%s cannot be run, and then there is no file', async (command, ended) => {
    expect(await run({ command })).toMatchObject({ ended, file: undefined, notUndone: [] });
    expectUndone();
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ['kill -SEGV $$', 139],
    ['kill -KILL $$', 137],
    ['exit 255', 255],
  ])('may end by `%s`: its code is %s', async (text, code) => {
    expect(await run({ command: sh(text) })).toMatchObject({ ended: { code }, file: out });
    expectUndone();
  });

  /** Starts a command that waits, and sends us signals when it does. */
  async function during(text: string, act: () => void, atTerminal = false): Promise<RecordResult> {
    const there = join(folder, 'there');
    const running = run({ command: sh(`${text}; touch ${there}; while :; do sleep 0.02; done`) }, atTerminal);
    while (!existsSync(there)) await new Promise((resolve) => setTimeout(resolve, 5));
    act();
    return running;
  }

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'])('gets %s, and the recording ends with it', async (signal) => {
    const result = await during(':', () => signals.emit(signal));
    expect(result).toMatchObject({ ended: { signal }, file: out, notUndone: [] });
    expectUndone();
    expect(reportOf(await openTrace(out)).events).toBeGreaterThan(4000);
  });

  it('has Ctrl-C from the terminal; asked again, we pass it on', async () => {
    const result = await during(
      ':',
      () => {
        signals.emit('SIGINT');
        signals.emit('SIGINT');
      },
      true,
    );
    expect(result.ended).toMatchObject({ code: 130, signal: 'SIGINT' });
    const stubborn = await during(
      "trap '' INT",
      () => {
        for (let times = 0; times < 3; times++) signals.emit('SIGINT');
      },
      true,
    ).catch((error: unknown) => error);
    // the first recording is there, and stays
    expect((stubborn as Error).message).toContain('exists');
  });

  it('is killed where it does not end by itself', async () => {
    const result = await during(
      "trap '' INT",
      () => {
        for (let times = 0; times < 3; times++) signals.emit('SIGINT');
      },
      true,
    );
    expect(result).toMatchObject({ ended: { code: 137 }, notUndone: [] });
  });

  it('over, a signal ends the waiting and makes no file', async () => {
    const running = run({ after: 60, command: ['true'] });
    const late = setInterval(() => signals.emit('SIGINT'), 20);
    await expect(running.finally(() => clearInterval(late))).rejects.toThrow(Interrupted);
    expectUndone();
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('it says what is in the way', () => {
  it('no Linux', async () => {
    machine.platform = 'darwin';
    expect(await refused()).toMatch(
      /^RZ3100 recording needs Linux's tracefs, and this is darwin; record on the Linux machine/,
    );
  });

  it('no permission, or none for anybody', async () => {
    machine.refuse.push(['list', /tracing$/, 'EACCES']);
    expect(await refused()).toBe(
      'RZ3101 not permitted to use /sys/kernel/tracing; tracing is for root: sudo refzero record -- COMMAND; to run COMMAND as yourself: -- sudo -u "$USER" COMMAND',
    );
    // as a locked down kernel does: its folders may be listed, and nothing opened
    machine.refuse.splice(0, 1, ['read', /tracing\//, 'EPERM'], ['mkdir', /instances/, 'EINVAL']);
    expect(await refused()).toMatch(/^RZ3101 not permitted .* For root too where the kernel is locked down/);
    machine.put('/sys/kernel/security/lockdown', 'none integrity [confidentiality]\n');
    expect(await refused()).toMatch(/^RZ3101 the kernel is locked down \(confidentiality\)/);
    // also where we mount it ourselves
    machine.remove(TRACEFS);
    expect(await refused()).toMatch(/^RZ3101 the kernel is locked down \(confidentiality\)/);
    expect([machine.mounted, machine.unmounted]).toEqual([1, 1]);
  });

  it('no tracefs in the kernel, or none that can be mounted', async () => {
    machine.remove(TRACEFS);
    machine.mountFailure = 'mount: permission denied.';
    expect(await refused()).toMatch(
      /^RZ3101 tracefs is not mounted, and mounting it failed: mount: permission denied\.; as root: mount/,
    );
    machine.put('/proc/filesystems', 'nodev\tsysfs\n');
    expect(await refused()).toMatch(/^RZ3102 this kernel has no tracefs/);
  });

  it('nothing where it can mount it itself, and unmounts it', async () => {
    machine.remove(TRACEFS);
    expect(await run()).toMatchObject({ file: out, notUndone: [] });
    expect([machine.mounted, machine.unmounted, machine.exists(TRACEFS)]).toEqual([1, 1, false]);
  });

  it.each([
    [
      'CONFIG_MM=y\n# CONFIG_DEBUG_PAGE_REF is not set\n',
      'was built without CONFIG_DEBUG_PAGE_REF (/proc/config.gz: is not set)',
    ],
    ['CONFIG_DEBUG_PAGE_REF=y\n', 'has no page_ref although CONFIG_DEBUG_PAGE_REF is set'],
    ['', 'was built without CONFIG_DEBUG_PAGE_REF: no event'],
  ])('no page_ref events, with the configuration %j', async (config, text) => {
    machine.put('/proc/config.gz', gzipSync(config));
    machine.remove(`${TRACEFS}/events/page_ref`);
    machine.source = { ...source, formats: new Map([...source.formats].filter(([name]) => !/^page_ref/.test(name))) };
    const said = await refused();
    expect(said).toContain(text);
    expect(said).toMatch(/^RZ3103 .*--substitute/s);
  });

  it.each<[Partial<RecordOptions>, RegExp]>([
    [{ events: ['nosuch:event'] }, /^RZ3106 this kernel has no event "nosuch:event"; groups are refs, alloc, /],
    [{ pfn: ['5..5'] }, /^RZ3106 --pfn "5\.\.5" is no range/],
    [{ pfn: ['x'] }, /^RZ3106 --pfn "x" is no range/],
    [{ buffer: 'much' }, /^RZ3106 --buffer "much" is no size/],
    [{ buffer: '1k' }, /^RZ3106 --buffer "1k" is no size/],
    [{ clock: 'sun' }, /^RZ3106 this kernel has no clock "sun"; it has local, global, counter, mono/],
    [{ pids: ['99999'] }, /^RZ3106 there is no process "99999"/],
    [{ out: '/nowhere/x.dat' }, /^RZ3105 cannot write \/nowhere\/x\.dat: its folder is not there/],
  ])('a wrong option: %o', async (options, message) => {
    expect(await refused(options)).toMatch(message);
  });

  it('no memory of devices', async () => {
    machine.put('/proc/iomem', '00000000-00000000 : System RAM\n');
    expect(await refused({ deviceOnly: true })).toMatch(/^RZ3106 \/proc\/iomem names no device memory/);
  });

  it.each<[FakeMachine['refuse'][0], string]>([
    [['mkdir', /instances/, 'ENOMEM'], 'there is not enough memory'],
    [['mkdir', /instances/, 'EPERM'], 'tracing is for root'],
    [['write', /page_ref_mod\/enable/, 'EBUSY'], 'is another tracer running?'],
    [['write', /filter/, 'EINVAL'], 'this kernel does not take that value'],
    [['write', /options\/stacktrace/, 'ENOENT'], 'this kernel does not have it'],
    [['write', /buffer_size_kb/, 'ENOMEM'], 'give a smaller --buffer'],
  ])('the kernel refuses: %o', async (rule, hint) => {
    machine.refuse.push(rule);
    expect(await refused({ pfn: ['1'], buffer: '16M' })).toContain(hint);
  });

  it('a file that exists, which stays as it is', async () => {
    writeFileSync(out, 'mine');
    await expect(run()).rejects.toThrow('exists');
    expectUndone();
    machine.refuse.push(['write', /enable/, 'EBUSY']);
    await expect(run({ force: true })).rejects.toThrow('EBUSY');
    expect([readdirSync(folder), readFileSync(out, 'utf8')]).toEqual([['x.dat'], 'mine']);
    machine.refuse.length = 0;
    await run({ force: true });
    expect((await openTrace(out)).recording.events.length).toBeGreaterThan(0);
  });
});

describe('when something fails on the way', () => {
  it('a full disk ends the recording, not the command', async () => {
    symlinkSync('/dev/full', `${out}.part1`);
    const result = await run({ command: sh('sleep 0.2; exit 4') });
    expect(result).toMatchObject({ ended: { code: 4 }, failure: 'the disk is full', notUndone: [] });
    expectUndone();
    expect((await openTrace(out)).recording.diagnostics[0].message).toBe(
      'it ends before the command did: the disk is full',
    );
  });

  it('a broken stream: the machine is put right, and the command ends by itself', async () => {
    machine.refuse.push(['pull', /^/, 'EIO']);
    const done = join(folder, 'done');
    const stats = machine.at(`${INSTANCE}/per_cpu/cpu1/stats`);
    const text = statsText({ bytes: 1 << 30 });
    const result = await run({ command: sh(`printf '${text}' > ${stats}; sleep 0.5; touch ${done}`) });
    expect(result).toMatchObject({ ended: { code: 0 }, file: undefined, failure: expect.stringContaining('EIO') });
    expectUndone();
    expect(readdirSync(folder)).toEqual(['done']);
  });

  it('what cannot be undone is said, and the rest is undone', async () => {
    machine.refuse.push(['rmdir', /refzero-/, 'EBUSY']);
    const { file, notUndone } = await run();
    expect(file).toBe(out);
    expect(notUndone).toEqual([
      expect.stringContaining(`${INSTANCE} is still there (as root: rmdir ${INSTANCE}): EBUSY`),
    ]);
    expect(machine.openStreams).toBe(0);
    machine.remove(INSTANCE);
    machine.refuse.push(['write', /enable/, 'EBUSY']);
    const error = await run({ force: true }).catch((thrown: unknown) => thrown);
    expect((error as InputError).diagnostics.map(({ code }) => code)).toEqual(['RZ3107', 'RZ3109']);
  });

  it('what a killed recorder left is taken away', async () => {
    machine.mkdir(`${TRACEFS}/instances/refzero-99`);
    machine.mkdir(`${TRACEFS}/instances/mine`);
    await run();
    expect(said).toEqual(['took away what recorder 99 left when it was killed: 1 of its instances and probes']);
    expect(machine.list(`${TRACEFS}/instances`)).toEqual(['mine']);
  });

  it('too little memory for the ring buffers that we chose means smaller ones', async () => {
    machine.refuse.push(['write', /buffer_size_kb/, 'ENOMEM']);
    const sizes = () => machine.writes.filter(([path]) => path === 'buffer_size_kb').map(([, text]) => Number(text));
    await run().catch(() => undefined);
    expect(sizes().slice(0, 3)).toEqual([128000, 64000, 32000]);
  });
});

describe('in place of page_ref events', () => {
  beforeEach(() => {
    machine.put(`${TRACEFS}/kprobe_events`, 'p:mine/x y\n');
    machine.add('/proc/kallsyms', 'ffffffff81000000 T memunmap_pages\nffffffff82000000 D vmemmap_base\n');
  });
  const written = () =>
    machine.writes.filter(([path]) => path.endsWith('kprobe_events')).map(([, text]) => text.trim());

  it('functions are probed, in a system of our own, and the probes taken away', async () => {
    const profile = (name: string) => `  ${name.padEnd(44)}              24               3\n`;
    machine.put(`${TRACEFS}/kprobe_profile`, profile('try_grab_page') + profile('of_somebody'));
    const { probes, lost } = await run({ substitute: true });
    expect(lost.missed).toBe(3);
    expect(probes).toEqual(expect.arrayContaining(['try_grab_page', '__put_page', 'memunmap_pages']));
    expect(written()).toContain(
      'p:refzero_4711/__put_page __put_page page=$arg1:x64 count=+52($arg1):s32 vmemmap=@vmemmap_base:x64',
    );
    const added = written()
      .filter((line) => line.startsWith('p:'))
      .map((line) => line.split(' ')[0].slice(2));
    const taken = written()
      .filter((line) => line.startsWith('-:'))
      .map((line) => line.slice(2));
    expect(taken).toEqual(added.reverse());
    const messages = (await openTrace(out)).recording.diagnostics.map(({ message }) => message);
    expect(messages).toContain('it has probes in place of page_ref events (--substitute)');
  });

  describe('on x86-64', () => {
    beforeEach(() => {
      machine.add('/proc/kallsyms', 'ffffffff81000010 T __x64_sys_write\n');
      for (let pfn = 0x40000; pfn <= 0x4ffff; pfn++) machine.counts.set(pfn, [1, -1]);
    });

    it('the pages of devices that are held at the end are named, in the file too', async () => {
      machine.counts.set(0x40605, [2, -1]);
      // mapped twice, and nothing else; and counted, but of memory that is no device's
      machine.counts.set(0x40700, [3, 1]);
      machine.counts.set(0x50000, [9, -1]);
      const { held } = await run({ substitute: true });
      const page = { pfn: 0x40605, kind: 'fsdax', count: 2, idle: 1, mapped: 0 };
      expect(held).toEqual({ looked: 65536, of: 65536, count: 1, more: false, pages: [page] });
      expectUndone();
      expect(machine.list(`${TRACEFS}/instances`)).toEqual([]);
      expect(written().at(-1)).toBe('-:refzero_held_4711/held');
      const { recording } = await openTrace(out);
      expect(recording.diagnostics.map(({ message }) => message)).toContain(
        'at its end a page of device memory was held: 0x40605 (fsdax) counted 2, idle 1',
      );
    });

    it('none is, and a page that has no struct page is none', async () => {
      for (let pfn = 0x48000; pfn <= 0x4ffff; pfn++) machine.counts.delete(pfn);
      expect((await run({ substitute: true })).held).toMatchObject({ looked: 65536, count: 0, pages: [] });
    });

    it('--zone device limits the probes by the address of the page', async () => {
      await run({ substitute: true, deviceOnly: true });
      const filtered = machine.writes.map(([path]) => path).filter((path) => path.endsWith('/filter'));
      expect(filtered).not.toContain('events/refzero_4711/memunmap_pages/filter');
      expect(machine.writes).toContainEqual([
        'events/refzero_4711/__put_page/filter',
        '(page >= 0xffffdb1441000000 && page < 0xffffdb1441400000)',
      ]);
    });

    it('nothing is asked on other machines, where the place of the memory map is not known', async () => {
      machine.machine = 'aarch64';
      expect((await run({ substitute: true })).held).toBeUndefined();
    });
  });

  it('what a killed recorder left is taken away: its instances, then its probes', async () => {
    machine.put(
      `${TRACEFS}/kprobe_events`,
      'p:mine/x y\np:refzero_98/__put_page __put_page\np:refzero_held_98/held __x64_sys_write\n',
    );
    machine.mkdir(`${TRACEFS}/instances/refzero-98`);
    machine.mkdir(`${TRACEFS}/instances/refzero-held-98`);
    await run();
    expect(written()).toEqual(['-:refzero_98/__put_page', '-:refzero_held_98/held']);
    expect(machine.list(`${TRACEFS}/instances`)).toEqual([]);
    expect(said).toEqual(['took away what recorder 98 left when it was killed: 4 of its instances and probes']);
  });
});

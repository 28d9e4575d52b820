// SPDX-License-Identifier: Apache-2.0
/**
 * A machine to record on that is a folder: /proc, /sys and a tracefs whose formats and sub-buffers are those of a real
 * recording. Making an instance fills it as the kernel does; removing one fails while its streams are open.
 */
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Host, liveHost } from '../../src/app/record-host.js';
import { nodeCodecs, unpackContainer } from '../../src/app/trace-unpack.js';
import { openDat } from '../../src/trace/dat.js';
import { Notes } from '../../src/trace/recording.js';

export const TRACEFS = '/sys/kernel/tracing';
const PID = 4711;
export const INSTANCE = `${TRACEFS}/instances/refzero-${PID}`;
const HELD = `${TRACEFS}/instances/refzero-held-${PID}`;
/** where its memory map begins, as with KASLR */
const MAP = 0xffffdb1440000000n;

const HEADER_PAGE =
  '\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n' +
  '\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n' +
  '\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n' +
  '\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n';

/** What a kernel would serve: formats by `system/event`, each CPU's sub-buffers, and symbols. */
export interface Source {
  formats: Map<string, string>;
  pages: Uint8Array[];
  kallsyms: Uint8Array;
  cmdlines: Uint8Array;
}

/** @returns a real trace.dat version 6, taken apart; of its formats those that are recorded here */
export async function sourceOf(path: string): Promise<Source> {
  const { bytes } = await unpackContainer(new Uint8Array(readFileSync(path)));
  const file = openDat(bytes, await nodeCodecs(), new Notes());
  if (!file) throw new Error(`${path} is no trace.dat`);
  const formats = new Map<string, string>();
  for (const { system, text } of file.formats.values())
    formats.set(`${system}/${/^name: (\S+)/.exec(text)?.[1]}`, text);
  const pages = file.buffers[0].areas.map(({ offset, size }) => bytes.slice(offset, offset + size));
  return { formats, pages, kallsyms: file.kallsyms(), cmdlines: file.cmdlines };
}

export function statsText({ bytes = 0, overrun = 0, dropped = 0, read = 0 }): string {
  return (
    `entries: 0\noverrun: ${overrun}\ncommit overrun: 0\nbytes: ${bytes}\noldest event ts:     1.000000\n` +
    `now ts:     2.000000\ndropped events: ${dropped}\nread events: ${read}\n`
  );
}

const failure = (code: string, path: string) => Object.assign(new Error(`${code}: refused, '${path}'`), { code });

export class FakeMachine implements Host {
  platform = 'linux';
  machine = 'x86_64';
  pid = PID;
  little = true;
  /** every write, in order: path below tracefs and text */
  readonly writes: [string, string][] = [];
  /** refuse what matches: [what is done, path, errno] */
  readonly refuse: ['read' | 'write' | 'list' | 'mkdir' | 'rmdir' | 'pull', RegExp, string][] = [];
  mountFailure: string | undefined;
  /** count and mapcount of pages that have a struct page */
  readonly counts = new Map<number, [number, number]>();
  mounted = 0;
  unmounted = 0;
  readonly root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'refzero-machine-'));
  private readonly live = liveHost();
  private readonly streams = new Set<number>();

  constructor(public source: Source) {
    this.source = { ...source, formats: new Map(source.formats) };
    this.put('/proc/filesystems', 'nodev\tsysfs\nnodev\ttracefs\n\text4\n');
    this.put('/proc/meminfo', 'MemTotal: 8000000 kB\nMemAvailable: 4096000 kB\n');
    this.put('/proc/sys/kernel/osrelease', '5.10.223-fake\n');
    this.put('/proc/sys/kernel/version', '#1 SMP\n');
    this.put('/proc/version', 'Linux version 5.10.223-fake (a@b)\n');
    this.put('/proc/iomem', '00001000-3fffffff : System RAM\n40000000-4fffffff : Persistent Memory (legacy)\n');
    this.add('/proc/iomem', '  40000000-4fffffff : namespace0.0\n');
    this.put(
      '/proc/zoneinfo',
      'Node 0, zone      DMA\n        spanned  4095\n        present  3998\n  start_pfn:           1\n',
    );
    this.put('/proc/kallsyms', new TextDecoder().decode(source.kallsyms));
    this.put('/sys/devices/system/cpu/online', '0-1\n');
    this.put('/sys/devices/system/clocksource/clocksource0/current_clocksource', 'tsc\n');
    this.mountAt(TRACEFS);
  }

  /** Fills a tracefs. */
  mountAt(path: string): void {
    this.put(`${path}/saved_cmdlines`, new TextDecoder().decode(this.source.cmdlines));
    this.put(`${path}/printk_formats`, '');
    this.put(`${path}/tracing_on`, '0\n');
    this.put(`${path}/events/header_event`, '# compressed entry header\n');
    mkdirSync(this.at(`${path}/instances`), { recursive: true });
    this.fillEvents(path);
  }

  at(path: string): string {
    return join(this.root, path);
  }
  put(path: string, text: string | Uint8Array): void {
    mkdirSync(dirname(this.at(path)), { recursive: true });
    writeFileSync(this.at(path), text);
  }
  add(path: string, text: string): void {
    appendFileSync(this.at(path), text);
  }
  remove(path: string): void {
    rmSync(this.at(path), { recursive: true, force: true });
  }
  text(path: string): string {
    return readFileSync(this.at(path), 'utf8');
  }
  dispose(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
  get openStreams(): number {
    return this.streams.size;
  }

  private check(what: FakeMachine['refuse'][0][0], path: string): void {
    const rule = this.refuse.find(([action, pattern]) => action === what && pattern.test(path));
    if (rule) throw failure(rule[2], path);
  }

  private fillEvents(path: string): void {
    this.put(`${path}/events/header_page`, HEADER_PAGE);
    for (const [name, text] of this.source.formats) {
      this.put(`${path}/events/${name}/format`, text);
      if (name.startsWith('ftrace/')) continue;
      this.put(`${path}/events/${name}/enable`, '0\n');
      this.put(`${path}/events/${name}/filter`, 'none\n');
    }
  }

  readBytes(path: string): Uint8Array {
    this.check('read', path);
    return this.live.readBytes(this.at(path));
  }
  write(path: string, text: string): void {
    this.writes.push([path.replace(`${INSTANCE}/`, ''), text]);
    this.check('write', path);
    if (!existsSync(this.at(path))) throw failure('ENOENT', path);
    const probe = /^p:(\S+) /.exec(text)?.[1];
    if (probe !== undefined) {
      const fields = [...text.matchAll(/ (\w+)=/g)].map(([, name]) => `\tfield:u64 ${name};\toffset:16;\tsize:8;\n`);
      this.source.formats.set(probe, `name: ${probe.split('/')[1]}\nID: 9999\nformat:\n${fields.join('')}`);
    }
    if (!path.endsWith('/trace_clock')) writeFileSync(this.at(path), text);
  }
  list(path: string): string[] {
    this.check('list', path);
    return this.live.list(this.at(path));
  }
  exists(path: string): boolean {
    return existsSync(this.at(path));
  }
  mkdir(path: string): void {
    this.check('mkdir', path);
    mkdirSync(this.at(path));
    this.fillEvents(path);
    for (const name of ['tracing_on', 'buffer_size_kb', 'set_event_pid', 'trace_marker', 'trace_pipe']) {
      this.put(`${path}/${name}`, '');
    }
    if (path === HELD) this.put(`${path}/trace`, '# tracer: nop\n');
    this.put(`${path}/trace_clock`, '[local] global counter mono\n');
    for (const option of ['overwrite', 'stacktrace', 'event-fork']) this.put(`${path}/options/${option}`, '0');
    for (const [cpu, pages] of this.source.pages.entries()) {
      this.put(`${path}/per_cpu/cpu${cpu}/trace_pipe_raw`, pages);
      this.put(`${path}/per_cpu/cpu${cpu}/stats`, statsText({ read: 100 }));
    }
  }
  rmdir(path: string): void {
    this.check('rmdir', path);
    if (this.streams.size > 0) throw failure('EBUSY', path);
    rmSync(this.at(path), { recursive: true });
  }
  mount(_type: string, path: string): string | undefined {
    if (this.mountFailure === undefined) {
      this.mounted++;
      this.mountAt(path);
    }
    return this.mountFailure;
  }
  umount(path: string): string | undefined {
    this.unmounted++;
    this.remove(path);
    return undefined;
  }
  open(path: string): number {
    const stream = this.live.open(this.at(path));
    this.streams.add(stream);
    return stream;
  }
  pull(stream: number, into: Uint8Array, at: number, length: number): number {
    this.check('pull', '');
    return this.live.pull(stream, into, at, length);
  }
  close(stream: number): void {
    this.streams.delete(stream);
    this.live.close(stream);
  }
  /** What the probe on write(2) makes of it, as Linux 6.1 prints that. */
  toNowhere(bytes: Uint8Array): void {
    if (!this.exists(`${HELD}/trace`)) return;
    const at = new DataView(bytes.buffer).getBigUint64(0, true);
    const least = /c0 > (\d+)/.exec(this.text(`${HELD}/events/refzero_held_${PID}/held/filter`))?.[1];
    const first = Number((at - MAP) / 64n);
    const pages = Array.from({ length: 16 }, (_, page) => this.counts.get(first + page) ?? [7, 7]);
    if (least !== undefined && pages.every(([count]) => count <= Number(least))) return;
    const words = pages.map(([count, mapcount], page) => `c${page}=${count} m${page}=${mapcount}`).join(' ');
    const there = this.counts.has(first) ? '""' : '(fault)';
    const line = `held: (__x64_sys_write+0x0/0x20) at=0x${at.toString(16)} ${words} there=${there} base=0x${MAP.toString(16)}`;
    this.add(`${HELD}/trace`, `            node-${PID}    [001] d..1.    52.000001: ${line}\n`);
  }
  alive(pid: number): boolean {
    return pid === PID;
  }
}

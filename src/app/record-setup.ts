// SPDX-License-Identifier: Apache-2.0
/**
 * How an instance is set before events are switched on: size of the ring buffers, clock, call paths, whose events; and the
 * names of tasks, which the kernel forgets as new ones come.
 */
import { cannot, codeOf, type Host, tryList, tryText } from './record-host.js';
import type { Instance } from './record-tracefs.js';

export interface Settings {
  /** bytes of the ring buffers of all CPUs that are there, and of one */
  buffers: number;
  capacity: number;
  /** bytes of a sub-buffer */
  pageSize: number;
  clock: string;
}

export interface SetupOptions {
  stacks: boolean;
  buffer: string | undefined;
  clock: string | undefined;
  /** only what these tasks and their children do: numbers, or `command` */
  pids: readonly string[];
}

const MIB = 1 << 20;
/** of the memory that is free, and never more than that */
const SHARE = 1 / 16;
const LARGEST = 1024 * MIB;
/** of one CPU; with less nothing can be kept while it is emptied */
const SMALLEST = 64 << 10;

/** Sets everything but the events. @throws InputError where the kernel refuses */
export function setUp(instance: Instance, options: SetupOptions): Settings {
  const { host } = instance;
  const clock = setClock(instance, options.clock);
  // up to Linux 6.6 the first event switched on gives the user's own ring buffer its size, unless a size was set anywhere before
  // that: then it would stay at some pages. Any write here counts as the first.
  if (instance.has('set_event')) instance.write('set_event', ' ');
  const cpus = Math.max(1, onlineCpus(host));
  const wanted = options.buffer === undefined ? chosenSize(host) : parseSize(options.buffer);
  const capacity = setSize(instance, Math.max(SMALLEST, Math.floor(wanted / cpus)), options.buffer === undefined);
  instance.write('options/overwrite', '1');
  // events without a call path: also where the user's own tracing has them
  instance.write('options/stacktrace', options.stacks ? '1' : '0');
  if (options.pids.length > 0) {
    // the command is forked by our own first thread
    const threads = options.pids.flatMap((pid) => (pid === 'command' ? [String(host.pid)] : threadsOf(host, pid)));
    instance.write('options/event-fork', '1');
    instance.write('set_event_pid', threads.join(' '));
  }
  const data = /field:\s*char data;\s*offset:(\d+);\s*size:(\d+);/.exec(headerPage(instance));
  return { buffers: capacity * cpus, capacity, pageSize: data ? Number(data[1]) + Number(data[2]) : 4096, clock };
}

/** The kernel filters by thread. */
function threadsOf(host: Host, pid: string): string[] {
  const threads = /^[1-9]\d{0,9}$/.test(pid) ? tryList(host, `/proc/${pid}/task`) : [];
  if (threads.length > 0) return threads;
  throw cannot(
    'RZ3106',
    `there is no process ${JSON.stringify(pid)}`,
    'its number, or --pid command for what is recorded',
  );
}

/** Of an instance since sub-buffers can have a size of their own, before that one for all. */
export function headerPage(instance: Instance): string {
  return instance.read('events/header_page') || tryText(instance.host, `${instance.root}/events/header_page`);
}

function onlineCpus(host: Host): number {
  const ranges = tryText(host, '/sys/devices/system/cpu/online').trim().split(',');
  return ranges.reduce((sum, range) => {
    const [first, last = first] = range.split('-').map(Number);
    return sum + (Number.isNaN(first) || range === '' ? 0 : last - first + 1);
  }, 0);
}

function chosenSize(host: Host): number {
  const free = Number(/^MemAvailable:\s+(\d+) kB/m.exec(tryText(host, '/proc/meminfo'))?.[1] ?? 0) * 1024;
  return Math.min(LARGEST, Math.floor(free * SHARE));
}

/** @returns bytes of a text such as `64M`. @throws InputError where it is none */
export function parseSize(text: string): number {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  const unit = { '': 1, k: 1024, m: MIB, g: 1024 * MIB, t: 1024 * 1024 * MIB }[match?.[2].toLowerCase() ?? ''] ?? 1;
  const size = Math.floor(Number(match?.[1] ?? 0) * unit);
  if (size >= SMALLEST) return size;
  const hint = `for example 256M, for the ring buffers of all CPUs together; at least ${SMALLEST >> 10}K`;
  throw cannot('RZ3106', `--buffer ${JSON.stringify(text)} is no size`, hint);
}

/** Sets the size for each CPU; where we chose it ourselves, less if there is no memory. @returns the bytes that it became */
function setSize(instance: Instance, size: number, smaller: boolean): number {
  for (let bytes = size; ; bytes /= 2) {
    try {
      instance.host.write(`${instance.path}/buffer_size_kb`, String(Math.ceil(bytes / 1024)));
      break;
    } catch (error) {
      if (smaller && codeOf(error) === 'ENOMEM' && bytes / 2 >= SMALLEST) continue;
      // says it in our words
      instance.write('buffer_size_kb', String(Math.ceil(bytes / 1024)));
      break;
    }
  }
  return Number.parseInt(instance.read('buffer_size_kb'), 10) * 1024 || size;
}

/** Pages wander from CPU to CPU: their order needs a clock that all agree on, as `local` does where the TSC is stable. */
function setClock(instance: Instance, wanted: string | undefined): string {
  const offered = instance.read('trace_clock').replace(/[[\]]/g, '').trim().split(/\s+/);
  const source = tryText(instance.host, '/sys/devices/system/clocksource/clocksource0/current_clocksource').trim();
  const clock = wanted ?? (['tsc', 'arch_sys_counter'].includes(source) ? 'local' : 'global');
  if (!offered.includes(clock)) {
    throw cannot('RZ3106', `this kernel has no clock ${JSON.stringify(clock)}`, `it has ${offered.join(', ')}`);
  }
  instance.write('trace_clock', clock);
  return clock;
}

/** Names of tasks by number: the kernel keeps the last 128 or so, hence looked at again and again. */
export class TaskNames {
  private readonly names = new Map<number, string>();

  constructor(private readonly instance: Instance) {}

  learn(): void {
    for (const line of tryText(this.instance.host, `${this.instance.root}/saved_cmdlines`).split('\n')) {
      const match = /^(\d{1,10}) (.+)$/.exec(line);
      if (match && match[2] !== '<...>') this.names.set(Number(match[1]), match[2]);
    }
  }

  /** `pid comm` lines. Names of those who still run are added. */
  lines(): string {
    const { host } = this.instance;
    this.learn();
    for (const entry of tryList(host, '/proc')) {
      if (/^\d+$/.test(entry) && !this.names.has(Number(entry))) {
        const name = tryText(host, `/proc/${entry}/comm`).trim();
        if (name !== '') this.names.set(Number(entry), name);
      }
    }
    return [...this.names].map(([pid, name]) => `${pid} ${name}\n`).join('');
  }
}

// SPDX-License-Identifier: Apache-2.0
/**
 * `refzero record`: runs a command and records what happens to the reference counts of pages meanwhile, into a file that
 * `refzero trace`, trace-cmd and KernelShark read. Whatever it changes on the machine is taken back, however it ends.
 *
 * Not here: where tracefs is (record-tracefs.ts), which events (record-events.ts), emptying the ring buffers (record-pump.ts),
 * what is known of the machine (record-facts.ts), and how results are told (src/cli/record.ts).
 */
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { InputError } from '../base/diagnostic.js';
import { type PfnRange, rangeOf } from '../conform/ranges.js';
import { parseKernelVersion } from '../spec/kernel-version.js';
import { noPageRef } from './record-advice.js';
import { type Ended, runCommand, type Signals } from './record-command.js';
import { enableEvents, eventsOf, filterText, type KernelEvent, type PfnSpan, parseSpan } from './record-events.js';
import { Facts } from './record-facts.js';
import { assemble, gather } from './record-file.js';
import { type Held, MemoryMap } from './record-held.js';
import { cannot, codeOf, type Host, liveHost, symbolsOf } from './record-host.js';
import { Out } from './record-out.js';
import { Pump } from './record-pump.js';
import { type Settings, type SetupOptions, setUp, TaskNames } from './record-setup.js';
import { addProbes, missedHits } from './record-substitute.js';
import { findTracefs, type Instance, makeInstance, removeLeftovers } from './record-tracefs.js';
import { Undo } from './record-undo.js';

export interface RecordOptions extends SetupOptions {
  command: readonly string[];
  out: string;
  /** replace `out` where it exists */
  force: boolean;
  /** text as `cat trace_pipe` prints, in place of a trace.dat */
  text: boolean;
  /** groups or events beside those of reference counts, allocation and tasks */
  events: readonly string[];
  /** ranges of page numbers as texts; none for all pages */
  pfn: readonly string[];
  /** only pages of device memory */
  deviceOnly: boolean;
  /** seconds to go on after the command's end, for what is given back late */
  after: number;
  /** without page_ref events: what a stock kernel has */
  substitute: boolean;
}

/** What came of it; everything but `ended` is of the recording. */
export interface RecordResult {
  ended: Ended;
  /** the recording; undefined where there is none */
  file: string | undefined;
  /** of sub-buffers or text */
  bytes: number;
  /** ring-buffer records: events, stacks and marks */
  records: number;
  settings: Settings;
  /** `missed`: hits of probes that the kernel passed by */
  lost: { overrun: number; dropped: number; missed: number };
  /** probes in place of page_ref events */
  probes: readonly string[];
  /** pages of devices that were held at the end, where the kernel could be asked */
  held: Held | undefined;
  /** why there is no recording, or only the beginning of one */
  failure: string | undefined;
  /** what could not be undone, and is */
  notUndone: readonly string[];
}

export interface RecordHooks {
  /** told what a user should know while it goes on */
  said(text: string): void;
  signals: Signals;
  /** does Ctrl-C reach the command by itself? */
  atTerminal: boolean;
  host?: Host;
}

interface Plan {
  events: readonly KernelEvent[];
  /** pages to which it is limited, none for all */
  spans: readonly PfnSpan[];
  /** functions that are probed in place of page_ref events */
  probes: readonly string[];
  /** what the kernel keeps of its pages, where it can be read */
  map: MemoryMap | undefined;
  /** are the addresses of struct pages known? */
  measured: boolean;
  settings: Settings;
}

/** A signal came when the command was over already, and the file not yet written. */
export class Interrupted extends Error {}

const HELD: NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP'];
/** ms between two looks at what devices have for memory */
const LEARN = 1000;

/**
 * Runs and records. @throws InputError where nothing could be recorded (then the command was not run), Interrupted; nothing
 * is changed on the machine then, but for what the message says
 */
export async function record(options: RecordOptions, hooks: RecordHooks): Promise<RecordResult> {
  const undo = new Undo();
  const session = new Session(options, hooks, undo);
  const hear = () => session.hear();
  for (const signal of HELD) hooks.signals.on(signal, hear);
  try {
    return await session.run();
  } catch (error) {
    const left = undo.run().map((message) => ({ code: 'RZ3109', message: `not undone: ${message}` }));
    if (left.length > 0 && error instanceof InputError) throw new InputError(...error.diagnostics, ...left);
    for (const { message } of left) hooks.said(message);
    throw error;
  } finally {
    for (const signal of HELD) hooks.signals.off(signal, hear);
  }
}

class Session {
  private readonly host: Host;
  private readonly facts: Facts;
  private ended: Ended | undefined;
  private failure: string | undefined;
  /** the events are gone */
  private broken = false;
  private interrupted = false;
  private nextLook = 0;
  private wake: () => void = () => {};

  constructor(
    private readonly options: RecordOptions,
    private readonly hooks: RecordHooks,
    private readonly undo: Undo,
  ) {
    this.host = hooks.host ?? liveHost();
    this.facts = new Facts(this.host);
  }

  /** A signal: the command has it too, or gets it from runCommand. */
  hear(): void {
    this.interrupted = this.ended !== undefined;
    this.wake();
  }

  async run(): Promise<RecordResult> {
    const { options, host, undo, hooks } = this;
    const spans = options.pfn.map(parseSpan);
    const root = findTracefs(host, undo);
    if (options.deviceOnly) spans.push(...this.deviceSpans());
    removeLeftovers(host, root, hooks.said);
    const symbols = options.substitute ? symbolsOf(host) : undefined;
    const map = symbols && MemoryMap.open(host, root, symbols, undo);
    // before the instance, so that they are taken away after it: what is in use stays
    const measured = map?.measure(this.deviceMemory()) ?? false;
    const probes = symbols && addProbes(host, root, symbols, undo, map);
    const instance = makeInstance(host, root, undo);
    const events = this.eventsOf(instance, probes?.system);
    const settings = setUp(instance, options);
    const plan: Plan = { events, spans, probes: probes?.functions ?? [], map, measured, settings };
    const out = new Out(options.out, options.force);
    let kept = false;
    try {
      const result = await this.into(out, instance, plan);
      kept = result.file !== undefined;
      if (kept) out.keep();
      return result;
    } finally {
      if (!kept) out.drop();
    }
  }

  private async into(out: Out, instance: Instance, plan: Plan): Promise<RecordResult> {
    const { options, undo, host } = this;
    const { settings, probes, map, measured } = plan;
    const { capacity, pageSize } = settings;
    const pump = new Pump(instance, { out: options.out, capacity, pageSize, text: options.text });
    undo.add('the streams of the ring buffers are still open', () => pump.close());
    try {
      const names = new TaskNames(instance);
      enableEvents(instance, plan.events, plan.spans, measured ? (pfn) => map!.address(pfn) : undefined);
      const ended = await this.capture(instance, pump, names);
      // the file is made when the machine is as it was
      const gathered = gather(instance, plan.events, names);
      const held = ended.failure === undefined ? this.heldPages(map) : undefined;
      const missed = missedHits(host, instance.root, probes);
      const notUndone = undo.run();
      const sum = (pick: 'overrun' | 'dropped' | 'taken') => gathered.stats.reduce((all, stat) => all + stat[pick], 0);
      const lost = { overrun: sum('overrun'), dropped: sum('dropped'), missed };
      let complete = ended.failure === undefined && !this.broken;
      if (complete) {
        const machine = { json: this.factsJson(plan, lost, held), uname: this.facts.uname, little: host.little };
        const making = assemble(out, gathered, machine, pageSize, pump.parts, () => this.checkInterrupt());
        await making.catch((error) => {
          this.fail(error);
          complete = false;
        });
      }
      const { failure } = this;
      const [bytes, records] = [pump.bytes, sum('taken')];
      const file = complete ? options.out : undefined;
      return { ended, file, bytes, records, settings, lost, probes, held, failure, notUndone };
    } finally {
      for (const { path } of pump.parts) rmSync(path, { force: true });
    }
  }

  /** Runs the command, emptying the buffers as they fill. Afterwards tracing is off, and they are empty. */
  private async capture(instance: Instance, pump: Pump, names: TaskNames): Promise<Ended> {
    const { options, hooks } = this;
    instance.write('tracing_on', '1');
    this.mark(instance, `begin ${options.command.join(' ')}`);
    const running = runCommand(options.command, hooks.signals, hooks.atTerminal).then((ended) => {
      this.ended = ended;
      this.wake();
      return ended;
    });
    try {
      while (this.ended === undefined) await this.turn(instance, pump, names, running);
      this.mark(instance, `end ${this.ended.code}`);
      const until = performance.now() + (this.ended.failure === undefined ? options.after * 1000 : 0);
      while (performance.now() < until && !this.interrupted) {
        await this.turn(instance, pump, names, sleep(until - performance.now(), undefined, { ref: false }));
      }
      instance.write('tracing_on', '0');
      pump.finish();
      this.failure ??= pump.stopped;
    } catch (error) {
      // trouble of ours is none of the command's: the machine is put right at once, and the command ends by itself
      this.undo.run();
      await running;
      this.fail(error);
    }
    return running;
  }

  /** Notes what the machine refused; our own bugs and interrupts go on. */
  private fail(error: unknown): void {
    if (!(error instanceof InputError) && codeOf(error) === '') throw error;
    this.failure ??= (error as Error).message;
    this.broken = true;
  }

  /** Empties what is full enough, then waits, for `end` at the longest. */
  private async turn(instance: Instance, pump: Pump, names: TaskNames, end: Promise<unknown>): Promise<void> {
    const wait = this.failure === undefined ? pump.turn() : LEARN;
    if (pump.stopped !== undefined && this.failure === undefined) {
      this.failure = pump.stopped;
      instance.write('tracing_on', '0');
      this.hooks.said(`stopped recording: ${pump.stopped}; the command goes on`);
    }
    names.learn();
    if (performance.now() >= this.nextLook) {
      this.nextLook = performance.now() + LEARN;
      this.facts.learn();
    }
    const woken = new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    const pause = new AbortController();
    const slept = sleep(wait, undefined, { signal: pause.signal }).catch(() => {});
    await Promise.race([end, woken, slept]);
    pause.abort();
  }

  /** A line in the recording itself, where the kernel takes one. */
  private mark(instance: Instance, text: string): void {
    if (instance.has('trace_marker')) instance.write('trace_marker', `refzero: ${text}\n`.slice(0, 1000));
  }

  /** Of all device memory that is there at the end. */
  private heldPages(map: MemoryMap | undefined): Held | undefined {
    const kernel = parseKernelVersion(this.facts.release);
    if (map === undefined || kernel === undefined || this.broken) return undefined;
    this.facts.learn();
    const ranges = this.deviceMemory();
    return ranges.length === 0 ? undefined : map.held(ranges, kernel);
  }

  private deviceMemory(): PfnRange[] {
    return this.facts.deviceRanges.flatMap(({ first_pfn, last_pfn, type }) => rangeOf(first_pfn, last_pfn, type) ?? []);
  }

  private checkInterrupt(): void {
    if (this.interrupted) throw new Interrupted();
  }

  private deviceSpans(): PfnSpan[] {
    const spans = this.facts.deviceRanges.map(({ first_pfn, last_pfn }) => ({
      from: Number(first_pfn),
      to: Number(last_pfn) + 1,
    }));
    if (spans.length > 0) return spans;
    const hint =
      'memory that a module will only bring later has no page numbers yet: load it first, or give --pfn FROM..TO';
    throw cannot('RZ3106', '/proc/iomem names no device memory that has pages', hint);
  }

  private eventsOf(instance: Instance, probes: string | undefined): KernelEvent[] {
    const { options } = this;
    const refs = eventsOf(instance, ['refs']);
    if (refs.length === 0 && !options.substitute) throw noPageRef(this.host, instance.root);
    return [
      ...refs,
      ...eventsOf(instance, ['alloc', 'tasks', ...(probes === undefined ? [] : [probes]), ...options.events]),
    ];
  }

  /** What the file says of itself: whoever judges it must know what it does not hold. */
  private factsJson({ events, spans, probes, settings }: Plan, lost: RecordResult['lost'], held?: Held): string {
    const { command, stacks, pids } = this.options;
    const names = events.map(({ system, name }) => `${system}:${name}`);
    const stopped = this.failure;
    const filter = filterText(spans);
    this.facts.learn();
    const recorder = { command, events: names, filter, pids, stacks, probes, ...settings, lost, held, stopped };
    return this.facts.json({ recorder });
  }
}

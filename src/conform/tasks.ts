// SPDX-License-Identifier: Apache-2.0
/** Which tasks are gone at the end of a recording. Looked up only when a page is suspected, then once for all. */
import { OP } from '../spec/ops.js';
import { describe } from '../trace/describe.js';
import type { Recording } from '../trace/recording.js';
import type { PageIndex } from './page-index.js';
import type { Sites } from './sites.js';

/** the last events of a task that are looked at where there are no stacks, and how many of them must be frees */
const LAST = 48;
const FREES = 12;
/** for so long (ns) it must have had no event at the end of the recording */
const SILENT = 2.5e5;
/** include/uapi/linux/sched.h */
const CLONE_THREAD = 0x10000;

export class Tasks {
  private gone: Set<number> | undefined;
  private last: Map<number, number> | undefined;

  constructor(
    private readonly recording: Recording,
    private readonly index: PageIndex,
    private readonly sites: Sites,
    private readonly stacks: boolean,
  ) {}

  /**
   * Has the task ended? Where births and exits of tasks were recorded, they tell. Else, with stacks: it was seen in exit_mmap.
   * Without: its last events are frees, as those of exit_mmap are.
   */
  exited(pid: number): boolean {
    if (pid <= 0) return false;
    this.gone ??= this.byExits(this.stacks ? this.byStack() : this.byFrees());
    return this.gone.has(pid);
  }

  /** Time of a task's last event; of one without events negative infinity. */
  lastSeen(pid: number): number {
    if (!this.last) {
      this.last = new Map();
      const { events } = this.recording;
      for (let row = 0; row < events.length; row++) this.last.set(events.pid(row), events.time[row]);
    }
    return this.last.get(pid) ?? Number.NEGATIVE_INFINITY;
  }

  /**
   * Adds the processes that were born in the recording and whose threads have all exited: sched_process_exit is an event of a
   * thread, and which process a thread is of only its birth tells (task_newtask).
   */
  private byExits(gone: Set<number>): Set<number> {
    const { events, kinds } = this.recording;
    const born = kinds.findIndex(({ name }) => name === 'task_newtask');
    const exit = kinds.findIndex(({ name }) => name === 'sched_process_exit');
    if (born < 0 || exit < 0) return gone;
    const processes = new Map<number, { threads: number[]; living: number }>();
    for (let row = 0; row < events.length; row++) {
      const kind = events.kind(row);
      if (kind === born) {
        const child = this.birth(row);
        if (!child) continue;
        const group = child.thread ? processes.get(events.pid(row)) : { threads: [], living: 0 };
        // of a process that was there before, not all threads are known
        if (!group) continue;
        gone.delete(child.pid);
        group.threads.push(child.pid);
        group.living++;
        processes.set(child.pid, group);
      } else if (kind === exit) {
        const group = processes.get(events.pid(row));
        if (group && --group.living === 0) for (const thread of group.threads) gone.add(thread);
      }
    }
    return gone;
  }

  /** The new task, and whether it is a thread of the one that made it (clone_flags: hexadecimal in texts). */
  private birth(row: number): { pid: number; thread: boolean } | undefined {
    const { events, kinds } = this.recording;
    const match = /\bpid=(\d+) .*\bclone_flags=(0x)?([0-9a-f]+)/.exec(describe(this.recording, row));
    if (!match) return undefined;
    const decimal = match[2] === undefined && kinds[events.kind(row)].format !== undefined;
    const flags = Number.parseInt(match[3], decimal ? 10 : 16);
    return { pid: Number(match[1]), thread: flags % (2 * CLONE_THREAD) >= CLONE_THREAD };
  }

  private byStack(): Set<number> {
    const gone = new Set<number>();
    const { events } = this.recording;
    let last = -1;
    for (let row = 0; row < events.length; row++) {
      if (events.who[row] === last || !this.sites.paths[this.sites.of(row)].exiting) continue;
      last = events.who[row];
      gone.add(events.pid(row));
    }
    return gone;
  }

  private byFrees(): Set<number> {
    const { events } = this.recording;
    const { effects } = this.index;
    const isFree = this.freesByShape();
    const seen = new Map<number, { events: number; frees: number }>();
    // whoever is still at it when the recording ends is not known to be gone
    const latest =
      this.recording.unit === 'ns' && events.length > 0 ? events.time[events.length - 1] - SILENT : Infinity;
    for (let row = events.length - 1; row >= 0; row--) {
      const op = effects.op[events.shape[row]];
      if (op === OP.none) continue;
      const pid = events.pid(row);
      let task = seen.get(pid);
      if (!task) seen.set(pid, (task = { events: events.time[row] > latest ? LAST : 0, frees: 0 }));
      if (task.events++ < LAST && isFree[events.shape[row]] === 1) task.frees++;
    }
    return new Set([...seen].filter(([, { frees }]) => frees >= FREES).map(([task]) => task));
  }

  /**
   * By shape, 1 for what frees a page: mm_page_free; where that was not recorded, the put after which a page counts zero. Of some
   * pages alone it tells nothing: device memory comes and goes while its task lives.
   */
  private freesByShape(): Uint8Array {
    const { events, somePages } = this.recording;
    const { op, after } = this.index.effects;
    const told = somePages || events.tally.perShape.some((rows, shape) => rows > 0 && op[shape] === OP.free);
    return Uint8Array.from(op, (of, shape) =>
      Number(told ? of === OP.free : of === OP.modAndTest && after[shape] === 0),
    );
  }
}

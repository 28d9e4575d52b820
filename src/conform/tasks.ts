// SPDX-License-Identifier: Apache-2.0
/** Which tasks are gone at the end of a recording. Looked up only when a page is suspected, then once for all. */
import { OP } from '../spec/ops.js';
import type { Recording } from '../trace/recording.js';
import type { PageIndex } from './page-index.js';
import type { Sites } from './sites.js';

/** the last events of a task that are looked at where there are no stacks, and how many of them must be frees */
const LAST = 48;
const FREES = 12;

export class Tasks {
  private gone: Set<number> | undefined;

  constructor(
    private readonly recording: Recording,
    private readonly index: PageIndex,
    private readonly sites: Sites,
    private readonly stacks: boolean,
  ) {}

  /** Has the task ended? With stacks: it was seen in exit_mmap. Without: its last events are frees, as those of exit_mmap are. */
  exited(pid: number): boolean {
    if (pid <= 0) return false;
    this.gone ??= this.stacks ? this.byStack() : this.byFrees();
    return this.gone.has(pid);
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
    const seen = new Map<number, { events: number; frees: number }>();
    for (let row = events.length - 1; row >= 0; row--) {
      const op = effects.op[events.shape[row]];
      if (op === OP.none) continue;
      const pid = events.pid(row);
      let task = seen.get(pid);
      if (!task) seen.set(pid, (task = { events: 0, frees: 0 }));
      if (task.events++ < LAST && op === OP.free) task.frees++;
    }
    return new Set([...seen].filter(([, { frees }]) => frees >= FREES).map(([task]) => task));
  }
}

// SPDX-License-Identifier: Apache-2.0
/**
 * References that their taker may have handed on, where no stack tells: vmsplice puts pages of its task into a pipe (fs/splice.c:
 * iter_to_pipe), MSG_ZEROCOPY into the buffers of a socket, by one get of the fast path of get_user_pages for each (mm/gup.c); pipe and
 * socket may live on when the task is gone. A driver that forgets the only reference that it took does the same to the page; unless
 * its task gave back nearly all others that it took so, nothing tells the two apart.
 *
 * Not here: pins, which nobody hands on; pages that were not in a page table yet, which the slow path gets.
 */
import type { KernelVersion } from '../spec/kernel-version.js';
import { OP } from '../spec/ops.js';
import type { PageKind } from '../spec/rest.js';
import type { Recording } from '../trace/recording.js';
import { BareLife } from './bare-life.js';
import type { PageIndex } from './page-index.js';

/** a task gives back what it takes where it was seen to do so this often, and so many times more often than not */
const OFTEN = 16;
const TIMES_MORE = 4;

/** One for a recording; what its tasks do is looked up when somebody is suspected, then once for all. */
export class HandedOn {
  private tasks: Map<number, { given: number; kept: number }> | undefined;

  constructor(
    private readonly recording: Recording,
    private readonly index: PageIndex,
    private readonly kernel: KernelVersion | undefined,
    private readonly kindOf: (pfn: number) => PageKind,
  ) {}

  /** How many of the references taken in a life may be somebody else's by now. */
  mayBe(life: BareLife): number {
    const kept = new Set<number>();
    matchGets(life, (at, isKept) => {
      if (isKept && !this.givesBack(life.pid(at))) kept.add(at);
    });
    let handed = 0;
    let other = 0;
    for (let at = life.from; at < life.to; at++) {
      if (kept.has(at)) handed++;
      else if (life.delta(at) === 1 && !life.isMapping(at)) other++;
      else if (!life.gives(at)) continue;
      else if (other > 0) other--;
      else if (handed > 0) handed--;
    }
    return handed;
  }

  private givesBack(pid: number): boolean {
    const { given, kept } = (this.tasks ??= this.learn()).get(pid) ?? { given: 0, kept: 0 };
    return given >= OFTEN && given >= TIMES_MORE * kept;
  }

  /** What each task did with what it took of the memory of tasks; files' pages are looked up in the same way, and given back. */
  private learn(): Map<number, { given: number; kept: number }> {
    const tasks = new Map<number, { given: number; kept: number }>();
    for (let page = 0; page < this.index.pages.length; page++) {
      const ordinary = this.kindOf(this.index.pages[page]) === 'ordinary';
      const life = new BareLife(this.recording, this.index, page, -1, this.kernel);
      matchGets(life, (at, isKept) => {
        if (ordinary && !(life.state(at).anon && life.mapped(at) > 0)) return;
        let task = tasks.get(life.pid(at));
        if (!task) tasks.set(life.pid(at), (task = { given: 0, kept: 0 }));
        if (isKept) task.kept++;
        else task.given++;
      });
    }
    return tasks;
  }
}

/** Tells of each get of the fast path, from the last back, whether its task kept it: put nothing after it, beside mappings and what it took so later. */
function matchGets(life: BareLife, tell: (at: number, isKept: boolean) => void): void {
  const puts = new Map<number, number>();
  for (let at = life.to - 1; at >= life.from; at--) {
    const pid = life.pid(at);
    if (life.op(at) === OP.modUnless && life.delta(at) === 1 && !life.isMapping(at)) {
      const left = puts.get(pid) ?? 0;
      if (left > 0) puts.set(pid, left - 1);
      tell(at, left === 0);
    } else if (life.gives(at) && !life.isDrain(at)) puts.set(pid, (puts.get(pid) ?? 0) + 1);
  }
}

// SPDX-License-Identifier: Apache-2.0
/** Task names of a trace.dat: the kernel's saved_cmdlines (`pid comm` a line), looked up by pid. Missing names are normal. */
import { ByteInterner } from './intern.js';

export class TaskNames {
  readonly names = new ByteInterner();
  private readonly byPid = new Map<number, number>();
  private lastPid = 0;
  private lastName = -1;

  constructor(lines: Uint8Array) {
    this.byPid.set(0, this.names.internText('<idle>'));
    for (let at = 0; at < lines.length; ) {
      let end = lines.indexOf(10, at);
      if (end < 0) end = lines.length;
      this.line(lines, at, end);
      at = end + 1;
    }
    this.lastName = this.byPid.get(0) ?? -1;
  }

  /** The id of the name of a task, -1 where it was not saved. */
  of(pid: number): number {
    if (pid === this.lastPid) return this.lastName;
    this.lastPid = pid;
    this.lastName = this.byPid.get(pid) ?? -1;
    return this.lastName;
  }

  private line(bytes: Uint8Array, from: number, to: number): void {
    let pid = 0;
    let at = from;
    for (; at < to && bytes[at] >= 48 && bytes[at] <= 57; at++) pid = pid * 10 + bytes[at] - 48;
    if (at === from || bytes[at] !== 32 || pid > 0x7fffffff) return;
    let end = to;
    while (end > at + 1 && bytes[end - 1] === 0) end--;
    this.byPid.set(pid, this.names.intern(bytes, at + 1, end));
  }
}

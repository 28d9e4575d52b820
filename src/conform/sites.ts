// SPDX-License-Identifier: Apache-2.0
/** The call paths of a recording: each distinct stack read once, equal paths one number, so that events compare by numbers. */
import { type CallPath, callPath } from '../spec/call-paths.js';
import { withoutTracer } from '../spec/tracer-frames.js';
import type { Recording } from '../trace/recording.js';

/** Site 0 stands for "no stack". */
export class Sites {
  readonly paths: CallPath[] = [callPath([])];
  /** by site: a number for the holder, equal for equal holders */
  readonly holders: number[] = [0];
  private readonly ofStack: Int32Array;
  private readonly byFrames = new Map<string, number>();
  private readonly byHolder = new Map<string, number>([['', 0]]);

  constructor(private readonly recording: Pick<Recording, 'events' | 'stacks'>) {
    this.ofStack = new Int32Array(recording.stacks.size).fill(-1);
  }

  /** Is there no stack at all? */
  get areNone(): boolean {
    return this.ofStack.length === 0;
  }

  /** The call path of the event in `row`. */
  of(row: number): number {
    if (row < 0 || this.ofStack.length === 0) return 0;
    const stack = this.recording.events.stack(row);
    if (stack < 0) return 0;
    const site = this.ofStack[stack];
    return site >= 0 ? site : this.read(stack);
  }

  private read(stack: number): number {
    const frames = withoutTracer(this.recording.stacks.frames(stack));
    const key = frames.join('\n');
    let site = frames.length === 0 ? 0 : this.byFrames.get(key);
    if (site === undefined) {
      const path = callPath(frames);
      site = this.paths.push(path) - 1;
      this.byFrames.set(key, site);
      let holder = this.byHolder.get(path.holder);
      if (holder === undefined) this.byHolder.set(path.holder, (holder = this.byHolder.size));
      this.holders.push(holder);
    }
    this.ofStack[stack] = site;
    return site;
  }
}

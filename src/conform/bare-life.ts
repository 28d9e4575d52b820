// SPDX-License-Identifier: Apache-2.0
/** The last life of a page as its events show it where no stack tells: who took, who gave back, and what mappings account for. */
import type { KernelVersion } from '../spec/kernel-version.js';
import { OP, type Op } from '../spec/ops.js';
import type { Recording } from '../trace/recording.js';
import type { PageIndex } from './page-index.js';
import { mappedAt, type PageState, stateAt } from './page-state.js';

/** Events are named by their positions in the index, `[from, to)`. */
export class BareLife {
  readonly from: number;
  readonly to: number;

  /** @param begin the row with which the life began, below 0 where that was not seen */
  constructor(
    readonly recording: Recording,
    private readonly index: PageIndex,
    page: number,
    begin: number,
    readonly kernel: KernelVersion | undefined,
  ) {
    this.from = begin < 0 ? index.starts[page] : index.rows.indexOf(begin, index.starts[page]);
    this.to = index.starts[page + 1];
  }

  op(at: number): Op {
    return this.index.effects.op[this.index.shapes[at]] as Op;
  }

  delta(at: number): number {
    return this.index.effects.delta[this.index.shapes[at]];
  }

  pid(at: number): number {
    return this.recording.events.pid(this.index.rows[at]);
  }

  cpu(at: number): number {
    return this.recording.events.cpu(this.index.rows[at]);
  }

  mapped(at: number): number {
    return mappedAt(this.recording, this.index.rows[at], this.kernel) ?? 0;
  }

  state(at: number): PageState {
    return stateAt(this.recording, this.index.rows[at], this.kernel);
  }

  /** A get of one reference that does not ask whether the page is in use. */
  isPlainGet(at: number): boolean {
    return at >= this.from && this.op(at) === OP.mod && this.delta(at) === 1;
  }

  sameTask(at: number, other: number): boolean {
    return other >= this.from && this.pid(at) === this.pid(other);
  }

  /** Does the count of mappings fall with this put? */
  isUnmapping(at: number): boolean {
    return at > this.from && this.mapped(at) < this.mapped(at - 1);
  }

  /** Does it rise with this get, or right after it (mm/rmap.c)? */
  isMapping(at: number): boolean {
    return at + 1 < this.to && this.mapped(at + 1) > this.mapped(at);
  }

  /** Gives back what is no mapping's. */
  gives(at: number): boolean {
    return this.delta(at) < 0 && !this.isUnmapping(at);
  }

  /** Is it the batch's own put, by which the page came onto the LRU (mm/swap.c: lru_add)? Whose batch it was in does not matter. */
  isDrain(at: number): boolean {
    if (at === this.from || !this.gives(at)) return false;
    return this.state(at).flags?.has('lru') === true && this.state(at - 1).flags?.has('lru') === false;
  }
}

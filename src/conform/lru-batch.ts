// SPDX-License-Identifier: Apache-2.0
/**
 * References that the LRU's per-CPU batches may hold, where no stack tells (mm/swap.c, in 7.3 mm/folio.c: __folio_batch_add_and_move).
 * A page that is on the LRU is put into one to be activated, deactivated, freed lazily or rotated; the batch takes a plain reference and may
 * keep it for good: an idle CPU does not drain it.
 *
 * Not here: batches of pages that are not on the LRU yet; their flags show that.
 */
import { type KernelVersion, since } from '../spec/kernel-version.js';
import { OP } from '../spec/ops.js';
import type { Recording } from '../trace/recording.js';
import type { PageIndex } from './page-index.js';
import { mappedAt, stateAt } from './page-state.js';

/** How many of a page's references, of those taken from `begin` on (a row), may be a batch's. */
export function mayBeBatched(
  recording: Recording,
  index: PageIndex,
  page: number,
  begin: number,
  kernel: KernelVersion | undefined,
): number {
  const from = index.rows.indexOf(begin, index.starts[page]);
  const life = new Life(recording, index, from, index.starts[page + 1], kernel);
  let batched = 0;
  for (let at = from; at < life.to; at++) {
    if (life.isBatched(at)) batched++;
    // a mapping that came and went between two events of the page shows in no count of mappings: one of the gets was its
    else if (batched > 0 && life.gives(at) && !life.isUnmapping(at) && !life.sameTask(at, at - 1)) batched--;
  }
  return batched;
}

/** The last life of a page, by positions in the index. */
class Life {
  constructor(
    private readonly recording: Recording,
    private readonly index: PageIndex,
    private readonly from: number,
    readonly to: number,
    private readonly kernel: KernelVersion | undefined,
  ) {}

  gives(at: number): boolean {
    return this.delta(at) < 0;
  }

  sameTask(at: number, other: number): boolean {
    return other >= this.from && this.pid(at) === this.pid(other);
  }

  /** Does the count of mappings fall with this put? */
  isUnmapping(at: number): boolean {
    return at > this.from && this.mapped(at) < this.mapped(at - 1);
  }

  /** A plain get of a page on the LRU that no mapping explains and that nobody gave back, as far as the events show. */
  isBatched(at: number): boolean {
    const { rows } = this.index;
    if (!this.isPlain(at) || this.delta(at) !== 1) return false;
    const { flags, mapped } = stateAt(this.recording, rows[at], this.kernel);
    if (!flags?.has('lru') || (at + 1 < this.to && this.mapped(at + 1) > (mapped ?? 0))) return false;
    if (this.isDrained(at)) return false;
    // get_user_pages activates what it finds the second time, right after it took it (mm/gup.c: FOLL_TOUCH)
    const touched = flags.has('referenced') && !flags.has('active') && this.isPlain(at - 1) && this.delta(at - 1) > 0;
    return (touched && this.sameTask(at, at - 1)) || !this.isGivenBack(at);
  }

  /** Did its task put it, other than by unmapping, after what else it took meanwhile? */
  private isGivenBack(at: number): boolean {
    let taken = 1;
    for (let later = at + 1; later < this.to && taken > 0; later++) {
      if (this.sameTask(later, at) && !this.isUnmapping(later)) taken += this.delta(later);
    }
    return taken <= 0;
  }

  /** Unmapping drained the batches of its CPU (6.12: mm/mmap.c, exit_mmap; mm/vma.c, unmap_region); in 7.3 it does not. */
  private isDrained(at: number): boolean {
    if (!this.kernel || since(this.kernel, 6, 13)) return false;
    const { events } = this.recording;
    const { rows } = this.index;
    for (let later = at + 1; later < this.to; later++) {
      const last = this.isUnmapping(later) && this.mapped(later) === 0;
      if (last && events.cpu(rows[later]) === events.cpu(rows[at])) return true;
    }
    return false;
  }

  private isPlain(at: number): boolean {
    return at >= this.from && this.index.effects.op[this.index.shapes[at]] === OP.mod;
  }

  private delta(at: number): number {
    return this.index.effects.delta[this.index.shapes[at]];
  }

  private pid(at: number): number {
    return this.recording.events.pid(this.index.rows[at]);
  }

  private mapped(at: number): number {
    return mappedAt(this.recording, this.index.rows[at], this.kernel) ?? 0;
  }
}

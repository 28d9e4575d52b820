// SPDX-License-Identifier: Apache-2.0
/**
 * References that the LRU's per-CPU batches may hold, where no stack tells (mm/swap.c, in 7.3 mm/folio.c: __folio_batch_add_and_move).
 * A page that is on the LRU is put into one to be activated, deactivated, freed lazily or rotated; the batch takes a plain reference and may
 * keep it for good: an idle CPU does not drain it.
 *
 * Not here: batches of pages that are not on the LRU yet; their flags show that.
 */
import { since } from '../spec/kernel-version.js';
import { OP } from '../spec/ops.js';
import type { BareLife } from './bare-life.js';

/** How many of the references taken in a life may be a batch's. */
export function mayBeBatched(life: BareLife): number {
  let batched = 0;
  for (let at = life.from; at < life.to; at++) {
    if (isBatched(life, at)) batched++;
    // a mapping that came and went between two events of the page shows in no count of mappings: one of the gets was its
    else if (batched > 0 && life.gives(at) && !life.sameTask(at, at - 1)) batched--;
  }
  return batched;
}

/** A plain get of a page on the LRU that no mapping explains and that nobody gave back, as far as the events show. */
function isBatched(life: BareLife, at: number): boolean {
  if (!life.isPlainGet(at)) return false;
  const { flags } = life.state(at);
  if (!flags?.has('lru') || life.isMapping(at) || isDrained(life, at)) return false;
  // get_user_pages activates what it finds the second time, right after it took it (mm/gup.c: FOLL_TOUCH)
  const before = at - 1;
  const took = before >= life.from && life.op(before) === OP.mod && life.delta(before) > 0;
  const touched = flags.has('referenced') && !flags.has('active') && took;
  return (touched && life.sameTask(at, before)) || !isGivenBack(life, at);
}

/** Did its task put it, other than by unmapping, after what else it took meanwhile? */
function isGivenBack(life: BareLife, at: number): boolean {
  let taken = 1;
  for (let later = at + 1; later < life.to && taken > 0; later++) {
    if (life.sameTask(later, at) && !life.isUnmapping(later)) taken += life.delta(later);
  }
  return taken <= 0;
}

/** Unmapping drained the batches of its CPU (6.12: mm/mmap.c, exit_mmap; mm/vma.c, unmap_region); in 7.3 it does not. */
function isDrained(life: BareLife, at: number): boolean {
  if (!life.kernel || since(life.kernel, 6, 13)) return false;
  for (let later = at + 1; later < life.to; later++) {
    if (life.isUnmapping(later) && life.mapped(later) === 0 && life.cpu(later) === life.cpu(at)) return true;
  }
  return false;
}

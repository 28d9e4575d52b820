// SPDX-License-Identifier: Apache-2.0
/** The references of one page: each get with its put, what it was for, by whom, and how sure the pair is. */

import type { KernelVersion } from '../spec/kernel-version.js';
import type { Op } from '../spec/ops.js';
import { type Purpose, purposeByLast, purposeByNext, purposeOfGive, purposeOfTake } from '../spec/purpose.js';
import type { RestRule } from '../spec/rest.js';
import type { Recording } from '../trace/recording.js';
import type { Ledger, Pairing } from './ledger.js';
import type { PageIndex } from './page-index.js';
import { mappedAt } from './page-state.js';
import type { Sites } from './sites.js';

export interface Reference {
  /** row of the get, -1 where it was before the recording */
  taken: number;
  /** row of the put, -1 where it is open at the end */
  given: number;
  amount: number;
  purpose: Purpose;
  /** how sure it is that this put gave back this get; for an open one, that none did */
  sure: Pairing;
}

/** What each event of a page is for, by position from the page's first: of gets what they are for, of puts what they end. */
export function purposesOf(
  recording: Recording,
  { starts, rows, shapes, effects }: PageIndex,
  sites: Sites,
  page: number,
  kernel: KernelVersion | undefined,
): Purpose[] {
  const [from, to] = [starts[page], starts[page + 1]];
  const mapped = (at: number): number =>
    at < from || at >= to ? Number.NaN : (mappedAt(recording, rows[at], kernel) ?? Number.NaN);
  return Array.from(rows.subarray(from, to), (row, place) => {
    const at = from + place;
    const op = effects.op[shapes[at]] as Op;
    const delta = effects.delta[shapes[at]];
    const path = sites.paths[sites.of(row)];
    const bare = path.holder === '';
    if (delta < 0) {
      const purpose = purposeOfGive(path, -delta);
      return bare ? purposeByLast(purpose, mapped(at) - mapped(at - 1)) : purpose;
    }
    const purpose = purposeOfTake(path, op, delta);
    if (!bare || delta === 0) return purpose;
    const { events } = recording;
    const same = at + 1 < to && events.who[rows[at + 1]] === events.who[row];
    return purposeByNext(purpose, mapped(at + 1) - mapped(at), same ? effects.delta[shapes[at + 1]] : 0);
  });
}

/**
 * The references of a page in the order in which they ended; open ones last, oldest first.
 * @param ledger it has learnt
 * @param purposes as `purposesOf` gives them
 */
export function referencesOf(
  { starts, rows }: PageIndex,
  ledger: Ledger,
  page: number,
  rule: RestRule,
  purposes: readonly Purpose[],
): Reference[] {
  const found: Reference[] = [];
  const places = new Map<number, number>();
  for (let at = starts[page]; at < starts[page + 1]; at++) places.set(rows[at], at - starts[page]);
  const purpose = (row: number): Purpose => purposes[places.get(row) ?? -1] ?? 'other';
  ledger.page(page, rule, true, (taken, given, amount, sure) => {
    found.push({ taken, given, amount, purpose: purpose(taken), sure });
  });
  const alone = ledger.size === 1;
  for (let at = 0; at < ledger.size; at++) {
    const [taken, amount] = [ledger.rows[at], ledger.amounts[at]];
    found.push({ taken, given: -1, amount, purpose: purpose(taken), sure: alone ? 'certain' : 'likely' });
  }
  return found;
}

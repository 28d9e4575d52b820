// SPDX-License-Identifier: Apache-2.0
/**
 * Expected against actual count of a page at a moment: what its state shows (mappings, page cache, swap cache, buffers), what its
 * size shows (pins), what the events show (isolation, what is given back later), and what is left. The fields of an event were
 * read after its operation, so each part says what it rests on.
 */
import { PIN_BIAS } from '../spec/call-paths.js';
import { mappingsCount } from '../spec/expected.js';
import type { KernelVersion } from '../spec/kernel-version.js';
import { OP, type Op, UNKNOWN } from '../spec/ops.js';
import type { Purpose } from '../spec/purpose.js';
import { type PageKind, restRule } from '../spec/rest.js';
import type { Recording } from '../trace/recording.js';
import type { PageIndex } from './page-index.js';
import { type PageState, stateAt } from './page-state.js';
import type { Counts } from './rebuild.js';
import type { Reference } from './references.js';

export const PARTS = [
  'idle',
  'mappings',
  'page cache',
  'swap cache',
  'buffers',
  'pins',
  'isolation',
  'temporary',
  'in use',
] as const;
export type Part = (typeof PARTS)[number];

export interface Share {
  part: Part;
  references: number;
  /** a rule of the kernel; a field of the event, read late; events of the recording */
  from: 'rule' | 'field' | 'events';
}

export interface Expectation {
  /** row of the event after which this holds */
  row: number;
  actual: number;
  expected: number;
  shares: Share[];
  /** actual less expected; negative where a share is more than there can be (a field was read late) */
  unexplained: number;
  /** references that are open then and never given back, as far as puts could be matched to gets */
  kept: Reference[];
  /** how often page tables map it is not known: a large folio, or no field for it */
  mappingsUnknown: boolean;
}

/** References for what the fields of an event show. */
const OF_STATE: ReadonlySet<Purpose> = new Set(['allocation', 'mapping', 'page cache', 'swap cache', 'buffers']);

/** What is needed to speak about the pages of a recording. */
export interface Known {
  recording: Recording;
  index: PageIndex;
  counts: Counts;
  kernel: KernelVersion | undefined;
}

/**
 * The expectation for page `page` after its last event not later than `time` (in the recording's unit since its `timeBase`);
 * undefined before its first event, or where its count is not known then. `references` are those of the page.
 */
export function expectedAt(
  known: Known,
  page: number,
  kind: PageKind,
  references: readonly Reference[],
  time: number,
): Expectation | undefined {
  const { index, recording, counts } = known;
  const { time: times } = recording.events;
  let last = -1;
  for (let at = index.starts[page]; at < index.starts[page + 1]; at++) {
    const op = index.effects.op[index.shapes[at]] as Op;
    if (times[index.rows[at]] <= time && op !== OP.alloc && op !== OP.free) last = at;
  }
  if (last < 0 || counts.after[last] === UNKNOWN) return undefined;
  return new Accounts(known, kind, references, last).settle();
}

/** One settlement: takes shares off the count until nothing explains the rest. */
class Accounts {
  private readonly shares: Share[] = [];
  private readonly actual: number;
  private left: number;
  private readonly row: number;
  private readonly state: PageState;

  constructor(
    private readonly known: Known,
    private readonly kind: PageKind,
    private readonly references: readonly Reference[],
    at: number,
  ) {
    this.actual = this.left = known.counts.after[at];
    this.row = known.index.rows[at];
    this.state = stateAt(known.recording, this.row, known.kernel);
  }

  settle(): Expectation {
    const { kind } = this;
    const { kernel } = this.known;
    this.take('idle', restRule(kind, kernel)?.idle ?? 0, 'rule');
    const large = this.state.flags?.has('head') ?? false;
    const mapped = large ? undefined : this.state.mapped;
    const counted = kind === 'ordinary' || (kernel !== undefined && mappingsCount(kind, kernel));
    if (counted && mapped !== undefined) this.take('mappings', mapped, 'field');
    if (kind === 'ordinary' && !large) this.caches();
    if (!large) this.take('pins', Math.max(0, this.left - (this.left % PIN_BIAS)), 'events');
    const kept = this.byEvents(counted && mapped === undefined);
    return {
      row: this.row,
      actual: this.actual,
      expected: this.actual - this.left,
      shares: this.shares,
      unexplained: this.left,
      kept,
      mappingsUnknown: counted && mapped === undefined,
    };
  }

  private take(part: Part, references: number, from: Share['from']): void {
    if (references <= 0) return;
    const share = this.shares.find((one) => one.part === part && one.from === from);
    if (share) share.references += references;
    else this.shares.push({ part, references, from });
    this.left -= references;
  }

  /** mm/filemap.c and mm/swap_state.c: each cache holds one reference, and so do buffer heads (PG_private). */
  private caches(): void {
    const { anon, flags, mapping } = this.state;
    if (flags === undefined) return;
    // pointers that a text hashes do not show bit 0: of pages that can be swapped only those of files have it clear
    const file = mapping && (anon === false || (anon === undefined && !flags.has('swapbacked')));
    if (file && this.left > 0) this.take('page cache', 1, 'field');
    if (file && flags.has('private') && this.left > 0) this.take('buffers', 1, 'field');
    const swapped = flags.has('swapcache') || (flags.has('owner_priv_1') && flags.has('swapbacked'));
    if (swapped && this.left > 0) this.take('swap cache', 1, 'field');
  }

  /** What was open then: for isolation, given back later, or kept; the kept ones are returned. */
  private byEvents(mappings: boolean): Reference[] {
    const open = this.references.filter(({ taken, given }) => taken <= this.row && (given < 0 || given > this.row));
    for (const [reference, amount] of this.beyondState(open)) {
      const part = Math.min(this.left, amount);
      const { purpose, given } = reference;
      if (part <= 0) continue;
      if (purpose === 'isolation') this.take('isolation', part, 'events');
      // a reference for a page table entry is taken before the entry is counted (mm/rmap.c)
      else if (purpose === 'mapping' && (mappings || reference.taken === this.row))
        this.take('mappings', part, 'events');
      else if (this.isAlone(reference, open)) this.take('in use', part, 'events');
      else if (given >= 0 || purpose === 'LRU batch') this.take('temporary', part, 'events');
    }
    return open.filter(({ given }) => given < 0);
  }

  /** Of open references what the state of the page has not accounted for: mappings and caches have the oldest of their kind. */
  private beyondState(open: readonly Reference[]): [Reference, number][] {
    let accounted = this.shares.reduce((sum, { references, from }) => sum + (from === 'field' ? references : 0), 0);
    const kinds = [OF_STATE, new Set<Purpose>(['other', 'lookup'])];
    const left = new Map(open.filter(({ amount }) => amount < PIN_BIAS - 1).map((one) => [one, one.amount]));
    for (const purposes of kinds) {
      for (const reference of [...left.keys()].sort((a, b) => a.taken - b.taken)) {
        if (!purposes.has(reference.purpose)) continue;
        const part = Math.min(accounted, left.get(reference)!);
        left.set(reference, left.get(reference)! - part);
        accounted -= part;
      }
    }
    return [...left];
  }

  /** Allocated and in nobody's page table or cache: page tables, slabs and drivers' memory are. */
  private isAlone({ purpose }: Reference, open: readonly Reference[]): boolean {
    return purpose === 'allocation' && open.length === 1 && this.shares.length === 0;
  }
}

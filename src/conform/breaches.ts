// SPDX-License-Identifier: Apache-2.0
/**
 * Broken invariants as suspicions: which of them accuse, and how surely. A count that was returned proves more than one that was
 * read, and nothing is certain where events are missing. What has an innocent reading is left out: a range whose memory is
 * torn down loses all its base references, and blocks that the allocator splits are freed in parts.
 */
import type { Invariant } from '../spec/invariants.js';
import type { KernelVersion } from '../spec/kernel-version.js';
import { OP, type Op, UNKNOWN } from '../spec/ops.js';
import { type PageKind, restRule } from '../spec/rest.js';
import type { Recording } from '../trace/recording.js';
import { LIFE } from './lives.js';
import type { PageIndex } from './page-index.js';
import { stateAt } from './page-state.js';
import type { Sites } from './sites.js';
import { FACT, type LivesOf } from './summary.js';
import type { Confidence, Fault, Reason, Suspicion } from './suspicion.js';

/** `adrift` is no fault of anybody: it says that events are missing. */
const FAULT_OF: Partial<Record<Invariant, readonly [Fault, Reason]>> = {
  belowZero: ['below zero', 'negative'],
  takenFree: ['taken free', 'takenFree'],
  freedTwice: ['freed twice', 'freedTwice'],
  freedInUse: ['freed in use', 'freedInUse'],
  baseLost: ['base lost', 'baseLost'],
};

/** frames of the end of a memory map (mm/memremap.c) */
const TEARDOWN = /^(?:memunmap_pages|pageunmap_range|devm_memremap_pages_release|memremap_pages|free_zone_device)/;
/** frames of mm/memory-failure.c */
const POISON = /poison|memory_failure|soft_offline/;
/** doubtful breaches that are looked into, and rows that are looked through for one */
const LOOKED_INTO = 64;
const ROWS = 1e6;

/** The suspicions that follow from broken invariants, one a page and invariant, in the order of the pages. */
export function breaches(
  recording: Recording,
  lives: LivesOf,
  kernel: KernelVersion | undefined,
  sites: Sites,
  kindOf: (pfn: number) => PageKind,
  only: Uint8Array | undefined,
): Suspicion[] {
  const { broken, index } = lives;
  const found: Suspicion[] = [];
  let looked = 0;
  const said = new Set<string>();
  for (let breach = 0; breach < broken.length; breach++) {
    const page = broken.page[breach];
    const at = broken.at[breach];
    const invariant = broken.invariant(breach);
    const fault = FAULT_OF[invariant];
    if (!fault || said.has(`${page} ${invariant}`) || (only && only[page] === 0)) continue;
    const kind = kindOf(index.pages[page]);
    if (!restRule(kind, kernel)) continue;
    if (kind === 'ordinary' && maybeDevice(recording, index.rows[at], kernel, invariant)) continue;
    if (invariant === 'takenFree' && isPoisoned(recording, index, sites, at, kernel)) continue;
    const doubtful = invariant === 'freedTwice' || invariant === 'baseLost';
    if (doubtful && looked++ >= LOOKED_INTO) continue;
    if (invariant === 'freedTwice' && isPart(recording, index, page, at)) continue;
    if (invariant === 'baseLost' && isTeardown(lives, sites, page, at)) continue;
    said.add(`${page} ${invariant}`);
    found.push(suspicionOf(fault, lives, sites, page, at, confidenceOf(invariant, recording, lives, page, at)));
  }
  return found;
}

function suspicionOf(
  [fault, reason]: readonly [Fault, Reason],
  { index, counts }: LivesOf,
  sites: Sites,
  page: number,
  at: number,
  confidence: Confidence,
): Suspicion {
  const row = index.rows[at];
  return {
    page,
    fault,
    confidence,
    reasons: [reason],
    references: counts.after[at],
    site: sites.of(row),
    rows: at > index.starts[page] ? [index.rows[at - 1], row] : [row],
    since: undefined,
  };
}

function confidenceOf(
  invariant: Invariant,
  { stacks }: Recording,
  { facts, lives, firstLife, index, counts }: LivesOf,
  page: number,
  at: number,
): Confidence {
  // where events are missing, `count=` shows another value than the one worked out
  const seen = index.effects.seen[index.shapes[at]];
  if (seen !== UNKNOWN && seen !== counts.after[at]) return 'if nothing was lost';
  for (let life = firstLife[page]; life < firstLife[page + 1]; life++) {
    if (lives.marks[life] & (LIFE.loss | LIFE.jump)) return 'if nothing was lost';
  }
  if (facts[page] & FACT.jump) return 'if nothing was lost';
  // one event that is missing explains it as well: an allocation, a put
  if (invariant === 'freedTwice' || invariant === 'freedInUse') return 'if nothing was lost';
  // a filter may hide that its neighbours were torn down too
  if (invariant === 'baseLost' && stacks.size === 0) return 'if nothing was lost';
  return facts[page] & FACT.returned ? 'certain' : 'likely';
}

/**
 * Pages that the allocator never had are marked reserved: device memory that nobody named, whose rules may be others. Where flags
 * cannot be read it may be that too; only a plain get of a free page is lawful for some of it.
 */
function maybeDevice(
  recording: Recording,
  row: number,
  kernel: KernelVersion | undefined,
  invariant: Invariant,
): boolean {
  return stateAt(recording, row, kernel).flags?.has('reserved') ?? invariant === 'takenFree';
}

/**
 * A page that is taken out of use for good (mm/memory-failure.c: page_handle_poison): the allocator gives it up, it is marked and
 * counted once. Where the configuration that decides about the mark's place is not known, any mark without a name may be it.
 */
function isPoisoned(
  recording: Recording,
  { rows }: PageIndex,
  sites: Sites,
  at: number,
  kernel: KernelVersion | undefined,
): boolean {
  if (sites.paths[sites.of(rows[at])].frames.some((frame) => POISON.test(frame))) return true;
  const flags = stateAt(recording, rows[at], kernel).flags;
  if (!flags) return false;
  const before = stateAt(recording, rows[at - 1], kernel).flags;
  return [...flags].some((flag) => flag === 'hwpoison' || (flag.startsWith('0x') && !before?.has(flag)));
}

/** Was the page, freed before and freed again at `at`, allocated in between as a part of a larger block? */
function isPart(recording: Recording, { rows, pages, effects }: PageIndex, page: number, at: number): boolean {
  const { events } = recording;
  const pfn = pages[page];
  if (rows[at] - rows[at - 1] > ROWS) return true;
  for (let row = rows[at - 1] + 1; row < rows[at]; row++) {
    if ((effects.op[events.shape[row]] as Op) !== OP.alloc) continue;
    const head = events.pfn(row);
    if (head < pfn && pfn < head + 2 ** events.val(row)) return true;
  }
  return false;
}

/** Does the stack say that the memory goes away; or without one, do its neighbours lose theirs too? */
function isTeardown({ broken, index }: LivesOf, sites: Sites, page: number, at: number): boolean {
  const { frames } = sites.paths[sites.of(index.rows[at])];
  if (frames.length > 0) return frames.some((frame) => TEARDOWN.test(frame));
  const pfn = index.pages[page];
  for (let breach = 0; breach < broken.length; breach++) {
    const other = index.pages[broken.page[breach]];
    if (broken.invariant(breach) === 'baseLost' && Math.abs(other - pfn) === 1) return true;
  }
  return false;
}

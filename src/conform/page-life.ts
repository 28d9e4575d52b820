// SPDX-License-Identifier: Apache-2.0
/** One page's life, event by event, with its count before and after. */
import type { KernelVersion } from '../spec/kernel-version.js';
import { OP, UNKNOWN } from '../spec/ops.js';
import { pageFlagNames, pageFlagsOfText } from '../spec/page-flags.js';
import { PAGE_KINDS, type PageKind, type RestRule, restRule } from '../spec/rest.js';
import { withoutTracer } from '../spec/tracer-frames.js';
import { HAS } from '../trace/columns.js';
import type { Recording } from '../trace/recording.js';
import { FIELD } from '../trace/shapes.js';
import { LifeFinder } from './life-finder.js';
import { LIFE, type PageFacts } from './lives.js';
import { indexPages, type PageIndex } from './page-index.js';
import type { RangeMap } from './ranges.js';
import type { Counts } from './rebuild.js';

export interface PageEvent {
  /** row in the columns */
  row: number;
  /** absolute, in the unit of the recording */
  time: bigint;
  cpu: number;
  pid: number;
  /** empty where the name was not saved */
  comm: string;
  event: string;
  val: number | undefined;
  ret: number | undefined;
  order: number | undefined;
  /** rebuilt from val and ret; undefined where nothing tells */
  before: number | undefined;
  after: number | undefined;
  /** the field `count=`, read after the operation */
  count: number | undefined;
  mapcount: number | undefined;
  flags: string | undefined;
  /** frames without the tracer's own, innermost first */
  stack: string[] | undefined;
  /** lives that begin or end here */
  begins: boolean;
  ends: boolean;
}

export interface PageLife {
  pfn: number;
  kind: PageKind;
  rule: RestRule | undefined;
  facts: PageFacts;
  events: PageEvent[];
  /** events that are left out because they were not asked for */
  hidden: number;
  /** lives under way when the recording began, begun, ended, open */
  underWay: number;
  began: number;
  ended: number;
  open: number;
  /** lives that lasted while events were lost */
  lossy: number;
}

const ANY_KERNEL: KernelVersion = { name: '', major: 0, minor: 0, seed: false };

/** The life of page `pfn`; undefined where the recording has no event of it. */
export function pageLife(
  recording: Recording,
  pfn: number,
  ranges: RangeMap,
  kernel: KernelVersion | undefined,
): PageLife | undefined {
  const index = indexPages(recording);
  const page = index.find(pfn);
  if (page < 0) return undefined;
  const kind = ranges.kindOf(pfn);
  const rule = restRule(kind, kernel);
  const finder = new LifeFinder(recording, index);
  const facts = finder.page(page, rule ? kind : 'ordinary', PAGE_KINDS.indexOf(kind), kernel ?? ANY_KERNEL);
  const begins = new Set<number>();
  const ends = new Set<number>();
  const life: PageLife = {
    pfn,
    kind,
    rule,
    facts,
    events: [],
    hidden: 0,
    underWay: 0,
    began: 0,
    ended: 0,
    open: 0,
    lossy: 0,
  };
  for (let n = 0; n < finder.lives.length; n++) {
    if (finder.lives.marks[n] & LIFE.beginUnseen) life.underWay++;
    else life.began++;
    if (finder.lives.end[n] >= 0) life.ended++;
    else if (!(finder.lives.marks[n] & LIFE.endUnseen)) life.open++;
    if (finder.lives.marks[n] & LIFE.loss) life.lossy++;
    begins.add(finder.lives.begin[n]);
    ends.add(finder.lives.end[n]);
  }
  for (let at = index.starts[page]; at < index.starts[page + 1]; at++) {
    const row = index.rows[at];
    const event = countedEvent(recording, index, finder.counts, at, kernel);
    event.begins = rule !== undefined && begins.has(row);
    event.ends = rule !== undefined && ends.has(row);
    life.events.push(event);
  }
  return life;
}

/** The event at a place of the index, with its counts. */
export function countedEvent(
  recording: Recording,
  index: PageIndex,
  counts: Pick<Counts, 'before' | 'after'>,
  at: number,
  kernel: KernelVersion | undefined,
): PageEvent {
  const row = index.rows[at];
  const event = eventOf(recording, row, kernel);
  // mm_page_alloc says nothing of the count
  if (index.effects.op[recording.events.shape[row]] === OP.alloc) return event;
  return { ...event, before: told(counts.before[at]), after: told(counts.after[at]) };
}

const told = (count: number): number | undefined => (count === UNKNOWN ? undefined : count);

/** The event in `row`, its counts not filled in. */
export function eventOf(recording: Recording, row: number, kernel: KernelVersion | undefined): PageEvent {
  const { events, kinds, comms, stacks, timeBase } = recording;
  const kind = kinds[events.kind(row)];
  const has = (bit: number) => (kind.has & bit) !== 0;
  const stack = events.stack(row);
  return {
    row,
    time: timeBase + BigInt(Math.round(events.time[row])),
    cpu: events.cpu(row),
    pid: events.pid(row),
    comm: comms.text(events.comm(row)),
    event: kind.name,
    val: has(HAS.val) ? events.val(row) : undefined,
    ret: has(HAS.ret) ? events.ret(row) : undefined,
    order: has(HAS.order) ? events.val(row) : undefined,
    before: undefined,
    after: undefined,
    count: has(HAS.count) ? events.count(row) : undefined,
    mapcount: has(HAS.mapcount) ? events.mapcount(row) : undefined,
    flags: has(HAS.flags) ? flagsOf(recording, row, kernel) : undefined,
    stack: stack < 0 ? undefined : withoutTracer(stacks.frames(stack)),
    begins: false,
    ends: false,
  };
}

/** Flag names: as printed, where the recording is text; from the era's table, where it is binary. */
function flagsOf({ events, flagTexts }: Recording, row: number, kernel: KernelVersion | undefined): string {
  const low = events.word(row, FIELD.flags);
  if (flagTexts) return pageFlagsOfText(flagTexts.text(low), kernel) ?? flagTexts.text(low);
  return (kernel && pageFlagNames(low, kernel)) ?? `0x${(low & 0x3fffff).toString(16)}`;
}

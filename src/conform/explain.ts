// SPDX-License-Identifier: Apache-2.0
/**
 * The life of one page as a story: what each event did, for what, by whom, and which get a put gave back; rounds that repeat told
 * once; expected against actual count at the end of each life; the references that were never given back; the verdict.
 */
import type { KernelVersion } from '../spec/kernel-version.js';
import { OP, type Op, UNKNOWN } from '../spec/ops.js';
import type { Purpose } from '../spec/purpose.js';
import { type PageKind, type RestRule, restRule } from '../spec/rest.js';
import type { Recording } from '../trace/recording.js';
import { type Expectation, expectedAt } from './expected-at.js';
import { type Fold, foldsOf } from './fold.js';
import { Ledger, type Pairing } from './ledger.js';
import { LIFE } from './lives.js';
import type { RangeMap } from './ranges.js';
import { purposesOf, type Reference, referencesOf } from './references.js';
import { Sites } from './sites.js';
import { type Strength, strengthOfMarks } from './strength.js';
import { FACT, type LivesOf } from './summary.js';
import type { Unjudged } from './suspicion.js';
import { judge, type Suspect } from './verdict.js';

/** What one event did. */
export interface Act {
  row: number;
  time: bigint;
  cpu: number;
  /** `comm-pid` */
  task: string;
  comm: string;
  does: 'take' | 'give' | 'set' | 'freeze' | 'unfreeze' | 'alloc' | 'free' | 'fail' | 'nothing';
  amount: number;
  purpose: Purpose;
  /** the first function that is no wrapper, empty without a stack */
  by: string;
  before: number | null;
  after: number | null;
  begins: boolean;
  ends: boolean;
  /** of a put: which get it gave back, where one is known, and how sure that is */
  gaveBack: { row: number; time: bigint; task: string; sure: Pairing } | null;
}

/** A stay of the page in use. */
export interface LifeSpan {
  /** null: it began before the recording, or its begin leaves no trace */
  begin: bigint | null;
  /** null: open at the end, or its end was not recorded */
  end: bigint | null;
  open: boolean;
  strength: Strength;
}

/** A reference that is open at the end. */
export interface Holder {
  /** null: taken before the recording */
  since: bigint | null;
  /** in the unit of the recording, null where `since` is */
  age: number | null;
  amount: number;
  purpose: Purpose;
  task: string | null;
  /** the function that took it and its call path, innermost first; null and empty without a stack */
  by: string | null;
  path: readonly string[];
  sure: Pairing;
}

export interface Explanation {
  pfn: number;
  kind: PageKind;
  rule: RestRule | null;
  /** how the counts are known */
  strength: Strength;
  lives: LifeSpan[];
  acts: Act[];
  /** `acts` with what repeats told once */
  folds: Fold[];
  /** after the last event; null where the count is not known */
  atEnd: Expectation | null;
  holders: Holder[];
  suspects: Suspect[];
  weaker: Suspect[];
  /** is it one of the pages in use about which nothing is said? */
  unjudged: Unjudged | null;
}

/** Explains page `page` of the index. Without a kernel device pages are told without lives. */
export function explain(
  recording: Recording,
  lives: LivesOf,
  ranges: RangeMap,
  kernel: KernelVersion | undefined,
  page: number,
): Explanation {
  const { index, counts } = lives;
  const pfn = index.pages[page];
  const kind = ranges.kindOf(pfn);
  const rule = restRule(kind, kernel) ?? null;
  const sites = new Sites(recording);
  const purposes = purposesOf(recording, index, sites, page, kernel);
  const ledger = learned(recording, lives, ranges, kernel, sites);
  const references = rule ? referencesOf(index, ledger, page, rule, purposes) : [];
  const acts = actsOf(recording, lives, sites, page, references, purposes);
  const only = new Uint8Array(index.pages.length);
  only[page] = 1;
  const { suspects, weaker, unjudged } = judge(recording, lives, ranges, kernel, only);
  const { events, timeBase } = recording;
  const last = events.length > 0 ? events.time[events.length - 1] : 0;
  const known = { recording, index, counts, kernel };
  return {
    pfn,
    kind,
    rule,
    strength: strengthOf(lives, page),
    lives: rule ? spansOf(recording, lives, page) : [],
    acts,
    folds: foldsOf(keysOf(acts)),
    atEnd: (rule && expectedAt(known, page, kind, references, last)) ?? null,
    holders: references.filter(({ given }) => given < 0).map((one) => holderOf(one, recording, sites, last, timeBase)),
    suspects,
    weaker,
    unjudged: unjudged[0]?.reason ?? null,
  };
}

/** A ledger that has learnt from all pages. */
function learned(
  recording: Recording,
  { index, counts }: LivesOf,
  ranges: RangeMap,
  kernel: KernelVersion | undefined,
  sites: Sites,
): Ledger {
  const ledger = new Ledger(recording, index, counts, sites);
  if (recording.stacks.size > 0) {
    for (let other = 0; other < index.pages.length; other++) {
      const rule = restRule(ranges.kindOf(index.pages[other]), kernel);
      if (rule) ledger.page(other, rule);
    }
  }
  ledger.learn(false);
  return ledger;
}

const taskOf = ({ events, comms }: Recording, row: number): string =>
  `${comms.text(events.comm(row)) || '<...>'}-${events.pid(row)}`;

const timeOf = ({ events, timeBase }: Recording, row: number): bigint =>
  timeBase + BigInt(Math.round(events.time[row]));

function actsOf(
  recording: Recording,
  { index, counts, lives, firstLife }: LivesOf,
  sites: Sites,
  page: number,
  references: readonly Reference[],
  purposes: readonly Purpose[],
): Act[] {
  const begins = new Set<number>();
  const ends = new Set<number>();
  for (let life = firstLife[page]; life < firstLife[page + 1]; life++) {
    begins.add(lives.begin[life]);
    ends.add(lives.end[life]);
  }
  const byGiven = new Map<number, Reference>();
  for (const reference of references) if (reference.given >= 0) byGiven.set(reference.given, reference);
  const acts: Act[] = [];
  for (let at = index.starts[page]; at < index.starts[page + 1]; at++) {
    const row = index.rows[at];
    const shape = index.shapes[at];
    const op = index.effects.op[shape] as Op;
    const path = sites.paths[sites.of(row)];
    const amount = amountOf(op, recording.events.val(row), index.effects.delta[shape]);
    const told = (count: number) => (count === UNKNOWN || op === OP.alloc || op === OP.free ? null : count);
    const back = byGiven.get(row);
    const does = doesOf(op, amount);
    acts.push({
      row,
      time: timeOf(recording, row),
      cpu: recording.events.cpu(row),
      task: taskOf(recording, row),
      comm: recording.comms.text(recording.events.comm(row)),
      does,
      amount: Math.abs(amount),
      purpose: purposes[at - index.starts[page]],
      by: path.holder,
      before: told(counts.before[at]),
      after: told(counts.after[at]),
      begins: begins.has(row),
      ends: ends.has(row),
      gaveBack:
        back && back.taken >= 0
          ? {
              row: back.taken,
              time: timeOf(recording, back.taken),
              task: taskOf(recording, back.taken),
              sure: back.sure,
            }
          : null,
    });
  }
  return acts;
}

const amountOf = (op: Op, val: number, delta: number): number =>
  op === OP.set || op === OP.unfreeze || op === OP.alloc || op === OP.free || op === OP.freeze ? val : delta;

function doesOf(op: Op, amount: number): Act['does'] {
  switch (op) {
    case OP.set:
      return 'set';
    case OP.unfreeze:
      return 'unfreeze';
    case OP.freeze:
      return 'freeze';
    case OP.alloc:
      return 'alloc';
    case OP.free:
      return 'free';
    case OP.modUnless:
      return amount === 0 ? 'fail' : 'take';
    default:
      return amount > 0 ? 'take' : amount < 0 ? 'give' : 'nothing';
  }
}

/** Numbers for acts: equal for acts that a story tells alike. */
function keysOf(acts: readonly Act[]): Int32Array {
  const numbers = new Map<string, number>();
  return Int32Array.from(acts, ({ does, amount, purpose, by, comm, begins, ends }) => {
    const key = [does, amount, purpose, by, comm, begins, ends].join('\n');
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, numbers.size);
    return numbers.size - 1;
  });
}

function spansOf(recording: Recording, known: LivesOf, page: number): LifeSpan[] {
  const { lives, firstLife } = known;
  const spans: LifeSpan[] = [];
  for (let life = firstLife[page]; life < firstLife[page + 1]; life++) {
    const [begin, end, marks] = [lives.begin[life], lives.end[life], lives.marks[life]];
    const open = end < 0 && !(marks & LIFE.endUnseen);
    spans.push({
      begin: begin < 0 ? null : timeOf(recording, begin),
      end: end < 0 ? null : timeOf(recording, end),
      open,
      strength: strengthOf(known, page, life),
    });
  }
  return spans;
}

function holderOf(
  { taken, amount, purpose, sure }: Reference,
  recording: Recording,
  sites: Sites,
  last: number,
  timeBase: bigint,
): Holder {
  const seen = taken >= 0;
  const path = sites.paths[sites.of(taken)];
  const time = seen ? recording.events.time[taken] : 0;
  return {
    since: seen ? timeBase + BigInt(Math.round(time)) : null,
    age: seen ? last - time : null,
    amount,
    purpose,
    task: seen ? taskOf(recording, taken) : null,
    by: path.holder === '' ? null : path.holder,
    path: path.frames,
    sure,
  };
}

/** The strength of what is said about life `life` of page `page`; without a life about the page. */
function strengthOf({ facts, lives, firstLife, trust }: LivesOf, page: number, life?: number): Strength {
  const [from, to] = life === undefined ? [firstLife[page], firstLife[page + 1]] : [life, life + 1];
  let marks = 0;
  for (let one = from; one < to; one++) marks |= lives.marks[one];
  return strengthOfMarks(marks, (facts[page] & FACT.jump) !== 0 || trust.incomplete);
}

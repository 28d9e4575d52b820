// SPDX-License-Identifier: Apache-2.0
/**
 * The lives of pages: where each began, where it ended, which stayed open, by the rules of src/spec for the kind of page and
 * the kernel. It states facts about the recording and how sure they are; it judges nothing.
 */

import {
  isBaseLost,
  isFirstTakenByGet,
  isFreedInUse,
  isFreedTwice,
  isTakenFree,
  isUnderflow,
} from '../spec/invariants.js';
import type { KernelVersion } from '../spec/kernel-version.js';
import { OP, type Op, UNKNOWN } from '../spec/ops.js';
import { begins, isOver, type PageKind, type RestRule, restRule } from '../spec/rest.js';
import type { Recording } from '../trace/recording.js';
import { Broken } from './broken.js';
import type { PageIndex } from './page-index.js';
import { Counts, type Rebuilt } from './rebuild.js';

/** Bits of `Lives.marks`. */
export const LIFE = {
  /** it was under way when the recording began, or its begin leaves no trace in this kernel */
  beginUnseen: 1,
  /** another life began although the end of this one was not recorded */
  endUnseen: 2,
  /** events were lost while it lasted */
  loss: 4,
  /** the count does not follow from the events at some place of this page */
  jump: 8,
  /** the count rests on `count=` alone, no operation of the page returned one */
  evidence: 16,
  /** nobody named the range of its page: that it is device memory, and of which kind, was inferred */
  inferred: 32,
} as const;

/** One life a row. */
export class Lives {
  length = 0;
  pfn = new Float64Array(256);
  kind = new Uint8Array(256);
  /** row of the event, -1 where unseen */
  begin = new Int32Array(256);
  /** row of the event, -1 for open or unseen */
  end = new Int32Array(256);
  marks = new Uint8Array(256);

  add(pfn: number, kind: number, begin: number, marks: number): number {
    const life = this.length++;
    if (life === this.pfn.length) this.grow();
    this.pfn[life] = pfn;
    this.kind[life] = kind;
    this.begin[life] = begin;
    this.end[life] = -1;
    this.marks[life] = marks;
    return life;
  }

  private grow(): void {
    const longer = <T extends Float64Array | Uint8Array | Int32Array>(old: T): T => {
      const array = new (old.constructor as new (length: number) => T)(old.length * 2);
      array.set(old);
      return array;
    };
    this.pfn = longer(this.pfn);
    this.kind = longer(this.kind);
    this.begin = longer(this.begin);
    this.end = longer(this.end);
    this.marks = longer(this.marks);
  }
}

/** What happened to one page beside its lives. */
export interface PageFacts extends Rebuilt {
  /** times the memory map was initialised (a count was set and set to zero again) */
  made: number;
  /** times the base reference of an idle page went away: torn down, or put once too often */
  gone: number;
  /** times the count fell below zero */
  underflows: number;
}

/** Walks one page after the other and adds its lives. */
export class LifeFinder {
  readonly lives = new Lives();
  readonly broken = new Broken();
  readonly counts: Counts;
  private readonly losses: LossIndex;
  private readonly walk: Walk;
  private kind: PageKind | undefined;
  private kernel: KernelVersion | undefined;

  constructor(
    private readonly recording: Recording,
    index: PageIndex,
  ) {
    this.counts = new Counts(recording, index);
    this.walk = new Walk(recording, index, this.counts, this.lives, this.broken);
    this.losses = new LossIndex(recording);
  }

  /** Finds the lives of one page. `kindNumber` is only stored. */
  page(page: number, kind: PageKind, kindNumber: number, kernel: KernelVersion): PageFacts {
    const facts: PageFacts = {
      basis: 'unknown',
      swapped: 0,
      jumps: 0,
      jumped: -1,
      late: 0,
      made: 0,
      gone: 0,
      underflows: 0,
    };
    this.counts.page(page, facts, isFirstTakenByGet(kind, kernel));
    const first = this.lives.length;
    const { walk } = this;
    if (kind !== this.kind || kernel !== this.kernel) {
      this.kind = kind;
      this.kernel = kernel;
      walk.rule = restRule(kind, kernel) ?? walk.rule;
      walk.ordinary = kind === 'ordinary';
      walk.firstByGet = isFirstTakenByGet(kind, kernel);
    }
    walk.run(page, kindNumber, facts);
    if (facts.jumped >= 0) this.broken.add(page, facts.jumped, 'adrift');
    for (let life = first; life < this.lives.length; life++) this.grade(life, facts);
    return facts;
  }

  private grade(life: number, rebuilt: Rebuilt): void {
    const { lives } = this;
    if (rebuilt.jumps > 0) lives.marks[life] |= LIFE.jump;
    if (rebuilt.basis === 'evidence') lives.marks[life] |= LIFE.evidence;
    const end = lives.end[life] < 0 ? this.recording.events.length : lives.end[life];
    if (this.losses.within(lives.begin[life], end)) lives.marks[life] |= LIFE.loss;
  }
}

/** The state machine of a page; one for all pages, since most have few events. */
class Walk {
  rule: RestRule = { idle: 0, over: 0 };
  ordinary = true;
  firstByGet = false;
  private page = 0;
  private life = -1;
  private allocated = false;
  private frozenAt = -1;
  /** a life ended by its count and mm_page_free has not come yet */
  private ending = false;
  /** mm_page_free was the last that happened to it */
  private freed = false;
  /** its last reference was seen to be given back */
  private emptied = false;

  constructor(
    private readonly recording: Recording,
    private readonly index: PageIndex,
    private readonly counts: Counts,
    private readonly lives: Lives,
    private readonly broken: Broken,
  ) {}

  run(page: number, kind: number, facts: PageFacts): void {
    const { starts, rows, pages } = this.index;
    const from = starts[page];
    const to = starts[page + 1];
    const pfn = pages[page];
    const start = this.counts.before[from];
    this.life = this.frozenAt = -1;
    this.page = page;
    this.allocated = this.ending = this.freed = this.emptied = false;
    if (start !== UNKNOWN && begins(this.rule, start)) this.life = this.lives.add(pfn, kind, -1, LIFE.beginUnseen);
    for (let at = from; at < to; at++) {
      const op = this.op(at);
      this.check(op, at, facts);
      if (op === OP.alloc || op === OP.free) this.allocation(op, pfn, kind, rows[at]);
      else if (op === OP.freeze || op === OP.unfreeze) this.freezing(op, at, pfn, kind);
      else if (op === OP.set && this.isMaking(at, to)) {
        this.thaw();
        if (this.life >= 0) this.close(rows[at], LIFE.endUnseen);
        facts.made++;
        at++;
      } else this.counting(at, pfn, kind);
      const after = this.counts.after[at];
      // a stored zero is no put: prep_compound_page does that to the tail pages of a folio
      if (after === UNKNOWN || after === this.counts.before[at] || op === OP.set) continue;
      if (this.life >= 0 || isUnderflow(after) || !isBaseLost(this.rule, after)) continue;
      facts.gone++;
      this.broken.add(page, at, 'baseLost');
    }
  }

  /** The invariants that one event can break, whatever life it belongs to. */
  private check(op: Op, at: number, facts: PageFacts): void {
    const [before, after] = [this.counts.before[at], this.counts.after[at]];
    const told = before !== UNKNOWN && after !== UNKNOWN;
    if (told && after !== before && isUnderflow(after)) {
      facts.underflows++;
      if (!isUnderflow(before)) this.broken.add(this.page, at, 'belowZero');
    }
    if (told && isTakenFree(op, before, after, this.firstByGet || !this.emptied)) {
      this.broken.add(this.page, at, 'takenFree');
    }
    if (before !== after || op === OP.set) this.emptied = after === 0 && op !== OP.freeze && op !== OP.set;
    if (!this.ordinary) return;
    if (isFreedTwice(op, this.freed)) this.broken.add(this.page, at, 'freedTwice');
    const last = at > this.index.starts[this.page] ? this.counts.after[at - 1] : UNKNOWN;
    if (last !== UNKNOWN && isFreedInUse(op, last)) this.broken.add(this.page, at, 'freedInUse');
    if (op === OP.free) this.freed = true;
    else if (op === OP.alloc || op === OP.set || before !== after) this.freed = false;
  }

  private op(at: number): Op {
    return this.index.effects.op[this.index.shapes[at]] as Op;
  }

  /** memremap sets every page to 1 and then, where idle is 0, to 0: no life (mm/mm_init.c: __init_zone_device_page). */
  private isMaking(at: number, to: number): boolean {
    if (this.rule.idle !== 0 || this.ordinary || at + 1 >= to) return false;
    return this.op(at + 1) === OP.set && this.counts.after[at + 1] === 0;
  }

  private counting(at: number, pfn: number, kind: number): void {
    const row = this.index.rows[at];
    const before = this.counts.before[at];
    const after = this.counts.after[at];
    if (this.frozenAt >= 0 && this.op(at) === OP.set) this.thaw();
    if (after === UNKNOWN || after === before) return;
    if (this.life >= 0) {
      if (isOver(this.rule, after)) this.close(row, 0);
    } else if (begins(this.rule, after)) this.open(pfn, kind, row);
    else if (before !== UNKNOWN && before > this.rule.over && isOver(this.rule, after)) {
      // parked at its idle count it may have been in use: that left no trace
      this.life = this.lives.add(pfn, kind, -1, LIFE.beginUnseen);
      this.close(row, 0);
    }
  }

  /** A frozen page counts zero and lives on; frozen and then given back or set anew, its life ended there. */
  private freezing(op: Op, at: number, pfn: number, kind: number): void {
    const row = this.index.rows[at];
    if (op === OP.freeze) {
      if (this.recording.events.ret(row) !== 0) this.frozenAt = row;
      return;
    }
    this.frozenAt = -1;
    if (this.life < 0 && begins(this.rule, this.counts.after[at])) this.open(pfn, kind, row);
  }

  private thaw(): void {
    if (this.frozenAt >= 0 && this.life >= 0) this.close(this.frozenAt, 0);
    this.frozenAt = -1;
  }

  /** mm_page_alloc comes after the count is set up to 6.12 and before it in 7.3; slab pages of 7.3 have no count at all. */
  private allocation(op: Op, pfn: number, kind: number, row: number): void {
    if (!this.ordinary) return;
    if (op === OP.free) {
      if (this.life < 0 && !this.ending) this.life = this.lives.add(pfn, kind, -1, LIFE.beginUnseen);
      if (this.life >= 0) this.close(row, 0);
      this.ending = false;
      return;
    }
    if (this.life >= 0 && (this.allocated || this.lives.begin[this.life] < 0)) this.close(row, LIFE.endUnseen);
    if (this.life < 0) this.open(pfn, kind, row);
    this.allocated = true;
  }

  private open(pfn: number, kind: number, row: number): void {
    this.life = this.lives.add(pfn, kind, row, 0);
    this.allocated = false;
    this.ending = false;
  }

  private close(row: number, mark: number): void {
    this.lives.end[this.life] = mark === LIFE.endUnseen ? -1 : row;
    this.lives.marks[this.life] |= mark;
    this.life = -1;
    this.allocated = false;
    this.frozenAt = -1;
    this.ending = true;
  }
}

/** Answers whether events were lost between two rows. */
class LossIndex {
  private readonly before: Int32Array;
  /** the smallest `after` of this loss and all later ones */
  private readonly least: Int32Array;

  constructor({ losses }: Recording) {
    const sorted = losses.slice().sort((a, b) => a.before - b.before);
    this.before = Int32Array.from(sorted, (loss) => loss.before);
    this.least = Int32Array.from(sorted, (loss) => loss.after);
    for (let at = sorted.length - 2; at >= 0; at--) this.least[at] = Math.min(this.least[at], this.least[at + 1]);
  }

  within(from: number, to: number): boolean {
    let low = 0;
    let high = this.before.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.before[middle] > from) high = middle;
      else low = middle + 1;
    }
    return low < this.before.length && this.least[low] < to;
  }
}

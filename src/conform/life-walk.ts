// SPDX-License-Identifier: Apache-2.0
/** The state machine of a page: events with their counts in, lives and broken invariants out. It knows no other page. */
import { isBaseLost, isFreedInUse, isFreedTwice, isTakenFree, isUnderflow } from '../spec/invariants.js';
import { OP, type Op, UNKNOWN } from '../spec/ops.js';
import { begins, isOver, type RestRule } from '../spec/rest.js';
import type { Broken } from './broken.js';
import { LIFE, type Lives, type PageFacts } from './lives.js';
import type { Countable } from './order.js';
import type { PageIndex } from './page-index.js';
import type { Counts } from './rebuild.js';

/** Bits of `Walk.memory`, above two for the life. */
const [FROZEN, ALLOCATED, ENDING, FREED, EMPTIED] = [4, 8, 16, 32, 64];

/** One for all pages, since most have few events. */
export class Walk {
  rule: RestRule = { idle: 0, over: 0 };
  ordinary = true;
  firstByGet = false;
  private page = 0;
  private pfn = 0;
  private kind = 0;
  /** the life that is open, -1 for none */
  life = -1;
  private allocated = false;
  frozenAt = -1;
  /** a life ended by its count and mm_page_free has not come yet */
  private ending = false;
  /** mm_page_free was the last that happened to it */
  private freed = false;
  /** its last reference was seen to be given back */
  private emptied = false;

  constructor(
    private readonly recording: Countable,
    private readonly index: PageIndex,
    private readonly counts: Counts,
    public lives: Lives,
    public broken: Broken,
  ) {}

  run(page: number, kind: number, facts: PageFacts): void {
    const from = this.index.starts[page];
    const to = this.index.starts[page + 1];
    this.begin(page, kind, this.counts.before[from]);
    for (let at = from; at < to; ) at += this.event(at, to, facts);
  }

  /** Begins with a page. @param count before its first event. @param kind is only stored */
  begin(page: number, kind: number, count: number): void {
    this.page = page;
    this.pfn = this.index.pages[page];
    this.kind = kind;
    this.life = this.frozenAt = -1;
    this.allocated = this.ending = this.freed = this.emptied = false;
    if (count !== UNKNOWN && begins(this.rule, count)) {
      this.life = this.lives.add(this.pfn, kind, -1, LIFE.beginUnseen);
    }
  }

  /** The event at a position, of which the counts are known; `to` is the end of the page. Returns how many events that were. */
  event(at: number, to: number, facts: PageFacts): number {
    const row = this.index.rows[at];
    const op = this.op(at);
    let events = 1;
    this.check(op, at, facts);
    if (op === OP.alloc || op === OP.free) this.allocation(op, row);
    else if (op === OP.freeze || op === OP.unfreeze) this.freezing(op, at);
    else if (op === OP.set && this.isMaking(at, to)) {
      this.thaw();
      if (this.life >= 0) this.close(row, LIFE.endUnseen);
      facts.made++;
      events = 2;
    } else this.counting(at);
    const last = at + events - 1;
    const after = this.counts.after[last];
    // a stored zero is no put: prep_compound_page does that to the tail pages of a folio
    if (after === UNKNOWN || after === this.counts.before[last] || op === OP.set) return events;
    if (this.life >= 0 || isUnderflow(after) || !isBaseLost(this.rule, after)) return events;
    facts.gone++;
    this.broken.add(this.page, last, 'baseLost');
    return events;
  }

  /**
   * All that what comes next depends on, beside the counts: of pages with equal ones equal events do the same. Which row froze the
   * page is left out.
   */
  get memory(): number {
    const life = this.life < 0 ? 0 : this.lives.begin[this.life] < 0 ? 1 : 2;
    const flag = (is: boolean, bit: number) => (is ? bit : 0);
    return (
      life |
      flag(this.frozenAt >= 0, FROZEN) |
      flag(this.allocated, ALLOCATED) |
      flag(this.ending, ENDING) |
      flag(this.freed, FREED) |
      flag(this.emptied, EMPTIED)
    );
  }

  /** Sets all of it but for the life, which only `event` changes. */
  recall(memory: number): void {
    if ((memory & FROZEN) === 0) this.frozenAt = -1;
    this.allocated = (memory & ALLOCATED) !== 0;
    this.ending = (memory & ENDING) !== 0;
    this.freed = (memory & FREED) !== 0;
    this.emptied = (memory & EMPTIED) !== 0;
  }

  /** Does what this event does depend on the one behind it? */
  looksAhead(at: number): boolean {
    return this.op(at) === OP.set && this.rule.idle === 0 && !this.ordinary;
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

  private counting(at: number): void {
    const row = this.index.rows[at];
    const before = this.counts.before[at];
    const after = this.counts.after[at];
    if (this.frozenAt >= 0 && this.op(at) === OP.set) this.thaw();
    if (after === UNKNOWN || after === before) return;
    if (this.life >= 0) {
      if (isOver(this.rule, after)) this.close(row, 0);
    } else if (begins(this.rule, after)) this.open(row);
    else if (before !== UNKNOWN && before > this.rule.over && isOver(this.rule, after)) {
      // parked at its idle count it may have been in use: that left no trace
      this.life = this.lives.add(this.pfn, this.kind, -1, LIFE.beginUnseen);
      this.close(row, 0);
    }
  }

  /** A frozen page counts zero and lives on; frozen and then given back or set anew, its life ended there. */
  private freezing(op: Op, at: number): void {
    const row = this.index.rows[at];
    if (op === OP.freeze) {
      if (this.recording.events.ret(row) !== 0) this.frozenAt = row;
      return;
    }
    this.frozenAt = -1;
    if (this.life < 0 && begins(this.rule, this.counts.after[at])) this.open(row);
  }

  private thaw(): void {
    if (this.frozenAt >= 0 && this.life >= 0) this.close(this.frozenAt, 0);
    this.frozenAt = -1;
  }

  /** mm_page_alloc comes after the count is set up to 6.12 and before it in 7.3; slab pages of 7.3 have no count at all. */
  private allocation(op: Op, row: number): void {
    if (!this.ordinary) return;
    if (op === OP.free) {
      if (this.life < 0 && !this.ending) this.life = this.lives.add(this.pfn, this.kind, -1, LIFE.beginUnseen);
      if (this.life >= 0) this.close(row, 0);
      this.ending = false;
      return;
    }
    if (this.life >= 0 && (this.allocated || this.lives.begin[this.life] < 0)) this.close(row, LIFE.endUnseen);
    if (this.life < 0) this.open(row);
    this.allocated = true;
  }

  /** A life begins with the event in `row`. */
  open(row: number): void {
    this.life = this.lives.add(this.pfn, this.kind, row, 0);
    this.allocated = false;
    this.ending = false;
  }

  /** The open life ends with the event in `row`, or unseen. */
  close(row: number, mark: number): void {
    this.lives.end[this.life] = mark === LIFE.endUnseen ? -1 : row;
    this.lives.marks[this.life] |= mark;
    this.life = -1;
    this.allocated = false;
    this.frozenAt = -1;
    this.ending = true;
  }
}

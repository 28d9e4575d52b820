// SPDX-License-Identifier: Apache-2.0
/**
 * Which reference a put gives back. A page's events are walked with the list of its open references; each put closes the one
 * that fits best: by what the balanced lives of the same recording show, by the same function and task, by names, by size and
 * by time, in this order. A guess where several fit; what it decides is only which taker is named, never whether one is.
 */
import { affinity, PIN_BIAS } from '../spec/call-paths.js';
import { OP, type Op, UNKNOWN } from '../spec/ops.js';
import type { RestRule } from '../spec/rest.js';
import type { Recording } from '../trace/recording.js';
import type { PageIndex } from './page-index.js';
import type { Counts } from './rebuild.js';
import type { Sites } from './sites.js';

/** Open references that are told apart on one page; older ones beyond that are lumped together. */
const DEPTH = 64;

/** How sure it is that a put gave back a certain get: nothing else was open; nothing fits nearly as well; a guess. */
export type Pairing = 'certain' | 'likely' | 'possible';

/** Told of each reference that is given back: rows of the get (-1 before the recording) and the put, and how many. */
export type Watch = (taken: number, given: number, amount: number, sure: Pairing) => void;

interface Gives {
  all: number;
  of: Map<number, number>;
}

/** by so much the best must be better than the second (see `score`) for a pair to be likely */
const CLEARLY = 2;

export class Ledger {
  /** open references of the page walked last: where taken (row, -1 before the recording) and how many */
  readonly rows = new Int32Array(DEPTH);
  readonly amounts = new Int32Array(DEPTH);
  /** and by which call path */
  private readonly takers = new Int32Array(DEPTH);
  size = 0;
  /** by site: references taken and given back, and the longest time that one was held */
  readonly closed = new Map<number, { times: number; longest: number }>();
  /** by the site that gives back: what it gave back, and of those the ones that each site had taken */
  private readonly gives = new Map<number, Gives>();
  private learning = true;
  private silent = false;
  private watch: Watch | undefined;
  /** of the get chosen last: by how much it fits better than any other */
  private lead = 0;

  constructor(
    private readonly recording: Recording,
    private readonly index: PageIndex,
    private readonly counts: Counts,
    private readonly sites: Sites,
  ) {}

  /** First all pages are learnt from, then walked. */
  learn(on: boolean): void {
    this.learning = on;
  }

  /** Walks one page to its last event; what is open then is in `rows` and `amounts`. A silent walk adds nothing to what is known. */
  page(page: number, rule: RestRule, silent = false, watch?: Watch): void {
    this.silent = silent;
    this.watch = watch;
    const { starts, rows, shapes, effects } = this.index;
    const { before, after } = this.counts;
    this.size = 0;
    const from = starts[page];
    const first = before[from];
    if (first !== UNKNOWN && first > rule.idle) this.open(-1, first - rule.idle);
    for (let at = from; at < starts[page + 1]; at++) {
      const op = effects.op[shapes[at]] as Op;
      if (op === OP.alloc) continue;
      if (op === OP.set || op === OP.free) {
        this.size = 0;
        if (op === OP.set && after[at] > rule.idle) this.open(rows[at], after[at] - rule.idle);
        continue;
      }
      if (op === OP.freeze) continue;
      if (op === OP.unfreeze) this.adjust(rows[at], after[at] - rule.idle);
      else if (after[at] !== UNKNOWN && before[at] !== UNKNOWN) {
        const delta = after[at] - before[at];
        if (delta > 0) this.open(rows[at], delta);
        else if (delta < 0) this.give(rows[at], -delta);
      }
      if (after[at] !== UNKNOWN && after[at] <= rule.idle) this.size = 0;
    }
  }

  private open(row: number, amount: number): void {
    if (amount === PIN_BIAS - 1 && this.isPinBegun(row)) {
      this.rows[this.size - 1] = row;
      this.takers[this.size - 1] = this.sites.of(row);
      this.amounts[this.size - 1] += amount;
      return;
    }
    if (this.size === DEPTH) {
      // the oldest two become one of unknown origin
      this.amounts[1] += this.amounts[0];
      this.rows[1] = -1;
      this.takers[1] = 0;
      this.rows.copyWithin(0, 1);
      this.takers.copyWithin(0, 1);
      this.amounts.copyWithin(0, 1);
      this.size--;
    }
    this.rows[this.size] = row;
    this.takers[this.size] = this.sites.of(row);
    this.amounts[this.size++] = amount;
  }

  /** mm/gup.c, fast path: pins take one reference and then the rest of their bias; they are given back as one. */
  private isPinBegun(row: number): boolean {
    const { events } = this.recording;
    const taken = this.rows[this.size - 1];
    if (this.size === 0 || taken < 0 || this.amounts[this.size - 1] !== 1) return false;
    return events.who[taken] === events.who[row] && this.index.effects.op[events.shape[taken]] !== OP.set;
  }

  /** A page that is unfrozen has the count that was meant for it: splitting and migration move references without events. */
  private adjust(row: number, wanted: number): void {
    let sum = 0;
    for (let at = 0; at < this.size; at++) sum += this.amounts[at];
    if (wanted > sum) this.open(row, wanted - sum);
    else if (wanted < sum) this.give(row, sum - wanted);
  }

  private give(row: number, amount: number): void {
    const site = this.sites.of(row);
    if (this.learning && this.size === 1) this.remember(this.takers[0], site);
    let left = amount;
    while (left > 0 && this.size > 0) {
      const at = this.best(row, site, left);
      const part = Math.min(left, this.amounts[at]);
      this.watch?.(
        this.rows[at],
        row,
        part,
        this.size === 1 ? 'certain' : this.lead >= CLEARLY ? 'likely' : 'possible',
      );
      this.amounts[at] -= part;
      left -= part;
      if (this.amounts[at] > 0) continue;
      if (!this.learning && !this.silent) this.close(this.rows[at], row);
      this.size--;
      for (let later = at; later < this.size; later++) {
        this.rows[later] = this.rows[later + 1];
        this.takers[later] = this.takers[later + 1];
        this.amounts[later] = this.amounts[later + 1];
      }
    }
  }

  private remember(take: number, give: number): void {
    if (take === 0 || give === 0) return;
    let known = this.gives.get(give);
    if (!known) this.gives.set(give, (known = { all: 0, of: new Map() }));
    known.all++;
    known.of.set(take, (known.of.get(take) ?? 0) + 1);
  }

  private close(taken: number, given: number): void {
    if (taken < 0) return;
    const { time } = this.recording.events;
    const site = this.sites.of(taken);
    const held = time[given] - time[taken];
    const known = this.closed.get(site);
    if (!known) this.closed.set(site, { times: 1, longest: held });
    else {
      known.times++;
      if (held > known.longest) known.longest = held;
    }
  }

  private best(row: number, site: number, amount: number): number {
    if (this.size === 1) return 0;
    let best = 0;
    let most = Number.NEGATIVE_INFINITY;
    let second = Number.NEGATIVE_INFINITY;
    for (let at = this.size - 1; at >= 0; at--) {
      const score = this.score(at, row, site, amount) - (this.size - 1 - at) * 0.01;
      if (score <= most) {
        second = Math.max(second, score);
        continue;
      }
      second = most;
      most = score;
      best = at;
    }
    this.lead = most - second;
    return best;
  }

  private score(at: number, row: number, site: number, amount: number): number {
    const taken = this.rows[at];
    const open = this.amounts[at];
    let score = open === amount ? 1 : 0;
    // a pin is given back whole, a plain put takes nothing off it
    if (open >= PIN_BIAS - 1 && amount < PIN_BIAS - 1) score -= 16;
    const take = this.takers[at];
    if (take === 0 || site === 0) return score;
    const { events } = this.recording;
    if (this.sites.holders[take] === this.sites.holders[site]) score += events.pid(taken) === events.pid(row) ? 6 : 3;
    score += affinity(this.sites.paths[take].take, this.sites.paths[site].give);
    const known = this.gives.get(site);
    if (known) score += (8 * (known.of.get(take) ?? 0)) / known.all;
    return score;
  }
}

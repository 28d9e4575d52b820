// SPDX-License-Identifier: Apache-2.0
/**
 * Finds the lives of pages by the rules of src/spec for the kind of page and the kernel. It states facts about the recording and
 * how sure they are; it judges nothing.
 */
import { isFirstTakenByGet } from '../spec/invariants.js';
import type { KernelVersion } from '../spec/kernel-version.js';
import { type PageKind, restRule } from '../spec/rest.js';
import { Automaton, type Classes, classesOf } from './automaton.js';
import { Broken } from './broken.js';
import { Walk } from './life-walk.js';
import { LIFE, Lives, type PageFacts } from './lives.js';
import type { Countable } from './order.js';
import type { PageIndex } from './page-index.js';
import { Counts, type Rebuilt } from './rebuild.js';

/** Walks one page after the other and adds its lives. */
export class LifeFinder {
  lives = new Lives();
  broken = new Broken();
  readonly counts: Counts;
  private readonly losses: LossIndex;
  private readonly walk: Walk;
  private kind: PageKind | undefined;
  private kernel: KernelVersion | undefined;
  private readonly automata = new Map<PageKind, Automaton>();
  private readonly classes: Classes;
  private known: Automaton | undefined;

  constructor(
    private readonly recording: Countable,
    private readonly index: PageIndex,
    counts = new Counts(recording, index),
  ) {
    this.counts = counts;
    this.walk = new Walk(recording, index, this.counts, this.lives, this.broken);
    this.classes = classesOf(recording, index);
    this.losses = new LossIndex(recording);
  }

  /** Begins new columns: what was found until now belongs to somebody else. */
  renew(): void {
    this.lives = this.walk.lives = new Lives();
    this.broken = this.walk.broken = new Broken();
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
    const first = this.lives.length;
    const { walk, counts, lives } = this;
    if (kind !== this.kind || kernel !== this.kernel) this.turnTo(kind, kernel);
    if (!this.known?.page(page, kindNumber, facts)) {
      counts.page(page, facts, walk.firstByGet);
      walk.run(page, kindNumber, facts);
      if (facts.jumped >= 0) this.broken.add(page, facts.jumped, 'adrift');
    }
    for (let life = first; life < lives.length; life++) this.grade(life, facts);
    return facts;
  }

  private turnTo(kind: PageKind, kernel: KernelVersion): void {
    const { walk, automata } = this;
    if (kernel !== this.kernel) automata.clear();
    this.kind = kind;
    this.kernel = kernel;
    walk.rule = restRule(kind, kernel) ?? walk.rule;
    walk.ordinary = kind === 'ordinary';
    walk.firstByGet = isFirstTakenByGet(kind, kernel);
    let known = automata.get(kind);
    if (!known) automata.set(kind, (known = new Automaton(this.classes, this.index, this.counts, walk)));
    this.known = known;
  }

  private grade(life: number, rebuilt: Rebuilt): void {
    const { lives } = this;
    if (rebuilt.jumps > 0) lives.marks[life] |= LIFE.jump;
    if (rebuilt.basis === 'evidence') lives.marks[life] |= LIFE.evidence;
    const end = lives.end[life] < 0 ? this.recording.events.length : lives.end[life];
    if (this.losses.within(lives.begin[life], end)) lives.marks[life] |= LIFE.loss;
  }
}

/** Answers whether events were lost between two rows. */
class LossIndex {
  private readonly before: Int32Array;
  /** the smallest `after` of this loss and all later ones */
  private readonly least: Int32Array;

  constructor({ losses }: Countable) {
    const sorted = losses.slice().sort((a, b) => a.before - b.before);
    this.before = Int32Array.from(sorted, (loss) => loss.before);
    this.least = Int32Array.from(sorted, (loss) => loss.after);
    for (let at = sorted.length - 2; at >= 0; at--) this.least[at] = Math.min(this.least[at], this.least[at + 1]);
  }

  within(from: number, to: number): boolean {
    if (this.before.length === 0) return false;
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

// SPDX-License-Identifier: Apache-2.0
/**
 * Steps that may be taken alone as long as memory holds what it holds now: a task that would have to find a page mapped, which it
 * is not, and which nobody can map any more, does not get to the page's count. An assumption says of some elements of memory
 * which values they hold. A step is alone under it where each other task, as long as it holds, neither meets the step nor breaks it:
 * so nobody breaks it first. Which assumptions are worth a try is learnt from states that a search has met; that they
 * are right never rests on that.
 *
 * Not here: what is so whatever memory holds (independent.ts).
 */
import type { LinkedScenario } from '../compiler/link.js';
import { type Code, nextAlternative } from './code.js';
import { Dice } from './dice.js';
import { OK } from './emit.js';
import type { Allowed, Assumption, Encoding } from './encode.js';
import { Analysis, addRow, doMeet, type Footprint, type Independence, type Row } from './independent.js';
import type { Elements } from './local-graph.js';
import { pcOf, readElement, readSlot } from './state.js';
import type { Symmetry } from './symmetry-map.js';
import { isCut } from './waiting.js';

/** So many assumptions are learnt at most: all rows are looked at after each step. */
const LEARNT = 256;
/** Steps of the runs on which it is learnt at most, and before it may end where the second half taught nothing. */
const WALK = 1 << 13;
const WALK_LEAST = 1 << 9;
/** Rows at most. */
const ROWS = 1024;

/** A way that a step can go, with values of elements numbered through. */
interface Way {
  at: number;
  footprint: Footprint;
  needs: readonly number[];
  gives: readonly number[];
  /** elements that it may make anything */
  blurs: readonly number[];
  /** spot of all tasks; -1 where it is a violation */
  next: number;
}

/** What memory may hold: a byte for each value of each element whose values are told apart. */
type Memory = Uint8Array;

/** What a step touches that is to be taken alone, and whom it may meet. */
interface Own extends Footprint {
  /** way -> 0: not known; 1: does not meet it; 2: does */
  meets: Uint8Array;
  /** 1 for each spot of all tasks whose step has to wait for what the task holds */
  cut: Uint8Array;
}

/** Memory as it is assumed to be, and per spot of all tasks the row of its step (see Row.beside); null where it has none. */
interface Assumed {
  memory: Memory;
  rows: Map<number, Int32Array | null>;
}

interface Learnt extends Assumption, Assumed {}

/** Where all tasks are, and what memory holds. */
interface Met {
  spots: readonly number[];
  memory: Memory;
}

/** What it takes to follow runs. */
interface Runnable {
  initial: Int32Array;
  encoding: Encoding;
  code: Pick<Code, 'steps' | 'chooses' | 'choice' | 'counts' | 'side'>;
}

/**
 * @param room what states will have room for
 * @returns what is to be assumed of memory, learnt on runs; empty where that does not help
 */
export function learn(linked: LinkedScenario, symmetry: Symmetry, room: Encoding, runnable: Runnable): Assumption[] {
  const learner = new Learner(new Analysis(linked, symmetry, room));
  const assumptions = learner.learn(runnable);
  learners.set(assumptions, { learner, room });
  return assumptions;
}

/** Whoever learns what is to be assumed uses it next, and mostly for the same room: what was found out serves again. */
const learners = new WeakMap<readonly Assumption[], { learner: Learner; room: Encoding }>();

/** Whether elements have room for the same values. */
function isSameRoom(one: Encoding, other: Encoding): boolean {
  return [...one.columns].every(([name, { range }]) => {
    const there = other.columns.get(name)?.range;
    return there?.low === range.low && there.high === range.high;
  });
}

/** @returns the steps that may be taken alone, under one of the assumptions, too */
export function independenceUnder(
  linked: LinkedScenario,
  symmetry: Symmetry,
  room: Encoding,
  assumptions: readonly Assumption[],
): Independence {
  const known = learners.get(assumptions);
  const learner =
    known && isSameRoom(known.room, room) ? known.learner : new Learner(new Analysis(linked, symmetry, room));
  return learner.rows(assumptions);
}

class Learner {
  readonly #analysis: Analysis;
  /** element -> its first value among all; -1 where its values are not told apart */
  readonly #values: number[] = [];
  readonly #lows: number[] = [];
  readonly #all: Memory;
  readonly #always: Assumed;
  /** spot of all tasks -> ways of its step */
  readonly #ways: Way[][] = [];
  readonly #wayCount: number;
  readonly #taskOf: number[] = [];

  constructor(analysis: Analysis) {
    this.#analysis = analysis;
    let count = 0;
    analysis.elements.forEach((_, element) => {
      const held = analysis.valuesOf(element);
      this.#values.push(held ? count : -1);
      this.#lows.push(held?.[0] ?? 0);
      count += held?.length ?? 0;
    });
    this.#all = new Uint8Array(count).fill(1);
    this.#always = { memory: this.#all, rows: new Map() };
    let ways = 0;
    analysis.graphs.forEach(({ spots }, task) => {
      const first = analysis.firsts[task];
      spots.forEach((spot, i) => {
        const { adds } = analysis.steps[task][i];
        this.#taskOf.push(task);
        this.#ways.push(
          spot.ways.map(({ needs, gives, reads, changes, next }): Way => {
            const footprint = { reads: reads & ~adds, writes: changes & ~adds, adds: changes & adds };
            const given = [...gives].flatMap(([element, value]) => this.#value(element, value));
            const blurs = [...gives].flatMap(([element, value]) =>
              value === undefined && this.#values[element] >= 0 ? [element] : [],
            );
            const needed = [...needs].flatMap(([element, value]) => this.#value(element, value));
            return { at: ways++, footprint, needs: needed, gives: given, blurs, next: next < 0 ? -1 : first + next };
          }),
        );
      });
    });
    this.#wayCount = ways;
  }

  /** @returns the number of a value among all, if it is told apart */
  #value(element: number, value: number | undefined): number[] {
    const at = this.#values[element];
    if (value === undefined || at < 0) return [];
    const position = value - this.#lows[element];
    // what does not fit is noted by the search, which begins anew
    return position >= 0 && position < this.#count(element) ? [at + position] : [];
  }

  #count(element: number): number {
    return this.#analysis.valuesOf(element)?.length ?? 0;
  }

  #blur(memory: Memory, element: number): boolean {
    const at = this.#values[element];
    const end = at + this.#count(element);
    let isNews = false;
    for (let i = at; i < end; i++) {
      if (memory[i] === 0) isNews = true;
      memory[i] = 1;
    }
    return isNews;
  }

  // ---- rows ---------------------------------------------------------------------------------------------------------

  rows(assumptions: readonly Assumption[]): Independence {
    const { graphs, firsts } = this.#analysis;
    const rows = new Map<string, Row>();
    const assumed = assumptions.map((one) => ({ ...one, memory: this.#memoryOf(one.allows), rows: new Map() }));
    graphs.forEach(({ spots }, task) => {
      spots.forEach(({ pc }, spot) => {
        if (spot === 0) return;
        const always = this.#row(firsts[task] + spot, this.#always);
        if (always && isUseful(always, firsts)) addRow(rows, { task, spots: [spot], beside: always, allows: [] });
        for (const one of assumed) {
          if (one.task !== task || one.pc !== pc || rows.size >= ROWS) continue;
          const beside = this.#row(firsts[task] + spot, one);
          const isMore = beside?.some((word, i) => (word & ~(always?.[i] ?? 0)) !== 0);
          if (beside && isMore && isUseful(beside, firsts))
            addRow(rows, { task, spots: [spot], beside, allows: this.#allowsOf(one.memory) });
        }
      });
    });
    return { graphs, firsts, rows: [...rows.values()] };
  }

  #memoryOf(allows: readonly Allowed[]): Memory {
    const memory = Uint8Array.from(this.#all);
    this.#analysis.elements.forEach(({ column, element }, at) => {
      const allowed = allows.find((one) => one.column === column && one.element === element);
      if (!allowed || this.#values[at] < 0) return;
      memory.fill(0, this.#values[at], this.#values[at] + this.#count(at));
      for (const value of allowed.values.flatMap((one) => this.#value(at, one))) memory[value] = 1;
    });
    return memory;
  }

  /** @returns beside which spots of the other tasks a step is alone as long as memory holds nothing but what it may */
  #row(at: number, { memory, rows }: Assumed): Int32Array | undefined {
    const known = rows.get(at);
    if (known !== undefined) return known ?? undefined;
    const own = this.#own(at, memory);
    const row = own ? this.#besides(this.#taskOf[at], own, memory) : null;
    rows.set(at, row);
    return row ?? undefined;
  }

  #besides(task: number, own: Own, memory: Memory): Int32Array {
    const ways = this.#ways.map((all, spot) =>
      own.cut[spot] || this.#taskOf[spot] === task ? [] : all.filter((way) => isPossible(way, memory)),
    );
    const isBad = ways.map((all) => all.some((way) => this.#doesBreak(way, memory) || this.#doesMeet(own, way)));
    for (let changed = true; changed; ) {
      changed = false;
      for (let spot = ways.length - 1; spot >= 0; spot--) {
        if (isBad[spot] || !ways[spot].some(({ next }) => next >= 0 && isBad[next])) continue;
        isBad[spot] = true;
        changed = true;
      }
    }
    const row = new Int32Array((ways.length >> 5) + 1);
    isBad.forEach((bad, spot) => {
      if (!bad && this.#taskOf[spot] !== task) row[spot >> 5] |= 1 << (spot & 31);
    });
    return row;
  }

  /** Whether memory may hold, after a way, what it is assumed not to. */
  #doesBreak({ gives, blurs }: Way, memory: Memory): boolean {
    return (
      gives.some((value) => memory[value] === 0) ||
      blurs.some(
        (element) => memory.indexOf(0, this.#values[element]) >>> 0 < this.#values[element] + this.#count(element),
      )
    );
  }

  #doesMeet(own: Own, { at, footprint }: Way): boolean {
    if (own.meets[at] === 0) own.meets[at] = doMeet(own, footprint) ? 2 : 1;
    return own.meets[at] === 2;
  }

  readonly #meets = new Map<string, Uint8Array>();
  readonly #owns = new Map<number, Map<number, Own | undefined>>();

  /** @returns what a step touches that begins at a spot of all tasks; undefined where it is never taken alone */
  #own(at: number, memory: Memory): Own | undefined {
    // of so many ways, those that are possible are a number
    let possible = 0;
    const ways = this.#ways[at];
    for (let i = 0; i < ways.length; i++) if (isPossible(ways[i], memory)) possible += 2 ** i;
    const known = this.#owns.get(at) ?? new Map<number, Own | undefined>();
    this.#owns.set(at, known);
    if (!known.has(possible)) known.set(possible, possible === 0 ? undefined : this.#newOwn(at, memory));
    return known.get(possible);
  }

  #newOwn(at: number, memory: Memory): Own | undefined {
    const { steps, cuts, visible, firsts } = this.#analysis;
    const task = this.#taskOf[at];
    const spot = at - firsts[task];
    if (steps[task][spot].chooses || cuts[task].has(spot) || this.#ways[at].length > 50) return undefined;
    let [reads, writes, adds]: [Elements, Elements, Elements] = [0n, 0n, 0n];
    for (const way of this.#ways[at]) {
      if (!isPossible(way, memory)) continue;
      reads |= way.footprint.reads;
      writes |= way.footprint.writes;
      adds |= way.footprint.adds;
    }
    if (((writes | adds) & visible) !== 0n) return undefined;
    const key = [reads, writes, adds].join();
    const meets = this.#meets.get(key) ?? new Uint8Array(this.#wayCount);
    this.#meets.set(key, meets);
    return { reads, writes, adds, meets, cut: this.#cut(task, spot) };
  }

  readonly #cutBy = new Map<string, Uint8Array>();

  /** @returns 1 for each spot of all tasks whose step has to wait for what a task holds */
  #cut(task: number, spot: number): Uint8Array {
    const { held, steps } = this.#analysis;
    const key = JSON.stringify(held[task][spot]);
    const known = this.#cutBy.get(key);
    if (known) return known;
    const found = Uint8Array.from(steps.flat(), (step) => (isCut(step, held[task][spot]) ? 1 : 0));
    this.#cutBy.set(key, found);
    return found;
  }

  // ---- learning -----------------------------------------------------------------------------------------------------

  learn({ initial, encoding, code }: Runnable): Assumption[] {
    const learnt: Learnt[] = [];
    const finder = this.#finder(encoding);
    const dice = new Dice();
    let state: Int32Array = Int32Array.from(initial);
    for (let steps = 0, last = WALK_LEAST; steps < WALK && steps < 2 * last && learnt.length < LEARNT; steps++) {
      const now = finder(state);
      const before = learnt.length;
      const alone = now && this.#alone(now, learnt);
      if (learnt.length > before) last = Math.max(last, steps);
      const next = stepFrom(state, { encoding, code }, dice, alone);
      state = next ?? Int32Array.from(initial);
    }
    return learnt.map(({ task, pc, allows }) => ({ task, pc, allows }));
  }

  /** @returns a task whose step is alone now; what had to be learnt for that is added */
  #alone(now: Met, learnt: Learnt[]): number | undefined {
    const { graphs, firsts } = this.#analysis;
    const tasks = [...graphs.keys()].filter((task) => {
      const at = now.spots[task];
      return at !== firsts[task] && this.#own(at, now.memory);
    });
    const pcOfTask = (task: number): number => graphs[task].spots[now.spots[task] - firsts[task]].pc;
    for (const task of tasks) {
      if (this.#isCovered(task, now, this.#always)) return task;
      const pc = pcOfTask(task);
      if (learnt.some((one) => one.task === task && one.pc === pc && this.#isCovered(task, now, one))) return task;
    }
    for (const task of tasks) {
      const memory = this.#generalised(task, now);
      if (!memory) continue;
      learnt.push({ task, pc: pcOfTask(task), allows: this.#allowsOf(memory), memory, rows: new Map() });
      return task;
    }
    return undefined;
  }

  #isCovered(task: number, now: Met, assumed: Assumed): boolean {
    const row = this.#row(now.spots[task], assumed);
    if (!row) return false;
    for (let i = 0; i < now.spots.length; i++) {
      const at = now.spots[i];
      if (i !== task && ((row[at >> 5] >>> (at & 31)) & 1) === 0) return false;
    }
    return isWithin(now.memory, assumed.memory);
  }

  /** @returns the weakest assumption found under which a step is alone now */
  #generalised(task: number, now: Met): Memory | undefined {
    let memory: Memory | undefined = this.#reached(task, now.spots, now.memory);
    const start = Uint8Array.from(now.memory);
    for (let element = 0; memory && element < this.#values.length; element++) {
      const at = this.#values[element];
      const before = start.slice(at, at + this.#count(element));
      if (at < 0 || !this.#blur(start, element)) continue;
      const more = this.#reached(task, now.spots, start);
      if (more) memory = more;
      else start.set(before, at);
    }
    for (let value = 0; memory && value < start.length; value++) {
      if (memory[value] === 1) continue;
      start.set(memory);
      start[value] = 1;
      memory = this.#reached(task, now.spots, start) ?? memory;
    }
    return memory;
  }

  /**
   * @returns what memory may come to hold as long as a task does not move; undefined where somebody may meet its step
   */
  #reached(task: number, spots: readonly number[], start: Memory): Memory | undefined {
    const own = this.#own(spots[task], start);
    if (!own) return undefined;
    const { cut } = own;
    const memory = Uint8Array.from(start);
    const seen = new Uint8Array(this.#ways.length);
    const known: number[] = [];
    const come = (at: number): void => {
      if (at < 0 || seen[at]) return;
      seen[at] = 1;
      if (!cut[at]) known.push(at);
    };
    spots.forEach((at, i) => {
      if (i !== task) come(at);
    });
    for (let changed = true; changed; ) {
      changed = false;
      for (let i = 0; i < known.length; i++) {
        for (const way of this.#ways[known[i]]) {
          if (!isPossible(way, memory)) continue;
          if (this.#doesMeet(own, way)) return undefined;
          come(way.next);
          for (const value of way.gives) {
            if (memory[value] === 1) continue;
            memory[value] = 1;
            changed = true;
          }
          for (const element of way.blurs) if (this.#blur(memory, element)) changed = true;
        }
      }
    }
    return memory;
  }

  #allowsOf(memory: Memory): Allowed[] {
    return this.#analysis.elements.flatMap(({ column, element }, at) => {
      if (this.#values[at] < 0) return [];
      const values = (this.#analysis.valuesOf(at) ?? []).filter((_, i) => memory[this.#values[at] + i] === 1);
      return values.length === this.#count(at) ? [] : [{ column, element, values }];
    });
  }

  /** @returns what tells of a state where its tasks are and what its memory holds; undefined where that is not told apart */
  #finder(met: Encoding): (state: Int32Array) => Met | undefined {
    const { graphs, firsts, elements } = this.#analysis;
    const known = graphs.map(({ spots }) => new Map(spots.map(({ pc, values }, i) => [`${pc}:${values.join()}`, i])));
    // what tells the spots of a place apart is kept there
    const slots = graphs.map(({ keys }, task) =>
      keys.map((locals, pc) =>
        locals.flatMap((id) => met.tasks[task].slots[pc].find(({ local }) => local === id) ?? []),
      ),
    );
    return (state) => {
      const spots = graphs.map((_, task) => {
        const pc = pcOf(state, met, task);
        const values = (slots[task][pc] ?? []).map((slot) => readSlot(state, slot));
        return firsts[task] + (known[task].get(pc === 0 ? '0:' : `${pc}:${values.join()}`) ?? Number.NaN);
      });
      const memory = new Uint8Array(this.#all.length);
      elements.forEach(({ column, element }, at) => {
        const place = met.columns.get(column);
        if (!place || this.#values[at] < 0) return;
        for (const value of this.#value(at, readElement(state, place, element))) memory[value] = 1;
      });
      return spots.some(Number.isNaN) ? undefined : { spots, memory };
    };
  }
}

function isPossible({ needs }: Way, memory: Memory): boolean {
  for (let i = 0; i < needs.length; i++) if (memory[needs[i]] === 0) return false;
  return true;
}

function isWithin(memory: Memory, allowed: Memory): boolean {
  for (let i = 0; i < memory.length; i++) if (memory[i] > allowed[i]) return false;
  return true;
}

/** Whether a step is alone beside a task that has not ended. */
function isUseful(row: Int32Array, firsts: readonly number[]): boolean {
  const ends = new Int32Array(row.length);
  for (const first of firsts) ends[first >> 5] |= 1 << (first & 31);
  return row.some((word, i) => (word & ~ends[i]) !== 0);
}

/**
 * @param task who is to step, if that is possible
 * @returns a state after one step, as the dice want; undefined where none is possible
 */
function stepFrom(
  state: Int32Array,
  { encoding, code }: Omit<Runnable, 'initial'>,
  dice: Dice,
  task: number | undefined,
): Int32Array | undefined {
  let found: Int32Array | undefined;
  let count = 0;
  for (let each = 0; each < code.steps.length; each++) {
    const pc = pcOf(state, encoding, each);
    if (pc === 0) continue;
    code.choice.fill(0);
    do {
      const next = Int32Array.from(state);
      if (code.steps[each][pc](next) !== OK) continue;
      if (each === task) return next;
      if (dice.below(++count) === 0) found = next;
    } while (code.chooses[each][pc] && nextAlternative(code));
  }
  return found;
}

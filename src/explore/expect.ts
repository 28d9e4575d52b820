// SPDX-License-Identifier: Apache-2.0
/**
 * Which values are expected: those of the states that a search has found, and those of runs that go on to an end, since what
 * was found first is never far from the first state.
 *
 * Not here: what comes of it where others turn up (narrow.ts).
 */
import { InputError } from '../base/diagnostic.js';
import type { Range } from '../compiler/link-range.js';
import { learn } from './assume.js';
import { Dice } from './dice.js';
import { bitOf, type Encoding, type Expectation, elementsOf, encode, type LocalSlot } from './encode.js';
import type { Expander } from './expand.js';
import type { Model } from './model.js';
import type { Store } from './store.js';

/** States that are looked at: about so many of those found, and on runs. */
const FOUND = 1 << 13;
const ON_RUNS = 1 << 11;
/** What a local may be of which no value was met. */
const UNMET: Range = { low: 0, high: 15 };

/** Nothing is expected: there is room for all that is possible. */
export const ALL: Expectation = { columns: {}, locals: [] };

/** @returns whether states could be smaller than they are */
export function canNarrow(model: Model): boolean {
  const { linked, encoding } = model;
  const zero: Range = { low: 0, high: 0 };
  const columns = Object.fromEntries([...encoding.columns.keys()].map((name) => [name, zero]));
  const locals = linked.tasks.map(({ graph }) => Object.fromEntries(graph.locals.map((_, local) => [local, zero])));
  return wordsOf(model, { columns, locals }) < encoding.words;
}

function wordsOf({ linked, symmetry }: Model, expectation: Expectation): number {
  return encode(linked, symmetry, expectation).words;
}

/** @param store of a search that has found some states; `expander` of the same takes further steps */
export function expectationOf(model: Model, store: Store, expander: Expander): Expectation {
  const met = new Met(model);
  met.add(model.initial, 0);
  // of fingerprints, the words of most states are gone
  const from = store.storage === 'exact' ? 0 : store.count;
  const some = 2 ** Math.max(0, Math.floor(Math.log2((store.count - from) / FOUND))) - 1;
  for (let index = from; index < store.count; index++) {
    const [words, at] = [store.segment(index), store.offset(index)];
    if ((mixed(words, at, store.words) & some) === 0) met.add(words, at);
  }
  walk(model, expander, met);
  const exact = met.expectation({ isSpare: false, factor: 1 });
  // what takes no more words costs nothing; of a local values may be met only between steps that are taken at once
  const roomy = [2, 1].map((factor) => met.expectation({ isSpare: true, factor }));
  const found = roomy.find((each) => wordsOf(model, each) === wordsOf(model, exact)) ?? exact;
  const { linked, symmetry, collapse } = model;
  if (!collapse) return found;
  const assumptions = learn(linked, symmetry, encode(linked, symmetry, found), model);
  return { ...found, assumptions };
}

/** @returns a number by which some states are chosen: these, and not where they are, which depends on who found them */
function mixed(words: Int32Array, at: number, count: number): number {
  let mix = 0;
  for (let i = 0; i < count; i++) mix = Math.imul(mix ^ words[at + i], 0x9e3779b1);
  return mix ^ (mix >>> 15);
}

/** Bits of a state that hold a value, and which one. */
interface Field {
  word: number;
  /** by how much they are shifted to the left end of a word, and from there to the right one */
  left: number;
  right: number;
  signed: boolean;
  value: number;
}

/** The least and the greatest of each value, over some states. */
class Met {
  readonly #model: Model;
  readonly #fields: Field[];
  /** task -> pc -> of the locals that are live there */
  readonly #slots: Field[][][];
  readonly #least: number[] = [];
  readonly #most: number[] = [];
  readonly #columns = new Map<string, number>();
  readonly #locals: Map<number, number>[];

  constructor(model: Model) {
    this.#model = model;
    const { columns, tasks } = model.encoding;
    this.#fields = [...columns].flatMap(([name, place]) => {
      const value = this.#newValue(this.#columns, name);
      return elementsOf(place).map((element) => {
        const bit = bitOf(place, element);
        return fieldOf({ word: bit >>> 5, shift: bit & 31, ...place }, value);
      });
    });
    this.#locals = tasks.map(() => new Map());
    this.#slots = tasks.map(({ slots }, task) =>
      slots.map((live) => live.map((slot) => fieldOf(slot, this.#newValue(this.#locals[task], slot.local)))),
    );
  }

  #newValue<K>(known: Map<K, number>, key: K): number {
    let value = known.get(key);
    if (value === undefined) {
      value = this.#least.push(Number.POSITIVE_INFINITY) - 1;
      this.#most.push(Number.NEGATIVE_INFINITY);
      known.set(key, value);
    }
    return value;
  }

  /** @param at where a state begins in `words` */
  add(words: Int32Array, at: number): void {
    const { tasks } = this.#model.encoding;
    this.#note(words, at, this.#fields);
    for (let task = 0; task < tasks.length; task++) {
      const { word, shift, pcBits } = tasks[task];
      this.#note(words, at, this.#slots[task][(words[at + word] >>> shift) & ((1 << pcBits) - 1)]);
    }
  }

  #note(words: Int32Array, at: number, fields: readonly Field[]): void {
    for (let i = 0; i < fields.length; i++) {
      const { word, left, right, signed, value } = fields[i];
      const top = words[at + word] << left;
      const met = signed ? top >> right : top >>> right;
      if (met < this.#least[value]) this.#least[value] = met;
      if (met > this.#most[value]) this.#most[value] = met;
    }
  }

  /**
   * @param isSpare whether one more than what was met is expected, where that was more than a bit
   * @param factor how many times the most of a local is expected of it, and one more
   */
  expectation({ isSpare, factor }: { isSpare: boolean; factor: number }): Expectation {
    const ranges = <K extends string | number>(values: Map<K, number>, times: number): Record<K, Range> => {
      const rangeOf = (value: number): Range => {
        const [low, high] = [this.#least[value], this.#most[value]];
        if (low > high) return UNMET;
        return { low, high: isSpare && (high > 1 || times > 1) ? high * times + 1 : high };
      };
      return Object.fromEntries([...values].map(([key, value]) => [key, rangeOf(value)])) as Record<K, Range>;
    };
    return { columns: ranges(this.#columns, 1), locals: this.#locals.map((values) => ranges(values, factor)) };
  }
}

function fieldOf(
  { word, shift, bits, signed }: Pick<LocalSlot, 'word' | 'shift' | 'bits' | 'signed'>,
  value: number,
): Field {
  return { word, left: 32 - bits - shift, right: 32 - bits, signed, value };
}

/** Follows runs from the first state to where they end, each step one of those that are possible. */
function walk({ initial, encoding }: Model, expander: Expander, met: Met): void {
  const { batch } = expander;
  const dice = new Dice();
  let state = initial;
  for (let steps = 0; steps < ON_RUNS; steps++) {
    const next = nextOf(expander, state);
    if (batch.count === 0 || !next) state = initial;
    else {
      const at = dice.below(batch.count) * batch.stride;
      state = batch.words.slice(at, at + encoding.words);
      met.add(state, 0);
    }
  }
}

/** @returns whether all steps could be taken: what is wrong with one is for the search to find */
function nextOf(expander: Expander, state: Int32Array): boolean {
  try {
    expander.begin(state, 0, 1);
    expander.next();
    return true;
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}

/**
 * @param misfits positions in `expected` of what did not fit
 * @returns an expectation that says nothing of these columns; nor of any local once one did not fit, since others would follow
 */
export function widened(expectation: Expectation, { expected }: Encoding, misfits: readonly number[]): Expectation {
  const columns = { ...expectation.columns };
  let { locals } = expectation;
  for (const at of misfits) {
    const what = expected[at];
    if ('column' in what) delete columns[what.column];
    else locals = [];
  }
  return { ...expectation, columns, locals };
}

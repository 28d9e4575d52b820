// SPDX-License-Identifier: Apache-2.0
/**
 * Which values are expected: those of the states that a search has found, and those of runs that go on to an end, since what
 * was found first is never far from the first state.
 *
 * Not here: what comes of it where others turn up (narrow.ts).
 */
import { InputError } from '../base/diagnostic.js';
import { NONE, type Range, union } from '../compiler/link-range.js';
import { type ColumnPlace, type Encoding, type Expectation, elementsOf, encode } from './encode.js';
import type { Expander } from './expand.js';
import { type Model, pcOf, readElement, readSlot } from './model.js';
import type { Store } from './store.js';

/** States that are looked at: of those found, and on runs. */
const FOUND = 1 << 13;
const ON_RUNS = 1 << 13;
/** What a local may be of which no value was met. */
const UNMET: Range = { low: 0, high: 15 };

/** Nothing is expected: there is room for all that is possible. */
export const ALL: Expectation = { columns: {}, locals: [] };

/** @returns whether states could be smaller than they are */
export function canNarrow({ linked, symmetry, encoding }: Model): boolean {
  const zero: Range = { low: 0, high: 0 };
  const columns = Object.fromEntries([...encoding.columns.keys()].map((name) => [name, zero]));
  const locals = linked.tasks.map(({ graph }) => Object.fromEntries(graph.locals.map((_, local) => [local, zero])));
  return encode(linked, symmetry, { columns, locals }).words < encoding.words;
}

/** @param store of a search that has found some states; `expander` of the same takes further steps */
export function expectationOf(model: Model, store: Store, expander: Expander): Expectation {
  const met = new Met(model);
  met.add(model.initial);
  // of fingerprints, the words of most states are gone
  const from = store.storage === 'exact' ? 0 : store.count;
  const step = Math.max(1, Math.floor((store.count - from) / FOUND));
  for (let index = from; index < store.count; index += step) {
    const at = store.offset(index);
    met.add(store.segment(index).subarray(at, at + store.words));
  }
  walk(model, expander, met);
  return met.expectation();
}

/** The least and the greatest of each value, over some states. */
class Met {
  readonly #model: Model;
  readonly #columns: Map<string, Range>;
  readonly #elements: { name: string; place: ColumnPlace; elements: number[] }[];
  readonly #locals: Map<number, Range>[];

  constructor(model: Model) {
    this.#model = model;
    this.#elements = [...model.encoding.columns].map(([name, place]) => ({ name, place, elements: elementsOf(place) }));
    this.#columns = new Map([...model.encoding.columns.keys()].map((name) => [name, NONE]));
    this.#locals = model.encoding.tasks.map(
      ({ slots }) => new Map(slots.flat().map(({ local }): [number, Range] => [local, NONE])),
    );
  }

  add(state: Int32Array): void {
    const { encoding } = this.#model;
    for (const { name, place, elements } of this.#elements) {
      for (const element of elements) this.#note(this.#columns, name, readElement(state, place, element));
    }
    encoding.tasks.forEach(({ slots }, task) => {
      for (const slot of slots[pcOf(state, encoding, task)])
        this.#note(this.#locals[task], slot.local, readSlot(state, slot));
    });
  }

  #note<K>(ranges: Map<K, Range>, key: K, value: number): void {
    const { low, high } = ranges.get(key) ?? NONE;
    if (value < low || value > high) ranges.set(key, union({ low, high }, { low: value, high: value }));
  }

  expectation(): Expectation {
    const known = (range: Range): Range => (range.low > range.high ? UNMET : range);
    return {
      columns: Object.fromEntries(this.#columns),
      locals: this.#locals.map((ranges) =>
        Object.fromEntries([...ranges].map(([local, range]) => [local, known(range)])),
      ),
    };
  }
}

/** Follows runs from the first state to where they end, each step one of those that are possible. */
function walk({ initial, encoding }: Model, expander: Expander, met: Met): void {
  const { batch } = expander;
  let seed = 1;
  const below = (count: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) | 0;
    return (seed >>> 8) % count;
  };
  let state = initial;
  for (let steps = 0; steps < ON_RUNS; steps++) {
    const next = nextOf(expander, state);
    if (batch.count === 0 || !next) state = initial;
    else {
      const at = below(batch.count) * batch.stride;
      state = batch.words.slice(at, at + encoding.words);
      met.add(state);
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
  return { columns, locals };
}

// SPDX-License-Identifier: Apache-2.0
/**
 * A path of a reduced search as a run of the program itself: every step that was taken without being kept, and one numbering
 * of tasks and pages from the first state to the last.
 */
import { assert } from '../base/assert.js';
import type { Move } from './batch.js';
import { evaluate, nextAlternative } from './code.js';
import { OK } from './emit.js';
import { Expander } from './expand.js';
import { generate, makeGround } from './generate.js';
import type { Model } from './model.js';
import { pcOf } from './state.js';

/**
 * @param moves each by the task that makes it in the canonical form of the state before
 * @returns the steps of the run, by the tasks that take them from the model's first state on
 */
export function concreteMoves(model: Model, moves: readonly Move[]): Move[] {
  const { canonical, collapse, encoding } = model;
  if (!canonical && !collapse) return [...moves];
  const expander = new Expander(encoding, generate(model, makeGround(model, 'exact', 0), 0));
  const state = Int32Array.from(model.initial);
  const steps: Move[] = [];
  const numbering = new Numbering(model);
  numbering.note(expander.sort(state));
  moves.forEach((move, i) => {
    const before = Int32Array.from(state);
    const outcome = take(model, state, move);
    assert(outcome === OK || i === moves.length - 1, 'a path cannot be walked again');
    steps.push(numbering.inRun(move, before, outcome === OK ? state : undefined));
    if (outcome !== OK) return;
    // what is taken alone chooses nothing
    expander.settle(state, (alone) => steps.push({ task: numbering.task(alone), alternative: 0 }));
    numbering.note(expander.sort(state));
  });
  return steps;
}

/** Which task and which page of the run each of the canonical form is. */
class Numbering {
  readonly #model: Model;
  readonly #exchange: readonly ((state: Int32Array) => void)[];
  /** per sort (SortedPair.sort) position in the canonical form -> in the run */
  readonly #inRun: number[][] = [];

  constructor(model: Model) {
    this.#model = model;
    const exchanges = model.canonical?.exchanges ?? [];
    this.#exchange = evaluate<(state: Int32Array) => void>(
      exchanges.map(({ text }) => text),
      {},
    );
    this.#inRun[0] = Array.from(model.encoding.tasks, (_, task) => task);
    for (const { sort, one, other } of exchanges) {
      this.#inRun[sort] ??= [];
      for (const at of [one, other]) this.#inRun[sort][at] = at;
    }
  }

  /** @param made exchanges in the canonical form, in order */
  note(made: readonly number[]): void {
    for (const exchange of made) {
      const found = this.#model.canonical?.exchanges[exchange];
      if (found) swap(this.#inRun[found.sort], found);
    }
  }

  task(task: number): number {
    return this.#inRun[0][task];
  }

  /** @returns a move in the run: where pages are permuted, so are the choices of one */
  inRun({ task, alternative }: Move, before: Int32Array, after: Int32Array | undefined): Move {
    if (this.#inRun.length === 1) return { task: this.task(task), alternative };
    const from = this.#state(before);
    const to = after && this.#state(after);
    const { code } = this.#model;
    const site = to ? -1 : code.side[0];
    const move = { task: this.task(task), alternative: 0 };
    for (; ; move.alternative++) {
      const state = Int32Array.from(from);
      const outcome = take(this.#model, state, move);
      const isSame = to
        ? outcome === OK && state.every((word, i) => word === to[i])
        : outcome !== OK && this.#isSameSite(site);
      if (isSame) return move;
    }
  }

  /** Whether a step has ended at the same place as another did, maybe of another task. */
  #isSameSite(site: number): boolean {
    const { side, sites } = this.#model.code;
    const [one, other] = [sites[site], sites[side[0]]];
    return one.kind === other.kind && JSON.stringify(one.place.loc) === JSON.stringify(other.place.loc);
  }

  /** @returns a state of the canonical form as it is in the run */
  #state(canonical: Int32Array): Int32Array {
    const state = Int32Array.from(canonical);
    const left = this.#inRun.map((list) => [...list]);
    const { exchanges = [] } = this.#model.canonical ?? {};
    // each to its place by exchanges of neighbours
    for (let isDone = false; !isDone; ) {
      isDone = true;
      exchanges.forEach((exchange, i) => {
        const places = left[exchange.sort];
        if (places[exchange.one] < places[exchange.other]) return;
        this.#exchange[i](state);
        swap(places, exchange);
        isDone = false;
      });
    }
    return state;
  }
}

function swap(list: number[], { one, other }: { one: number; other: number }): void {
  [list[one], list[other]] = [list[other], list[one]];
}

/** Takes a step in place. @returns its outcome */
function take({ code, encoding }: Model, state: Int32Array, { task, alternative }: Move): number {
  const step = code.steps[task][pcOf(state, encoding, task)];
  const before = Int32Array.from(state);
  code.choice.fill(0);
  code.side[1] = 0;
  for (let i = 0; ; i++) {
    state.set(before);
    const outcome = step(state);
    if (i === alternative) return outcome;
    assert(nextAlternative(code), 'a path takes a choice that there is not');
  }
}

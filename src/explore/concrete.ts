// SPDX-License-Identifier: Apache-2.0
/**
 * A path of a reduced search as a run of the program itself: every step that was taken without being kept, and one numbering
 * of the tasks from the first state to the last.
 */
import { assert } from '../base/assert.js';
import type { Move } from './batch.js';
import { nextAlternative } from './code.js';
import { OK } from './emit.js';
import { Expander } from './expand.js';
import { generate, makeGround } from './generate.js';
import { type Model, pcOf } from './model.js';

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
  /** task in the canonical form -> task in the run */
  const inRun = Array.from(encoding.tasks, (_, task) => task);
  const sort = (): void => {
    for (const exchange of expander.sort(state)) {
      const [one, other] = canonical?.exchanges[exchange] ?? [0, 0];
      [inRun[one], inRun[other]] = [inRun[other], inRun[one]];
    }
  };
  sort();
  moves.forEach(({ task, alternative }, i) => {
    steps.push({ task: inRun[task], alternative });
    const outcome = take(model, state, { task, alternative });
    assert(outcome === OK || i === moves.length - 1, 'a path cannot be walked again');
    if (outcome !== OK) return;
    expander.settle(state, (alone) => steps.push({ task: inRun[alone], alternative: 0 }));
    sort();
  });
  return steps;
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

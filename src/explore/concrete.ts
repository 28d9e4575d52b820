// SPDX-License-Identifier: Apache-2.0
/**
 * A path of a reduced search as a run of the program itself: every step that was taken without being kept, and one numbering
 * of the tasks from the first state to the last.
 */
import { assert } from '../base/assert.js';
import type { Move } from './batch.js';
import { nextAlternative } from './code.js';
import { OK } from './emit.js';
import { type Model, pcOf } from './model.js';

/**
 * @param moves each by the task that makes it in the canonical form of the state before
 * @returns the steps of the run, by the tasks that take them from the model's first state on
 */
export function concreteMoves(model: Model, moves: readonly Move[]): Move[] {
  const { canonical, collapse } = model;
  const state = Int32Array.from(model.initial);
  const steps: Move[] = [];
  /** task in the canonical form -> task in the run */
  let inRun = Array.from(model.encoding.tasks, (_, task) => task);
  const follow = (): void => {
    const now = [...inRun];
    canonical?.permute(state, 0).forEach((to, from) => {
      now[to] = inRun[from];
    });
    inRun = now;
  };
  follow();
  moves.forEach(({ task, alternative }, i) => {
    steps.push({ task: inRun[task], alternative });
    const outcome = take(model, state, { task, alternative });
    assert(outcome === OK || i === moves.length - 1, 'a path cannot be walked again');
    if (outcome !== OK) return;
    collapse?.run(state, (alone) => steps.push({ task: inRun[alone], alternative: 0 }));
    follow();
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

// SPDX-License-Identifier: Apache-2.0
/**
 * A path through states in canonical form as a run of the program itself: one numbering of the tasks from its first state
 * to its last.
 */
import { assert } from '../base/assert.js';
import type { Move } from './batch.js';
import { nextAlternative } from './code.js';
import { OK } from './emit.js';
import { type Model, pcOf } from './model.js';

/**
 * @param moves each by the task that makes it in the canonical form of the state before
 * @returns the same, each by the task that makes it in the run which begins at the model's first state
 */
export function concreteMoves(model: Model, moves: readonly Move[]): Move[] {
  const { canonical } = model;
  if (!canonical) return [...moves];
  let state: Int32Array = Int32Array.from(model.initial);
  /** task in the canonical form -> task in the run */
  let inRun = Array.from(model.encoding.tasks, (_, task) => task);
  const follow = (): void => {
    const now = [...inRun];
    canonical.permute(state, 0).forEach((to, from) => {
      now[to] = inRun[from];
    });
    inRun = now;
  };
  follow();
  return moves.map((move, i) => {
    const task = inRun[move.task];
    const after = taken(model, state, move);
    assert(after !== undefined || i === moves.length - 1, 'a path of canonical states cannot be walked again');
    if (after) state = after;
    if (after) follow();
    return { task, alternative: move.alternative };
  });
}

/** @returns the state after a move; undefined where it is a violation */
function taken({ code, encoding }: Model, from: Int32Array, { task, alternative }: Move): Int32Array | undefined {
  const step = code.steps[task][pcOf(from, encoding, task)];
  code.choice.fill(0);
  code.side[1] = 0;
  for (let i = 0; ; i++) {
    const state = Int32Array.from(from);
    const outcome = step(state);
    if (i === alternative) return outcome === OK ? state : undefined;
    assert(nextAlternative(code), 'a path takes a choice that there is not');
  }
}

// SPDX-License-Identifier: Apache-2.0
/**
 * What an event of each distinct content does to its page's count, worked out once a content by the rules of src/spec/ops:
 * walking a page is then additions and comparisons of numbers.
 */
import { countAfter, countBefore, deltaOf, isStore, OP, type Op, opOf, possible, UNKNOWN } from '../spec/ops.js';
import { HAS } from '../trace/columns.js';
import type { Recording } from '../trace/recording.js';
import { FIELD, SHAPE_WORDS } from '../trace/shapes.js';

/** By shape of `Columns.shapes`. */
export interface Effects {
  op: Uint8Array;
  delta: Int32Array;
  /** the count that the operation itself says: right before it and right after it; UNKNOWN where it does not */
  before: Int32Array;
  after: Int32Array;
  /** `count=`, read later; UNKNOWN without one */
  seen: Int32Array;
  /** a count before it with which it cannot have come out so; UNKNOWN for none */
  never: Int32Array;
  /** 1 where these numbers do not say all: it stores a count, or failed for one of several reasons */
  closer: Uint8Array;
}

/** Works out all shapes of a recording. */
export function effectsOf({ events, kinds }: Pick<Recording, 'events' | 'kinds'>): Effects {
  const { size, words } = events.shapes;
  const ofKind = kinds.map(({ name }): Op => opOf(name));
  const effects: Effects = {
    op: new Uint8Array(size),
    delta: new Int32Array(size),
    before: new Int32Array(size),
    after: new Int32Array(size),
    seen: new Int32Array(size),
    never: new Int32Array(size),
    closer: new Uint8Array(size),
  };
  for (let shape = 0; shape < size; shape++) {
    const at = shape * SHAPE_WORDS;
    const [kind, val, ret] = [words[at + FIELD.kind], words[at + FIELD.val], words[at + FIELD.ret]];
    const op = ofKind[kind];
    effects.op[shape] = op;
    effects.delta[shape] = deltaOf(op, val, ret);
    effects.before[shape] = countBefore(op, val, ret);
    effects.after[shape] = countAfter(op, val, ret);
    effects.seen[shape] = kinds[kind].has & HAS.count ? words[at + FIELD.count] : UNKNOWN;
    const plain = op !== OP.none && effects.before[shape] === UNKNOWN;
    effects.never[shape] =
      (plain ? [0, val, -val].find((count) => !possible(op, val, ret, count)) : undefined) ?? UNKNOWN;
    effects.closer[shape] = isStore(op) || (op === OP.modUnless && ret === 0) ? 1 : 0;
  }
  return effects;
}

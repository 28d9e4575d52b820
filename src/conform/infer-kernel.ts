// SPDX-License-Identifier: Apache-2.0
/** Which releases a recording can be of where nothing names its kernel; what its events show is gathered here, the rules are in src/spec. */
import { releasesOf } from '../spec/era-evidence.js';
import { OP, opOf } from '../spec/ops.js';
import { HAS } from '../trace/columns.js';
import type { Recording } from '../trace/recording.js';
import { FIELD, SHAPE_WORDS } from '../trace/shapes.js';

const NEEDED = HAS.ret | HAS.count | HAS.mapcount;

/** @returns the releases that are left, as a kernel with a span, and why; undefined where that is not certain */
export function inferKernel({ events, kinds, stacks }: Recording): ReturnType<typeof releasesOf> {
  const { words } = events.shapes;
  const freed = { zero: 0, minusOne: 0 };
  for (const [shape, rows] of events.tally.perShape.entries()) {
    const word = (field: number) => words[shape * SHAPE_WORDS + field];
    const { has, name } = kinds[word(FIELD.kind)];
    if (rows === 0 || (has & NEEDED) !== NEEDED || opOf(name) !== OP.modAndTest || word(FIELD.ret) === 0) continue;
    // who reads it late may see a page that somebody else has by now
    if (word(FIELD.count) !== 0) continue;
    if (word(FIELD.mapcount) === 0) freed.zero += rows;
    else if (word(FIELD.mapcount) === -1) freed.minusOne += rows;
  }
  return releasesOf(names(stacks), freed);
}

function* names(stacks: Recording['stacks']): Iterable<string> {
  for (let stack = 0; stack < stacks.size; stack++) yield* stacks.frames(stack);
}

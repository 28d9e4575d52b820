// SPDX-License-Identifier: Apache-2.0
/**
 * What the events of a page say of the memory that it is (src/spec/device-evidence.ts), and the upper bits of its flags: four small
 * numbers a page, gathered in one pass over the rows that several threads can share.
 *
 * Not here: what follows from them (infer-ranges.ts, zones.ts).
 */
import { SIGN, signsOf, signsOfPath } from '../spec/device-evidence.js';
import type { KernelVersion } from '../spec/kernel-version.js';
import { OP, type Op } from '../spec/ops.js';
import { withoutTracer } from '../spec/tracer-frames.js';
import type { ColumnData } from '../trace/join.js';
import type { Recording } from '../trace/recording.js';
import { FIELD, SHAPE_WORDS } from '../trace/shapes.js';
import { effectsOf } from './effects.js';
import { stateOf } from './page-state.js';
import { topsOf } from './zones.js';

/** What an event says by its shape and by its stack: sets of `SIGN`, and of its flags 1 + the upper bits, 0 without flags. */
export interface SignTables {
  ofShape: Uint16Array;
  topOf: Int16Array;
  ofStack: Uint16Array;
}

/** Words of a page: its signs; of the upper bits of its flags the first, the last, and the last that differed from that. */
const WORDS = 4;
const SIGNS = 0;
const FIRST = 1;
const LAST = 2;
const OTHER = 3;
/** beside the signs: its struct page was made anew, and what was said before is forgotten */
const ANEW = 1 << 14;

export function signTablesOf(recording: Recording, kernel: KernelVersion | undefined): SignTables {
  const { events, stacks } = recording;
  const { size, words } = events.shapes;
  const { op } = effectsOf(recording);
  const ofShape = new Uint16Array(size);
  for (let shape = 0; shape < size; shape++) {
    if (op[shape] === OP.none) continue;
    const at = shape * SHAPE_WORDS;
    const [val, ret] = [words[at + FIELD.val], words[at + FIELD.ret]];
    ofShape[shape] = signsOf({ op: op[shape] as Op, val, ret, ...stateOf(recording, shape, kernel) });
  }
  return {
    ofShape,
    topOf: topsOf(recording).map((top) => top + 1),
    ofStack: Uint16Array.from({ length: stacks.size }, (_, id) => signsOfPath(withoutTracer(stacks.frames(id)))),
  };
}

/** What was gathered of each page of a recording's table. */
export class PageSigns {
  constructor(private readonly words: Int16Array) {}

  /** Gathers what the rows `[from, to)` say; of how many pages. */
  static from(columns: ColumnData, tables: SignTables, pages: number, from: number, to: number): PageSigns {
    const { page: pageOf, shape: shapeOf, stacks } = columns;
    const { ofShape, topOf, ofStack } = tables;
    const stacked = ofStack.length > 0;
    const words = new Int16Array(pages * WORDS);
    for (let row = from; row < to; row++) {
      const page = pageOf[row];
      if (page < 0) continue;
      const at = page * WORDS;
      const shape = shapeOf[row];
      const signs = ofShape[shape];
      if (signs === SIGN.made) words[at + SIGNS] = signs | ANEW;
      else if (signs !== 0) words[at + SIGNS] |= signs;
      if (stacked && stacks[row] !== 0) words[at + SIGNS] |= ofStack[stacks[row] - 1];
      const top = topOf[shape];
      if (top === 0 || top === words[at + LAST]) continue;
      if (words[at + FIRST] === 0) words[at + FIRST] = top;
      words[at + OTHER] = words[at + LAST];
      words[at + LAST] = top;
    }
    return new PageSigns(words);
  }

  /** To be handed to another thread, which makes a `PageSigns` of it. */
  contents(): Int16Array {
    return this.words;
  }

  /** Adds what later rows say. */
  add({ words: later }: PageSigns): void {
    const { words } = this;
    for (let at = 0; at < words.length; at += WORDS) {
      if (later[at + SIGNS] & ANEW) words[at + SIGNS] = later[at + SIGNS];
      else words[at + SIGNS] |= later[at + SIGNS];
      const last = later[at + LAST];
      if (last === 0) continue;
      if (words[at + FIRST] === 0) words[at + FIRST] = later[at + FIRST];
      if (later[at + OTHER] !== 0) words[at + OTHER] = later[at + OTHER];
      else if (words[at + LAST] !== last) words[at + OTHER] = words[at + LAST];
      words[at + LAST] = last;
    }
  }

  /** A set of `SIGN`. */
  signs(page: number): number {
    return this.words[page * WORDS + SIGNS] & ~ANEW;
  }

  /** The upper bits of its flags as they were first seen, -1 where they were not. */
  top(page: number): number {
    return this.words[page * WORDS + FIRST] - 1;
  }

  /** The last upper bits that are other ones, -1 for none. */
  otherTop(page: number): number {
    const { words } = this;
    const at = page * WORDS;
    return words[at + LAST] === words[at + FIRST] ? words[at + OTHER] - 1 : words[at + LAST] - 1;
  }
}

// SPDX-License-Identifier: Apache-2.0
/**
 * What the loop (loop-text.ts) finds by itself: all pages, and the contents and stacks that it met lately. The tables of the latter are
 * in JavaScript, and what is new comes by here; so here is room for a fixed number of them, and when that is full they are forgotten.
 */
import type { StackTable } from './columns.js';
import type { Loop } from './loop.js';
import {
  AT,
  FRAMES_AT,
  FREE_AT,
  SHAPE_ROWS,
  SHAPE_SLOT_WORDS,
  SHAPE_SLOTS,
  SHAPES_AT,
  STACK_SLOT_WORDS,
  STACK_SLOTS,
  STACKS_AT,
} from './loop-places.js';
import { type PageTable, type Places, SHAPE_WORDS, type Shapes } from './shapes.js';
import type { Tally } from './tally.js';

/** pages that there is room for at first */
const PAGES = 8192;

export class Lately {
  private shapes = 0;
  private stacks = 0;
  /** where the words of the next stack go */
  private frames = FRAMES_AT;

  constructor(
    private readonly loop: Loop,
    private readonly tables: { shapes: Shapes; pages: PageTable; stacks: StackTable },
    private readonly tally: Tally,
  ) {}

  begin(): void {
    // no pfn has this half: the last page is none yet
    this.loop.words[AT.lastHigh] = -1;
    this.loop.doubles[AT.first / 2] = Number.POSITIVE_INFINITY;
    this.loop.doubles[AT.last / 2] = Number.NEGATIVE_INFINITY;
    this.makePages(PAGES);
  }

  /** The pages go to their table, and what was counted to the tally. */
  end(): void {
    const { words, doubles } = this.loop;
    this.forgetShapes();
    this.tally.addTimes(doubles[AT.first / 2], doubles[AT.last / 2]);
    this.tables.pages.take(words.subarray(words[AT.pfns], words[AT.pfns] + 2 * words[AT.pages]));
  }

  /** Makes the content of a record known; it may take two turns. */
  shape(start: number, plan: Places): void {
    const { words } = this.loop;
    if (++this.shapes * 2 > SHAPE_SLOTS) {
      this.forgetShapes();
      return;
    }
    const { shapes } = this.tables;
    const id = shapes.intern(words, start, plan);
    words.set(shapes.words.subarray(id * SHAPE_WORDS, (id + 1) * SHAPE_WORDS), words[AT.slot] + 1);
    words[words[AT.slot]] = id + 1;
  }

  private forgetShapes(): void {
    const { words } = this.loop;
    const end = SHAPES_AT + SHAPE_SLOTS * SHAPE_SLOT_WORDS;
    for (let at = SHAPES_AT; at < end; at += SHAPE_SLOT_WORDS) {
      if (words[at] !== 0) this.tally.addShape(words[at] - 1, words[at + SHAPE_ROWS] >>> 0);
    }
    words.fill(0, SHAPES_AT, end);
    this.shapes = 0;
  }

  /** Makes a stack known, which may take two turns; false for one that is too long. */
  stack(id: number): boolean {
    const { words } = this.loop;
    const frames = this.tables.stacks.table.words(id);
    if (frames.length > (FREE_AT - FRAMES_AT) >> 4) return false;
    if (++this.stacks * 2 > STACK_SLOTS || this.frames + frames.length > FREE_AT) {
      words.fill(0, STACKS_AT, STACKS_AT + STACK_SLOTS * STACK_SLOT_WORDS);
      this.stacks = 0;
      this.frames = FRAMES_AT;
      return true;
    }
    words.set(frames, this.frames);
    words.set([id + 1, words[AT.hash], frames.length, this.frames], words[AT.slot]);
    this.frames += frames.length;
    return true;
  }

  /** Makes room for as many pages again; false where there is none. */
  growPages(): boolean {
    try {
      this.makePages(this.loop.words[AT.pagesMax] * 2);
      return true;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return false;
    }
  }

  private makePages(max: number): void {
    const { loop } = this;
    const pfns = loop.allocate(2 * max);
    const slots = loop.allocate(4 * max);
    const { words } = loop;
    words.copyWithin(pfns, words[AT.pfns], words[AT.pfns] + 2 * words[AT.pages]);
    words[AT.pagesMax] = max;
    words[AT.pfns] = pfns;
    words[AT.slots] = slots;
    words[AT.slotMask] = 2 * max - 1;
    loop.functions.rehash();
  }
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Where everything lies in a packed state: one run of 32-bit words per task (its pc, then the locals that are live there),
 * then the columns that change, each element as wide as its type, rounded up to a power of two so that none straddles a word.
 */
import { assert } from '../base/assert.js';
import type { LocalId, Type } from '../compiler/ir.js';
import type { Column, Layout } from '../compiler/layout.js';
import type { LinkedScenario, LinkedTask } from '../compiler/link.js';
import type { Segment } from '../compiler/link-memory.js';
import { intersect, isWithin, type Range, rangeOfType, union } from '../compiler/link-range.js';

/** A few bits of one word. */
export interface Slot {
  word: number;
  shift: number;
  bits: number;
  signed: boolean;
}

export interface LocalSlot extends Slot {
  local: LocalId;
  /** what may be kept; `check`: what is assigned may be more than that */
  range: Range;
  check: boolean;
}

export interface TaskBlock {
  /** first word and how many */
  word: number;
  words: number;
  pcBits: number;
  /** of a store buffer: no run waits for it to end */
  isBuffer: boolean;
  /** per pc where its live locals are */
  slots: LocalSlot[][];
}

/** The elements of one segment of a column: element `k` of instance `first + i` is at `bit + (i * length + k) * width`. */
export interface ColumnRun {
  segment: Segment;
  bit: number;
}

export interface ColumnPlace {
  column: Column;
  width: number;
  signed: boolean;
  runs: ColumnRun[];
  /** whether all instances are there, in order, from the first run on */
  isWhole: boolean;
}

export interface Encoding {
  words: number;
  tasks: TaskBlock[];
  /** column name -> place; a column that does not change has none */
  columns: Map<string, ColumnPlace>;
}

/** @param classes tasks that may change places, whose blocks have to be alike */
export function encode(linked: LinkedScenario, classes: readonly number[][]): Encoding {
  const tasks: TaskBlock[] = linked.tasks.map((task, i) => {
    const alike = classes.find((group) => group.includes(i)) ?? [i];
    return blockOf(task, rangesOf(alike.map((other) => linked.tasks[other])), linked.layout);
  });
  let word = 0;
  for (const block of inBlockOrder(linked.tasks, tasks)) {
    block.word = word;
    for (const slots of block.slots) for (const slot of slots) slot.word += word;
    word += block.words;
  }
  const columns = new Map<string, ColumnPlace>();
  let bit = word * 32;
  for (const place of placesByWidth(linked)) {
    for (const run of place.runs) {
      run.bit = bit;
      bit += run.segment.count * place.column.length * place.width;
    }
    columns.set(place.column.name, place);
  }
  return { words: Math.max(1, (bit + 31) >>> 5), tasks, columns };
}

/** Per local its range in all of these tasks. */
function rangesOf([first, ...others]: readonly LinkedTask[]): Range[] {
  return first.ranges.map((range, local) => others.reduce((all, { ranges }) => union(all, ranges[local]), range));
}

/** Tasks that run one function lie side by side. */
function inBlockOrder(tasks: readonly LinkedTask[], blocks: readonly TaskBlock[]): TaskBlock[] {
  const order = new Map<string, TaskBlock[]>();
  tasks.forEach((task, i) => {
    order.set(task.function, [...(order.get(task.function) ?? []), blocks[i]]);
  });
  return [...order.values()].flat();
}

function placesByWidth({ layout, memory }: LinkedScenario): ColumnPlace[] {
  const places: ColumnPlace[] = [];
  for (const column of layout.columns) {
    const mutable = memory.changingSegments(column);
    if (mutable.length === 0) continue;
    const width = widthOf(column.type, layout);
    const runs = mutable.map((segment) => ({ segment, bit: 0 }));
    const isWhole = mutable.length === memory.segments.get(column.struct)?.length;
    places.push({ column, width, signed: isSigned(column.type), runs, isWhole });
  }
  return places.sort((a, b) => b.width - a.width);
}

/** Bits of an element in a column: a power of two. */
function widthOf(type: Type, layout: Layout): number {
  if (type.kind === 'int') return type.bits;
  const bits = bitsFor(rangeOfType(type, layout));
  return 2 ** Math.ceil(Math.log2(bits));
}

function isSigned(type: Type): boolean {
  return type.kind === 'int' && (type.signed || type.bits === 32);
}

/** Bits that hold every value of a range; at least 1. */
function bitsFor({ low, high }: Range): number {
  if (low > high) return 1;
  if (low >= 0) return Math.max(1, 32 - Math.clz32(high));
  return 1 + Math.max(32 - Math.clz32(high < 0 ? ~high : high), 32 - Math.clz32(~low));
}

function blockOf(task: LinkedTask, ranges: readonly Range[], layout: Layout): TaskBlock {
  const pcBits = Math.max(1, 32 - Math.clz32(task.points.length - 1));
  let words = 1;
  const slots = task.points.map((point) => {
    const packed = pack(point?.live ?? [], pcBits, task, ranges, layout);
    words = Math.max(words, packed.words);
    return packed.slots;
  });
  return { word: 0, words, pcBits, isBuffer: task.isBuffer, slots };
}

/** First fit, widest first; no slot straddles two words. */
function pack(live: readonly LocalId[], pcBits: number, task: LinkedTask, ranges: readonly Range[], layout: Layout) {
  const used = [pcBits];
  const wanted = live.map((local) => {
    const { type } = task.graph.locals[local];
    assert(type.kind !== 'closure' && type.kind !== 'text', `a local of kind ${type.kind} is live`);
    const declared = rangeOfType(type, layout);
    const range = intersect(ranges[local], declared);
    const check = !isWithin(ranges[local], declared);
    return { local, range, check, bits: bitsFor(range), signed: range.low < 0 };
  });
  wanted.sort((a, b) => b.bits - a.bits || a.local - b.local);
  const slots = wanted.map((slot): LocalSlot => {
    let word = used.findIndex((bits) => bits + slot.bits <= 32);
    if (word < 0) word = used.push(0) - 1;
    const shift = used[word];
    used[word] += slot.bits;
    return { ...slot, word, shift };
  });
  return { slots, words: used.length };
}

/** @returns the elements of a column that a state holds */
export function elementsOf({ column, runs }: ColumnPlace): number[] {
  return runs.flatMap(({ segment }) =>
    Array.from({ length: segment.count * column.length }, (_, i) => segment.first * column.length + i),
  );
}

/** @returns the first bit of an element; -1 where a state does not hold it */
export function bitOf({ column, runs, width }: ColumnPlace, element: number): number {
  for (const { segment, bit } of runs) {
    const at = element - segment.first * column.length;
    if (at >= 0 && at < segment.count * column.length) return bit + at * width;
  }
  return -1;
}

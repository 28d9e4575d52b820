// SPDX-License-Identifier: Apache-2.0
/**
 * Where everything lies in a packed state: per task its pc and the locals that are live there, and the elements of the columns
 * that change, each as wide as its values need. What fits a word lies in one, side by side with others.
 *
 * How wide that is, is proven from all that is ever assigned (compiler/link-range.ts), or expected (narrow.ts). Where more
 * than what is expected is possible, code checks what it keeps, and notes where it does not fit.
 */
import { assert } from '../base/assert.js';
import type { LocalId, Type } from '../compiler/ir.js';
import type { Column } from '../compiler/layout.js';
import type { LinkedScenario } from '../compiler/link.js';
import type { Graph } from '../compiler/link-graph.js';
import type { Segment } from '../compiler/link-memory.js';
import { intersect, isWithin, NONE, type Range, rangeOfType, storedRanges, union } from '../compiler/link-range.js';
import { Bins } from './bins.js';
import { Exchange, type Meaning, NO_SYMMETRY, type Pages, type Symmetry, type Uses } from './symmetry-map.js';

/** Values that are kept. */
export interface Kept {
  /** all that fit its bits */
  range: Range;
  bits: number;
  signed: boolean;
  /** position in Encoding.expected, where what is assigned may be more than that */
  note: number | undefined;
}

/** A local in some bits of one word. */
export interface LocalSlot extends Kept {
  local: LocalId;
  word: number;
  shift: number;
}

/** Bits of one word that a task has; `isAlone`: no others are used. */
export interface Piece {
  word: number;
  shift: number;
  bits: number;
  isAlone: boolean;
}

export interface TaskBlock {
  /** where its pc is */
  word: number;
  shift: number;
  pcBits: number;
  /** its pc and locals; of a task that may change places: `words` whole words one after the other, the pc first */
  pieces: Piece[];
  words: number;
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

export interface ColumnPlace extends Kept {
  column: Column;
  /** from one element to the next; all of them lie in one word, or it is a power of two */
  width: number;
  runs: ColumnRun[];
  /** whether all instances are there, in order, from the first run on */
  isWhole: boolean;
}

export interface Encoding {
  words: number;
  tasks: TaskBlock[];
  /** column name -> place; a column that does not change has none */
  columns: Map<string, ColumnPlace>;
  /** what may turn out not to fit, though it fits its type */
  expected: Expected[];
  /** what steps note (K.hits): lines that are executed, then what is expected and does not fit */
  notes: number;
}

/** A column, or a local of a task. */
export type Expected = { column: string } | { task: number; local: LocalId };

/** What values are expected to be. Plain data. */
export interface Expectation {
  columns: Record<string, Range>;
  /** task -> local -> range */
  locals: Record<LocalId, Range>[];
  /** what to try where steps are to be taken alone (assume.ts) */
  assumptions?: readonly Assumption[];
}

/** What memory has to hold for steps of a task from one place to be tried alone. Plain data. */
export interface Assumption {
  task: number;
  pc: number;
  allows: readonly Allowed[];
}

/** What an element of memory may hold. Plain data. */
export interface Allowed {
  column: string;
  element: number;
  values: readonly number[];
}

/** @param expectation for what room is made; where it says nothing, for all that is possible */
export function encode(linked: LinkedScenario, symmetry: Symmetry = NO_SYMMETRY, expectation?: Expectation): Encoding {
  const expected: Expected[] = [];
  const bins = new Bins();
  const blocks = linked.tasks.map((_, task) => blockOf(linked, task, symmetry, expectation, expected));
  const finish = placeBlocks(linked, blocks, symmetry, bins);
  const columns = new Map<string, ColumnPlace>();
  for (const place of placesOf(linked, symmetry, expectation, expected)) {
    for (const part of partsOf(place))
      bins.add(place.width * elementsIn(place, part), (bit) => layRuns(place, part, bit));
    columns.set(place.column.name, place);
  }
  bins.pack();
  finish();
  return {
    words: Math.max(1, bins.words),
    tasks: blocks,
    columns,
    expected,
    notes: (linked.marks?.lines.length ?? 0) + expected.length,
  };
}

/** Bits that are given without a look at what is expected: to begin anew costs more than they do. */
const FREE_BITS = 4;

/**
 * What is expected has a bit to spare, be it for a sign.
 * @param proven what is assigned, within its type
 */
function keptOf(proven: Range, expectation: Range | undefined, expected: Expected[], which: Expected): Kept {
  const wanted = expectation ? intersect(expectation, proven) : proven;
  const bits = Math.min(Math.max(FREE_BITS, bitsFor(wanted) + 1), bitsFor(proven));
  const signed = proven.low < 0;
  const range = signed ? { low: -(2 ** (bits - 1)), high: 2 ** (bits - 1) - 1 } : { low: 0, high: 2 ** bits - 1 };
  if (isWithin(proven, range)) return { range, bits, signed, note: undefined };
  return { range, bits, signed, note: expected.push(which) - 1 };
}

/** Bits that hold every value of a range; at least 1. */
export function bitsFor({ low, high }: Range): number {
  if (low > high) return 1;
  if (low >= 0) return Math.max(1, 32 - Math.clz32(high));
  return 1 + Math.max(32 - Math.clz32(high < 0 ? ~high : high), 32 - Math.clz32(~low));
}

// ---- tasks --------------------------------------------------------------------------------------------------------

/** A task's block with no word yet: `word` of a slot is the piece that it is in. */
function blockOf(
  linked: LinkedScenario,
  task: number,
  { classes, pages }: Symmetry,
  expectation: Expectation | undefined,
  expected: Expected[],
): TaskBlock {
  const { points, graph, isBuffer } = linked.tasks[task];
  const alike = classes.find((group) => group.includes(task)) ?? [task];
  const kept = new Map<LocalId, Kept>();
  const keptLocal = (local: LocalId): Kept => {
    const known = kept.get(local);
    if (known) return known;
    const { type } = graph.locals[local];
    assert(type.kind !== 'closure' && type.kind !== 'text', `a local of kind ${type.kind} is live`);
    const proven = alike.map((other) => linked.tasks[other].ranges[local]).reduce(union);
    const wanted = alike.map((other) => expectation?.locals[other]?.[local]);
    const range = wanted.reduce((a, b) => a && b && union(a, b));
    const declared = rangeOfType(type, linked.layout);
    // what names pages may become the name of any other
    const named = alike.map((other) =>
      namesOfPages(linked, pages, type, localMeaning(linked.tasks[other].graph, local)),
    );
    const names = named.reduce(union);
    const isName = names.low <= names.high;
    const made = keptOf(intersect(union(proven, names), declared), isName ? undefined : range, expected, {
      task,
      local,
    });
    kept.set(local, made);
    return made;
  };
  const pcBits = bitsFor({ low: 0, high: points.length - 1 });
  const pieces: Piece[] = [{ word: 0, shift: 0, bits: pcBits, isAlone: true }];
  const slots = points.map((point) => {
    const used = [pcBits];
    const wanted = (point?.live ?? []).map((local) => ({ local, ...keptLocal(local) }));
    wanted.sort((a, b) => b.bits - a.bits || a.local - b.local);
    const packed = wanted.map((slot): LocalSlot => {
      let piece = used.findIndex((bits) => bits + slot.bits <= 32);
      if (piece < 0) piece = used.push(0) - 1;
      used[piece] += slot.bits;
      return { ...slot, word: piece, shift: used[piece] - slot.bits };
    });
    used.forEach((bits, i) => {
      pieces[i] ??= { word: 0, shift: 0, bits: 0, isAlone: true };
      pieces[i].bits = Math.max(pieces[i].bits, bits);
    });
    return packed;
  });
  return { word: 0, shift: 0, pcBits, pieces, words: pieces.length, isBuffer, slots };
}

/** Tasks that change places get words of their own, side by side; the others share. @returns what is left to do once all is packed */
function placeBlocks(
  { tasks }: LinkedScenario,
  blocks: readonly TaskBlock[],
  { classes }: Symmetry,
  bins: Bins,
): () => void {
  for (const block of classes.flat().map((task) => blocks[task])) {
    const first = bins.take(block.pieces.length);
    block.pieces.forEach((piece, i) => {
      piece.word = first + i;
    });
  }
  tasks.forEach((_, task) => {
    if (classes.some((group) => group.includes(task))) return;
    for (const piece of blocks[task].pieces) {
      bins.add(piece.bits, (bit) => {
        [piece.word, piece.shift] = [bit >>> 5, bit & 31];
      });
    }
  });
  return () => {
    for (const block of blocks) {
      for (const piece of block.pieces) piece.isAlone = bins.isAlone(piece.word);
      for (const slot of block.slots.flat()) {
        const { word, shift } = block.pieces[slot.word];
        slot.word = word;
        slot.shift += shift;
      }
      [block.word, block.shift] = [block.pieces[0].word, block.pieces[0].shift];
    }
  };
}

// ---- columns ------------------------------------------------------------------------------------------------------

function placesOf(
  linked: LinkedScenario,
  { uses, pages }: Symmetry,
  expectation: Expectation | undefined,
  expected: Expected[],
): ColumnPlace[] {
  const { layout, memory } = linked;
  const stored = storedRanges(linked.tasks, layout);
  const places: ColumnPlace[] = [];
  for (const column of layout.columns) {
    const runs = memory.changingSegments(column).map((segment) => ({ segment, bit: 0 }));
    if (runs.length === 0) continue;
    const declared = rangeOfType(column.type, layout);
    // what names tasks or pages may become the name of any other
    const names = namesOfPages(linked, pages, column.type, (of) => of.columns.get(column.name));
    const isName = uses.columns.has(column.name);
    const values = [
      stored.get(column.name) ?? NONE,
      ...runs.map(({ segment }) => initialRange(linked, column, segment)),
    ];
    const proven = isName ? declared : intersect(union(values.reduce(union), names), declared);
    const wanted = isName || names.low <= names.high ? undefined : expectation?.columns[column.name];
    const kept = keptOf(proven, wanted, expected, { column: column.name });
    const isWhole = runs.length === memory.segments.get(column.struct)?.length;
    const place = { ...kept, column, width: kept.bits, runs, isWhole };
    if (partsOf(place).some((part) => elementsIn(place, part) * kept.bits > 32))
      place.width = 2 ** Math.ceil(Math.log2(kept.bits));
    places.push(place);
  }
  return places;
}

function localMeaning(graph: Graph, local: LocalId): (uses: Uses) => Meaning | undefined {
  return (uses) => uses.locals.get(graph)?.get(local);
}

/** @returns what an exchange of pages can make of a value that names one; empty where none does */
function namesOfPages(
  linked: LinkedScenario,
  pages: readonly Pages[],
  type: Type,
  meaningIn: (uses: Uses) => Meaning | undefined,
): Range {
  let range = NONE;
  for (const { classes, uses } of pages) {
    for (const group of classes) {
      const [low, high] = [group[0], group[group.length - 1]];
      const meaning = meaningIn(uses);
      const isPointer = type.kind === 'ref' && new Exchange(linked, uses, low, high, 'page').moves(type.struct);
      if (isPointer || meaning?.kind === 'set') range = union(range, rangeOfType(type, linked.layout));
      if (meaning?.kind === 'number') range = union(range, { low: low + meaning.offset, high: high + meaning.offset });
    }
  }
  return range;
}

function initialRange({ memory }: LinkedScenario, column: Column, { first, count }: Segment): Range {
  let range = NONE;
  for (let element = first * column.length; element < (first + count) * column.length; element++) {
    const value = memory.initial(column, element);
    range = union(range, { low: value, high: value });
  }
  return range;
}

/** @returns the runs that have to lie one after the other */
function partsOf({ runs, isWhole }: ColumnPlace): ColumnRun[][] {
  return isWhole ? [runs] : runs.map((run) => [run]);
}

function elementsIn({ column }: ColumnPlace, runs: readonly ColumnRun[]): number {
  return runs.reduce((sum, { segment }) => sum + segment.count * column.length, 0);
}

function layRuns(place: ColumnPlace, runs: readonly ColumnRun[], bit: number): void {
  let at = bit;
  for (const run of runs) {
    run.bit = at;
    at += elementsIn(place, [run]) * place.width;
  }
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

/** @returns the word that all elements which one access can touch lie in; undefined: there are several */
export function wordOf(place: ColumnPlace, run: ColumnRun | undefined): number | undefined {
  const runs = run ? [run] : place.runs;
  const first = runs[0].bit;
  const last = first + elementsIn(place, runs) * place.width - 1;
  return first >>> 5 === last >>> 5 ? first >>> 5 : undefined;
}

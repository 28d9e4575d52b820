// SPDX-License-Identifier: Apache-2.0
/**
 * Takes the steps that need not wait for a choice of who goes next (independent.ts), so that only the state after them is
 * kept: text that is assembled (assemble.ts), and tables in the memory of the search. A step that is a violation is left to
 * the search.
 */
import { assert } from '../base/assert.js';
import type { LinkedScenario } from '../compiler/link.js';
import { OK, unpack } from './emit.js';
import { type Allowed, bitOf, type Encoding, type LocalSlot } from './encode.js';
import type { Independence } from './independent.js';
import { widthOf } from './local-graph.js';
import { type Places, slotsBefore } from './places.js';

/** More steps than this in a row are a cycle, which independence excludes. */
const PATIENCE = 1_000_000;
/** What `settle` gives where steps have gone round. */
export const ENDLESS = -1;
/** What `settle` gives after a step of task 0, where it pauses after each; one less for each next task. */
export const PAUSED = -2;

export interface Collapse {
  /** words from Places.alone on; positions among them count from there */
  table: Int32Array;
  /** name -> text; `settle` (): see settleText */
  texts(places: Places): Map<string, string>;
}

/** Where in the table a task is looked up. */
interface Lookup {
  /** pc -> number of the spot, or -1 where locals tell */
  pcs: number;
  /** pc -> where its spots are, in the order of its keys' values */
  keyed: Map<number, { at: number; keys: { slot: LocalSlot; low: number; times: number }[] }>;
}

/** @returns what takes the steps of a model that are taken alone */
export function collapseOf(independence: Independence, linked: LinkedScenario, encoding: Encoding): Collapse {
  const { tasks } = linked;
  const table: number[] = [];
  const lookups = tasks.map((_, task) => lookupOf(independence, task, encoding, table));
  const rows = rowsOf(independence, linked, encoding);
  const at = table.length;
  table.push(...rows.words);
  const texts = (p: Places): Map<string, string> => {
    const found = new Map(lookups.map((lookup, task) => [`spot${task}`, spotText(p, lookup, encoding, task)]));
    return found.set('settle', settleText(p, { ...rows, at: p.alone + at }, tasks, encoding));
  };
  return { table: Int32Array.from(table), texts };
}

/**
 * Each row has a bit, those of the first task first. The words of a spot say of each row whether it may be taken as far as the
 * task there has a say: it is one of this spot, or another task's and alone beside it. So do the words of what an element of memory
 * holds. What all these words have in common are the steps that may be taken in a state.
 */
interface Rows {
  /** how many words a spot has, and a value */
  width: number;
  /** those of the spots of all tasks, then those of values */
  words: Int32Array;
  /** task -> its bits */
  masks: readonly (readonly number[])[];
  /** memory that rows ask for: where the words of its values are, and in which of them it has a say */
  asked: { at: number; low: number; slot: Field; isIn: readonly boolean[] }[];
}

type Field = Pick<LocalSlot, 'word' | 'shift' | 'bits' | 'signed'>;

function rowsOf(independence: Independence, { tasks }: LinkedScenario, { columns }: Encoding): Rows {
  const { firsts } = independence;
  const rows = [...independence.rows].sort((a, b) => a.task - b.task);
  const width = Math.max(1, Math.ceil(rows.length / 32));
  // where no task can be, nothing is alone
  const words: number[] = new Array((nowhereIn(independence) + 1) * width).fill(0);
  const masks = tasks.map(() => new Array<number>(width).fill(0));
  const set = (at: number, bit: number): void => {
    words[at + (bit >> 5)] |= 1 << (bit & 31);
  };
  rows.forEach(({ task, spots, beside }, bit) => {
    masks[task][bit >> 5] |= 1 << (bit & 31);
    for (const spot of spots) set((firsts[task] + spot) * width, bit);
    for (let spot = 0; spot < nowhereIn(independence); spot++) {
      if ((beside[spot >> 5] >>> (spot & 31)) & 1) set(spot * width, bit);
    }
  });
  const names = new Map<string, Allowed>();
  for (const { allows } of rows) for (const one of allows) names.set(`${one.column} ${one.element}`, one);
  const asked = [...names.values()].map(({ column, element }) => {
    const place = columns.get(column);
    assert(place !== undefined, `${column} is not in the state`);
    const { bits, signed } = place;
    const bit = bitOf(place, element);
    const at = words.length;
    const low = signed ? -(2 ** (bits - 1)) : 0;
    for (let i = 0; i < 2 ** bits * width; i++) words.push(0);
    const isIn = new Array<boolean>(width).fill(false);
    rows.forEach(({ allows }, row) => {
      const allowed = allows.find((one) => one.column === column && one.element === element);
      if (allowed) isIn[row >> 5] = true;
      for (let i = 0; i < 2 ** bits; i++) if (allowed?.values.includes(i + low) !== false) set(at + i * width, row);
    });
    return { at, low, slot: { word: bit >>> 5, shift: bit & 31, bits, signed }, isIn };
  });
  return { width, words: Int32Array.from(words), masks, asked };
}

/** @returns the number of a spot where no task can be, beside which nothing is alone */
function nowhereIn({ graphs }: Independence): number {
  return graphs.reduce((sum, { spots }) => sum + spots.length, 0);
}

function lookupOf(independence: Independence, task: number, encoding: Encoding, table: number[]): Lookup {
  const { graphs, firsts } = independence;
  const { spots, keys } = graphs[task];
  const nowhere = nowhereIn(independence);
  const pcs = table.length;
  for (const locals of keys) table.push(locals.length === 0 ? nowhere : -1);
  const lookup: Lookup = { pcs, keyed: new Map() };
  keys.forEach((locals, pc) => {
    if (locals.length === 0 || !spots.some((spot) => spot.pc === pc)) return;
    const at = table.length;
    let times = 1;
    const found = locals.map((local, i) => {
      const { low, count } = widthOf(spots, pc, i);
      const slot = encoding.tasks[task].slots[pc].find((one) => one.local === local);
      times *= count;
      return { slot: slot as LocalSlot, low, times: times / count };
    });
    for (let i = 0; i < times; i++) table.push(nowhere);
    lookup.keyed.set(pc, { at, keys: found });
  });
  spots.forEach(({ pc, values }, spot) => {
    const keyed = lookup.keyed.get(pc);
    const at = keyed
      ? keyed.keys.reduce((sum, { low, times }, i) => sum + (values[i] - low) * times, keyed.at)
      : pcs + pc;
    table[at] = firsts[task] + spot;
  });
  return lookup;
}

/** (n): gives the number of the spot where a task is in a state. */
function spotText(p: Places, { pcs, keyed }: Lookup, encoding: Encoding, task: number): string {
  const { word, shift, pcBits } = encoding.tasks[task];
  const cases = [...keyed].map(([pc, { at, keys }]) => {
    const offsets = keys.map(({ slot, low, times }) => `((${unpack(slot)}) - ${low}) * ${times}`);
    return `case ${pc}: { return M[${p.alone + at} + ${offsets.join(' + ')}]; }`;
  });
  const among = cases.length > 0 ? `for (;;) {\nswitch (pc) {\n${cases.join('\n')}\n}\n}` : 'return at;';
  return `(n) => {
let pc = n[${word}] >>> ${shift} & ${2 ** pcBits - 1}, at = 0;
at = M[${p.alone + pcs} + pc];
if (at >= 0) return at;
${among}
}`;
}

/**
 * (): takes the steps of the successors from where it left off, task after task, until none can be taken alone. Gives 0 where all
 * are done; the slot of a step that has not been generated; ENDLESS; or, if it is to pause, PAUSED less the task after each step.
 */
function settleText(
  p: Places,
  { at, width, masks, asked }: Rows & { at: number },
  tasks: LinkedScenario['tasks'],
  { tasks: blocks }: Encoding,
): string {
  const placeOf = (task: number): string => `${at} + spot${task}(n) * ${width}`;
  const firsts = slotsBefore(tasks);
  const tryOf = (task: number, mask: number): string => {
    const { word, shift, pcBits } = blocks[task];
    return `
  if ((r & ${mask}) !== 0) {
    slot = ${firsts[task]} + (n[${word}] >>> ${shift} & ${2 ** pcBits - 1});
    if (M[${p.slots} + slot] === 0) { M[${p.settled}] = k; return slot; }
    copy(before, n);
    outcome = call(n, slot);
    if (outcome === ${OK}) {
      left = left - 1;
      if (left === 0) return ${ENDLESS};
      if (M[${p.settled + 1}] !== 0) return ${PAUSED - task};
      g${task} = ${placeOf(task)};
      continue L1;
    }
    copy(n, before);
  }`;
  };
  const words = Array.from({ length: width }, (_, word) => {
    // no branch for who has a say: nobody can guess that
    const common = tasks.map((_task, task) => `M[${word} + g${task}]`).join(' & ');
    const memory = asked.flatMap(({ at: from, low, slot, isIn }) =>
      isIn[word] ? [`M[${at + from + word} + ((${unpack(slot as LocalSlot)}) - ${low}) * ${width}]`] : [],
    );
    const tries = masks.flatMap((mask, task) => (mask[word] === 0 ? [] : [tryOf(task, mask[word])]));
    const asks = memory.length > 0 ? `\n  if (r !== 0) r = r & ${memory.join(' & ')};` : '';
    return `r = ${common};${asks}
  if (r !== 0) {${tries.join('')}
  }`;
  });
  const all = tasks.map((_, task) => `g${task} = ${placeOf(task)};`).join(' ');
  return `() => {
let k = M[${p.settled}], count = M[${p.resume + 4}], n = 0, slot = 0, outcome = 0;
let left = 0, before = ${p.before * 4}, ${tasks.map((_, task) => `g${task} = 0`).join(', ')}, r = 0;
L0: for (;;) {
  if (k === count) return 0;
  n = ${p.states * 4} + k * ${p.stride * 4};
  left = ${PATIENCE};
  ${all}
  B1: { L1: for (;;) {
  ${words.join('\n  ')}
  break B1;
  } }
  k = k + 1;
}
}`;
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Takes the steps that need not wait for a choice of who goes next (independent.ts), so that only the state after them is
 * kept: text that is assembled (assemble.ts), and tables in the memory of the search. A step that is a violation is left to
 * the search.
 */
import type { LinkedScenario } from '../compiler/link.js';
import { OK, unpack } from './emit.js';
import type { Encoding, LocalSlot } from './encode.js';
import type { Independence } from './independent.js';
import { widthOf } from './local-graph.js';
import type { Places } from './places.js';

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
export function collapseOf(independence: Independence, { tasks }: LinkedScenario, encoding: Encoding): Collapse {
  const table: number[] = [];
  const lookups = tasks.map((_, task) => lookupOf(independence, task, encoding, table));
  const rows = rowsOf(independence);
  const at = table.length;
  table.push(...rows.words);
  const texts = (p: Places): Map<string, string> => {
    const found = new Map(lookups.map((lookup, task) => [`spot${task}`, spotText(p, lookup, encoding, task)]));
    return found.set('settle', settleText(p, { ...rows, at: p.alone + at }, tasks, encoding));
  };
  return { table: Int32Array.from(table), texts };
}

/**
 * Steps that are taken alone beside the same spots are one row, a bit each, those of the first task first. The words of a spot say
 * of each row whether it may be taken as far as the task there has a say: it is the one of this spot, or another task's and
 * alone beside it. What the words of all tasks' spots have in common are the steps that may be taken in a state.
 */
interface Rows {
  /** how many words a spot has */
  width: number;
  words: Int32Array;
  /** task -> its bits */
  masks: readonly (readonly number[])[];
}

function rowsOf(independence: Independence): Rows {
  const { beside, firsts } = independence;
  const known = beside.map(() => new Map<string, number>());
  const all: { task: number; row: Int32Array }[] = [];
  const numbers = beside.map((ofTask, task) =>
    ofTask.map((row) => {
      if (!row) return undefined;
      const key = row.join();
      const number = known[task].get(key) ?? all.push({ task, row }) - 1;
      known[task].set(key, number);
      return number;
    }),
  );
  const width = Math.max(1, Math.ceil(all.length / 32));
  // where no task can be, nothing is alone
  const words = new Int32Array((nowhereIn(independence) + 1) * width);
  numbers.forEach((ofTask, task) => {
    ofTask.forEach((number, i) => {
      const spot = firsts[task] + i;
      all.forEach((other, bit) => {
        const may = other.task === task ? bit === number : (other.row[spot >> 5] >>> (spot & 31)) & 1;
        if (may) words[spot * width + (bit >> 5)] |= 1 << (bit & 31);
      });
    });
  });
  const masks = beside.map((_, task) => {
    const mask = new Int32Array(width);
    all.forEach((row, bit) => {
      if (row.task === task) mask[bit >> 5] |= 1 << (bit & 31);
    });
    return [...mask];
  });
  return { width, words, masks };
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
  { at, width, masks }: Rows & { at: number },
  tasks: LinkedScenario['tasks'],
  { tasks: blocks }: Encoding,
): string {
  const placeOf = (task: number): string => `${at} + spot${task}(n) * ${width}`;
  const each = <T>(text: (word: number) => T): T[] => Array.from({ length: width }, (_, word) => text(word));
  // no branch for who has a say: nobody can guess that
  const common = each((word) => `r${word} = ${tasks.map((_, task) => `M[${word} + g${task}]`).join(' & ')};`);
  let first = 0;
  const tries = tasks.map(({ points }, task) => {
    const { word, shift, pcBits } = blocks[task];
    const ofTask = each((i) => (masks[task][i] === 0 ? [] : [`r${i} & ${masks[task][i]}`])).flat();
    const text = `
  if ((${ofTask.join(' | ')}) !== 0) {
    slot = ${first} + (n[${word}] >>> ${shift} & ${2 ** pcBits - 1});
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
    first += points.length;
    return ofTask.length > 0 ? text : '';
  });
  const all = tasks.map((_, task) => `g${task} = ${placeOf(task)};`).join(' ');
  return `() => {
let k = M[${p.settled}], count = M[${p.resume + 4}], n = 0, slot = 0, outcome = 0;
let left = 0, before = ${p.before * 4}, ${tasks.map((_, task) => `g${task} = 0`).join(', ')}, ${each((i) => `r${i} = 0`).join(', ')};
L0: for (;;) {
  if (k === count) return 0;
  n = ${p.states * 4} + k * ${p.stride * 4};
  left = ${PATIENCE};
  ${all}
  B1: { L1: for (;;) {
  ${common.join('\n  ')}
  if ((${each((i) => `r${i}`).join(' | ')}) === 0) break B1;${tries.join('')}
  break B1;
  } }
  k = k + 1;
}
}`;
}

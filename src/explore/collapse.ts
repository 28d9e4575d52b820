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
  const rowsOf = table.length;
  for (let spot = 0; spot <= nowhereIn(independence); spot++) table.push(0);
  const rows = new Map<Int32Array, number>();
  independence.beside.forEach((ofTask, task) => {
    ofTask.forEach((row, spot) => {
      if (!row) return;
      const at = rows.get(row) ?? table.length;
      if (!rows.has(row)) for (const word of row) table.push(word);
      rows.set(row, at);
      table[rowsOf + independence.firsts[task] + spot] = at;
    });
  });
  const texts = (p: Places): Map<string, string> => {
    const found = new Map(lookups.map((lookup, task) => [`spot${task}`, spotText(p, lookup, encoding, task)]));
    return found.set('settle', settleText(p, rowsOf, tasks, encoding));
  };
  return { table: Int32Array.from(table), texts };
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
function settleText(p: Places, rowsOf: number, tasks: LinkedScenario['tasks'], { tasks: blocks }: Encoding): string {
  let first = 0;
  const tries = tasks.map(({ points }, task) => {
    const beside = tasks.map((_, other) =>
      other === task ? '' : `&& (M[${p.alone} + row + (g${other} >> 5)] >>> (g${other} & 31) & 1) !== 0`,
    );
    const { word, shift, pcBits } = blocks[task];
    const text = `
  row = M[${p.alone + rowsOf} + g${task}];
  if (row !== 0 ${beside.join(' ')}) {
    slot = ${first} + (n[${word}] >>> ${shift} & ${2 ** pcBits - 1});
    if (M[${p.slots} + slot] === 0) { M[${p.settled}] = k; return slot; }
    copy(before, n);
    outcome = call(n, slot);
    if (outcome === ${OK}) {
      left = left - 1;
      if (left === 0) return ${ENDLESS};
      if (M[${p.settled + 1}] !== 0) return ${PAUSED - task};
      g${task} = spot${task}(n);
      continue L1;
    }
    copy(n, before);
  }`;
    first += points.length;
    return text;
  });
  const all = tasks.map((_, task) => `g${task} = spot${task}(n);`).join(' ');
  return `() => {
let k = M[${p.settled}], count = M[${p.resume + 4}], n = 0, row = 0, slot = 0, outcome = 0;
let left = 0, before = ${p.before * 4}, ${tasks.map((_, task) => `g${task} = 0`).join(', ')};
L0: for (;;) {
  if (k === count) return 0;
  n = ${p.states * 4} + k * ${p.stride * 4};
  left = ${PATIENCE};
  ${all}
  B1: { L1: for (;;) {${tries.join('')}
  break B1;
  } }
  k = k + 1;
}
}`;
}

// SPDX-License-Identifier: Apache-2.0
/** The loops around steps and properties: text that is assembled (assemble.ts). */
import type { LinkedScenario } from '../compiler/link.js';
import { BATCH, CAN_GO_ON, NOT_ENDED, TASK_BITS, WAITS_FOR_LOCK } from './batch.js';
import { BLOCKED, OK } from './emit.js';
import type { Encoding, TaskBlock } from './encode.js';
import type { Places } from './places.js';

/** What `next` gives where the batch is full. */
export const FULL = -1;

/**
 * (): takes the steps of the block, from where it left off. Gives FULL where the batch is full, 0 where the block is done, and
 * else the slot of a step that has not been generated.
 */
export function nextText(p: Places, { tasks, words }: Encoding, firsts: readonly number[]): string {
  return `() => {
let s = M[${p.resume}], t = M[${p.resume + 1}], alternative = M[${p.resume + 2}];
let ordinal = M[${p.resume + 3}], count = M[${p.resume + 4}], end = M[${p.sources}];
let n = 0, flags = 0, pc = 0, slot = 0, kind = 0, outcome = 0, out = ${p.states * 4} + count * ${p.stride * 4};
L0: for (;;) {
  if (s >= end) { ${leaveText(p, 0)} return 0; }
  n = M[${p.sources + 1}] + s * ${words * 4};
  flags = M[${p.status} + s];
  ${tasks.map((block, task) => taskText(p, block, task, firsts[task])).join('')}
  M[${p.status} + s] = flags;
  ordinal = 0;
  t = 0;
  s = s + 1;
  flags = 0;
}
}`;
}

/** Notes where to go on. */
function leaveText(p: Places, task: number): string {
  return `M[${p.resume}] = s; M[${p.resume + 1}] = ${task}; M[${p.resume + 2}] = alternative;
M[${p.resume + 3}] = ordinal; M[${p.resume + 4}] = count; M[${p.status} + s] = flags;`;
}

/** The steps of one task, unless it left off at a later one. @param first the slot before its first step */
function taskText(p: Places, { word, shift, pcBits, isBuffer }: TaskBlock, task: number, first: number): string {
  const [whole, steps] = [`B${2 * task + 1}`, `B${2 * task + 2}`];
  const move = `${task} | alternative << ${TASK_BITS}`;
  const notEnded = isBuffer ? 0 : NOT_ENDED;
  return `
  ${whole}: {
    if (t > ${task}) break ${whole};
    ${steps}: {
      pc = n[${word}] >>> ${shift} & ${2 ** pcBits - 1};
      if (pc === 0) break ${steps};
      slot = pc + ${first};
      kind = M[${p.slots} + slot];
      if (kind === 0) { ${leaveText(p, task)} return slot; }
      L${task + 1}: for (;;) {
        if (count === ${BATCH}) { ${leaveText(p, task)} return ${FULL}; }
        keep(out, n);
        outcome = call(out, slot);
        if (outcome === ${OK}) {
          M[${p.source} + count] = s;
          M[${p.ordinal} + count] = ordinal;
          M[${p.move} + count] = ${move};
          ordinal = ordinal + 1;
          count = count + 1;
          out = out + ${p.stride * 4};
          flags = flags | ${notEnded | CAN_GO_ON};
        } else if (outcome < ${BLOCKED}) {
          if (M[${p.violation}] === 0) {
            M[${p.violation + 1}] = count;
            M[${p.violation + 2}] = s;
            M[${p.violation + 3}] = ${move};
            M[${p.violation + 4}] = K.side[0];
          }
          M[${p.violation}] = M[${p.violation}] + 1;
          flags = flags | ${notEnded | CAN_GO_ON};
        } else flags = flags | ${notEnded} | (outcome === ${BLOCKED} ? ${WAITS_FOR_LOCK} : 0);
        if (kind === 1) break ${steps};
        if (another() === 0) break ${steps};
        alternative = alternative + 1;
      }
    }
    alternative = 0;
  }`;
}

/** (): sets the choices to the alternative after the one just taken. Gives 0 where that was the last. */
export const ANOTHER_TEXT = `() => {
let i = K.side[1], chosen = 0;
L0: for (;;) {
  if (i === 0) return 0;
  i = i - 1;
  chosen = K.choice[i] + 1;
  if (chosen < K.counts[i]) { K.choice[i] = chosen; return 1; }
  K.choice[i] = 0;
}
}`;

/**
 * (block, count): leaves the records of the first so many edges, from `block` + source to index, and gives how many words
 * these are. Sources come in order; those between without edges get theirs.
 */
export function recordText(p: Places): string {
  return `(block, count) => {
let k = 0, at = ${p.edges}, last = M[${p.recorded}], from = 0;
L0: for (;;) {
  if (k === count) { M[${p.recorded}] = last; return at - ${p.edges}; }
  from = block + M[${p.source} + k];
  B1: { L1: for (;;) {
    if (from <= last + 1) break B1;
    last = last + 1;
    M[at] = -1 - last;
    at = at + 1;
  } }
  M[at] = -1 - from;
  at = at + (from - last);
  last = from;
  M[at] = M[${p.index} + k];
  at = at + 1;
  k = k + 1;
}
}`;
}

/** (count): asks the properties about the first of `fresh`. Gives 0, or 1 + position of the first that violates one. */
export function judgeText(p: Places, { never, sometimes, finally: last }: LinkedScenario, { tasks }: Encoding): string {
  const found = (kind: number, property: number): string =>
    `{ M[${p.judged}] = ${kind}; M[${p.judged + 1}] = ${property}; return i + 1; }`;
  const threads = tasks.filter(({ isBuffer }) => !isBuffer);
  const pcs = threads.map(({ word, shift, pcBits }) => `n[${word}] & ${(2 ** pcBits - 1) << shift}`).join(' | ');
  return `(count) => {
let i = 0, n = 0;
L0: for (;;) {
  if (i === count) return 0;
  n = ${p.states * 4} + M[${p.fresh} + i] * ${p.stride * 4};
  ${never.map((_, k) => `if (never${k}(n)) ${found(1, k)}`).join('\n')}
  ${sometimes.map((_, k) => `if (M[${p.met + k}] === 0) { if (sometimes${k}(n)) M[${p.met + k}] = 1; }`).join('\n')}
  if ((${pcs}) === 0) { ${last.map((_, k) => `if (finally${k}(n) === 0) ${found(2, k)}`).join('\n')} }
  i = i + 1;
}
}`;
}

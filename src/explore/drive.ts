// SPDX-License-Identifier: Apache-2.0
/** The loops around steps and properties: text that is assembled (assemble.ts). */
import type { LinkedScenario } from '../compiler/link.js';
import { BATCH, CAN_GO_ON, TASK_BITS, WAITS_FOR_LOCK } from './batch.js';
import { BLOCKED, OK } from './emit.js';
import type { Encoding } from './encode.js';
import type { Places } from './places.js';

/** What `next` gives where the batch is full. */
export const FULL = -1;

/**
 * (): takes the steps of the block, from where it left off. Gives FULL where the batch is full, 0 where the block is done, and
 * else the slot of a step that has not been generated.
 */
export function nextText(p: Places, tasks: number): string {
  const save = `M[${p.resume}] = s; M[${p.resume + 1}] = t; M[${p.resume + 2}] = alternative;
M[${p.resume + 3}] = ordinal; M[${p.resume + 4}] = count; M[${p.status} + s] = flags;`;
  const move = `t | alternative << ${TASK_BITS}`;
  return `() => {
let s = M[${p.resume}], t = M[${p.resume + 1}], alternative = M[${p.resume + 2}];
let ordinal = M[${p.resume + 3}], count = M[${p.resume + 4}], end = M[${p.sources}];
let base = 0, flags = 0, pc = 0, slot = 0, out = 0, outcome = 0;
L0: for (;;) {
  if (s >= end) { ${save} return 0; }
  base = ${p.block * 4} + s * ${p.stride * 4};
  flags = M[${p.status} + s];
  B1: { L1: for (;;) {
    if (t === ${tasks}) break B1;
    pc = M[(base >> 2) + M[${p.tasks} + t * 5]] >>> M[${p.tasks + 1} + t * 5] & M[${p.tasks + 2} + t * 5];
    B2: {
      if (pc === 0) break B2;
      slot = M[${p.tasks + 3} + t * 5] + pc;
      if (M[${p.slots} + slot] === 0) { ${save} return slot; }
      L2: for (;;) {
        if (count === ${BATCH}) { ${save} return ${FULL}; }
        out = ${p.states * 4} + count * ${p.stride * 4};
        copy(out, base);
        outcome = call(out, slot);
        if (outcome === ${OK}) {
          M[${p.source} + count] = s;
          M[${p.ordinal} + count] = ordinal;
          M[${p.move} + count] = ${move};
          ordinal = ordinal + 1;
          count = count + 1;
          flags = flags | M[${p.tasks + 4} + t * 5] | ${CAN_GO_ON};
        } else if (outcome < ${BLOCKED}) {
          if (M[${p.violation}] === 0) {
            M[${p.violation + 1}] = count;
            M[${p.violation + 2}] = s;
            M[${p.violation + 3}] = ${move};
            M[${p.violation + 4}] = K.side[0];
          }
          M[${p.violation}] = M[${p.violation}] + 1;
          flags = flags | M[${p.tasks + 4} + t * 5] | ${CAN_GO_ON};
        } else flags = flags | M[${p.tasks + 4} + t * 5] | (outcome === ${BLOCKED} ? ${WAITS_FOR_LOCK} : 0);
        if (M[${p.slots} + slot] === 1) break B2;
        if (another() === 0) break B2;
        alternative = alternative + 1;
      }
    }
    alternative = 0;
    t = t + 1;
  } }
  M[${p.status} + s] = flags;
  ordinal = 0;
  t = 0;
  s = s + 1;
  flags = 0;
}
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

// SPDX-License-Identifier: Apache-2.0
/**
 * How states get into the table: text that is assembled (assemble.ts). An entry begins with a tag, half of the fingerprint, which
 * says where it is at home and is never 0. A second word is 1 + the index of a state; or less than 0 while the state has no index
 * yet: then it says which member's it is, and which of its new ones. In a store of fingerprints a third one is the other half
 * of the fingerprint, never 0; in an exact one the whole states are compared.
 *
 * Two words are claimed at once. Of three the tag is claimed and the others follow: who meets the tag before waits these few
 * instructions. Nobody waits for an index before all of his own are published. Entries lie in the order of their tags, more or
 * less, so that the table grows in place, from its end to its beginning.
 */
import { ASIDE, ASIDE_AT, type Common, ENTRY, type Places, type Storage, TAIL } from './places.js';

/** A batch has so many positions at most: low bits of the mark of a claim. */
export const POSITION_BITS = 10;
/** Places.index where it is no index: a state that another member has claimed; from OWN down, the new ones of this batch. */
export const UNPUBLISHED = -1;
export const OWN = -2;

export interface ClaimTexts {
  /** (count): claims what is new of those that are pending; leaves how many, and gives how many have to wait for others */
  claim: string;
  /** (k): looks again for a successor that had to wait; gives 0, or 1 if it has to once more */
  find: string;
  /** (i, index): keeps the i-th new state */
  keepOne: string;
  /** (index, count): keeps all new states from that index on, and says so of those that are pending */
  publish: string;
  /** (slots, end): makes the table as large, where entries from slot `end` on have been moved; gives 0 where that failed */
  grow: string;
  /**
   * (from, to): moves the entries of these slots to the larger table, while others move those of others; gives 0 where that failed.
   * Nobody else has entries for slots near those between the two of Places.undisputed
   */
  move: string;
}

/** @param words of a state */
export function claimTexts(p: Places, common: Common, storage: Storage, words: number, member: number): ClaimTexts {
  const exact = storage === 'exact';
  return {
    claim: claimText(p, common, words, exact),
    find: exact ? findText(p, common, words, member) : findPrintText(p, member),
    keepOne: keepText(p, common, words, exact),
    publish: publishText(p),
    grow: growText(common, ENTRY[storage]),
    move: moveText(p, common, exact),
  };
}

/** All slots are asked for before any is looked at, then all states that may be meant: so the waits for memory overlap. */
function claimText(p: Places, { slots, table, rows, rowsMax }: Common, words: number, exact: boolean): string {
  const entry = exact ? ENTRY.exact : ENTRY.fingerprints;
  const home = `${table} + scaled(M[${p.high} + k], slots) * ${entry}`;
  const candidates = `
i = 0;
B1: { L1: for (;;) {
  if (i === count) break B1;
  k = M[${p.pending} + i];
  at = M[${p.slot} + k];
  tag = M[${p.high} + k];
  B2: { L2: for (;;) {
    there = M[at];
    if (there === 0) break B2;
    if (there === tag) break B2;
    at = at + 2;
  } }
  M[${p.slot} + k] = at;
  there = M[at + 1];
  M[${p.index} + k] = there > 0 && there <= ${rowsMax} ? there : 1;
  i = i + 1;
} }
i = 0;
B3: { L3: for (;;) {
  if (i === count) break B3;
  k = M[${p.pending} + i];
  n = ${rows * 4} + (M[${p.index} + k] - 1) * ${words * 4};
  sum = sum ^ n[0] ^ n[${words - 1}];
  i = i + 1;
} }`;
  return `(count) => {
let i = 0, k = 0, at = 0, tag = 0, there = 0, sum = 0, n = 0, waiting = 0, slots = M[${slots}];
B0: { L0: for (;;) {
  if (i === count) break B0;
  k = M[${p.pending} + i];
  at = ${home};
  M[${p.slot} + k] = at;
  sum = sum ^ M[at];
  i = i + 1;
} }
${exact ? candidates : ''}
M[${p.freshCount + 1}] = sum;
M[${p.freshCount}] = 0;
i = 0;
L4: for (;;) {
  if (i === count) return waiting;
  k = M[${p.pending} + i];
  waiting = waiting + find(k);
  i = i + 1;
}
}`;
}

function findText(p: Places, { rows, rowsMax }: Common, words: number, member: number): string {
  const state = `${p.states * 4} + k * ${p.stride * 4}`;
  return `(k) => {
let at = M[${p.slot} + k], tag = M[${p.high} + k], there = 0, second = 0, mark = 0, i = 0, one = 0, other = 0;
L0: for (;;) {
  there = M[at];
  if (there === 0) {
    i = M[${p.freshCount}];
    there = claim(at, tag, ${-1 - (member << POSITION_BITS)} - i);
    if (there === 0) {
      M[${p.fresh} + i] = k;
      M[${p.claimed} + i] = at;
      M[${p.freshCount}] = i + 1;
      M[${p.index} + k] = ${OWN} - i;
      return 0;
    }
  }
  if (there === tag) {
    second = loaded(at + 1);
    one = ${state};
    if (second > 0) {
      if (second > ${rowsMax}) { if (K.sameFar(k, second - 1) !== 0) { M[${p.index} + k] = second - 1; return 0; } }
      else {
        other = ${rows * 4} + (second - 1) * ${words * 4};
        if (same(one, other)) { M[${p.index} + k] = second - 1; return 0; }
      }
    } else {
      mark = -1 - second;
      if (mark >> ${POSITION_BITS} !== ${member}) {
        M[${p.slot} + k] = at;
        M[${p.index} + k] = ${UNPUBLISHED};
        return 1;
      }
      i = mark & ${(1 << POSITION_BITS) - 1};
      other = ${p.states * 4} + M[${p.fresh} + i] * ${p.stride * 4};
      if (same(one, other)) { M[${p.index} + k] = ${OWN} - i; return 0; }
    }
  }
  at = at + 2;
}
}`;
}

function findPrintText(p: Places, member: number): string {
  return `(k) => {
let at = M[${p.slot} + k], tag = M[${p.high} + k], rest = M[${p.low} + k], there = 0, second = 0, i = 0;
L0: for (;;) {
  there = loaded(at);
  if (there === 0) {
    there = take(at, tag);
    if (there === 0) {
      i = M[${p.freshCount}];
      M[at + 1] = ${-1 - (member << POSITION_BITS)} - i;
      publish(at + 2, rest);
      M[${p.fresh} + i] = k;
      M[${p.claimed} + i] = at;
      M[${p.freshCount}] = i + 1;
      M[${p.index} + k] = ${OWN} - i;
      return 0;
    }
  }
  if (there === tag) {
    B1: { L1: for (;;) {
      there = loaded(at + 2);
      if (there !== 0) break B1;
    } }
    if (there === rest) {
      second = loaded(at + 1);
      if (second > 0) { M[${p.index} + k] = second - 1; return 0; }
      if ((-1 - second) >> ${POSITION_BITS} === ${member}) {
        M[${p.index} + k] = ${OWN} - (-1 - second & ${(1 << POSITION_BITS) - 1});
        return 0;
      }
      M[${p.slot} + k] = at;
      M[${p.index} + k] = ${UNPUBLISHED};
      return 1;
    }
  }
  at = at + ${ENTRY.fingerprints};
}
}`;
}

function keepText(p: Places, { first, rows, rowsMax }: Common, words: number, exact: boolean): string {
  const to = exact
    ? `if (index < ${rowsMax}) { to = ${rows * 4} + index * ${words * 4}; keep(to, from); }
else K.keepFar(M[${p.fresh} + i], index);`
    : `to = ${rows * 4} + (index - M[${first}] + M[${first + 1}]) * ${words * 4}; keep(to, from);`;
  return `(i, index) => {
let from = ${p.states * 4} + M[${p.fresh} + i] * ${p.stride * 4}, to = 0;
${to}
publish(M[${p.claimed} + i] + 1, index + 1);
return 0;
}`;
}

function publishText(p: Places): string {
  return `(index, count) => {
let i = 0, k = 0, fresh = M[${p.freshCount}];
B0: { L0: for (;;) {
  if (i === fresh) break B0;
  k = keepOne(i, index + i);
  i = i + 1;
} }
i = 0;
L1: for (;;) {
  if (i === count) return 0;
  k = M[${p.pending} + i];
  if (M[${p.index} + k] <= ${OWN}) M[${p.index} + k] = index + ${OWN} - M[${p.index} + k];
  i = i + 1;
}
}`;
}

/** Entries at the beginning, which may go to where others still are, are set aside until these have gone. */
function growText({ slots: at, table }: Common, entry: number): string {
  const rest = Array.from({ length: entry - 1 }, (_, i) => i + 1);
  const all = [0, ...rest];
  const each = (words: readonly number[], text: (word: number) => string): string => words.map(text).join('\n  ');
  const insert = `
  home = scaled(tag, slots);
  to = ${table} + home * ${entry};
  B2: { L2: for (;;) {
    if (M[to] === 0) break B2;
    to = to + ${entry};
  } }
  M[to] = tag;
  ${each(rest, (word) => `M[to + ${word}] = rest${word};`)}`;
  return `(slots, end) => {
let s = end, aside = 0, tag = 0, home = 0, to = 0;
let ${rest.map((word) => `rest${word} = 0`).join(', ')};
if (M[${at}] === 0) { M[${at}] = slots; return 1; }
let first = s < ${ASIDE} ? s : ${ASIDE};
B0: { L0: for (;;) {
  if (aside === first) break B0;
  ${each(all, (word) => `M[${ASIDE_AT + word} + aside * ${entry}] = M[${table + word} + aside * ${entry}];`)}
  ${each(all, (word) => `M[${table + word} + aside * ${entry}] = 0;`)}
  aside = aside + 1;
} }
B1: { L1: for (;;) {
  if (s === first) break B1;
  s = s - 1;
  tag = M[${table} + s * ${entry}];
  if (tag === 0) continue L1;
  ${each(rest, (word) => `rest${word} = M[${table + word} + s * ${entry}];`)}
  ${each(all, (word) => `M[${table + word} + s * ${entry}] = 0;`)}
  if (scaled(tag, slots) <= s) return 0;
  ${insert}
} }
B3: { L3: for (;;) {
  if (aside === 0) break B3;
  aside = aside - 1;
  tag = M[${ASIDE_AT} + aside * ${entry}];
  if (tag === 0) continue L3;
  ${each(rest, (word) => `rest${word} = M[${ASIDE_AT + word} + aside * ${entry}];`)}
  ${insert.replaceAll('B2', 'B4').replaceAll('L2', 'L4')}
} }
M[${at}] = slots;
return 1;
}`;
}

/**
 * They go to slots beyond all that move at the time, so nobody meets an entry that has not moved. Where others may put theirs,
 * slots are claimed.
 */
function moveText({ undisputed }: Places, { slots, larger, table }: Common, exact: boolean): string {
  const entry = exact ? ENTRY.exact : ENTRY.fingerprints;
  const claimed = exact ? 'claim(at, tag, second)' : 'take(at, tag)';
  const put = exact ? '' : 'M[at + 1] = second; M[at + 2] = rest;';
  return `(from, to) => {
let s = to, low = M[${undisputed}], high = M[${undisputed + 1}], old = M[${slots}], slots = M[${larger}], home = 0, at = 0, last = 0, tag = 0, second = 0, rest = 0, there = 0;
L0: for (;;) {
  if (s === from) return 1;
  s = s - 1;
  at = ${table} + s * ${entry};
  tag = M[at];
  if (tag === 0) continue L0;
  if (s - scaled(tag, old) >= ${TAIL}) return 0;
  second = M[at + 1];
  M[at] = 0;
  M[at + 1] = 0;
  ${exact ? '' : 'rest = M[at + 2]; M[at + 2] = 0;'}
  home = scaled(tag, slots);
  at = ${table} + home * ${entry};
  last = at + ${TAIL * entry};
  B1: { L1: for (;;) {
    if (at >= last) return 0;
    if (M[at] === 0) {
      if (home >= low && home < high) { M[at] = tag; M[at + 1] = second; ${exact ? '' : 'M[at + 2] = rest;'} break B1; }
      there = ${claimed};
      if (there === 0) { ${put} break B1; }
    }
    at = at + ${entry};
  } }
}
}`;
}

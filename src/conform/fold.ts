// SPDX-License-Identifier: Apache-2.0
/** What repeats directly in a sequence, told once: `a b c b c b c d` is `a`, three times `b c`, `d`. */

/** `length` items from `from`, `times` times in a row. */
export interface Fold {
  from: number;
  length: number;
  times: number;
}

/** Longest round that is looked for, and how often at least it must come. */
const LONGEST = 12;
const TIMES = 3;

/** The folds of a sequence, in its order: together they are the whole of it. Equal numbers are equal items. */
export function foldsOf(items: ArrayLike<number>): Fold[] {
  const folds: Fold[] = [];
  for (let at = 0; at < items.length; ) {
    let best: Fold = { from: at, length: 1, times: 1 };
    for (let length = 1; length <= LONGEST && at + length * TIMES <= items.length; length++) {
      const times = repeats(items, at, length);
      if (times >= TIMES && times * length > best.times * best.length) best = { from: at, length, times };
    }
    folds.push(best);
    at += best.length * best.times;
  }
  return folds;
}

function repeats(items: ArrayLike<number>, from: number, length: number): number {
  let at = from + length;
  while (at < items.length && items[at] === items[at - length]) at++;
  return Math.floor((at - from) / length);
}

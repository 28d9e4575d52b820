// SPDX-License-Identifier: Apache-2.0
/** What is repeated directly stands once, whether a sequence is put together or looked up. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FIRST_SEED, SECOND_SEED, Sequence, Sequences } from './sequence.js';

const pushed = (words: readonly number[]): Sequence => {
  const sequence = new Sequence();
  for (const word of words) sequence.push(word);
  return sequence;
};

it('what repeats directly stands once', () => {
  const { words, length } = pushed([7, 1, 2, 1, 2, 1, 2, 9]);
  expect([...words.subarray(0, length)]).toEqual([7, 1, 2, 9]);
});

it('a sequence that is looked up has the hashes of one that is put together', () => {
  const all = new Sequences();
  // the last two have no code, or one that is too large
  const choice = [-1, 0, 1, 2, 0x7fffffff];
  const codes = [3, 0, 31, -1, 32];
  const word = fc.constantFrom(...choice);
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 600 }), (words) => {
      all.reset();
      for (const next of words) all.push(next, codes[choice.indexOf(next)]);
      const sequence = pushed(words);
      expect([all.first, all.second]).toEqual([sequence.hash(FIRST_SEED), sequence.hash(SECOND_SEED)]);
    }),
    { numRuns: 200 },
  );
});

it('ends where there are too many to be kept', () => {
  const all = new Sequences();
  for (let word = 0; word < 5000; word++) all.push(word, word);
  expect(all.number).toBe(-1);
  all.reset();
  all.push(0, 0);
  expect(all.first).toBe(pushed([0]).hash(FIRST_SEED));
});

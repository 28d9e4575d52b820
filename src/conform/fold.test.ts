// SPDX-License-Identifier: Apache-2.0
/** What repeats is told once, and nothing is lost by that. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { foldsOf } from './fold.js';

const folded = (text: string) =>
  foldsOf(Array.from(text, (letter) => letter.charCodeAt(0))).map(({ from, length, times }) => {
    return `${times === 1 ? '' : times}${text.slice(from, from + length)}`;
  });

test.each([
  ['', []],
  ['abc', ['a', 'b', 'c']],
  ['abcbcbcd', ['a', '3bc', 'd']],
  ['aaaa', ['4a']],
  ['abab', ['a', 'b', 'a', 'b']],
  ['ababababa', ['4ab', 'a']],
  ['aabaabaab', ['3aab']],
])('%s', (text, wanted) => {
  expect(folded(text)).toEqual(wanted);
});

test('unfolded it is the same again', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 60 }), (items) => {
      const again = foldsOf(items).flatMap(({ from, length, times }) =>
        Array.from({ length: times }, () => items.slice(from, from + length)).flat(),
      );
      expect(again).toEqual(items);
    }),
  );
});

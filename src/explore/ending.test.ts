// SPDX-License-Identifier: Apache-2.0
/** Who can reach an end: on random graphs the same as by going back from the ends, edge by edge. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ending } from './ending.js';

/** Per state where its edges lead; most lead to states near it, as in a search. */
const graphs = fc
  .integer({ min: 1, max: 60 })
  .chain((states) =>
    fc
      .array(fc.array(fc.integer({ min: -12, max: 6 }), { maxLength: 4 }), { minLength: states, maxLength: states })
      .map((edges) =>
        edges.map((steps, state) => steps.map((step) => Math.min(states - 1, Math.max(0, state + step)))),
      ),
  );

function byGoingBack(edges: readonly number[][]): boolean[] {
  const ends = edges.map(({ length }) => length === 0);
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    edges.forEach((targets, state) => {
      if (ends[state] || !targets.some((target) => ends[target])) return;
      ends[state] = true;
      isChanged = true;
    });
  }
  return ends;
}

test.each([
  ['where their roots fit in', 8],
  ['where they do not', 1],
])('finds who can reach an end, %s', (_, wordsPerState) => {
  fc.assert(
    fc.property(graphs, fc.integer({ min: 1, max: 5 }), (edges, chunks) => {
      // as several members write: a chunk has every n-th state
      const words = Array.from({ length: chunks }, (__, chunk) =>
        Int32Array.from(edges.flatMap((targets, state) => (state % chunks === chunk ? [~state, ...targets] : []))),
      );
      const room = new Int32Array(edges.length * wordsPerState).fill(7);
      const ends = ending({ states: edges.length, chunks, load: (chunk) => words[chunk] }, room);
      expect(edges.map((__, state) => ends.has(state))).toEqual(byGoingBack(edges));
    }),
    { numRuns: 2000 },
  );
});

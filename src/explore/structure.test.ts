// SPDX-License-Identifier: Apache-2.0
/** Random graphs printed as JavaScript go the way that the graph says. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { structured } from './structure.js';

/** Runs the printed graph: each node is noted; conditions take the next answer. */
function printed(next: number[][], answers: boolean[]): number[] {
  const text = structured({
    next,
    body: (node) => (next[node].length === 0 ? [`K.visit(${node}); return;`] : [`K.visit(${node});`]),
    condition: () => 'K.answer()',
    loopHead: () => [],
  });
  const visited: number[] = [];
  const left = [...answers];
  const stop = new Error('enough');
  const visit = (node: number): void => {
    visited.push(node);
    if (visited.length > 50) throw stop;
  };
  try {
    new Function('K', text.join('\n'))({ visit, answer: () => left.shift() ?? false });
  } catch (error) {
    if (error !== stop) throw error;
  }
  return visited;
}

function walked(next: number[][], answers: boolean[]): number[] {
  const visited: number[] = [];
  const left = [...answers];
  for (let at = 0; visited.length <= 50; ) {
    visited.push(at);
    if (next[at].length === 0) break;
    at = next[at].length === 1 || (left.shift() ?? false) ? next[at][0] : next[at][1];
  }
  return visited;
}

const graph = fc
  .integer({ min: 1, max: 9 })
  .chain((size) => fc.array(fc.uniqueArray(fc.nat(size - 1), { maxLength: 2 }), { minLength: size, maxLength: size }));

it('a graph and its text go the same way, reducible or not', () => {
  let dispatched = 0;
  fc.assert(
    fc.property(graph, fc.array(fc.boolean(), { maxLength: 40 }), (next, answers) => {
      const text = structured({ next, body: () => [], condition: () => '', loopHead: () => [] }).join(' ');
      if (text.includes('switch')) dispatched++;
      expect(printed(next, answers)).toEqual(walked(next, answers));
    }),
    { numRuns: 2000, seed: 39 },
  );
  expect(dispatched).toBeGreaterThan(25);
});

// SPDX-License-Identifier: Apache-2.0
/**
 * A model as text: equal for two models only if their states mean the same and their steps do the same. Not for people; src/app
 * hashes it, to tell whether a saved search is of this model.
 */

import type { Column } from '../compiler/layout.js';
import type { Graph } from '../compiler/link-graph.js';
import { reachable } from '../compiler/link-graph.js';
import type { Model } from './model.js';

/** @returns pieces of the text, in order */
export function* modelText({ linked, encoding, initial, symmetry, collapse }: Model): Generator<string> {
  yield JSON.stringify([encoding.words, encoding.tasks, Array.from(initial), symmetry.classes, collapse !== undefined]);
  yield JSON.stringify(symmetry.pages.map(({ name, classes }) => [name, classes]));
  for (const { column, runs, width, bits, signed } of encoding.columns.values()) {
    yield JSON.stringify([column.name, runs, width, bits, signed]);
  }
  for (const column of linked.layout.columns) {
    yield JSON.stringify(Array.from({ length: column.size }, (_, at) => linked.memory.initial(column, at)));
  }
  for (const { graph, points } of linked.tasks) {
    yield JSON.stringify(points);
    yield* graphText(graph);
  }
  for (const { name, graph } of [...linked.never, ...linked.sometimes, ...linked.finally]) {
    yield name;
    yield* graphText(graph);
  }
}

function* graphText(graph: Graph): Generator<string> {
  yield JSON.stringify([graph.name, graph.entry, graph.result, graph.locals]);
  for (const id of reachable(graph)) {
    const { op, next, other, atomic } = graph.nodes[id];
    yield JSON.stringify([id, op, next, other, atomic], (key, value) => (key === 'column' ? idOf(value) : value));
  }
}

function idOf({ id }: Column): number {
  return id;
}

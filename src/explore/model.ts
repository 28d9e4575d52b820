// SPDX-License-Identifier: Apache-2.0
/** A scenario made ready to be searched: linked, encoded, turned into functions, and its first state. */
import { assert } from '../base/assert.js';
import { InputError } from '../base/diagnostic.js';
import type { CompiledScenario } from '../compiler/api.js';
import type { Layout } from '../compiler/layout.js';
import { LineMarks } from '../compiler/lines.js';
import { type BufferDepth, type LinkedScenario, link } from '../compiler/link.js';
import { rangeOfType } from '../compiler/link-range.js';
import { independenceUnder } from './assume.js';
import { type Canonical, canonicalForm } from './canonical.js';
import { type Code, generateCode } from './code.js';
import { type Collapse, collapseOf } from './collapse.js';
import { bitOf, type ColumnPlace, type Encoding, type Expectation, elementsOf, encode } from './encode.js';
import { findIndependence, type Independence } from './independent.js';
import { findSymmetry } from './symmetry.js';
import { NO_SYMMETRY, type Symmetry } from './symmetry-map.js';

export interface Model {
  linked: LinkedScenario;
  encoding: Encoding;
  code: Code;
  initial: Int32Array;
  /** what values its states have room for; absent: all that are possible */
  expectation?: Expectation;
  independence?: Independence;
  /** absent in a plain model */
  collapse?: Collapse;
  symmetry: Symmetry;
  /** absent where no two tasks may be exchanged, and in a plain model */
  canonical?: Canonical;
}

export interface ModelOptions {
  /** steps note the lines that they execute, for `executedLines` */
  coverage?: boolean;
  /** leave out what need not be looked at where that is proven; the plain graph otherwise */
  reductions?: boolean;
  /** how many stores a store buffer holds under x86-TSO; absent: memory is sequentially consistent. Not with reductions */
  depth?: BufferDepth;
}

/**
 * @param initialColumns per column (Layout.columns) its elements after the scenario's `init`
 * @throws InputError RZ21xx where a task is too large or a value of the first state does not fit
 */
export function buildModel(
  compiled: CompiledScenario,
  layout: Layout,
  initialColumns: readonly Int32Array[],
  { coverage = false, reductions = false, depth }: ModelOptions = {},
): Model {
  const linked = link(compiled, layout, initialColumns, { depth, ...(coverage && { marks: new LineMarks() }) });
  // a fair run is one of tasks that can be told apart
  const isReduced = reductions && depth === undefined && compiled.scenario.progress.length === 0;
  const symmetry = isReduced ? findSymmetry(linked) : NO_SYMMETRY;
  const independence = isReduced ? findIndependence(linked, symmetry) : undefined;
  return packed({ linked, symmetry, ...(independence && { independence }) });
}

/** @returns the same model with other states, which have room for the values that are expected */
export function narrowed({ linked, symmetry, independence, collapse }: Model, expectation: Expectation): Model {
  if (!collapse || !independence) return packed({ linked, symmetry }, expectation);
  const assumptions = expectation.assumptions ?? [];
  const room = encode(linked, symmetry, expectation);
  const under = assumptions.length > 0 ? independenceUnder(linked, symmetry, room, assumptions) : undefined;
  return packed({ linked, symmetry, independence: under ?? independence }, expectation);
}

function packed(base: Pick<Model, 'linked' | 'symmetry' | 'independence'>, expectation?: Expectation): Model {
  const { linked, symmetry, independence } = base;
  const encoding = encode(linked, symmetry, expectation);
  const canonical = canonicalForm(linked, encoding, symmetry);
  const code = generateCode(linked, encoding);
  return {
    ...base,
    ...(expectation && { expectation }),
    encoding,
    ...(independence && { collapse: collapseOf(independence, linked, encoding) }),
    ...(canonical && { canonical }),
    code,
    initial: initialState(linked, encoding),
  };
}

function initialState(linked: LinkedScenario, encoding: Encoding): Int32Array {
  const state = new Int32Array(encoding.words);
  linked.tasks.forEach(({ startPc }, task) => {
    const { word, shift } = encoding.tasks[task];
    state[word] |= startPc << shift;
  });
  for (const place of encoding.columns.values()) {
    const { low, high } = rangeOfType(place.column.type, linked.layout);
    for (const element of elementsOf(place)) {
      const value = linked.memory.initial(place.column, element);
      if (value < low || value > high) throw misfit(linked, place, value);
      writeElement(state, place, element, value);
    }
  }
  return state;
}

/**
 * @param model one that was built with `coverage`, and searched
 * @returns the lines, as `file:line`, that control has come to in some step of the search
 */
export function executedLines({ linked: { marks, tasks }, code }: Model): Set<string> {
  assert(marks !== undefined, 'a model without coverage');
  const lines = new Set(marks.lines.filter((_, line) => code.hits[line] !== 0));
  for (const { graph, startPc } of tasks) {
    // a task without a step still passes what it says
    for (
      let { op, next } = graph.nodes[graph.entry];
      startPc === 0 && op.op === 'mark';
      { op, next } = graph.nodes[next]
    )
      lines.add(marks.lines[op.line]);
  }
  return lines;
}

function writeElement(state: Int32Array, place: ColumnPlace, element: number, value: number): void {
  const bit = bitOf(place, element);
  const mask = place.bits === 32 ? -1 : 2 ** place.bits - 1;
  state[bit >>> 5] |= (value & mask) << (bit & 31);
}

function misfit({ compiled }: LinkedScenario, { column }: ColumnPlace, value: number): InputError {
  const { file, line, column: at } = compiled.scenario.loc;
  return new InputError({
    code: 'RZ2102',
    message: `${value} does not fit ${column.name} after init`,
    place: { file, line, column: at },
    hint: 'declare it with a wider type',
  });
}

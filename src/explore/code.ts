// SPDX-License-Identifier: Apache-2.0
/**
 * The generated functions of a model, ready to call. Text comes from emit.ts; here it becomes functions, with what they
 * refer to.
 */
import { InternalError } from '../base/assert.js';
import type { LinkedPredicate, LinkedScenario } from '../compiler/link.js';
import type { NodeId } from '../compiler/link-graph.js';
import { type EmitOptions, emitPredicate, emitStep, MAX_CHOICES } from './emit.js';
import { CellPrinter } from './emit-cell.js';
import type { Encoding } from './encode.js';
import { refuseAt, type Site } from './site.js';

export type StepFunction = (state: Int32Array) => number;
export type Predicate = (state: Int32Array) => boolean;

/** What traced code reports. Elements are counted within their column. */
export interface Trace {
  /** the one shared access or block of the step begins */
  main(node: NodeId): void;
  read(node: NodeId, column: number, element: number, value: number): void;
  /** a store goes to the task's store buffer */
  buffer(node: NodeId, column: number, element: number, value: number): void;
  write(node: NodeId, column: number, element: number, before: number, value: number): void;
}

/** What generated code and its caller share. */
export interface Exchange {
  /** 0: the site of a violation; 1: how many choices the step made */
  side: Int32Array;
  choice: Int32Array;
  counts: Int32Array;
  /** per line of LinkedScenario.marks not 0 once a step has executed it; then what of Encoding.expected did not fit */
  hits: Uint8Array;
}

export interface Code extends Exchange {
  /** task -> pc -> function; 0 is not used */
  steps: StepFunction[][];
  chooses: boolean[][];
  never: Predicate[];
  sometimes: Predicate[];
  finally: Predicate[];
  sites: Site[];
}

/** Functions over whole states, straight code for their number of words. */
export interface Whole {
  /** whether the states that begin at `i` of `a` and at `j` of `b` are equal */
  same(a: Int32Array, i: number, b: Int32Array, j: number): boolean;
  /** copies the state at `i` of `a` to `j` of `b` */
  copy(a: Int32Array, i: number, b: Int32Array, j: number): void;
}

/** @param trace gets what every step reads and writes; without it the code is the fast one */
export function generateCode(linked: LinkedScenario, encoding: Encoding, trace?: Trace): Code {
  const sites: Site[] = [];
  const cells = new CellPrinter(linked, encoding);
  const options: EmitOptions = { linked, encoding, cells, tracing: trace !== undefined, sites };
  const exchange: Exchange = {
    side: new Int32Array(2),
    choice: new Int32Array(MAX_CHOICES),
    counts: new Int32Array(MAX_CHOICES),
    hits: new Uint8Array(encoding.notes),
  };
  const shared = { ...exchange, ...refusals(sites), tables: tablesOf(linked), trace };
  const steps = linked.tasks.map(({ points }, task) => {
    const functions: StepFunction[] = points.map((_, pc) => {
      // most steps of a large task are never taken: each is generated when it first is
      return (state) => {
        [functions[pc]] = evaluate<StepFunction>([emitStep(options, task, pc)], shared);
        return functions[pc](state);
      };
    });
    return functions;
  });
  const predicates = (list: readonly LinkedPredicate[]): Predicate[] =>
    evaluate<Predicate>(
      list.map((predicate) => emitPredicate(options, predicate)),
      shared,
    );
  return {
    ...exchange,
    steps,
    chooses: linked.tasks.map(({ points }) => points.map((point) => point?.chooses ?? false)),
    never: predicates(linked.never),
    sometimes: predicates(linked.sometimes),
    finally: predicates(linked.finally),
    sites,
  };
}

/** Our own text, made of numbers and names that we chose: nothing of a scenario's source gets into it. */
export function evaluate<F>(functions: readonly string[], shared: object): F[] {
  const text = `'use strict';\nreturn [\n${functions.join(',\n')}\n];`;
  try {
    return new Function('K', text)(shared) as F[];
  } catch (error) {
    if (error instanceof SyntaxError) throw new InternalError(`generated code: ${error.message}\n${text}`);
    throw error;
  }
}

/** @returns per column what its elements hold at first */
export function tablesOf({ layout, memory }: LinkedScenario): Int32Array[] {
  return layout.columns.map((column) =>
    Int32Array.from({ length: column.size }, (_, element) => memory.initial(column, element)),
  );
}

/** What generated code calls where it cannot go on. */
export function refusals(sites: readonly Site[]) {
  return {
    misfit(site: number, value: number): never {
      const { message } = sites[site];
      return refuseAt(sites[site], 'RZ2102', `${value} does not fit ${message}`, 'declare it with a wider type');
    },
    endless(site: number): never {
      const message = 'this loop goes on without touching anything that another task can change';
      return refuseAt(sites[site], 'RZ2103', message, 'let its condition depend on shared memory, or bound it');
    },
    badChoice(site: number, count: number): never {
      const isTooMany = count >= 1;
      const message = isTooMany ? 'too many choices in one step' : `choose(${count}) has nothing to choose from`;
      return refuseAt(sites[site], 'RZ2104', message, 'choose from at least one, and access shared memory in between');
    },
    wrong(site: number): never {
      const { message, kind } = sites[site];
      return refuseAt(sites[site], 'RZ2105', `a predicate fails: ${message}`, `guard it against the ${kind}`);
    },
  };
}

/** @param words how many a state has */
export function generateWhole(words: number): Whole {
  const all = Array.from({ length: words }, (_, i) => i);
  const [same, copy] = evaluate<never>(
    [
      `(a, i, b, j) => ${all.map((w) => `a[i + ${w}] === b[j + ${w}]`).join(' && ')}`,
      `(a, i, b, j) => { ${all.map((w) => `b[j + ${w}] = a[i + ${w}];`).join(' ')} }`,
    ],
    {},
  );
  return { same, copy };
}

/** Sets the choices to the alternative after the one just taken. @returns false where that was the last */
export function nextAlternative({ choice, counts, side }: Pick<Exchange, 'choice' | 'counts' | 'side'>): boolean {
  for (let i = side[1] - 1; i >= 0; i--) {
    if (++choice[i] < counts[i]) return true;
    choice[i] = 0;
  }
  return false;
}

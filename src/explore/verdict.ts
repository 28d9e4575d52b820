// SPDX-License-Identifier: Apache-2.0
/**
 * What a search found, as data: the verdict, the path to a violation, and what was looked at.
 *
 * Not here: how it is shown (src/cli). Everything is plain JSON.
 */
import type { Loc } from '../compiler/ir.js';
import type { BlockReason } from '../compiler/link-graph.js';

export type Verdict = 'holds' | 'violated' | 'inconclusive';

export type ViolationKind =
  /** a `never` predicate was true, or a `finally` one false */
  | 'never'
  | 'finally'
  /** an assertion in code: kernel's or scenario's */
  | 'BUG'
  | 'WARN'
  | 'assert'
  | 'spec'
  | 'null dereference'
  | 'use after free'
  | 'index out of range'
  /** no violation of the scenario: a store buffer is too small (check.ts makes it larger) */
  | 'store buffer'
  /** no task can go on and at least one waits for a lock */
  | 'deadlock'
  /** no task can go on and those that have not ended sleep */
  | 'stuck'
  /** from this state on no continuation ends */
  | 'cannot end'
  /** a fair run goes round for ever in which a task that has to end does not */
  | 'livelock';

export interface Violation {
  kind: ViolationKind;
  /** the property's name, or the assertion's message */
  name: string;
  /** one line a person reads */
  message: string;
  /** where in the code, for an assertion */
  at?: Frame;
}

/** A place in code with the function around it. */
export interface Frame extends Loc {
  function: string;
}

/** A shared access that a step made. */
export interface Access {
  /** `mem_map[1]._refcount` */
  cell: string;
  /** `write` carries the value before as well; what is `buffered` waits in the task's store buffer */
  kind: 'read' | 'write' | 'buffered';
  value: string;
  before?: string;
  ghost: boolean;
}

export interface PathStep {
  /** from 1 */
  number: number;
  task: string;
  /** the primitive or access, for people: `atomic_dec_and_test(page->_refcount)` */
  operation: string;
  /** innermost kernel or scenario frame first, out to the task's own function */
  stack: Frame[];
  accesses: Access[];
  /** value of every watched cell (pages' counts) after the step: cell -> value; the same keys in every step */
  watched: Record<string, string>;
  /** alternatives of `choose` taken in this step */
  choices: number[];
}

/** A task that has not ended in the last state of a path. */
export interface BlockedTask {
  task: string;
  reason: BlockReason | 'can go on';
  stack: Frame[];
}

/** What ended a search before every state was seen. */
export type Bound = 'states' | 'memory' | 'time' | 'interrupt' | 'disk';

export interface CheckResult {
  scenario: string;
  kernel: string;
  /** the broken variant that was checked, if one was */
  variant?: string;
  verdict: Verdict;
  /** why the verdict is inconclusive: a bound, an interrupt, or a `sometimes` that no state met */
  inconclusive?: string;
  violation?: Violation;
  /** shortest path to the violation */
  path?: PathStep[];
  /** of a livelock: the steps after `path` that come again and again; numbers go on */
  loop?: PathStep[];
  /**
   * After how many steps of the path the violation, or another of the same property, could not be avoided any more: 0, from the
   * first state on. 'never': even in a livelock's loop a run can still leave it (src/explore/inevitable.ts)
   */
  inevitable?: number | 'not determined' | 'never';
  /** values of the watched cells before the first step */
  initialWatched?: Record<string, string>;
  blocked?: BlockedTask[];
  /** tasks that were asked to end on every fair run; absent where that was not asked */
  progress?: string[];
  /** `sometimes` name -> met; for a violated run only as far as the search went */
  sometimes: Record<string, boolean>;
  states: number;
  transitions: number;
  /** the longest shortest path */
  depth: number;
  /** whether every state that can be reached was looked at: no bound, and no violation before the last */
  complete: boolean;
  bound?: Bound;
  /**
   * With `bound`: every state up to so many steps from the first was looked at (-1: not even that one), and no path of so many
   * steps ends in a violation. Whether each state can still end is not asked before all are known.
   */
  finishedDepth?: number;
  /** bytes a stored state takes */
  stateBytes: number;
  /** what the search left out, proven not to matter: `sorted tasks (one, other)`, `sorted elements (0, 1 of pages)`; empty: the plain graph was searched */
  reductions: readonly string[];
  /** what could not be left out though it looks as if, and why */
  notReduced?: readonly string[];
  /** arrays whose elements are told apart, so that they are not sorted, and by what */
  toldApart?: readonly { elements: string; reason: string }[];
  memoryModel: 'sequentially consistent' | 'x86-TSO';
  /** 'exact': whole states are stored and compared; 'fingerprints': 64 bits of each */
  storage: 'exact' | 'fingerprints';
  /** where whole states were to be kept and memory ended: how many it held. Then all was searched anew by fingerprints */
  wholeStates?: number;
  /** of fingerprints: the probability that two states were taken for one is not above this */
  collisionProbability?: number;
}

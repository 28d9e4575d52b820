// SPDX-License-Identifier: Apache-2.0
/**
 * How a scenario is stated: the default export of a file in src/scenarios (or anywhere) is `scenario({...})`.
 *
 * The object is read by the compiler, not run: literals, names of functions, and arrow functions over the scenario's and
 * the kernel's objects. Objects are declared at module level with `object` and `objects` (core.ts).
 */
import type { bool } from './core.js';

/** What a scenario's author expects of a kernel. */
export type expectation = 'holds' | 'violated' | 'not applicable';

/** One way to take out what makes the scenario safe. It must be caught on every kernel listed. */
export interface broken_variant {
  /** kernels on which this variant must be violated */
  kernels: string[];
  /** what is violated: the name of a `never` or `finally`, `stuck`, `deadlock`, `assert`, `BUG`, `WARN`, `null`, `use after free`, `livelock` */
  violates: string;
  /** statements or conditions taken out: the function, the source text of exactly one statement or expression in it, and what stands there instead (`true`, `false`, a number, or nothing) */
  edits?: { in: string; replace: string; by: string }[];
  /** functions of this scenario file that stand in for the kernel's of the same name without the suffix `__variant` */
  functions?: ((...args: never[]) => unknown)[];
  /** commit ids switched on or off */
  with?: string[];
  without?: string[];
}

export interface scenario_text {
  /** one line: the situation */
  title: string;
  /** what a kernel engineer asks */
  question: string;
  /** commits, threads, facts/bugs.md numbers */
  about: string[];
  /** kernel -> verdict on record; every kernel is listed */
  expect: Record<string, expectation>;
  /** kernel -> what is violated there (as in broken_variant.violates), where the verdict is `violated` */
  violates?: Record<string, string>;
  /** sizes: values for `param` by name */
  sizes?: Record<string, number>;
  /** runs alone, before the tasks, as task 0 */
  init?: () => void;
  /** name -> what it runs; all start together */
  tasks: Record<string, () => void>;
  /** true in no state */
  never?: Record<string, () => bool>;
  /** true in at least one state, or the scenario has not met its situation and nothing holds */
  sometimes: Record<string, () => bool>;
  /**
   * true whenever all tasks have ended. Checked without being asked: that they all can end, from every state, and that none
   * ends with a spin lock held, as an RCU reader or with interrupts off (tasks_end_clean in task.ts)
   */
  finally?: Record<string, () => bool>;
  /**
   * Tasks that end on every fair run: none of them waits or goes round a loop for ever while others go on. Fair: who can always
   * go on does, and who waits for a lock that is free again and again gets it (docs/explorer.md, "Progress")
   */
  progress?: string[];
  /** the tasks go on for ever by design: that none can end is no finding */
  endless?: boolean;
  /** name -> broken variant */
  broken: Record<string, broken_variant>;
}

export declare function scenario(text: scenario_text): scenario_text;

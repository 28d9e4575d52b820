// SPDX-License-Identifier: Apache-2.0
/**
 * What a check is asked and what it answers: the types that its parts share. Types only.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Diagnostic } from '../base/diagnostic.js';
import type { CompiledScenario, Expectation } from '../compiler/api.js';
import type { MemoryOrder } from '../explore/memory-order.js';
import type { CheckResult } from '../explore/verdict.js';

export interface CheckOptions {
  /** names, or paths of TypeScript files; none: every scenario there is */
  scenarios: readonly string[];
  /** none: every kernel on offer */
  kernels: readonly string[];
  /** commit ids or switch names added to and taken from every kernel */
  with: readonly string[];
  without: readonly string[];
  /** this broken variant of the one scenario instead of the scenario itself */
  variant?: string;
  /** every broken variant as well, each on the kernels that it names */
  variants: boolean;
  /** the order in which others see a task's stores; sequentially consistent if absent */
  memory?: MemoryOrder;
  /** a search ends inconclusive at this many states */
  statesMax?: number;
  /** bytes that all searches may hold together, an equal share each; most of what is free if absent */
  memoryMax?: number;
  /** a search ends inconclusive after this many seconds */
  secondsMax?: number;
  /** also say which lines of kernel code no search has executed */
  coverage?: boolean;
  /** 64 bits of each state are kept instead of all, from the beginning */
  fingerprints?: boolean;
  /** whole states are kept, and where memory ends the search ends */
  exact?: boolean;
  /** folder for what does not stay in memory; one for temporary files if absent; false: all stays in memory */
  spill?: string | false;
  /** every state of the plain graph is visited */
  noReductions?: boolean;
  /** file to keep the one search in if it is stopped, and to take it up from */
  checkpoint?: string;
  resume?: string;
  /** worker threads at most; one per processor if absent */
  threads?: number;
}

/** One search. */
export interface Job {
  scenario: string;
  kernel: string;
  variant?: string;
}

/** What the scenario's file says about a job. */
export interface Recorded {
  verdict: Expectation;
  /** what is violated: the name of a property, or a kind */
  violates?: string;
}

/** What was explored: the sizes that a verdict is about. */
export interface Explored {
  title: string;
  question: string;
  tasks: string[];
  /** number of `struct page` */
  pages: number;
}

export interface Outcome extends Job {
  /** absent where the file records nothing: a kernel that it does not list, or one changed by `with` or `without` */
  recorded?: Recorded;
  /** whether the result is as recorded; absent with `recorded`, and where it is inconclusive */
  asRecorded?: boolean;
  /** absent where the scenario does not apply to the kernel */
  result?: CheckResult;
  explored?: Explored;
  /** from the scenario's name to the verdict, compiling included */
  seconds: number;
  /** where a search that was stopped is kept, or why it could not be */
  checkpoint?: { file: string; problem?: string };
}

export interface CheckReport {
  /** in the order of the scenarios' names, variants after their scenario, and of the kernels */
  outcomes: Outcome[];
  kernels: string[];
  /** wall clock, from the first line read to the last verdict */
  seconds: number;
  threads: number;
  interrupted: boolean;
  /** per kernel that was searched, in their order, if it was asked for */
  coverage?: KernelCoverage[];
}

/** A function of src/linux in one kernel. */
export interface FunctionLines {
  function: string;
  file: string;
  line: number;
  /** those on which a statement begins, in order */
  lines: number[];
}

/** The functions of src/linux that the tasks of one search could call. */
export interface Covered {
  functions: (FunctionLines & { missed: number[] })[];
  /** `file:line` of the functions that run before the tasks do */
  init: string[];
}

/** What searches on one kernel have executed together. */
export interface KernelCoverage {
  kernel: string;
  searches: number;
  /** of these, how many ended before they had seen every state */
  unfinished: number;
  /** of the functions that tasks could call */
  lines: number;
  executed: number;
  /** the functions with lines that no task executed, by file and line */
  missed: MissedFunction[];
  /** functions that no task could call, where every scenario was asked for; `init`: they run before the tasks do */
  uncalled?: { function: string; file: string; line: number; init: boolean }[];
}

export interface MissedFunction {
  function: string;
  file: string;
  line: number;
  /** how many it has in this kernel, and how many of them were executed */
  lines: number;
  executed: number;
  /** `12`, `14-17` */
  missed: string[];
}

export interface JobProgress {
  job: Job;
  states: number;
  frontier: number;
  depth: number;
  /** that its arrays hold */
  bytes: number;
  /** that work on it */
  threads: number;
  /** since the search began; compiling came before */
  seconds: number;
}

/** Where one search ends undecided. */
export interface Bounds {
  statesMax?: number;
  /** bytes */
  memoryMax: number;
  secondsMax?: number;
}

export interface CheckHooks {
  /** a search has ended; in the order in which they end */
  onOutcome?(outcome: Outcome, done: number, total: number): void;
  /** some times a second for each running search; and once when the number of searches is known */
  onProgress?(running: readonly JobProgress[], done: number, total: number): void;
  /** once, before the first search */
  onBounds?(bounds: Bounds): void;
  /** ends every search; they are then inconclusive */
  signal?: AbortSignal;
}

// ---- between check-pool.ts and its threads (check-worker.ts) ------------------------------------------------------

/** What a check will do: an outcome without result for each search, and for each pair that is not applicable. */
export interface Planned {
  outcomes: Outcome[];
  kernels: string[];
  /** per kernel all its functions, where `coverage` of every scenario was asked for */
  functions?: Record<string, FunctionLines[]>;
}

/** What a thread is started with. */
export interface WorkerData {
  options: CheckOptions;
  /** one 32-bit word: not 0 once every search is to end */
  stop: SharedArrayBuffer;
}

export type ToWorker =
  /** `seconds`: that compiling took; `memoryMax`: bytes that the search may hold */
  | { kind: 'job'; job: Job; compiled: CompiledScenario; seconds: number; memoryMax: number }
  /** get ready to help whoever searches this */
  | { kind: 'help'; compiled: CompiledScenario }
  /** the way to a thread that is ready to help with the job that is running */
  | { kind: 'helper'; port: MessagePort };

/** A job's result as the thread that ran it knows it. */
export interface Done {
  result: CheckResult;
  explored: Explored;
  seconds: number;
  covered?: Covered;
  checkpoint?: { file: string; problem?: string };
}

export type FromWorker =
  | { kind: 'progress'; progress: Omit<JobProgress, 'job'> }
  | { kind: 'done'; done: Done }
  /** the answer to `help`, with the way to it */
  | { kind: 'can help'; port: MessagePort }
  /** nobody needs the help any more */
  | { kind: 'idle' }
  | { kind: 'wrong input'; diagnostics: readonly Diagnostic[] }
  | { kind: 'internal'; message: string; stack: string };

// SPDX-License-Identifier: Apache-2.0
/**
 * One search, from its name to its result: compiled, its first state made, explored.
 *
 * Not here: the search (src/explore) and the thread that this runs on (check-worker.ts).
 */
import type { CompiledScenario, Workspace } from '../compiler/api.js';
import type { BufferDepth } from '../compiler/link.js';
import { buildModel, type Helper, help, type Invitation, type Model, type SearchOptions } from '../explore/check.js';
import { checkInOrder, type MemoryOrder } from '../explore/memory-order.js';
import type { Done, Explored, Job, JobProgress } from './check-data.js';
import { openCheckpoint, saveCheckpoint } from './checkpoint.js';
import { coveredBy } from './coverage.js';
import { initialMemory } from './initial.js';
import { withSourceLines, withWidthHints } from './source-line.js';
import { FileSpill, spillFolder } from './spill.js';

export interface JobHooks {
  /** asked now and then; true ends the search */
  shouldStop?(): boolean;
  onProgress?(progress: Omit<JobProgress, 'job'>): void;
  /** @returns the threads that help, but for the first `known` */
  helpers?(known: number): Helper[];
}

/** What of the command line a search depends on. */
export interface JobOptions {
  with: readonly string[];
  without: readonly string[];
  memory?: MemoryOrder;
  statesMax?: number;
  /** how states are stored: at most one of these; if none, whole, and where memory ends by fingerprints */
  fingerprints?: boolean;
  exact?: boolean;
  /** folder for what does not stay in memory; one for temporary files if absent; false: all stays in memory */
  spill?: string | false;
  noReductions?: boolean;
  /** bytes; a search that needs more is inconclusive */
  memoryMax?: number;
  /** a search that takes longer is inconclusive */
  secondsMax?: number;
  /** also say which lines of kernel code were executed */
  coverage?: boolean;
  /** files: to keep the search in if it is stopped, and to take it up from */
  checkpoint?: string;
  resume?: string;
}

/** @throws InputError for unknown names, a failing `init`, and what does not fit into a state */
export function modelOf(workspace: Workspace, job: Job, options: JobOptions, depth?: BufferDepth): Model {
  const compiled = compiledOf(workspace, job, options);
  return withSourceLines(workspace, () => modelOfProgram(compiled, options, depth));
}

/** @throws InputError for a failing `init`, and what does not fit into a state; its places have no source lines yet */
export function modelOfProgram(compiled: CompiledScenario, options: JobOptions, depth?: BufferDepth): Model {
  return withWidthHints(compiled, () => {
    const { layout, columns } = initialMemory(compiled);
    const { coverage = false, noReductions = false } = options;
    return buildModel(compiled, layout, columns, { coverage, reductions: !noReductions, depth });
  });
}

function compiledOf(workspace: Workspace, { scenario, kernel, variant }: Job, options: JobOptions): CompiledScenario {
  return workspace.compileScenario(
    scenario,
    { kernel, with: [...options.with], without: [...options.without] },
    variant,
  );
}

/** @throws InputError for unknown names and for what a search cannot do (a value that does not fit, an endless loop) */
export function runJob(workspace: Workspace, job: Job, options: JobOptions, hooks: JobHooks = {}): Done {
  const compiled = compiledOf(workspace, job, options);
  return withSourceLines(workspace, () => runProgram(compiled, job, options, hooks));
}

/**
 * @param compiled the job's
 * @throws InputError for what a search cannot do; its places have no source lines yet
 */
export function runProgram(compiled: CompiledScenario, job: Job, options: JobOptions, hooks: JobHooks = {}): Done {
  const begin = performance.now();
  const since = (start: number) => (performance.now() - start) / 1000;
  const searchBegin = performance.now();
  const { memory = 'sc', resume, checkpoint: file } = options;
  const opened = resume === undefined ? undefined : openCheckpoint(resume, job);
  // what was kept is of the store buffers that are tried first; if they are too small, all begins anew
  let goesOn = opened !== undefined;
  let checkpoint: Done['checkpoint'];
  const storage: Pick<SearchOptions, 'storage'> = {
    ...(options.fingerprints && { storage: 'fingerprints' }),
    ...(options.exact && { storage: 'exact' }),
  };
  const resumed = (model: Model): Pick<SearchOptions, 'resume' | 'storage'> => {
    if (!goesOn || !opened) return {};
    goesOn = false;
    const resume = opened.of(model, storage.storage);
    return { resume, ...(resume.border.storage === 'fingerprints' && { storage: 'fingerprints' }) };
  };
  const searchOf = (model: Model): SearchOptions => ({
    ...(options.statesMax !== undefined && { statesMax: options.statesMax }),
    ...(options.memoryMax !== undefined && { memoryMax: options.memoryMax }),
    ...storage,
    ...(options.spill !== false && { spill: new FileSpill(options.spill ?? spillFolder()) }),
    ...(options.secondsMax !== undefined && { secondsMax: options.secondsMax }),
    shouldStop() {
      if (hooks.shouldStop?.()) return 'interrupt';
      return since(searchBegin) >= (options.secondsMax ?? Number.POSITIVE_INFINITY) ? 'time' : undefined;
    },
    onProgress: ({ transitions: _, ...progress }) => hooks.onProgress?.({ ...progress, seconds: since(searchBegin) }),
    ...(hooks.helpers && { helpers: hooks.helpers }),
    ...resumed(model),
    ...(file !== undefined && {
      save: (border, write) => {
        checkpoint = kept(file, () => saveCheckpoint(file, model, job, border, write));
      },
    }),
  });
  const build = (depth: BufferDepth): Model => modelOfProgram(compiled, options, depth);
  const { model, result } = withWidthHints(compiled, () => checkInOrder(memory, build, searchOf, opened?.depth));
  opened?.close();
  return {
    result,
    explored: exploredBy(model),
    seconds: since(begin),
    ...(options.coverage && { covered: coveredBy(model) }),
    ...(checkpoint && { checkpoint }),
  };
}

/** What was found is told, whether or not it can be kept. */
function kept(file: string, save: () => void): Done['checkpoint'] {
  try {
    save();
    return { file };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    return { file, problem: error.message };
  }
}

/**
 * Helps other threads with searches of a job, one after another.
 * @param model of the job, built in this thread
 * @returns what takes an invitation that has come, and helps until that search is over; `receive` gives the next that has come,
 *   if there is one. What goes wrong is told by the search.
 */
export function helperOf(model: Model, options: JobOptions) {
  let built = model;
  return (first: Invitation, receive: () => Invitation | undefined): void => {
    // the model that is searched is one with store buffers of another size, perhaps
    const { depth } = first.welcome ?? built.linked;
    if (depth !== built.linked.depth) built = modelOfProgram(model.linked.compiled, options, depth);
    help(built, first, receive);
  };
}

function exploredBy({ linked: { layout, compiled } }: Model): Explored {
  const { scenario, tasks } = compiled;
  return {
    title: scenario.title,
    question: scenario.question,
    tasks: tasks.map(({ name }) => name),
    pages: layout.instances.get('Page') ?? 0,
  };
}

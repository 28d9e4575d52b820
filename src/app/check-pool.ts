// SPDX-License-Identifier: Apache-2.0
/**
 * The threads of a check: each compiles the sources once and takes job after job until none is left.
 *
 * A stop is a shared word that every search looks at, so that a search says what it had found; nothing is killed
 * while it searches. Not here: what a job is (check-plan.ts) and what it does (check-job.ts).
 */
import { Worker } from 'node:worker_threads';
import { InternalError } from '../base/assert.js';
import { InputError } from '../base/diagnostic.js';
import type {
  CheckHooks,
  CheckOptions,
  CheckReport,
  Done,
  FromWorker,
  JobProgress,
  Outcome,
  Planned,
  ToWorker,
  WorkerData,
} from './check-data.js';
import { isAsRecorded, isSearch } from './check-plan.js';
import { CoverageSum } from './coverage.js';

/** What was planned, done: the outcomes that were searches have their results. */
export type Ran = Pick<CheckReport, 'outcomes' | 'kernels' | 'coverage'>;

/**
 * @returns the planned outcomes in their order
 * @throws InputError what any thread found wrong in the input
 */
export function runJobs(options: CheckOptions, threads: number, hooks: CheckHooks): Promise<Ran> {
  return new Promise((resolve, reject) => new Pool(options, threads, hooks, resolve, reject));
}

/** Of the memory that is free when a check begins, what its searches may take together. */
const MEMORY_SHARE = 0.8;

interface Member {
  worker: Worker;
  /** position in the plan of what it searches */
  job?: number;
  progress?: JobProgress;
}

class Pool {
  private readonly members: Member[] = [];
  private readonly stop = new SharedArrayBuffer(4);
  private planned: Planned | undefined;
  /** positions in the plan that nobody has taken yet */
  private waiting: number[] = [];
  private total = 0;
  private done = 0;
  private over = false;
  private readonly coverage = new CoverageSum();

  constructor(
    private readonly options: CheckOptions,
    threads: number,
    private readonly hooks: CheckHooks,
    private readonly resolve: (ran: Ran) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    const all = options.memoryMax ?? process.availableMemory() * MEMORY_SHARE;
    const memoryMax = Math.floor(all / threads);
    const { statesMax, secondsMax } = options;
    hooks.onBounds?.({
      memoryMax,
      ...(statesMax !== undefined && { statesMax }),
      ...(secondsMax !== undefined && { secondsMax }),
    });
    for (let index = 0; index < threads; index++) this.start(memoryMax);
    hooks.signal?.addEventListener('abort', () => this.interrupt());
  }

  private start(memoryMax: number): void {
    const data: WorkerData = { options: this.options, memoryMax, stop: this.stop };
    const member: Member = { worker: new Worker(new URL('./check-worker.js', import.meta.url), { workerData: data }) };
    this.members.push(member);
    member.worker.on('message', (message: FromWorker) => this.guarded(() => this.heard(member, message)));
    member.worker.on('error', (error) => this.fail(error));
    member.worker.on('exit', () => this.fail(new InternalError('a thread of the check ended early')));
  }

  private heard(member: Member, message: FromWorker): void {
    if (this.over) return;
    switch (message.kind) {
      case 'ready':
        this.planned ??= this.begin(message.planned);
        this.next(member);
        break;
      case 'progress':
        member.progress = { ...message.progress, job: this.outcomeOf(member) };
        this.progress();
        break;
      case 'done':
        this.finish(this.outcomeOf(member), message.done);
        delete member.job;
        delete member.progress;
        this.next(member);
        break;
      case 'wrong input':
        this.fail(new InputError(...message.diagnostics));
        break;
      case 'internal':
        this.fail(internalError(message.message, message.stack));
        break;
    }
  }

  private begin(planned: Planned): Planned {
    this.waiting = planned.outcomes.flatMap((outcome, index) => (isSearch(outcome) ? [index] : []));
    this.total = this.waiting.length;
    this.progress(planned);
    return planned;
  }

  private outcomeOf(member: Member): Outcome {
    return this.planned!.outcomes[member.job!];
  }

  /** Gives a thread that has nothing to do its next job, or sends it home. */
  private next(member: Member): void {
    const job = this.hooks.signal?.aborted ? undefined : this.waiting.shift();
    if (job === undefined) {
      this.dismiss(member);
      if (this.members.length === 0) this.end();
      return;
    }
    member.job = job;
    const { scenario, kernel, variant } = this.outcomeOf(member);
    const message: ToWorker = { job: { scenario, kernel, ...(variant !== undefined && { variant }) } };
    member.worker.postMessage(message);
  }

  private finish(outcome: Outcome, { covered, ...done }: Done): void {
    Object.assign(outcome, done);
    if (covered) this.coverage.add(outcome, covered);
    const asRecorded = isAsRecorded(done.result, outcome.recorded);
    if (asRecorded !== undefined) outcome.asRecorded = asRecorded;
    this.done++;
    this.hooks.onOutcome?.(outcome, this.done, this.total);
  }

  private progress(planned = this.planned): void {
    if (!planned) return;
    const running = this.members.flatMap(({ progress }) => (progress ? [progress] : []));
    this.hooks.onProgress?.(running, this.done, this.total);
  }

  /** Running searches see the word and end; a thread that does not search has nothing to tell. */
  private interrupt(): void {
    Atomics.store(new Int32Array(this.stop), 0, 1);
    for (const member of this.members.filter(({ job }) => job === undefined)) this.dismiss(member);
    if (this.members.length === 0) this.end();
  }

  private dismiss(member: Member): void {
    member.worker.removeAllListeners();
    void member.worker.terminate();
    this.members.splice(this.members.indexOf(member), 1);
  }

  private end(): void {
    if (this.over) return;
    this.over = true;
    const { outcomes, kernels, functions } = this.planned ?? { outcomes: [], kernels: [] };
    const coverage = this.options.coverage ? this.coverage.report(kernels, functions) : undefined;
    this.resolve({ outcomes, kernels, ...(coverage && { coverage }) });
  }

  private fail(error: unknown): void {
    if (this.over) return;
    this.over = true;
    for (const member of [...this.members]) this.dismiss(member);
    this.reject(error);
  }

  private guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.fail(error);
    }
  }
}

function internalError(message: string, stack: string): InternalError {
  const error = new InternalError(message.replace(/^internal: /, ''));
  error.stack = stack;
  return error;
}

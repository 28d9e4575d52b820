// SPDX-License-Identifier: Apache-2.0
/**
 * The threads of a check: each compiles the sources once and takes job after job until none is left. One that has nothing
 * to do helps with a search that takes long; for such a search threads are started that would not have had a job.
 *
 * A stop is a shared word that every search looks at, so that a search says what it had found; nothing is killed
 * while it searches. Not here: what a job is (check-plan.ts) and what it does (check-job.ts).
 */
import { type MessagePort, Worker } from 'node:worker_threads';
import { InternalError } from '../base/assert.js';
import { InputError } from '../base/diagnostic.js';
import type {
  CheckHooks,
  CheckOptions,
  CheckReport,
  Done,
  FromWorker,
  Job,
  JobProgress,
  Outcome,
  Planned,
  ToWorker,
  WorkerData,
} from './check-data.js';
import { isAsRecorded, isSearch } from './check-plan.js';
import { CoverageSum } from './coverage.js';

/** What was planned, done: the outcomes that were searches have their results. */
export type Ran = Pick<CheckReport, 'outcomes' | 'kernels' | 'coverage' | 'threads'>;

/** How many threads there may be, and how many searches at a time. */
export interface Size {
  threads: number;
  searches: number;
}

/**
 * @returns the planned outcomes in their order
 * @throws InputError what any thread found wrong in the input
 */
export function runJobs(options: CheckOptions, size: Size, hooks: CheckHooks): Promise<Ran> {
  return new Promise((resolve, reject) => new Pool(options, size, hooks, resolve, reject));
}

/** Of the memory that is free when a check begins, what its searches may take together. */
const MEMORY_SHARE = 0.8;
/** A search that has taken as long as this is helped with. */
const LONG_SECONDS = 0.5;

interface Member {
  worker: Worker;
  /** it has compiled the sources */
  isReady: boolean;
  /** position in the plan of what it searches */
  job?: number;
  /** position in the plan of what it helps with, or gets ready to */
  helps?: number;
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
  private threads = 0;
  private readonly memoryMax: number;
  private readonly coverage = new CoverageSum();

  constructor(
    private readonly options: CheckOptions,
    private readonly size: Size,
    private readonly hooks: CheckHooks,
    private readonly resolve: (ran: Ran) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    const all = options.memoryMax ?? process.availableMemory() * MEMORY_SHARE;
    this.memoryMax = Math.floor(all / size.searches);
    const { statesMax, secondsMax } = options;
    hooks.onBounds?.({
      memoryMax: this.memoryMax,
      ...(statesMax !== undefined && { statesMax }),
      ...(secondsMax !== undefined && { secondsMax }),
    });
    for (let index = 0; index < size.searches; index++) this.start();
    hooks.signal?.addEventListener('abort', () => this.interrupt());
  }

  private start(): void {
    const data: WorkerData = { options: this.options, memoryMax: this.memoryMax, stop: this.stop };
    this.threads++;
    const member: Member = {
      worker: new Worker(new URL('./check-worker.js', import.meta.url), { workerData: data }),
      isReady: false,
    };
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
        member.isReady = true;
        this.next(member);
        break;
      case 'progress':
        member.progress = { ...message.progress, job: this.outcomeOf(member) };
        this.progress();
        if (message.progress.seconds > LONG_SECONDS) this.findHelp();
        break;
      case 'done':
        this.finish(this.outcomeOf(member), message.done);
        delete member.job;
        delete member.progress;
        this.next(member);
        break;
      case 'can help':
        this.introduce(member, message.port);
        break;
      case 'idle':
        delete member.helps;
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

  /** Gives a thread that has nothing to do its next job; if it is the last, there is none. */
  private next(member: Member): void {
    const job = this.hooks.signal?.aborted ? undefined : this.waiting.shift();
    if (job !== undefined) {
      member.job = job;
      this.tell(member, { kind: 'job', job: this.jobAt(job) });
    } else if (this.members.every((each) => each.job === undefined)) this.end();
  }

  private tell(member: Member, message: ToWorker, handed: MessagePort[] = []): void {
    member.worker.postMessage(message, handed);
  }

  private jobAt(index: number): Job {
    const { scenario, kernel, variant } = this.planned!.outcomes[index];
    return { scenario, kernel, ...(variant !== undefined && { variant }) };
  }

  /** Lets a thread that has nothing to do help with the search that is furthest; or starts one that will. */
  private findHelp(): void {
    if (this.waiting.length > 0 || this.hooks.signal?.aborted) return;
    const idle = this.members.find(({ job, helps, isReady }) => isReady && job === undefined && helps === undefined);
    if (!idle) {
      if (this.members.length < this.size.threads && this.members.every(({ isReady }) => isReady)) this.start();
      return;
    }
    const helped = (job: number) => this.members.filter(({ helps }) => helps === job).length;
    const busy = this.members.flatMap(({ job, progress }) =>
      job !== undefined && progress ? [{ job, progress }] : [],
    );
    const long = busy.filter(({ progress }) => progress.seconds > LONG_SECONDS);
    const [most] = long.sort((a, b) => helped(a.job) - helped(b.job) || b.progress.states - a.progress.states);
    if (!most) return;
    idle.helps = most.job;
    this.tell(idle, { kind: 'help', job: this.jobAt(most.job) });
  }

  /** The way to a helper is given to who needs it, or closed: then the helper is idle. */
  private introduce({ helps }: Member, port: MessagePort): void {
    const owner = this.members.find(({ job }) => job === helps);
    if (owner) this.tell(owner, { kind: 'helper', port }, [port]);
    else port.close();
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
    if (this.members.every(({ job }) => job === undefined)) this.end();
  }

  private dismiss(member: Member): void {
    member.worker.removeAllListeners();
    void member.worker.terminate();
    this.members.splice(this.members.indexOf(member), 1);
  }

  private end(): void {
    if (this.over) return;
    this.over = true;
    for (const member of [...this.members]) this.dismiss(member);
    const { outcomes, kernels, functions } = this.planned ?? { outcomes: [], kernels: [] };
    const coverage = this.options.coverage ? this.coverage.report(kernels, functions) : undefined;
    this.resolve({ outcomes, kernels, threads: this.threads, ...(coverage && { coverage }) });
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

// SPDX-License-Identifier: Apache-2.0
/**
 * The threads of a check. This one plans and compiles; each of the others takes job after job, with its program, until none
 * is left. One that has nothing to do helps with a search that takes long; for such a search threads are started that would not
 * have had a job.
 *
 * A stop is a shared word that every search looks at, so that a search says what it had found; nothing is killed
 * while it searches. Not here: what a job is (check-plan.ts) and what it does (check-job.ts).
 */
import { type MessagePort, Worker } from 'node:worker_threads';
import { InternalError } from '../base/assert.js';
import { InputError } from '../base/diagnostic.js';
import type { CompiledScenario } from '../compiler/api.js';
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
import { isAsRecorded, isPath, isSearch, plan } from './check-plan.js';
import { CoverageSum } from './coverage.js';
import { withSourceLines } from './source-line.js';
import { Programs } from './workspace.js';

/** What was planned, done: the outcomes that were searches have their results. */
export type Ran = Pick<CheckReport, 'outcomes' | 'kernels' | 'coverage' | 'threads'>;

/**
 * @param threadsMax how many threads there may be beside this one
 * @returns the planned outcomes in their order
 * @throws InputError for what is wrong in the input
 */
export function runJobs(options: CheckOptions, threadsMax: number, hooks: CheckHooks): Promise<Ran> {
  return new Promise((resolve, reject) => new Pool(options, threadsMax, hooks, resolve, reject));
}

/** Of the memory that is free when a check begins, what its searches may take together. */
const MEMORY_SHARE = 0.8;
/** A search that has taken as long as this is helped with. */
const LONG_SECONDS = 0.5;

/** Room for what is made and soon forgotten: linking and proofs make so much that collecting it took a tenth of their time. */
const YOUNG_MB = 96;

interface Member {
  worker: Worker;
  /** position in the plan of what it searches */
  job?: number;
  /** position in the plan of what it helps with, or gets ready to */
  helps?: number;
  progress?: JobProgress;
}

class Pool {
  private readonly members: Member[] = [];
  private readonly stop = new SharedArrayBuffer(4);
  private readonly programs: Programs;
  private planned: Planned | undefined;
  /** positions in the plan that nobody has taken yet */
  private waiting: number[] = [];
  private total = 0;
  private done = 0;
  private over = false;
  private threads = 0;
  /** bytes that each search may hold */
  private memoryMax = 0;
  private readonly coverage = new CoverageSum();

  constructor(
    private readonly options: CheckOptions,
    private readonly threadsMax: number,
    private readonly hooks: CheckHooks,
    private readonly resolve: (ran: Ran) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    this.programs = new Programs(options.scenarios.filter(isPath));
    hooks.signal?.addEventListener('abort', () => this.interrupt());
    // there is one search at least; its thread starts while the sources are read
    this.start();
    void this.guarded(async () => this.begin(await this.programs.use((workspace) => plan(workspace, options))));
  }

  private start(): Member {
    const data: WorkerData = { options: this.options, stop: this.stop };
    this.threads++;
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB };
    const worker = new Worker(new URL('./check-worker.js', import.meta.url), { workerData: data, resourceLimits });
    const member: Member = { worker };
    this.members.push(member);
    member.worker.on('message', (message: FromWorker) => void this.guarded(() => this.heard(member, message)));
    member.worker.on('error', (error) => this.fail(error));
    member.worker.on('exit', () => this.fail(new InternalError('a thread of the check ended early')));
    return member;
  }

  private async heard(member: Member, message: FromWorker): Promise<void> {
    if (this.over) return;
    switch (message.kind) {
      case 'progress':
        member.progress = { ...message.progress, job: this.outcomeOf(member) };
        this.progress();
        if (message.progress.seconds > LONG_SECONDS) await this.findHelp();
        break;
      case 'done':
        this.finish(this.outcomeOf(member), message.done);
        delete member.job;
        delete member.progress;
        await this.next(member);
        break;
      case 'can help':
        this.introduce(member, message.port);
        break;
      case 'idle':
        delete member.helps;
        await this.next(member);
        break;
      case 'wrong input':
        await this.refuse(new InputError(...message.diagnostics));
        break;
      case 'internal':
        this.fail(internalError(message.message, message.stack));
        break;
    }
  }

  private async begin(planned: Planned): Promise<void> {
    if (this.over) return;
    this.planned = planned;
    this.waiting = planned.outcomes.flatMap((outcome, index) => (isSearch(outcome) ? [index] : []));
    this.total = this.waiting.length;
    const searches = Math.min(this.threadsMax, this.total);
    const { statesMax, secondsMax, memoryMax = process.availableMemory() * MEMORY_SHARE } = this.options;
    this.memoryMax = Math.floor(memoryMax / searches);
    this.hooks.onBounds?.({
      memoryMax: this.memoryMax,
      ...(statesMax !== undefined && { statesMax }),
      ...(secondsMax !== undefined && { secondsMax }),
    });
    this.progress();
    while (this.members.length < searches) this.start();
    await Promise.all([...this.members].map((member) => this.next(member)));
  }

  private outcomeOf(member: Member): Outcome {
    return this.planned!.outcomes[member.job!];
  }

  /** Gives a thread that has nothing to do its next job; if it is the last, there is none. */
  private async next(member: Member): Promise<void> {
    const job = this.hooks.signal?.aborted ? undefined : this.waiting.shift();
    if (job !== undefined) {
      member.job = job;
      const begin = performance.now();
      const compiled = await this.compiled(job);
      const seconds = (performance.now() - begin) / 1000;
      this.tell(member, { kind: 'job', job: this.jobAt(job), compiled, seconds, memoryMax: this.memoryMax });
    } else if (this.members.every((each) => each.job === undefined)) this.end();
  }

  private compiled(index: number): Promise<CompiledScenario> {
    const { scenario, kernel, variant } = this.jobAt(index);
    const { with: added, without } = this.options;
    const choice = { kernel, with: [...added], without: [...without] };
    return this.programs.use((workspace) => workspace.compileScenario(scenario, choice, variant));
  }

  private tell(member: Member, message: ToWorker, handed: MessagePort[] = []): void {
    member.worker.postMessage(message, handed);
  }

  private jobAt(index: number): Job {
    const { scenario, kernel, variant } = this.planned!.outcomes[index];
    return { scenario, kernel, ...(variant !== undefined && { variant }) };
  }

  /** Lets a thread that has nothing to do help with the search that is furthest; or starts one that will. */
  private async findHelp(): Promise<void> {
    if (this.waiting.length > 0 || this.hooks.signal?.aborted) return;
    const isIdle = ({ job, helps }: Member) => job === undefined && helps === undefined;
    const idle = this.members.find(isIdle) ?? (this.members.length < this.threadsMax ? this.start() : undefined);
    if (!idle) return;
    const helped = (job: number) => this.members.filter(({ helps }) => helps === job).length;
    const busy = this.members.flatMap(({ job, progress }) =>
      job !== undefined && progress ? [{ job, progress }] : [],
    );
    const long = busy.filter(({ progress }) => progress.seconds > LONG_SECONDS);
    const [most] = long.sort((a, b) => helped(a.job) - helped(b.job) || b.progress.states - a.progress.states);
    if (!most) return;
    idle.helps = most.job;
    this.tell(idle, { kind: 'help', compiled: await this.compiled(most.job) });
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

  /** What a thread finds wrong knows its places as numbers only. */
  private refuse(error: InputError): Promise<void> {
    return this.programs.use((workspace) =>
      withSourceLines(workspace, () => {
        throw error;
      }),
    );
  }

  private async guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
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

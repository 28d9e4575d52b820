// SPDX-License-Identifier: Apache-2.0
/**
 * The thread that searches: it is given programs, and does one job after another, or helps another thread with one.
 *
 * Not here: which jobs (check-plan.ts) and on which thread (check-pool.ts).
 */
import { MessageChannel, type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { assert, InternalError } from '../base/assert.js';
import { InputError } from '../base/diagnostic.js';
import type { CompiledScenario } from '../compiler/api.js';
import type { Helper, Invitation } from '../explore/check.js';
import { DEPTHS } from '../explore/memory-order.js';
import type { FromWorker, ToWorker, WorkerData } from './check-data.js';
import { helperOf, modelOfProgram, runProgram } from './check-job.js';

const PROGRESS_MS = 100;

assert(parentPort !== null, 'check-worker.ts is a worker thread');
const port = parentPort;
const { options, stop } = workerData as WorkerData;
const stopFlag = new Int32Array(stop);
/** the ways to those who help with the job that is running */
const helpers: MessagePort[] = [];

function say(message: FromWorker, handed: MessagePort[] = []): void {
  port.postMessage(message, handed);
}

function errorMessage(error: unknown): FromWorker {
  if (error instanceof InputError) return { kind: 'wrong input', diagnostics: error.diagnostics };
  const { message, stack } = error instanceof Error ? error : new InternalError(String(error));
  return { kind: 'internal', message, stack: stack ?? '' };
}

function sayingErrors(work: () => void): void {
  try {
    work();
  } catch (error) {
    say(errorMessage(error));
  }
}

function search({ job, compiled, seconds, memoryMax }: ToWorker & { kind: 'job' }): void {
  let last = performance.now();
  const hooks = {
    shouldStop: () => Atomics.load(stopFlag, 0) !== 0,
    onProgress(progress: (FromWorker & { kind: 'progress' })['progress']) {
      if (performance.now() - last < PROGRESS_MS) return;
      last = performance.now();
      say({ kind: 'progress', progress });
    },
    helpers: helpersAfter,
  };
  const done = runProgram(compiled, job, { ...options, memoryMax }, hooks);
  for (const helper of helpers.splice(0)) helper.close();
  say({ kind: 'done', done: { ...done, seconds: done.seconds + seconds } });
}

/** A search lets no message in: they are asked for. */
function helpersAfter(known: number): Helper[] {
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
    const message: ToWorker = next.message;
    assert(message.kind === 'helper', 'a thread that searches is told something else');
    helpers.push(message.port);
  }
  return helpers.slice(known).map((way) => ({ send: (invitation) => way.postMessage(invitation) }));
}

/** Ready means that the model is built: who is invited is waited for. */
function getReadyToHelp(compiled: CompiledScenario): void {
  const model = modelOfProgram(compiled, options, DEPTHS[options.memory ?? 'sc'][0]);
  const help = helperOf(model, options);
  const { port1: owner, port2: here } = new MessageChannel();
  here.on('message', (first: Invitation) => sayingErrors(() => help(first, () => receiveMessageOnPort(here)?.message)));
  here.once('close', () => say({ kind: 'idle' }));
  say({ kind: 'can help', port: owner }, [owner]);
}

port.on('message', (message: ToWorker) =>
  sayingErrors(() => {
    if (message.kind === 'job') search(message);
    else if (message.kind === 'help') getReadyToHelp(message.compiled);
    else message.port.close();
  }),
);

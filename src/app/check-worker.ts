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
import { helpWith, modelOfProgram, runProgram } from './check-job.js';

const PROGRESS_MS = 100;

assert(parentPort !== null, 'check-worker.ts is a worker thread');
const port = parentPort;
const { options, stop } = workerData as WorkerData;
const stopFlag = new Int32Array(stop);
/** the ways to those who came to help with the job that is running */
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
    newcomers,
  };
  const done = runProgram(compiled, job, { ...options, memoryMax }, hooks);
  for (const helper of helpers.splice(0)) helper.close();
  say({ kind: 'done', done: { ...done, seconds: done.seconds + seconds } });
}

/** A search lets no message in: they are asked for. */
function newcomers(): Helper[] {
  const come: Helper[] = [];
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
    const message: ToWorker = next.message;
    assert(message.kind === 'helper', 'a thread that searches is told something else');
    helpers.push(message.port);
    come.push({ send: (invitation) => message.port.postMessage(invitation) });
  }
  return come;
}

/** Ready means that the model is built: who is invited is waited for. */
function getReadyToHelp(compiled: CompiledScenario): void {
  const model = modelOfProgram(compiled, options, DEPTHS[options.memory ?? 'sc'][0]);
  const { port1: owner, port2: here } = new MessageChannel();
  here.once('message', (first: Invitation) =>
    sayingErrors(() => {
      // the model that is searched is one with store buffers of another size, perhaps
      const depth = first.welcome?.depth;
      const same = depth === model.linked.depth ? model : modelOfProgram(compiled, options, depth);
      helpWith(same, first, () => receiveMessageOnPort(here)?.message);
      here.close();
    }),
  );
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

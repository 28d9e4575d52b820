// SPDX-License-Identifier: Apache-2.0
/**
 * The thread that searches: it compiles the sources once, says what they offer, and then does one job after another.
 *
 * Not here: which jobs (check-plan.ts) and on which thread (check-pool.ts).
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert, InternalError } from '../base/assert.js';
import { InputError } from '../base/diagnostic.js';
import type { FromWorker, ToWorker, WorkerData } from './check-data.js';
import { runJob } from './check-job.js';
import { isPath, plan } from './check-plan.js';
import { openWorkspace } from './workspace.js';

const PROGRESS_MS = 100;

assert(parentPort !== null, 'check-worker.ts is a worker thread');
const port = parentPort;
const { options, memoryMax, stop } = workerData as WorkerData;
const stopFlag = new Int32Array(stop);

function say(message: FromWorker): void {
  port.postMessage(message);
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

sayingErrors(() => {
  const workspace = openWorkspace(options.scenarios.filter(isPath));
  const planned = plan(workspace, options);
  port.on('message', ({ job }: ToWorker) =>
    sayingErrors(() => {
      let last = performance.now();
      const done = runJob(
        workspace,
        job,
        { ...options, memoryMax },
        {
          shouldStop: () => Atomics.load(stopFlag, 0) !== 0,
          onProgress(progress) {
            if (performance.now() - last < PROGRESS_MS) return;
            last = performance.now();
            say({ kind: 'progress', progress });
          },
        },
      );
      say({ kind: 'done', done });
    }),
  );
  say({ kind: 'ready', planned });
});

// SPDX-License-Identifier: Apache-2.0
/**
 * `check` as data: which scenarios on which kernels, run on worker threads, held against what is on record.
 *
 * Nothing is printed here (src/cli) and nothing is searched here (check-job.ts, in threads of its own).
 */
import { availableParallelism } from 'node:os';
import type { CheckHooks, CheckOptions, CheckReport } from './check-data.js';
import { runJobs } from './check-pool.js';

/**
 * Runs the searches that `options` ask for.
 * @throws InputError for unknown names, files outside the language, and where nothing would be checked
 */
export async function check(options: CheckOptions, hooks: CheckHooks = {}): Promise<CheckReport> {
  const begin = performance.now();
  const most = Math.max(1, options.threads ?? availableParallelism());
  const { outcomes, kernels, coverage, threads } = await runJobs(options, most, hooks);
  const seconds = (performance.now() - begin) / 1000;
  const interrupted = hooks.signal?.aborted === true;
  return { outcomes, kernels, seconds, threads, interrupted, ...(coverage && { coverage }) };
}

// SPDX-License-Identifier: Apache-2.0
/** Threads that help a search in this one: real threads, with the built package, from the first level on. */
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';
import type { Job } from '../../src/app/check-data.js';
import type { JobOptions } from '../../src/app/check-job.js';
import type { Helper } from '../../src/explore/check.js';
import { build, ROOT } from './command.js';

const built = (file: string) => pathToFileURL(join(ROOT, 'dist/app', file)).href;

const thread = (files: readonly string[]) => `
const { parentPort, receiveMessageOnPort } = require('node:worker_threads');
(async () => {
  const { helperOf, modelOf } = await import('${built('check-job.js')}');
  const { openWorkspace } = await import('${built('workspace.js')}');
  const workspace = await openWorkspace(${JSON.stringify(files)});
  parentPort.on('message', ({ job, options, port }) => {
    const help = helperOf(modelOf(workspace, job, options), options);
    port.on('message', (first) => help(first, () => receiveMessageOnPort(port)?.message));
    parentPort.postMessage('ready');
  });
  parentPort.postMessage('ready');
})();
`;

export class Crew {
  private constructor(private readonly threads: readonly Worker[]) {}

  /** @param files scenarios that the package does not have */
  static async start(size: number, files: readonly string[] = []): Promise<Crew> {
    await build();
    const threads = Array.from({ length: size }, () => new Worker(thread(files), { eval: true }));
    await Promise.all(threads.map((thread) => once(thread, 'message')));
    return new Crew(threads);
  }

  /** @returns once they have compiled the job, the ways to them */
  async ready(job: Job, options: JobOptions): Promise<Helper[]> {
    return Promise.all(
      this.threads.map(async (thread) => {
        const { port1, port2 } = new MessageChannel();
        thread.postMessage({ job, options, port: port2 }, [port2]);
        await once(thread, 'message');
        return { send: (invitation) => port1.postMessage(invitation) } satisfies Helper;
      }),
    );
  }

  async end(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.terminate()));
  }
}

// SPDX-License-Identifier: Apache-2.0
/**
 * One search in a process of its own, for the race: `node bench/search.mjs FILE OPTIONS` prints, as JSON, what it found and what
 * the search took: wall and CPU seconds, and KiB of memory beyond what was there before its first state; `build`: seconds
 * of reading, compiling and linking. OPTIONS: `fingerprints`, `noReductions`, and `threads`: those beyond the first are ready,
 * with the model built, before the clock starts.
 */
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import {
  isMainThread,
  MessageChannel,
  parentPort,
  receiveMessageOnPort,
  Worker,
  workerData,
} from 'node:worker_threads';
import { helperOf, modelOf } from '../dist/app/check-job.js';
import { FileSpill, spillFolder } from '../dist/app/spill.js';
import { tune } from '../dist/app/tuning.js';
import { openWorkspace } from '../dist/app/workspace.js';
import { check } from '../dist/explore/check.js';

tune();
if (isMainThread) await search(process.argv[2], JSON.parse(process.argv[3]));
else await getReadyToHelp(workerData);

async function built(file, { noReductions = false }) {
  const options = { with: [], without: [], noReductions };
  const workspace = await openWorkspace([file]);
  const scenario = file.slice(file.lastIndexOf('/') + 1).replace(/\.ts$/, '');
  return { model: modelOf(workspace, { scenario, kernel: 'v7.3' }, options), options };
}

async function search(file, options) {
  const { threads = 1, fingerprints = false } = options;
  const { model } = await built(file, options);
  const build = performance.now() / 1000;
  const helpers = await Promise.all(Array.from({ length: threads - 1 }, () => helperFor(file, options)));
  // what V8 still compiles in other threads belongs to what came before
  await setTimeout(300);
  const begin = performance.now();
  const before = process.resourceUsage();
  const { states, transitions, verdict, violation, collisionProbability } = check(model, {
    storage: fingerprints ? 'fingerprints' : 'exact',
    spill: new FileSpill(spillFolder()),
    helpers: (known) => helpers.slice(known),
  });
  const after = process.resourceUsage();
  const cpu = (after.userCPUTime - before.userCPUTime + after.systemCPUTime - before.systemCPUTime) / 1e6;
  const wall = (performance.now() - begin) / 1000;
  const found = { states, transitions, verdict: violation?.name ?? verdict, collisionProbability };
  console.log(JSON.stringify({ ...found, build, wall, cpu, rss: after.maxRSS - before.maxRSS }));
  process.exit();
}

/** @returns the way to a thread, once it is ready */
async function helperFor(file, options) {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { file, options, port: port2 },
    transferList: [port2],
  });
  await once(worker, 'message');
  return { send: (invitation) => port1.postMessage(invitation) };
}

async function getReadyToHelp({ file, options, port }) {
  const { model, options: ofJob } = await built(file, options);
  const help = helperOf(model, ofJob);
  port.on('message', (first) => help(first, () => receiveMessageOnPort(port)?.message));
  parentPort.postMessage('ready');
}

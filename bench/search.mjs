// SPDX-License-Identifier: Apache-2.0
/**
 * One search in a process of its own, for the race: `node bench/search.mjs FILE OPTIONS` prints, as JSON, what it found and what
 * the search took: wall and CPU seconds, and KiB of memory beyond what was there before its first state; `build`: seconds
 * of reading, compiling and linking.
 */
import { modelOf } from '../dist/app/check-job.js';
import { FileSpill, spillFolder } from '../dist/app/spill.js';
import { openWorkspace } from '../dist/app/workspace.js';
import { check } from '../dist/explore/check.js';

const [file, options] = process.argv.slice(2);
const { fingerprints = false, noReductions = false } = JSON.parse(options);
const workspace = await openWorkspace([file]);
const scenario = file.slice(file.lastIndexOf('/') + 1).replace(/\.ts$/, '');
const model = modelOf(workspace, { scenario, kernel: 'v7.3' }, { with: [], without: [], noReductions });
const build = performance.now();
const before = process.resourceUsage();
const { states, transitions, verdict, violation, collisionProbability } = check(model, {
  storage: fingerprints ? 'fingerprints' : 'exact',
  spill: new FileSpill(spillFolder()),
});
const after = process.resourceUsage();
const cpu = (after.userCPUTime - before.userCPUTime + after.systemCPUTime - before.systemCPUTime) / 1e6;
const wall = (performance.now() - build) / 1000;
const found = { states, transitions, verdict: violation?.name ?? verdict, collisionProbability };
console.log(JSON.stringify({ ...found, build: build / 1000, wall, cpu, rss: after.maxRSS - before.maxRSS }));

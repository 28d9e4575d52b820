// SPDX-License-Identifier: Apache-2.0
/**
 * The checker: what the command takes from its start to its verdict, what of that is spent on compiling, building the model and
 * searching, and how many states are found a second.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { modelOf } from '../dist/app/check-job.js';
import { readSources } from '../dist/app/sources.js';
import { openWorkspace } from '../dist/app/workspace.js';
import { analyse } from '../dist/compiler/analyse.js';
import { search } from '../dist/explore/search.js';
import { cpuMilliseconds, medianOf } from './median.mjs';

const runs = 5;
const searches = [
  ['dax-truncate-dma', 'v7.3'],
  ['device-private-fault', 'v6.1'],
];
/** from nothing to a verdict: a scenario of the package, a file of a user's, one more kernel than is prepared, all */
const commands = [
  ['check', 'ordinary-page', '--kernel', 'v7.3'],
  ['check', 'bench/protocols/daxtruncate.ts', '--kernel', 'v7.3', '--states-max', '100'],
  ['check', 'ordinary-page', '--kernel', 'v6.3'],
  ['check'],
];
const root = fileURLToPath(new URL('..', import.meta.url));
/** has the command say on its last line of standard error how much CPU time its process, threads included, took */
const reporting = `data:text/javascript,import { isMainThread } from 'node:worker_threads';
if (isMainThread) process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  process.stderr.write('\\n' + (user + system) / 1000);
});`;
const options = { with: [], without: [], noReductions: true };

export default {
  title: 'The checker, one thread, no reductions',
  async measure() {
    const workspace = await openWorkspace();
    const sources = readSources();
    const analysis = medianOf(runs, () => cpuMilliseconds(() => analyse(sources)));
    return [
      ...commands.map(commandRow),
      {
        what: 'all sources analysed',
        value: analysis,
        unit: 'ms',
        note: 'only where the prepared programs will not do',
      },
      ...searches.flatMap(([scenario, kernel]) => rowsOf(workspace, { scenario, kernel })),
    ];
  },
};

function commandRow(args) {
  const walls = [];
  const value = medianOf(args.length === 1 ? 1 : runs, () => {
    const begin = performance.now();
    const command = ['--import', reporting, 'dist/cli/main.js', ...args];
    const { stderr } = spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8' });
    walls.push(performance.now() - begin);
    return Number(stderr.trim().split('\n').at(-1));
  });
  walls.sort((a, b) => a - b);
  const note = `of CPU time; ${walls[Math.floor(walls.length / 2)].toFixed(0)} ms by the clock`;
  return { what: `refzero ${args.join(' ')}`, value, unit: 'ms', note };
}

function rowsOf(workspace, job) {
  const name = `${job.scenario} on ${job.kernel}`;
  const build = medianOf(runs, () => cpuMilliseconds(() => modelOf(workspace, job, options)));
  const model = modelOf(workspace, job, options);
  return [
    { what: `${name}: compile, link, generate`, value: build, unit: 'ms' },
    ...['exact', 'fingerprints'].map((storage) => rateOf(name, model, storage)),
  ];
}

/** Bytes a state are those of all arrays that the store has touched, the queue of states to be looked at included. */
function rateOf(name, model, storage) {
  let found;
  const value = medianOf(runs, () => {
    const milliseconds = cpuMilliseconds(() => {
      found = search(model, { storage });
    });
    return found.states / 1000 / milliseconds;
  });
  const { states, transitions, store } = found;
  const size = `${states} states of ${model.encoding.words * 4} bytes, ${transitions} transitions`;
  const note = `${size}; ${(store.bytes / states).toFixed(1)} bytes a state stored`;
  return { what: `${name}: states found, ${storage}`, value, unit: 'M/s', note };
}

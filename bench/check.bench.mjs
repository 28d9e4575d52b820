// SPDX-License-Identifier: Apache-2.0
/** The checker: what of a check is spent on compiling, building the model and searching, and how many states it finds a second. */
import { modelOf } from '../dist/app/check-job.js';
import { openWorkspace } from '../dist/app/workspace.js';
import { check } from '../dist/explore/check.js';
import { cpuMilliseconds, medianOf } from './median.mjs';

const runs = 5;
const searches = [
  ['dax-truncate-dma', 'v7.3'],
  ['device-private-fault', 'v6.1'],
];
const options = { with: [], without: [] };

export default {
  title: 'The checker, one thread, exact storage, no reductions',
  measure() {
    const workspace = openWorkspace();
    const analysis = medianOf(runs, () => cpuMilliseconds(() => openWorkspace()));
    return [
      { what: 'all sources analysed', value: analysis, unit: 'ms', note: 'once a thread' },
      ...searches.flatMap(([scenario, kernel]) => search(workspace, { scenario, kernel })),
    ];
  },
};

function search(workspace, job) {
  const name = `${job.scenario} on ${job.kernel}`;
  const build = medianOf(runs, () => cpuMilliseconds(() => modelOf(workspace, job, options)));
  const model = modelOf(workspace, job, options);
  let found;
  const rate = medianOf(runs, () => {
    const milliseconds = cpuMilliseconds(() => {
      found = check(model);
    });
    return found.states / 1000 / milliseconds;
  });
  const size = `${found.states} states of ${found.stateBytes} bytes, ${found.transitions} transitions`;
  return [
    { what: `${name}: compile, link, generate`, value: build, unit: 'ms' },
    { what: `${name}: states found`, value: rate, unit: 'M/s', note: size },
  ];
}

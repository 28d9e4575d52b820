// SPDX-License-Identifier: Apache-2.0
/** The checker: what of a check is spent on compiling, building the model and searching, and how many states it finds a second. */
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
const options = { with: [], without: [], noReductions: true };

export default {
  title: 'The checker, one thread, no reductions',
  async measure() {
    const workspace = await openWorkspace();
    const sources = readSources();
    const analysis = medianOf(runs, () => cpuMilliseconds(() => analyse(sources)));
    return [
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

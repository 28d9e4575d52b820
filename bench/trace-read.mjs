// SPDX-License-Identifier: Apache-2.0
/**
 * `node trace-read.mjs FILE`: how many events a second one thread reads into columns, in CPU time of the whole process: the first
 * time, and the best of a few more. JSON on stdout.
 */
import { loadRecording } from '../dist/app/trace-load.js';

const [, , file] = process.argv;
const rates = [];
for (let n = 0; n < 4; n++) {
  const begin = process.cpuUsage();
  const { events } = await loadRecording(file);
  const { user, system } = process.cpuUsage(begin);
  rates.push(events.length / (user + system));
}
console.log(JSON.stringify({ cold: rates[0], warm: Math.max(...rates.slice(1)) }));

// SPDX-License-Identifier: Apache-2.0
/** The thread that reads one slice of a trace.dat and hands it over (trace-team.ts). */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../base/assert.js';
import { DatReader } from '../trace/read-dat.js';
import { finished, Notes } from '../trace/recording.js';
import { codecsFor, fileSource } from './trace-source.js';
import type { SliceJob } from './trace-team.js';

assert(parentPort !== null, 'trace-worker.ts is a worker thread');
const { path, buffer, slice } = workerData as SliceJob;
const file = openSync(path, 'r');
const source = fileSource(file, path, fstatSync(file).size);
const reader = DatReader.open(source, await codecsFor(source), new Notes(), buffer === undefined ? {} : { buffer });
assert(reader !== undefined, 'a file that was opened a moment ago cannot be read');
finished(reader.read(slice));
closeSync(file);
const data = reader.data();
const { time, page, shape, who, stacks } = data;
parentPort.postMessage(
  data,
  [time, page, shape, who, stacks].map(({ buffer }) => buffer as ArrayBuffer),
);

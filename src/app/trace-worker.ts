// SPDX-License-Identifier: Apache-2.0
/** The thread that reads one slice of a trace.dat, or finds the lives of some of its pages, and hands over what it got (trace-team.ts). */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { parentPort, type TransferListItem } from 'node:worker_threads';
import { assert } from '../base/assert.js';
import { effectsOf } from '../conform/effects.js';
import { RangeMap } from '../conform/ranges.js';
import { Counts } from '../conform/rebuild.js';
import { Sites } from '../conform/sites.js';
import { Stories } from '../conform/stories.js';
import { findLives } from '../conform/summary.js';
import { Columns, StackTable } from '../trace/columns.js';
import type { SliceData } from '../trace/join.js';
import { DatReader } from '../trace/read-dat.js';
import { finished, Notes } from '../trace/recording.js';
import { Shapes, Whos } from '../trace/shapes.js';
import { codecsFor, fileSource } from './trace-source.js';
import type { LivesAnswer, LivesJob, ReadJob, TeamJob } from './trace-team.js';

assert(parentPort !== null, 'trace-worker.ts is a worker thread');
const port = parentPort;
port.on('message', (job: TeamJob) => {
  if (job.kind === 'lives') port.postMessage(lives(job));
  else void read(job).then((data) => port.postMessage(data, buffersOf(data)));
});

async function read({ path, buffer, slice }: ReadJob): Promise<SliceData> {
  const file = openSync(path, 'r');
  try {
    const source = fileSource(file, path, fstatSync(file).size);
    const options = buffer === undefined ? {} : { buffer };
    const reader = DatReader.open(source, await codecsFor(source), new Notes(), options);
    assert(reader !== undefined, 'a file that was opened a moment ago cannot be read');
    finished(reader.read(slice));
    return reader.data();
  } finally {
    closeSync(file);
  }
}

/** Handed over, not copied. */
function buffersOf({ time, page, shape, who, stacks }: SliceData): TransferListItem[] {
  return [time, page, shape, who, stacks].map(({ buffer }) => buffer as ArrayBuffer);
}

function lives(job: LivesJob): LivesAnswer {
  const { columns, shapes, whos, kinds, unit, clock, losses, before, after, kernel, from, to, stories } = job;
  const events = Columns.over(columns, Shapes.over(shapes.words, shapes.size), Whos.over(whos));
  const recording = {
    ...{ events, unit, clock, losses, stacks: new StackTable('addresses') },
    kinds: kinds.map((kind) => ({ ...kind, system: '', count: 0 })),
  };
  const index = { ...job.index, effects: effectsOf(recording), find: () => -1 };
  const counts = new Counts(recording, index, { before, after });
  const ranges = new RangeMap(job.ranges);
  const part = findLives(recording, index, counts, ranges, kernel, from, to);
  const lived = { index, lives: part.lives, firstLife: part.firstLife, counts };
  const signs = stories ? new Stories(recording, lived, ranges, new Sites(recording)).signsOf(from, to) : undefined;
  return { part, signs };
}

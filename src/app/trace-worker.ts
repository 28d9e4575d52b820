// SPDX-License-Identifier: Apache-2.0
/** The thread that does a share of the reading and the judging of a recording, job by job (trace-jobs.ts), and answers what it got. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { assert } from '../base/assert.js';
import { type Effects, effectsOf } from '../conform/effects.js';
import { countPages, placeRows } from '../conform/page-index.js';
import { PageSigns } from '../conform/page-signs.js';
import { livesOfPortions } from '../conform/portions.js';
import { RangeMap } from '../conform/ranges.js';
import { Counts } from '../conform/rebuild.js';
import { Sites } from '../conform/sites.js';
import { Columns, StackTable } from '../trace/columns.js';
import { type ColumnData, rowsInto, type SliceData } from '../trace/join.js';
import { DatReader } from '../trace/read-dat.js';
import { finished, Notes, type Recording } from '../trace/recording.js';
import { Shapes, Whos } from '../trace/shapes.js';
import type { Answer, Asked, JobName } from './trace-jobs.js';
import { codecsFor, fileSource } from './trace-source.js';

assert(parentPort !== null, 'trace-worker.ts is a worker thread');
const port = parentPort;

/** what was read, until it is joined */
let slice: ColumnData | undefined;
/** the whole recording, as far as a thread needs it */
let events = new Columns();
let kinds: Recording['kinds'] = [];
let effects: Effects = effectsOf({ events, kinds });

const DO: { [Name in JobName]: (asked: Asked<Name>) => Answer<Name> | Promise<Answer<Name>> } = {
  read,
  join({ adopted, columns, shapes, whos, from, to, ...rest }) {
    assert(slice !== undefined, 'a slice is read before it is joined');
    rowsInto(slice, columns, adopted, from, to);
    slice = undefined;
    events = Columns.over(columns, Shapes.over(shapes.words, shapes.size), Whos.over(whos));
    kinds = rest.kinds.map((kind) => ({ ...kind, system: '', count: 0 }));
    effects = effectsOf({ events, kinds });
    return undefined;
  },
  signs: ({ tables, pages, from, to }) => PageSigns.from(events.contents(), tables, pages, from, to).contents(),
  count: ({ pages, from, to }) => countPages(events, effects, pages, from, to),
  place({ index, next, from, to }) {
    placeRows(events, { ...index, effects }, { events: next }, from, to);
    return undefined;
  },
  lives,
};

port.postMessage(undefined);
port.on('message', async ({ name, asked }: { name: JobName; asked: never }) => port.postMessage(await DO[name](asked)));

async function read({ path, buffer, slice: part }: Asked<'read'>): Promise<SliceData> {
  const file = openSync(path, 'r');
  try {
    const source = fileSource(file, path, fstatSync(file).size);
    const options = buffer === undefined ? {} : { buffer };
    const reader = DatReader.open(source, await codecsFor(source), new Notes(), options);
    assert(reader !== undefined, 'a file that was opened a moment ago cannot be read');
    reader.events.shared = true;
    finished(reader.read(part));
    slice = reader.events.contents();
    return reader.data();
  } finally {
    closeSync(file);
  }
}

function lives(job: Asked<'lives'>): Answer<'lives'> {
  const { unit, clock, losses, before, after, kernel, stories, portions } = job;
  const recording = { events, kinds, unit, clock, losses, stacks: new StackTable('addresses') };
  const index = { ...job.index, effects, find: () => -1 };
  const counts = new Counts(recording, index, { before, after });
  const sites = stories ? new Sites(recording) : undefined;
  return livesOfPortions(recording, index, counts, new RangeMap(job.ranges), kernel, portions, sites);
}

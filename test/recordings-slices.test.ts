// SPDX-License-Identifier: Apache-2.0
/** A recording that is read in slices, as several threads do, is the recording that is read in one piece. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { nodeCodecs, unpackContainer } from '../src/app/trace-unpack.js';
import { DatReader } from '../src/trace/read-dat.js';
import { type Codecs, finished, Notes, type Recording } from '../src/trace/recording.js';
import { sourceOf } from '../src/trace/source.js';

const RECORDINGS = fileURLToPath(new URL('../recordings', import.meta.url));
let codecs: Codecs;
beforeAll(async () => {
  codecs = await nodeCodecs();
});

const load = async (name: string) => (await unpackContainer(readFileSync(`${RECORDINGS}/${name}`))).bytes;

function open(bytes: Uint8Array): DatReader {
  const reader = DatReader.open(sourceOf(bytes), codecs, new Notes(), {});
  if (!reader) throw new Error('it cannot be read');
  return reader;
}

function whole(bytes: Uint8Array): Recording {
  const reader = open(bytes);
  finished(reader.read());
  return reader.recording();
}

/** @returns undefined where a slice did not fit */
function inSlices(bytes: Uint8Array, shares: readonly number[]): Recording | undefined {
  const [first, ...others] = [open(bytes), ...shares.slice(1).map(() => open(bytes))];
  const slices = first.slices(shares);
  if (!slices) return undefined;
  finished(first.read(slices[0]));
  for (const [at, reader] of others.entries()) {
    finished(reader.read(slices[at + 1]));
    if (!first.adopt(structuredClone(reader.data()))) return undefined;
  }
  return first.recording();
}

/** Everything that a recording says, numbers of the tables included. */
function all({
  events,
  kinds,
  stacks,
  losses,
  lost,
  lostUnknown,
  orphanStacks,
  cpus,
  timeBase,
  diagnostics,
}: Recording) {
  const rows = Array.from({ length: events.length }, (_, row) => [
    events.time[row],
    events.page[row],
    events.shape[row],
    events.who[row],
    events.stack(row),
  ]);
  const pages = Array.from(events.pages.pfn.subarray(0, events.pages.size));
  const frames = Array.from({ length: stacks.size }, (_, id) => stacks.frames(id));
  const told = kinds.map(({ name, count }) => ({ name, count }));
  return { rows, pages, frames, told, losses, lost, lostUnknown, orphanStacks, cpus, timeBase, diagnostics };
}

describe.each(['6.12-record.dat.xz', '5.10-leaks-fsdax.dat.xz', '7.3-fsdax.dat.xz'])('%s', (name) => {
  test.each([[[0.5, 0.5]], [[0.1, 0.2, 0.3, 0.4]], [Array.from({ length: 9 }, () => 1 / 9)]])(
    'in slices of %j',
    async (shares) => {
      const bytes = await load(name);
      const sliced = inSlices(bytes, shares);
      expect(sliced).toBeDefined();
      expect(all(sliced as Recording)).toEqual(all(whole(bytes)));
    },
  );
});

test('a damaged page is not glossed over: the slices do not fit, or they say what one reading says', async () => {
  const bytes = await load('7.3-fsdax.dat.xz');
  for (let at = bytes.length - 4096; at > bytes.length - 200_000; at -= 12_345) {
    const damaged = bytes.slice();
    damaged.fill(0xff, at, at + 64);
    const sliced = inSlices(damaged, [0.3, 0.3, 0.4]);
    if (sliced) expect(all(sliced)).toEqual(all(whole(damaged)));
  }
});

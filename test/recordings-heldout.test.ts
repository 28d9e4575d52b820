// SPDX-License-Identifier: Apache-2.0
/**
 * Recordings that nobody tuned anything for: kept ones (all beside the clone with REFZERO_SWEEP=all) cut at both ends, with a CPU or a
 * tracepoint left out, with holes; with the ranges of their device memory and without. Whatever is missing and not said, nobody is
 * accused who did nothing.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadRecording } from '../src/app/trace-load.js';
import { CONFIDENCES, isAccusation } from '../src/conform/suspicion.js';
import { OP, opOf } from '../src/spec/ops.js';
import type { Recording } from '../src/trace/recording.js';
import type { MetaRun } from './recordings-shared.js';
import { inferredIn, rangesOf, verdictOn } from './recordings-verdict.js';

const KEPT = new URL('../recordings/', import.meta.url).pathname;
const SHARED = process.env.REFZERO_RECORDINGS ?? new URL('../../shared/recordings/', import.meta.url).pathname;

/** A chance that is the same each time. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
}

/** Keeps the rows that `wanted` likes. */
function keep({ events }: Recording, wanted: (row: number) => boolean): void {
  let kept = 0;
  for (let row = 0; row < events.length; row++) {
    if (!wanted(row)) continue;
    events.time[kept] = events.time[row];
    events.page[kept] = events.page[row];
    events.shape[kept] = events.shape[row];
    events.who[kept] = events.who[row];
    events.setStack(kept++, events.stack(row));
  }
  events.length = kept;
}

const HARM: Record<string, (recording: Recording, random: () => number) => void> = {
  'the middle alone': (recording, random) => {
    const { length } = recording.events;
    const from = random() * 0.9 * length;
    const to = from + random() * (length - from);
    keep(recording, (row) => row >= from && row < to);
  },
  'one CPU alone': (recording, random) => {
    const cpu = random() < 0.5 ? 0 : 1;
    keep(recording, (row) => recording.events.cpu(row) === cpu);
  },
  'one CPU ends early': (recording, random) => {
    const [cpu, end] = [random() < 0.5 ? 0 : 1, random() * recording.events.length];
    keep(recording, (row) => recording.events.cpu(row) !== cpu || row < end);
  },
  'one tracepoint left out': (recording, random) => {
    const kinds = recording.kinds.flatMap(({ name, count }, at) => (count > 0 && opOf(name) !== OP.none ? [at] : []));
    const kind = kinds[Math.floor(random() * kinds.length)];
    keep(recording, (row) => recording.events.kind(row) !== kind);
  },
  'a hole': (recording, random) => {
    const { length } = recording.events;
    const from = random() * 0.9 * length;
    const to = from + (0.02 + random() * 0.2) * length;
    keep(recording, (row) => row < from || row >= to);
  },
};

async function harmed(path: string, run: MetaRun, release: string, harm: string, seed: number): Promise<void> {
  const recording = await loadRecording(path);
  HARM[harm](recording, chance(seed));
  const guilty = new Set(
    (run.leak_ground_truth ?? []).flatMap(({ leak, underflow, pfn }) => (leak || underflow ? Number(pfn) : [])),
  );
  for (const ranges of [rangesOf(run), inferredIn(recording, release)]) {
    const { suspects, weaker } = verdictOn(recording, run, release, ranges);
    expect(
      suspects.flatMap(({ pages }) => pages).filter((pfn) => !guilty.has(pfn)),
      harm,
    ).toEqual([]);
    expect(weaker.every(({ confidence }) => !isAccusation(confidence) && CONFIDENCES.includes(confidence))).toBe(true);
  }
}

const runsOf = (path: string) => Object.values(JSON.parse(readFileSync(path, 'utf8')).runs) as MetaRun[];

describe('kept recordings', () => {
  const files = readdirSync(KEPT).filter((name) => /\.dat\.|leaks.*trace/.test(name));
  for (const [at, name] of files.entries()) {
    const meta = KEPT + name.replace(/\.(dat|trace).*$/, '.meta.json');
    if (!existsSync(meta)) continue;
    const [run] = runsOf(meta);
    test.each(Object.keys(HARM))(`${name}: %s`, async (harm) => {
      for (let seed = 1; seed <= 4; seed++) await harmed(KEPT + name, run, name.split('-')[0], harm, at * 10 + seed);
    });
  }
});

describe.skipIf(process.env.REFZERO_SWEEP !== 'all' || !existsSync(SHARED))('every recording beside the clone', () => {
  for (const release of ['5.10', '6.1', '6.12', '7.3']) {
    const folder = `${SHARED}/${release}`;
    const metas = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.meta.json')) : [];
    for (const [at, meta] of metas.entries()) {
      test.each(Object.keys(HARM))(`${release} ${meta}: %s`, async (harm) => {
        for (const run of runsOf(`${folder}/${meta}`))
          await harmed(`${folder}/${run.files.dat!.file}`, run, release, harm, at);
      });
    }
  }
});

// SPDX-License-Identifier: Apache-2.0
/** The recordings kept in this project: counts as their meta.json say, every form alike, text and trace.dat alike. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseKernelVersion } from '../src/spec/kernel-version.js';
import { agreement, flagDifferences, type MetaRun, wantedCounts } from './recordings-shared.js';
import { countsOf, digest, readBytes, squeeze } from './squeeze.js';

const folder = new URL('../recordings/', import.meta.url);
const file = (name: string) => new Uint8Array(readFileSync(new URL(name, folder)));
const NAMES = ['7.3-fsdax', '5.10-leaks-fsdax', '6.12-leaks-fsdax', '5.10-leaks-private', '6.12-p2pdma'];

const runOf = (name: string): MetaRun =>
  Object.values(JSON.parse(readFileSync(new URL(`${name}.meta.json`, folder), 'utf8')).runs)[0] as MetaRun;

describe.each(NAMES)('%s', (name) => {
  const run = runOf(name);

  test.each(Object.keys(run.files) as ('dat' | 'text')[])('%s: counts by kind, in every form', async (which) => {
    let first: string | undefined;
    for await (const { how, recording } of squeeze(file(run.files[which]!.file))) {
      expect(recording.diagnostics, how).toEqual([]);
      expect(countsOf(recording), how).toEqual(wantedCounts(run, which));
      expect(recording.orphanStacks, how).toBe(0);
      expect([recording.lost, recording.lostUnknown], how).toEqual([0, 0]);
      first ??= digest(recording);
      expect(digest(recording), how).toBe(first);
    }
  });

  test.runIf(run.files.dat)('text and trace.dat agree event by event', async () => {
    const dat = await readBytes(file(run.files.dat!.file));
    expect(dat.kernel).toBe(JSON.parse(readFileSync(new URL(`${name}.meta.json`, folder), 'utf8')).kernel.release);
    const text = await readBytes(file(run.files.text!.file));
    expect(agreement(dat, text)).toEqual([]);
    expect(flagDifferences(dat, text, parseKernelVersion(dat.kernel!)!)).toEqual([]);
  });
});

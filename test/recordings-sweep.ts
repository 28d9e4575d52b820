// SPDX-License-Identifier: Apache-2.0
/**
 * The sweep over every recording beside the clone (../shared/recordings): counts of every trace.dat and text, and text
 * against trace.dat event by event, and the verdict against the ground truth. Several test files share it, so that they run side by side. The few texts above
 * `LARGE` are only counted when REFZERO_SWEEP=all, for time.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadRecording } from '../src/app/trace-load.js';
import { parseKernelVersion } from '../src/spec/kernel-version.js';
import { flagOptions } from '../src/spec/page-flags.js';
import { agreement, flagDifferences, type MetaRun, wantedCounts } from './recordings-shared.js';
import { expectTruth, inferredIn, misjudged, verdictOn } from './recordings-verdict.js';
import { countsOf } from './squeeze.js';

const ROOT = process.env.REFZERO_RECORDINGS ?? new URL('../../shared/recordings', import.meta.url).pathname;
const LARGE = process.env.REFZERO_SWEEP === 'all' ? Number.POSITIVE_INFINITY : 30e6;

/** Registers the tests for the recordings of some kernels. */
export function sweep(...kernels: string[]): void {
  for (const kernel of kernels) {
    const folder = `${ROOT}/${kernel}`;
    const there = existsSync(folder);
    describe.skipIf(!there)(`${kernel} in ../shared/recordings`, () => {
      const metas = there ? readdirSync(folder).filter((name) => name.endsWith('.meta.json')) : [];
      test.skipIf(metas.length > 0)('no recordings there', () => {});
      for (const meta of metas) {
        const { runs } = JSON.parse(readFileSync(`${folder}/${meta}`, 'utf8')) as { runs: Record<string, MetaRun> };
        for (const [name, run] of Object.entries(runs)) {
          test(`${meta.replace('.meta.json', '')} ${name}`, () => compare(folder, run, kernel));
        }
      }
    });
  }
}

async function compare(folder: string, run: MetaRun, kernel: string): Promise<void> {
  const dat = await loadRecording(`${folder}/${run.files.dat!.file}`);
  expect(dat.diagnostics).toEqual([]);
  expect(countsOf(dat)).toEqual(wantedCounts(run, 'dat'));
  expect(dat.orphanStacks).toBe(0);
  expectTruth(verdictOn(dat, run, kernel), run, kernel);
  expect(misjudged(dat, run, kernel)).toEqual([]);
  if (run.files.text!.uncompressed_bytes > LARGE) return;
  const text = await loadRecording(`${folder}/${run.files.text!.file}`);
  expect(text.diagnostics).toEqual([]);
  expect(countsOf(text)).toEqual(wantedCounts(run, 'text'));
  expect(agreement(dat, text)).toEqual([]);
  const config = flagOptions(readFileSync(`${folder}/kernel.config`, 'utf8'));
  expect(flagDifferences(dat, text, { ...parseKernelVersion(kernel)!, config })).toEqual([]);
  expect(misjudged(text, run, kernel)).toEqual([]);
  // a text has no zone in its flags, and nobody tells it the ranges
  expectTruth(verdictOn(text, run, kernel, inferredIn(text, kernel)), run, kernel);
}

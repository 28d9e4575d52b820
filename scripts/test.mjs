// SPDX-License-Identifier: Apache-2.0
/** Runs the tests and closes with the one line that every CI can read: `N passed, N failed`. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const folder = mkdtempSync(join(tmpdir(), 'refzero-test-'));
const report = join(folder, 'report.json');
const args = [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
const run = spawn(process.execPath, [...args, ...process.argv.slice(2)], { stdio: ['ignore', 'inherit', 'inherit'] });
run.on('close', (code) => {
  try {
    const { numPassedTests, numFailedTests, numFailedTestSuites, success } = JSON.parse(readFileSync(report, 'utf8'));
    const failed = Math.max(numFailedTests, success ? 0 : numFailedTestSuites);
    console.log(`${numPassedTests} passed, ${failed} failed`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.exit(code ?? 1);
});

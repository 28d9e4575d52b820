// SPDX-License-Identifier: Apache-2.0
/** Runs the built command line as a user does, after building it where the sources are newer. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAIN = join(ROOT, 'dist/bin/main.cjs');
const LOCK = join(ROOT, 'node_modules/.refzero-build');

export interface Ran {
  exit: number | null;
  stdout: string;
  stderr: string;
}

let built = false;

/** Test files run side by side, so that one builds while the others wait. */
export async function build(): Promise<void> {
  if (built) return;
  while (!tryLock()) await new Promise((resolve) => setTimeout(resolve, 100));
  try {
    if (isStale()) spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: ROOT, stdio: 'inherit' });
    built = true;
  } finally {
    rmdirSync(LOCK);
  }
}

function tryLock(): boolean {
  try {
    mkdirSync(LOCK);
    return true;
  } catch {
    const abandoned = Date.now() - (statSync(LOCK, { throwIfNoEntry: false })?.mtimeMs ?? 0) > 120_000;
    if (abandoned) rmdirSync(LOCK);
    return false;
  }
}

function isStale(): boolean {
  const made = statSync(MAIN, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return ['src', 'scripts'].some((folder) => {
    const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
    return files.some((name) => statSync(join(ROOT, folder, name)).mtimeMs > made);
  });
}

/** @param args what stands after `refzero` */
export async function refzero(args: string[], options: { env?: Record<string, string> } = {}): Promise<Ran> {
  await build();
  return new Promise((resolve, reject) => {
    const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '', ...options.env };
    const child = spawn(process.execPath, [MAIN, ...args], { cwd: ROOT, env });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (exit) => resolve({ exit, stdout, stderr }));
  });
}

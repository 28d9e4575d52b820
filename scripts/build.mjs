// SPDX-License-Identifier: Apache-2.0
/**
 * Builds dist/: the tool as JavaScript; the kernel and the primitives as types; the package's scenarios compiled, so that nobody has
 * to wait for that (src/app/prepared.ts); and in dist/bin the command and its threads in few files (scripts/bundle.mjs).
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { bundle } from './bundle.mjs';

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const { status } = spawnSync(process.execPath, [tsc, '--build', 'tsconfig.json'], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
chmodSync('dist/cli/main.js', 0o755);
await bundle();
linkCommand();
const { ownSources } = await import('../dist/app/own-sources.js');
const { prepare, preparedWorkspace } = await import('../dist/app/prepared.js');
const { openWorkspace } = await import('../dist/app/workspace.js');
const own = ownSources();
try {
  if (!preparedWorkspace(own)) prepare(own, await openWorkspace());
} catch (error) {
  const { renderError } = await import('../dist/cli/errors.js');
  const { screenOf } = await import('../dist/cli/terminal.js');
  const { text, exit } = renderError(error, screenOf(process.stderr, process.env), false);
  process.stderr.write(text);
  process.exitCode = exit;
}

/** Where npx looks first: else it links the command in a cache of its own, once, and does not see that it has moved since. */
function linkCommand() {
  if (process.platform === 'win32') return;
  mkdirSync('node_modules/.bin', { recursive: true });
  rmSync('node_modules/.bin/refzero', { force: true });
  symlinkSync('../../dist/bin/main.cjs', 'node_modules/.bin/refzero');
}

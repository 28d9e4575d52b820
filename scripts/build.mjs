// SPDX-License-Identifier: Apache-2.0
/**
 * Builds dist/: the tool as JavaScript; the kernel and the primitives as types; the package's scenarios compiled, so that nobody has
 * to wait for that (src/app/prepared.ts); and in dist/bin the command and its threads in few files, which are read faster than many.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { rolldown } from 'rolldown';

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const { status } = spawnSync(process.execPath, [tsc, '--build', 'tsconfig.json'], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
rmSync('dist/bin', { recursive: true, force: true });
const bundle = await rolldown({
  input: {
    main: 'dist/cli/main.js',
    'check-worker': 'dist/app/check-worker.js',
    'trace-worker': 'dist/app/trace-worker.js',
  },
  platform: 'node',
  // dependencies stay what they are; `#typescript` is one too
  external: /^[^./]/,
});
await bundle.write({ dir: 'dist/bin', format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name].js' });
await bundle.close();
for (const main of ['dist/cli/main.js', 'dist/bin/main.js']) chmodSync(main, 0o755);
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

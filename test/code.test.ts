// SPDX-License-Identifier: Apache-2.0
/** What is installed as `refzero` starts from the code that the build kept, and without it. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { build, ROOT } from './helpers/command.js';

const RECORDING = join(ROOT, 'recordings/6.12-record.dat.xz');

/** Runs `refzero trace` of a package. @returns what it printed, and the names of files whose code was refused */
function trace(root: string): { stdout: string; refused: string[] } {
  const bin = join(root, 'dist/bin');
  const told = `process.stderr.write(JSON.stringify(require('${bin}/load.cjs').refused()))`;
  const script = `process.on('exit', () => ${told}); require('${bin}/main.cjs')`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script, 'refzero', 'trace', RECORDING], {
    encoding: 'utf8',
  });
  return { stdout, refused: JSON.parse(stderr.slice(stderr.lastIndexOf('['))) };
}

describe('refzero trace', () => {
  let built: ReturnType<typeof trace>;
  beforeAll(async () => {
    await build();
    built = trace(ROOT);
  });

  it('takes the code of all files', () => {
    expect(built.refused).toEqual([]);
    expect(built.stdout).toContain('page_ref');
  });

  it('says the same without it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'refzero-'));
    try {
      cpSync(join(ROOT, 'dist/bin'), join(folder, 'dist/bin'), { recursive: true });
      cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
      symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
      for (const name of readdirSync(join(folder, 'dist/bin'))) {
        if (name.endsWith('.code')) rmSync(join(folder, 'dist/bin', name));
      }
      const { stdout, refused } = trace(folder);
      expect(refused).not.toEqual([]);
      expect(stdout).toBe(built.stdout);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

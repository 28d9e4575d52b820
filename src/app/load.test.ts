// SPDX-License-Identifier: Apache-2.0
/** Files of dist/bin are loaded whatever there is of their code: it saves time, and changes nothing. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keepCode, load, refused } from './load.js';

const MAIN = "exports.sum = (a, b) => require('./other.cjs').add(a, b); exports.here = __filename;";
const OTHER = "const { sep } = require('node:path'); exports.add = (a, b) => a + b + sep;";

describe('a file with others beside it', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'refzero-'));
    writeFileSync(join(folder, 'main.cjs'), MAIN);
    writeFileSync(join(folder, 'other.cjs'), OTHER);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** @returns whether V8 took the code that there was of it */
  function works(name: string): boolean {
    writeFileSync(join(folder, name), MAIN);
    const { sum, here } = load(join(folder, name)) as { sum(a: number, b: number): string; here: string };
    expect(sum(1, 2)).toBe('3/');
    expect(here).toBe(join(folder, name));
    return !refused().includes(name);
  }

  it('needs no code', () => {
    expect(works('plain.cjs')).toBe(false);
  });

  it('takes the code that was kept of the same text', () => {
    works('first.cjs');
    keepCode();
    writeFileSync(join(folder, 'second.cjs.code'), readFileSync(join(folder, 'first.cjs.code')));
    expect(works('second.cjs')).toBe(true);
  });

  it.each([
    ['empty', () => Buffer.alloc(0)],
    ['cut', (code: Buffer) => code.subarray(0, code.length >> 1)],
    ['of another version', (code: Buffer) => Buffer.concat([code.subarray(0, 4), Buffer.alloc(4), code.subarray(8)])],
    ['no code', () => Buffer.from('<html>404 Not Found</html>')],
  ])('works with code that is %s', (_, damaged) => {
    works('first.cjs');
    keepCode();
    writeFileSync(join(folder, 'damaged.cjs.code'), damaged(readFileSync(join(folder, 'first.cjs.code'))));
    expect(works('damaged.cjs')).toBe(false);
  });
});

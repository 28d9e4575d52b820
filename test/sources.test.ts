// SPDX-License-Identifier: Apache-2.0
/** Files of a user's: what they are called, what they draw in, and which cannot be read. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot, sourceName } from '../src/app/own-sources.js';
import { readSources } from '../src/app/sources.js';
import { InputError } from '../src/base/diagnostic.js';
import { analyse } from '../src/compiler/analyse.js';
import type { Sources } from '../src/compiler/api.js';

const STRUCTS = `
import type { u8 } from 'refzero/machine/core.js';
export interface Thing { a: u8 }
`;
const CODE = `
import type { Thing } from './deep/structs.js';
export function set(thing: Thing): void { thing.a = 1; }
`;
const SCENARIO = `
import { object } from 'refzero/machine/core.js';
import { scenario } from 'refzero/machine/scenario.js';
import { set } from '../parts/code.js';
import type { Thing } from '../parts/deep/structs.js';
const thing = object<Thing>();
export default scenario({
  title: 't', question: 'q', about: [],
  expect: { 'v5.14': 'holds', seed: 'holds', 'v5.18': 'holds', 'v6.1': 'holds', 'v7.3': 'holds' },
  tasks: { one: () => set(thing) }, sometimes: { ran: () => thing.a === 1 }, broken: {},
});
`;

let folder = '';

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'refzero sources ü ')));
  for (const name of ['mine', 'parts/deep', 'src']) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'mine/own.ts'), SCENARIO);
  writeFileSync(join(folder, 'parts/code.ts'), CODE);
  writeFileSync(join(folder, 'parts/deep/structs.ts'), STRUCTS);
  writeFileSync(join(folder, 'mine/long.ts'), ' '.repeat(2_000_000));
  symlinkSync(packageRoot, join(folder, 'link'));
});

afterAll(() => rmSync(folder, { recursive: true }));

/** @returns the scenarios that are beside the kernel */
function scenariosOf({ files, scenarios }: Sources): string[] {
  return analyse({ files, scenarios }).scenarios.map(({ name }) => name);
}

describe('a file of the user', () => {
  it('is found however its path is written, and draws in what it imports', () => {
    const near = relative(process.cwd(), join(folder, 'mine/own.ts'));
    for (const path of [`${folder}/mine/own.ts`, `${folder}/parts/..//mine/./own.ts`, near, `./${near}`]) {
      const sources = readSources([path], false);
      expect(sources.scenarios).toHaveLength(1);
      expect(scenariosOf(sources)).toEqual(['own']);
    }
  });

  it('has the one name that a file of the package has, by whatever way it is reached', () => {
    const name = 'src/scenarios/teardown.ts';
    for (const way of [name, `./${name}`, join(packageRoot, name), join(folder, 'link', name)]) {
      expect(sourceName(way)).toBe(name);
    }
    const before = process.cwd();
    try {
      process.chdir(folder);
      expect(sourceName('./link/src/scenarios/teardown.ts')).toBe(name);
      expect(sourceName('./mine/own.ts')).toBe('mine/own.ts');
      expect(sourceName('src/scenarios/teardown.ts')).toBe(join(folder, 'src/scenarios/teardown.ts'));
    } finally {
      process.chdir(before);
    }
  });

  it.each([
    ['nothing.ts', 'no such file'],
    ['mine', 'it is a directory'],
    ['mine/long.ts', '2000000 bytes'],
  ])('is refused where it cannot be: %s', (name, said) => {
    const path = join(folder, name);
    expect(() => readSources([path], false)).toThrow(InputError);
    expect(() => readSources([path], false)).toThrow(said);
    expect(() => readSources(['/dev/zero'], false)).toThrow('it is no file');
  });
});

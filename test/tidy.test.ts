// SPDX-License-Identifier: Apache-2.0
/** The project is tidy, by rules each of which is shown to catch what it is there for. */
import { describe, expect, it } from 'vitest';
import { cycleProblems, importProblems } from './tidy/imports.js';
import { headerProblems, licenceProblems, nameProblems, sizeProblems, worldProblems } from './tidy/rules.js';
import { type Problem, readTree, type Tree, treeOf } from './tidy/tree.js';

const RULES: Record<string, (tree: Tree) => Problem[]> = {
  'imports go down only': importProblems,
  'no file imports itself again': cycleProblems,
  'each file begins with its licence and what it is': headerProblems,
  'licences and their texts match': licenceProblems,
  'files and functions are short': sizeProblems,
  'kernel code keeps Linux names': nameProblems,
  'the engine has no console, clock or chance': worldProblems,
};

describe('the project', () => {
  const tree = readTree();

  it('is read whole', () => {
    expect([...tree.sources.keys()]).toEqual(
      expect.arrayContaining(['src/cli/main.ts', 'src/linux/commits.ts', 'src/machine/core.ts', 'test/tidy.test.ts']),
    );
    expect(tree.licences).toContain('Apache-2.0.txt');
  });

  it.each(Object.entries(RULES))('%s', (_, rule) => {
    const problems = rule(tree).map(({ path, line, message }) => `${path}:${line}: ${message}`);
    expect(problems).toEqual([]);
  });
});

/** @returns what a rule says of made-up files */
function said(rule: (tree: Tree) => Problem[], files: Record<string, string>, licences?: string[]): string[] {
  return rule(treeOf(files, licences)).map(({ path, line, message }) => `${path}:${line}: ${message}`);
}

describe('imports', () => {
  it.each([
    ['src/base/a.ts', "import { b } from '../compiler/b.js';", 'base may not import compiler'],
    ['src/compiler/a.ts', "\nimport type { b } from '../linux/b.js';", 'compiler may not import linux', 2],
    ['src/explore/a.ts', "export { b } from '../run/b.js';", 'explore may not import run'],
    ['src/explore/a.ts', "import { join } from 'node:path';", 'explore may not import node:path'],
    ['src/explore/a.ts', "import ts from 'typescript';", 'explore may not import typescript'],
    ['src/trace/a.ts', "type B = import('../spec/b.js').B;", 'trace may not import spec'],
    ['src/cli/a.ts', "const b = await import('../explore/b.js');", 'cli may import only types of explore'],
    ['src/cli/a.ts', "import { type B, c } from '../explore/b.js';", 'cli may import only types of explore'],
    ['src/app/a.ts', "import { b } from '../linux/b.js';", 'app may import only types of linux'],
    ['src/app/a.ts', "import { b } from '../cli/b.js';", 'app may not import cli'],
    ['src/app/a.ts', "import '../../test/b.js';", 'app imports test/b.ts, which is not in src'],
    ['src/misc/a.ts', '', 'src/misc is no layer: add it to the table of test/tidy/imports.ts'],
  ])('refuse in %s: %s', (path, text, message, line = 1) => {
    expect(said(importProblems, { [path]: text })).toEqual([`${path}:${line}: ${message}`]);
  });

  it.each([
    ['src/linux/mm/a.ts', "import { b } from '../../machine/core.js';\nimport { c } from '../lib/c.js';"],
    ['src/cli/a.ts', "import type { B } from '../explore/b.js';\nimport { type C } from '../linux/c.js';"],
    ['src/app/a.ts', "import { b } from '../explore/b.js';\nimport { c } from 'node:fs';"],
    ['src/explore/a.test.ts', "import { b } from '../app/b.js';"],
  ])('allow in %s: %s', (path, text) => {
    expect(said(importProblems, { [path]: text })).toEqual([]);
  });

  it('may not go round, types or not', () => {
    const files = {
      'src/base/a.ts': "import { b } from './b.js';",
      'src/base/b.ts': "import type { c } from './c.js';",
      'src/base/c.ts': "export { b } from './b.js';",
    };
    expect(said(cycleProblems, files)).toEqual([
      'src/base/b.ts:1: imports itself: src/base/b.ts -> src/base/c.ts -> src/base/b.ts',
    ]);
    expect(said(cycleProblems, { ...files, 'src/base/c.ts': '' })).toEqual([]);
  });
});

const APACHE = '// SPDX-License-Identifier: Apache-2.0\n';
const GPL = '// SPDX-License-Identifier: GPL-2.0-only\n';

describe('headers', () => {
  it.each([
    ['no licence', 'src/base/a.ts', '/** What. */\n', /:1: does not begin with .*Apache-2.0$/],
    [
      'another licence',
      'src/linux/a.ts',
      `${APACHE}/** Upstream: mm/a.c */\n`,
      /:1: does not begin with .*GPL-2.0-only$/,
    ],
    ['no doc comment', 'src/base/a.ts', `${APACHE}\n/** What. */\n`, /:2: no doc comment/],
    ['no upstream file', 'src/linux/a.ts', `${GPL}/** What. */\n`, /:2: .*Upstream:/],
  ])('must have %s', (_, path, text, message) => {
    expect(said(headerProblems, { [path]: text })).toEqual([expect.stringMatching(message)]);
  });

  it.each([
    ['src/cli/main.ts', `#!/usr/bin/env node\n${APACHE}/** What. */\n`],
    ['src/linux/mm/a.ts', `${GPL}/**\n * What.\n *\n * Upstream: mm/a.c (6.1)\n */\n`],
    ['src/linux/commits.ts', `${GPL}/** What. */\n`],
    ['src/scenarios/a.ts', `${GPL}/** What. */\n`],
  ])('of %s may be as they are', (path, text) => {
    expect(said(headerProblems, { [path]: text })).toEqual([]);
  });

  it('name licences that are there, and all of them', () => {
    const files = { 'src/base/a.ts': APACHE, 'src/linux/a.ts': GPL };
    expect(said(licenceProblems, files, ['Apache-2.0.txt', 'MIT.txt'])).toEqual([
      'LICENSES/MIT.txt:1: is named by no file',
      'LICENSES/GPL-2.0-only.txt:1: is named but not there',
    ]);
    expect(said(licenceProblems, files, ['Apache-2.0.txt', 'GPL-2.0-only.txt'])).toEqual([]);
  });
});

describe('sizes', () => {
  const lines = (count: number) => 'a;\n'.repeat(count);

  it('of files are limited', () => {
    expect(said(sizeProblems, { 'test/a.ts': lines(501) })).toEqual(['test/a.ts:1: 501 lines; 500 at most']);
    expect(said(sizeProblems, { 'test/a.ts': lines(500) })).toEqual([]);
  });

  it('of functions are limited, but in tests', () => {
    const long = `\nconst f = () => {\n${lines(59)}};\n`;
    const fits = `\nfunction f() {\n${lines(58)}}\n`;
    const message = 'src/base/a.ts:2: a function of 61 lines; 60 at most';
    expect(said(sizeProblems, { 'src/base/a.ts': long, 'src/base/b.ts': fits, 'test/a.ts': long })).toEqual([message]);
  });
});

describe('kernel names', () => {
  it.each([
    'function getPage() {}',
    'interface Page { refCount: int }',
    'export const memMap = objects<Page>(2);',
    'function get_page(thePage: Page) {}',
  ])('may not be re-cased: %s', (text) => {
    expect(said(nameProblems, { 'src/linux/mm/a.ts': text, 'src/scenarios/a.ts': text })).toHaveLength(2);
    expect(said(nameProblems, { 'src/machine/a.ts': text })).toEqual([]);
  });

  it('may be as Linux has them', () => {
    const text = `interface DevPagemap { _refcount: atomic_t; i_mmap: u8 }
      function PageHead() {} function __ClearPageLocked() {} function get_page() {}
      const PG_locked = 0; const FOLL_PIN = 1;`;
    expect(said(nameProblems, { 'src/linux/mm/a.ts': text })).toEqual([]);
  });
});

describe('the world', () => {
  it.each([
    'console.log(1);',
    'let t = Date.now();',
    'Math.random();',
    'process.exit(1);',
    'let d: Date;',
    'performance.now();',
  ])('is not for the engine: %s', (text) => {
    expect(said(worldProblems, { 'src/explore/a.ts': text })).toHaveLength(1);
    expect(said(worldProblems, { 'src/app/a.ts': text, 'src/cli/a.ts': text, 'src/explore/a.test.ts': text })).toEqual(
      [],
    );
  });

  it('may lend its words to members', () => {
    expect(
      said(worldProblems, { 'src/explore/a.ts': 'interface A { process: 1 } a.process; b = { Date: 1 };' }),
    ).toEqual([]);
  });
});

// SPDX-License-Identifier: Apache-2.0
/** README tells what is so: its commands and its program are executed, and print what it says that they print. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';
import { build, ROOT, refzero } from './helpers/command.js';
import { commandsIn, firstDifference, masked, programsIn } from './helpers/transcript.js';

/** A newcomer's commands that make what the tests themselves run on. */
const ALREADY_DONE = [/^git clone /, /^cd /, /^npm (ci|test|run check)$/];

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const commands = commandsIn(readme).filter(({ command }) => !ALREADY_DONE.some((done) => done.test(command)));

beforeAll(build);

describe('README', () => {
  it('shows how to start', () => {
    expect(commands.length).toBeGreaterThan(0);
    expect(programsIn(readme).length).toBeGreaterThan(0);
  });

  it.each(commands)('line $line: $command', async ({ command, printed }) => {
    const { exit, stdout, stderr } = await refzero(argumentsOf(command));
    expect([0, 1], stderr).toContain(exit);
    if (printed !== undefined) expect(firstDifference(printed, stdout + stderr)).toBeUndefined();
  });

  it.each(programsIn(readme))('line $line: the program', ({ text, printed }) => {
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 },
    });
    const folder = mkdtempSync(join(ROOT, 'node_modules/.readme-'));
    try {
      const file = join(folder, 'program.mjs');
      writeFileSync(file, outputText.replace(/'refzero'|"refzero"/g, JSON.stringify(join(ROOT, 'dist/app/index.js'))));
      const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8', cwd: ROOT });
      expect(status, stderr).toBe(0);
      if (printed !== undefined) expect(firstDifference(printed, stdout)).toBeUndefined();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('names files that are there', () => {
    const links = [...readme.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path]) => path);
    expect(links.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

/** @returns what stands after `npx refzero`, split as a shell does that knows quotes only */
function argumentsOf(command: string): string[] {
  const prefix = 'npx refzero ';
  expect(command.startsWith(prefix), `${command}: only refzero's own commands are executed`).toBe(true);
  const words = command.slice(prefix.length).match(/'[^']*'|"[^"]*"|[^\s'"]+/g) ?? [];
  return words.map((word) => word.replace(/^(['"])(.*)\1$/, '$2'));
}

describe('a document', () => {
  const document = [
    'Text.',
    '```console',
    '$ npx refzero a',
    'one  0.42s',
    '',
    'two',
    '$ npx refzero b',
    '```',
    '```ts',
    'program();',
    '```',
    '',
    '```text',
    '3',
    '```',
  ].join('\n');

  it('is read by its blocks', () => {
    expect(commandsIn(document)).toEqual([
      { line: 3, command: 'npx refzero a', printed: 'one  0.42s\n\ntwo' },
      { line: 7, command: 'npx refzero b' },
    ]);
    expect(programsIn(document)).toEqual([{ line: 10, text: 'program();\n', printed: '3\n' }]);
  });

  it('may differ from what is printed in times, rates, threads and spaces, and in nothing else', () => {
    expect(masked('12.3k 0.42s  3.1M/s on 2 threads\n\n')).toEqual(['12.3k TIME RATE on THREADS']);
    expect(firstDifference('a 1.2s\nb', 'a  17s\nb\n')).toBeUndefined();
    expect(firstDifference('a\nb', 'a\nc')).toEqual({ expected: 'b', actual: 'c' });
    expect(firstDifference('a', 'a\nb')).toEqual({ expected: '(nothing more)', actual: 'b' });
    expect(firstDifference('a\nb', 'a')).toEqual({ expected: 'b', actual: '(nothing more)' });
    expect(firstDifference('12 states', '13 states')).toBeDefined();
  });

  it('may leave lines out where it says so', () => {
    expect(firstDifference('a\n…\nd', 'a\nb\nc\nd')).toBeUndefined();
    expect(firstDifference('a\n…', 'a\nb')).toBeUndefined();
    expect(firstDifference('a\n…\ne', 'a\nb\nc\nd')).toEqual({ expected: 'e', actual: 'b\nc\nd' });
  });
});

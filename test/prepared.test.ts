// SPDX-License-Identifier: Apache-2.0
/**
 * The programs that a build leaves in dist: used as they are, without TypeScript, and only as long as they are those of the
 * sources. Copies of the package are run as a user runs it.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWorkspace } from '../src/app/workspace.js';
import { NotPacked, pack, Unpacked } from '../src/compiler/pack.js';
import { build, ROOT } from './helpers/command.js';
import { tinyWorkspace } from './helpers/tiny.js';

const folder = mkdtempSync(join(tmpdir(), 'refzero-prepared-'));
beforeAll(build);
afterAll(() => rmSync(folder, { recursive: true }));

const CHECK = ['check', 'ordinary-page', '--kernel', 'v7.3'];

/** @returns a copy of the built package, as far as a check needs it, where only these of its dependencies are installed */
function copyOf(name: string, installed: readonly string[]): string {
  const copy = join(folder, name);
  for (const part of ['dist', 'src', 'package.json']) cpSync(join(ROOT, part), join(copy, part), { recursive: true });
  mkdirSync(join(copy, 'node_modules'));
  for (const each of installed) symlinkSync(join(ROOT, 'node_modules', each), join(copy, 'node_modules', each));
  return copy;
}

function run(copy: string, args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(copy, 'dist/cli/main.js'), ...args], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '' },
  });
  return { exit: status, stdout, stderr };
}

function edit(path: string, from: string, to: string): void {
  const text = readFileSync(path, 'utf8');
  expect(text.split(from).length).toBeGreaterThan(1);
  writeFileSync(path, text.replaceAll(from, to));
}

describe('without TypeScript', () => {
  let copy = '';
  beforeAll(() => {
    copy = copyOf('bare', ['commander', 'xz-decompress', 'zstddec']);
  });

  it('the scenarios of the package are checked and listed, their steps shown, and recordings are read', () => {
    const { exit, stdout, stderr } = run(copy, [...CHECK, '--variant', 'a count of 0 can be raised']);
    expect([exit, stderr]).toEqual([1, '']);
    expect(stdout).toMatch(/^ordinary-page .* on v7\.3: violated: /);
    const listing = run(copy, [...CHECK, '--show-steps']);
    expect(listing.stdout).toContain('__rmqueue_pcplist');
    for (const args of [['check', '--list'], ['--version'], ['--help'], ['trace', '--help']])
      expect([args, run(copy, args).exit]).toEqual([args, 0]);
    expect(run(copy, ['check', join(copy, 'src/scenarios/ordinary-page.ts'), '--kernel', 'v6.1']).exit).toBe(0);
  });

  it('what the build has not compiled asks for it', () => {
    expect(run(copy, ['check', 'ordinary-page', '--kernel', 'v6.3']).stderr).toContain(
      "Cannot find module 'typescript'",
    );
  });
});

describe('programs that are not those of the sources', () => {
  const installed = ['commander', 'typescript', 'xz-decompress', 'zstddec'];

  it('an edited kernel and an edited scenario are compiled anew, and what they do is seen', () => {
    const copy = copyOf('edited', installed);
    expect(run(copy, CHECK).stdout).toMatch(/^ordinary-page on v7\.3: holds\n/);
    edit(join(copy, 'src/linux/mm/page_alloc.ts'), '__rmqueue_pcplist', 'rmqueue_edited');
    expect(run(copy, [...CHECK, '--show-steps']).stdout).toContain('rmqueue_edited');
    edit(join(copy, 'src/scenarios/ordinary-page.ts'), "'the page is free, once'", "'it is free'");
    edit(join(copy, 'src/scenarios/ordinary-page.ts'), 'free_pages() === 1', 'free_pages() === 2');
    const { exit, stdout } = run(copy, CHECK);
    expect(exit).toBe(1);
    expect(stdout).toContain("'it is free' does not hold");
  });

  it('damaged ones are not looked at', () => {
    const copy = copyOf('damaged', installed);
    const file = join(copy, 'dist/programs.txt');
    edit(file, '"BUG"', '"WARN"');
    expect(run(copy, CHECK).stdout).toMatch(/^ordinary-page on v7\.3: holds\n/);
    writeFileSync(file, readFileSync(file).subarray(0, 5000));
    expect(run(copy, CHECK).stdout).toMatch(/^ordinary-page on v7\.3: holds\n/);
    rmSync(file);
    expect(run(copy, CHECK).stdout).toMatch(/^ordinary-page on v7\.3: holds\n/);
  });
});

describe('packed programs', () => {
  it('are those that were packed, whole and broken', () => {
    const workspace = tinyWorkspace();
    const unpacked = new Unpacked(pack(workspace));
    const { commits, kernels, scenarios } = workspace;
    expect(unpacked).toMatchObject({ commits, kernels, scenarios });
    for (const { name, variants } of scenarios) {
      for (const kernel of kernels) {
        for (const variant of [undefined, ...variants.map((each) => each.name)])
          expect(unpacked.compileScenario(name, { kernel }, variant)).toEqual(
            workspace.compileScenario(name, { kernel }, variant),
          );
      }
    }
    const [kernel] = kernels;
    for (const wanted of [{ kernel: 'v6.0' }, { kernel, with: [commits[0].id] }, { kernel, without: [commits[0].id] }])
      expect(() => unpacked.compileScenario(scenarios[0].name, wanted)).toThrow(NotPacked);
    expect(() => unpacked.compileScenario('another', { kernel })).toThrow(NotPacked);
  });

  it('of the package are those that its sources give', async () => {
    const workspace = await openWorkspace();
    const text = readFileSync(join(ROOT, 'dist/programs.txt'), 'utf8');
    const unpacked = new Unpacked(text.slice(text.indexOf('\n') + 1));
    expect(unpacked.scenarios).toEqual(workspace.scenarios);
    for (const { name } of workspace.scenarios) {
      for (const kernel of ['v5.14', 'v7.3'])
        expect(unpacked.compileScenario(name, { kernel })).toEqual(workspace.compileScenario(name, { kernel }));
    }
  });
});

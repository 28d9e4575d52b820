// SPDX-License-Identifier: Apache-2.0
/**
 * The texts that the compiler works on: the package's own (src/machine, src/linux, src/scenarios, which ship as
 * source) and files of the user's.
 *
 * Not here: what they mean (src/compiler).
 */
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, normalize, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InternalError } from '../base/assert.js';
import { InputError } from '../base/diagnostic.js';
import type { Sources } from '../compiler/api.js';
import { relativeImports } from '../compiler/sources.js';

/** The package's folder, from src/app as well as from dist/app. */
export const packageRoot = fileURLToPath(new URL('../../', import.meta.url));

/** Nobody writes a scenario as long as this; what is longer is something else. */
const longestFile = 1 << 20;

/**
 * Reads what a check or a boot compiles.
 * @param userFiles paths of further scenarios, as the user wrote them; what they import by relative path is read as well
 * @param withScenarios false leaves the package's own scenarios out, for who only wants the kernel
 * @throws InputError RZ4030 for a file that cannot be read
 */
export function readSources(userFiles: readonly string[] = [], withScenarios = true): Sources {
  const files = new Map<string, string>();
  const scenarios: string[] = [];
  for (const folder of ['src/machine', 'src/linux', 'src/scenarios']) {
    if (folder === 'src/scenarios' && !withScenarios) continue;
    for (const file of sourcesIn(folder)) {
      files.set(file, readFileSync(join(packageRoot, file), 'utf8'));
      if (folder === 'src/scenarios') scenarios.push(file);
    }
  }
  if (files.size === 0) throw new InternalError(`no kernel sources under ${packageRoot}`);
  for (const path of userFiles) {
    const file = sourceName(path);
    files.set(file, readUserFile(path));
    if (!scenarios.includes(file)) scenarios.push(file);
  }
  addImported(files, [...userFiles]);
  return { files, scenarios };
}

/** Reads what the files of a user's import by relative path, and what that imports; what is not there, the compiler tells. */
function addImported(files: Map<string, string>, from: string[]): void {
  for (let importer = from.pop(); importer !== undefined; importer = from.pop()) {
    for (const path of relativeImports(importer, files.get(sourceName(importer)) ?? '')) {
      const name = sourceName(path);
      if (files.has(name) || !statSync(path, { throwIfNoEntry: false })?.isFile()) continue;
      files.set(name, readUserFile(path));
      from.push(path);
    }
  }
}

/** Sources of a folder of the package, named from the package's root, in a fixed order. */
function sourcesIn(folder: string): string[] {
  const names = readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.endsWith('.d.ts'))
    .map((name) => `${folder}/${name.split(sep).join('/')}`)
    .sort();
}

/**
 * @param path a file as the user wrote it
 * @returns its name in Sources: from the package's folder for a file in there, however the user got there; others are
 *   called as the user calls them, if that is not how a file of the package is called
 */
export function sourceName(path: string): string {
  const slashes = (native: string) => native.split(sep).join('/');
  const inside = slashes(relative(realPath(packageRoot), realPath(path)));
  if (!inside.startsWith('../') && !isAbsolute(inside)) return inside;
  const name = slashes(normalize(path));
  return name.startsWith('src/') ? slashes(resolve(path)) : name;
}

/** The path without symbolic links in it, whether or not there is a file. */
function realPath(path: string): string {
  const whole = resolve(path);
  if (statSync(whole, { throwIfNoEntry: false })) return realpathSync(whole);
  return dirname(whole) === whole ? whole : join(realPath(dirname(whole)), basename(whole));
}

function readUserFile(path: string): string {
  try {
    const status = statSync(path);
    if (!status.isFile()) throw new Error(`it is ${status.isDirectory() ? 'a directory' : 'no file'}`);
    if (status.size > longestFile)
      throw new Error(`it has ${status.size} bytes; no source has more than ${longestFile}`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError({ code: 'RZ4030', message: `cannot read ${path}: ${reason}` });
  }
}

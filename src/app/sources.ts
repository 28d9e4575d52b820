// SPDX-License-Identifier: Apache-2.0
/**
 * The texts that the compiler works on: the package's own (own-sources.ts) and files of the user's.
 *
 * Not here: what they mean (src/compiler).
 */
import { readFileSync, statSync } from 'node:fs';
import { InputError } from '../base/diagnostic.js';
import type { Sources } from '../compiler/api.js';
import { relativeImports } from '../compiler/sources.js';
import { ownSources, sourceName } from './own-sources.js';

/** Nobody writes a scenario as long as this; what is longer is something else. */
const longestFile = 1 << 20;

/**
 * Reads what a check or a boot compiles.
 * @param userFiles paths of further scenarios, as the user wrote them; what they import by relative path is read as well
 * @param withScenarios false leaves the package's own scenarios out, for who only wants the kernel
 * @throws InputError RZ4030 for a file that cannot be read
 */
export function readSources(userFiles: readonly string[] = [], withScenarios = true): Sources {
  const { files, scenarios } = ownSources(withScenarios);
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

// SPDX-License-Identifier: Apache-2.0
/**
 * The texts that the compiler works on: the package's own (src/machine, src/linux, src/scenarios, which ship as
 * source) and files of the user's.
 *
 * Not here: what they mean (src/compiler).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InternalError } from '../base/assert.js';
import { InputError } from '../base/diagnostic.js';
import type { Sources } from '../compiler/api.js';

/** The package's folder, from src/app as well as from dist/app. */
export const packageRoot = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Reads what a check or a boot compiles.
 * @param userFiles paths of further scenarios, as the user wrote them; what they import beside themselves must be named too
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
    const file = nameOf(path);
    files.set(file, readUserFile(path));
    if (!scenarios.includes(file)) scenarios.push(file);
  }
  return { files, scenarios };
}

/** Sources of a folder of the package, named from the package's root, in a fixed order. */
function sourcesIn(folder: string): string[] {
  const names = readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.endsWith('.d.ts'))
    .map((name) => `${folder}/${name.split(sep).join('/')}`)
    .sort();
}

/** A file of the package keeps its one name, however the user wrote it; others are called as the user calls them. */
function nameOf(path: string): string {
  const inside = relative(packageRoot, resolve(path)).split(sep).join('/');
  return inside.startsWith('src/') ? inside : path.split(sep).join('/');
}

function readUserFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError({ code: 'RZ4030', message: `cannot read ${path}: ${reason}` });
  }
}

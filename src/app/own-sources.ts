// SPDX-License-Identifier: Apache-2.0
/**
 * The texts that ship with the package and are compiled (src/machine, src/linux, src/scenarios), and what files are called.
 *
 * Not here: files of the user's (sources.ts), what the texts mean (src/compiler).
 */
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, normalize, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InternalError } from '../base/assert.js';
import type { Sources } from '../compiler/api.js';

/** The package's folder, from src/app as well as from dist/app. */
export const packageRoot = fileURLToPath(new URL('../../', import.meta.url));

/** @param withScenarios false leaves the package's scenarios out, for who only wants the kernel */
export function ownSources(withScenarios = true): Sources {
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

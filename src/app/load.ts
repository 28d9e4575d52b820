// SPDX-License-Identifier: Apache-2.0
/**
 * Loads the files of dist/bin (scripts/bundle.mjs), which are CommonJS: each with the code that V8 made of it when the package was
 * built, where there is that, so that nothing is parsed and compiled again. V8 itself refuses code of another version or of other
 * flags, and then compiles as ever; the name of a file is of its content, so that code of another text is never found.
 *
 * It is the first that runs: it imports nothing but the flags, which have to be set before.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { Script } from 'node:vm';

export { tune } from './tuning.js';

type Wrapped = (
  exports: unknown,
  require: (id: string) => unknown,
  module: { exports: unknown },
  file: string,
  folder: string,
) => void;

interface Loaded {
  script: Script;
  module: { exports: unknown };
}

/** by path */
const loaded = new Map<string, Loaded>();

/** Loads a file, and with it those beside it that it asks for. @returns what it exports */
export function load(file: string): unknown {
  const known = loaded.get(file);
  if (known) return known.module.exports;
  const script = compiled(file);
  const module = { exports: {} };
  loaded.set(file, { script, module });
  const folder = dirname(file);
  const others = createRequire(file);
  const require = (id: string) => (id.startsWith('./') ? load(join(folder, id)) : others(id));
  (script.runInThisContext() as Wrapped)(module.exports, require, module, file, folder);
  return module.exports;
}

const codeOf = (file: string): string => `${file}.code`;

function compiled(file: string): Script {
  const source = `(function (exports, require, module, __filename, __dirname) { ${readFileSync(file, 'utf8')}\n})`;
  let cachedData: Buffer | undefined;
  try {
    cachedData = readFileSync(codeOf(file));
  } catch {
    // it was not made, or is gone
  }
  return new Script(source, { filename: file, ...(cachedData && { cachedData }) });
}

/** Keeps the code that there is of all that was loaded, with what has run until now. For the build. */
export function keepCode(): void {
  for (const [file, { script }] of loaded) writeFileSync(codeOf(file), script.createCachedData());
}

/** Of those that were loaded, which V8 refused the code of: their names. */
export function refused(): string[] {
  return [...loaded].filter(([, { script }]) => script.cachedDataRejected !== false).map(([file]) => basename(file));
}

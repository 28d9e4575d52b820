// SPDX-License-Identifier: Apache-2.0
/**
 * What the build has compiled of the package's own sources, kept beside the built code: a check of the package's scenarios
 * needs neither TypeScript nor a compilation. Programs only, no verdicts.
 *
 * It is used as long as it is whole and the sources, the compiler's code and TypeScript's version are those that it was
 * made from; else it is as if it were not there. Code that is run from src has none.
 * Not here: what stands in it (src/compiler/pack.ts).
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Sources, Workspace } from '../compiler/api.js';
import { NotPacked, pack, Unpacked } from '../compiler/pack.js';
import { sourceLine } from '../compiler/source-line.js';
import { packageRoot } from './own-sources.js';

/** dist */
const BUILT = fileURLToPath(new URL('../', import.meta.url));
const FILE = join(BUILT, 'programs.txt');

/** @param own the package's own sources. @returns them as they were compiled; undefined where that is to be done anew */
export function preparedWorkspace(own: Sources): Workspace | undefined {
  const body = preparedText(own);
  if (body === undefined) return undefined;
  const unpacked = new Unpacked(body);
  const { commits, kernels, scenarios } = unpacked;
  return {
    ...{ commits, kernels, scenarios },
    compileScenario: (name, choice, variant) => unpacked.compileScenario(name, choice, variant),
    compileKernel: () => {
      throw new NotPacked('a kernel alone');
    },
    sourceLine: (loc) => sourceLine(own.files, loc),
  };
}

/**
 * @param own the package's own sources, all of them
 * @returns for `analyse`: those that the build has found without fault
 */
export function provenBy(own: Sources): Pick<Sources, 'proven'> {
  return preparedText(own) === undefined ? {} : { proven: new Set(own.files.keys()) };
}

/** @returns what `pack` has made of these sources; undefined where there is nothing, or something else */
function preparedText(own: Sources): string | undefined {
  const text = readPrepared();
  const end = text.indexOf('\n');
  const body = text.slice(end + 1);
  return end > 0 && text.slice(0, end) === sealOf(own, body) ? body : undefined;
}

function readPrepared(): string {
  try {
    return readFileSync(FILE, 'utf8');
  } catch {
    return '';
  }
}

/** The last step of a build. @param workspace the package's own sources, compiled */
export function prepare(own: Sources, workspace: Workspace): void {
  const body = pack(workspace);
  writeFileSync(FILE, `${sealOf(own, body)}\n${body}`);
}

/** @returns what stands on the first line: that `body` is whole, and what it was made from */
function sealOf({ files }: Sources, body: string): string {
  const madeFrom = createHash('sha256');
  const add = (name: string, text: string) => madeFrom.update(`${name}\0${text.length}\0${text}`);
  for (const [name, text] of files) add(name, text);
  for (const folder of ['base', 'compiler']) {
    const code = readdirSync(join(BUILT, folder)).filter((name) => name.endsWith('.js'));
    for (const name of code.sort()) add(`${folder}/${name}`, readFileSync(join(BUILT, folder, name), 'utf8'));
  }
  const { dependencies } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
  add('typescript', dependencies.typescript);
  return `${madeFrom.digest('hex')} ${createHash('sha256').update(body).digest('hex')}`;
}

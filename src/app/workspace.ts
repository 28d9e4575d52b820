// SPDX-License-Identifier: Apache-2.0
/**
 * The sources compiled: as the build has prepared them (prepared.ts) while that will do, by the compiler once it will not.
 *
 * Only in the second case is TypeScript loaded, which takes longer than most searches.
 * Not here: which files there are (sources.ts), what they mean (src/compiler).
 */
import type { Workspace } from '../compiler/api.js';
import { NotPacked } from '../compiler/pack.js';
import { ownSources, sourceName } from './own-sources.js';
import { preparedWorkspace, provenBy } from './prepared.js';

export class Programs {
  readonly #userFiles: readonly string[];
  #workspace: Promise<Workspace> | undefined;

  /** @param userFiles the user's own scenario files */
  constructor(userFiles: readonly string[] = []) {
    this.#userFiles = userFiles;
  }

  /**
   * @param work is given the workspace; where that was not enough, it is done again with another
   * @returns what `work` returns
   * @throws InputError for a file that cannot be read or is outside the language, and what `work` throws
   */
  async use<T>(work: (workspace: Workspace) => T): Promise<T> {
    this.#workspace ??= this.#prepared();
    try {
      return work(await this.#workspace);
    } catch (error) {
      if (!(error instanceof NotPacked)) throw error;
      this.#workspace = openWorkspace(this.#userFiles);
      return work(await this.#workspace);
    }
  }

  async #prepared(): Promise<Workspace> {
    const own = ownSources();
    const prepared = this.#userFiles.every((path) => own.files.has(sourceName(path))) && preparedWorkspace(own);
    return prepared || openWorkspace(this.#userFiles);
  }
}

/**
 * @param userFiles as above
 * @returns all sources, compiled by the compiler
 * @throws InputError as above
 */
export async function openWorkspace(userFiles: readonly string[] = []): Promise<Workspace> {
  const [{ analyse }, { readSources }] = await Promise.all([import('../compiler/analyse.js'), import('./sources.js')]);
  return analyse({ ...readSources(userFiles), ...provenBy(ownSources()) });
}

// SPDX-License-Identifier: Apache-2.0
/** The sources compiled, once a thread. Not here: which files there are (sources.ts), what they mean (src/compiler). */
import { analyse } from '../compiler/analyse.js';
import type { Workspace } from '../compiler/api.js';
import { readSources } from './sources.js';

/**
 * @param userFiles the user's own scenario files
 * @throws InputError for a file that cannot be read or is outside the language
 */
export function openWorkspace(userFiles: readonly string[] = []): Workspace {
  return analyse(readSources(userFiles));
}

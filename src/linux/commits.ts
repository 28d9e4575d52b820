// SPDX-License-Identifier: GPL-2.0-only
/**
 * The commits that changed behaviour, each one switch, and the kernels they make.
 *
 * A kernel is the set of commits it contains: a version has those whose first release is not after it; `seed` is v5.14
 * plus the patch of August 2021 as posted. Ids, subjects and releases: facts/eras.md section 0, the trees' own logs.
 * Not here: what a commit does; that is where the switch is used.
 */
import { commit } from '../machine/core.js';

/** The posted patch of the thread (src/linux is v5.14 otherwise); never merged. */
export const SEED = commit(
  '20210825034828.12927-3-alex.sierra@amd.com',
  'mm: remove extra ZONE_DEVICE struct page refcount',
  'seed',
);

// SPDX-License-Identifier: GPL-2.0-only
/**
 * When a page of a DAX file is idle: nobody holds it but, up to v6.14, the device itself.
 *
 * Upstream: include/linux/dax.h (7.3); the tests that fs/ext4/inode.c (5.10, 6.1) spells out; the seed's dax_page_unused
 *   by facts/eras.md.
 * Modelled: the test that a sleeper waits for, and the address that it sleeps on.
 * Left out: the test of the scan for busy pages, which is another one since v6.15 (dax_busy_page in fs/dax.ts); devices.
 */
import { type addr, addr_of, type bool } from '../../../machine/core.js';
import { FSDAX_COUNTED, SEED } from '../../commits.js';
import type { Page } from './mm_types.js';
import { page_ref_count } from './page_ref.js';

/** The seed: posted as patch 01 with a test for 1, which the patch of the thread turns into a test for 0. */
export function dax_page_unused(page: Page): bool {
  return page_ref_count(page) === 0;
}

/** v6.15 on; before, each file system tests the count for 1. */
export function dax_page_is_idle(page: Page): bool {
  if (FSDAX_COUNTED) return page_ref_count(page) === 0;
  if (SEED) return dax_page_unused(page);
  return page_ref_count(page) === 1;
}

/** What a sleeper sleeps on, and the last put wakes. */
export function dax_wait_address(page: Page): addr {
  return FSDAX_COUNTED ? addr_of(page) : addr_of(page._refcount);
}

// SPDX-License-Identifier: Apache-2.0
/** What events say of the kind of memory: signs of real recordings, look-alikes among ordinary pages, and kinds by signs and kernel. */
import { expect, test } from 'vitest';
import { kindOfSigns, SIGN, signsOf, signsOfPath } from './device-evidence.js';
import { parseKernelVersion } from './kernel-version.js';
import { OP, type Op } from './ops.js';

const signs = (op: Op, val: number, ret: number, flags: string, mapped: number, mapping?: boolean, anon?: boolean) =>
  signsOf({ op, val, ret, flags: new Set(flags.split('|')), mapped, mapping, anon });
const kind = (set: number, release: string) => kindOfSigns(set, parseKernelVersion(release));

test('ordinary pages that look like it', () => {
  // the zero page, or one of the vDSO, put into a page table
  expect(signs(OP.mod, 1, 0, 'referenced|reserved', 1, false, false) & SIGN.device).toBe(0);
  expect(signs(OP.modAndTest, -1, 0, 'reserved', 1, false, false) & SIGN.device).toBe(0);
  // the allocator hands a page out
  expect(signs(OP.set, 1, 0, 'none', 0, false, false)).toBe(0);
  expect(signs(OP.alloc, 0, 0, 'none', 0)).toBe(SIGN.allocator);
  expect(signs(OP.mod, 1, 0, 'uptodate|lru|swapbacked', 1, true, true)).toBe(SIGN.allocator);
});

test.each([
  ['fsdax 5.10', '5.10', [[OP.modAndReturn, -1, 1, 'referenced|reserved', 0, true, false]], 'fsdax'],
  ['devdax 5.10', '5.10', [[OP.modAndTest, -1, 0, 'referenced|reserved', 0, true, false]], 'devdax'],
  ['private 5.10', '5.10', [[OP.modAndReturn, -1, 2, 'uptodate|reserved|swapbacked', 1, true, true]], 'private'],
  ['a text that hides pointers', '6.1', [[OP.modAndReturn, -1, 1, 'reserved', 0, undefined, undefined]], 'fsdax'],
  ['hidden, before 5.18', '5.10', [[OP.modAndReturn, -1, 1, 'reserved', 0, undefined, undefined]], 'device'],
  ['private, idle', '6.12', [[OP.modUnless, 1, 0, 'reserved', 0, false, false]], 'device'],
  ['coherent 6.1', '6.1', [[OP.modAndTest, -1024, 0, 'uptodate|reserved|swapbacked', 1, true, true]], 'coherent'],
  [
    'p2pdma 7.3',
    '7.3',
    [
      [OP.modAndTest, -1, 0, 'dirty|reserved', 1, false, false],
      [OP.set, 1, 0, 'reserved', 0, false, false],
    ],
    'p2pdma',
  ],
  ['fsdax 7.3', '7.3', [[OP.modAndTest, -1, 1, 'dirty|reserved', 0, true, false]], 'fsdax'],
  ['fsdax or devdax 7.3: their rules differ', '7.3', [[OP.modUnless, 1, 1, 'reserved', 1, true, false]], 'device'],
] as const)('%s', (_, release, events, wanted) => {
  const set = events.reduce((all, event) => all | signs(...(event as unknown as Parameters<typeof signs>)), 0);
  expect(set & SIGN.device).toBe(SIGN.device);
  expect(kind(set, release)).toBe(wanted);
});

test('a struct page that is made: zero in _mapcount means mapped once', () => {
  expect(signs(OP.set, 1, 0, 'none', 1, false, false)).toBe(SIGN.made);
});

test('names: of the page itself, not of what the function allocates', () => {
  expect(signsOfPath(['p2pmem_alloc_mmap', 'kernfs_fop_mmap'])).toBe(SIGN.device | SIGN.p2pdmaName);
  expect(signsOfPath(['put_devmap_managed_page', 'gup_put_folio'])).toBe(SIGN.device);
  expect(signsOfPath(['prep_new_page', 'alloc_pages', 'memremap_pages', 'p2pmem_alloc_mmap'])).toBe(0);
});

test('without a kernel nothing is known of its rules', () => {
  expect(kindOfSigns(SIGN.device | SIGN.anon, undefined)).toBe('device');
});

// SPDX-License-Identifier: Apache-2.0
/** Which releases are left where nobody names the kernel, and that what they disagree on is not known then. */
import { describe, expect, test } from 'vitest';
import { releasesOf } from './era-evidence.js';
import { unexplained } from './expected.js';
import { pageFlagNames } from './page-flags.js';
import { PAGE_KINDS, restRule } from './rest.js';

const OLD = { zero: 100, minusOne: 0 };
const NEW = { zero: 0, minusOne: 100 };

describe('the releases that are left', () => {
  test.each<[string, string[], typeof OLD, string | undefined]>([
    ['no names, counted from zero', [], OLD, '4.6 to 6.9'],
    ['no names, the raw field', [], NEW, '6.10 or later'],
    ['5.10', ['__alloc_pages_nodemask', 'put_devmap_managed_page'], OLD, '4.6 to 5.12'],
    ['a name that ends in more', ['try_grab_compound_head.part.0'], OLD, '4.6 to 5.17'],
    ['6.1', ['mas_alloc_nodes', '__put_devmap_managed_page_refs', 'folio_add_lru'], OLD, '6.1 to 6.9'],
    ['6.12', ['__put_devmap_managed_folio_refs'], NEW, '6.10 to 6.14'],
    ['7.3', ['dax_folio_put'], NEW, '6.15 or later'],
    ['patches of later ones', ['__alloc_pages_nodemask', 'folio_add_lru'], OLD, undefined],
    ['an old name beside the raw field', ['put_devmap_managed_page'], NEW, undefined],
    ['few freed pages', [], { zero: 3, minusOne: 0 }, undefined],
    ['both', [], { zero: 100, minusOne: 1 }, undefined],
  ])('%s', (_, names, freed, told) => {
    expect(releasesOf(names, freed)?.kernel.name).toBe(told);
  });

  test('names that narrow nothing are no signs', () => {
    const { because } = releasesOf(['folio_add_lru', 'mas_preallocate', 'folio_add_lru'], NEW)!;
    expect(because).toEqual(['mapcount=-1 of freed pages']);
  });
});

describe('what several releases say', () => {
  const rules = (names: string[], freed: typeof OLD) =>
    PAGE_KINDS.map((kind) => [kind, restRule(kind, releasesOf(names, freed)!.kernel)?.idle]);

  test('where all agree it is known', () => {
    expect(rules(['__alloc_pages_nodemask'], OLD)).toEqual(
      PAGE_KINDS.map((kind) => [kind, kind === 'ordinary' ? 0 : 1]),
    );
    expect(Object.fromEntries(rules([], OLD))).toMatchObject({ private: undefined, fsdax: 1, devdax: 1, ordinary: 0 });
    expect(Object.fromEntries(rules([], NEW))).toMatchObject({ private: 0, fsdax: undefined, p2pdma: undefined });
  });

  test('mappings of device dax account for references since v6.15 only', () => {
    expect(unexplained('devdax', releasesOf([], NEW)!.kernel, 5, 1)).toBe(0);
    expect(unexplained('devdax', releasesOf([], OLD)!.kernel, 5, 1)).toBe(4);
  });

  test('numbers of page flags have no names', () => {
    expect(pageFlagNames(0x10, releasesOf([], OLD)!.kernel)).toBeUndefined();
  });
});

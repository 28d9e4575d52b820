// SPDX-License-Identifier: Apache-2.0
/** Page flags by name: by bit and release, in the kernel's order, and what depends on the configuration. Against recordings: test/recordings*. */
import { expect, test } from 'vitest';
import { parseKernelVersion } from './kernel-version.js';
import { flagOptions, pageFlagNames, pageFlagsOfText } from './page-flags.js';

const names = (low: number, release: string, config?: string) => {
  const kernel = parseKernelVersion(release)!;
  return pageFlagNames(low, config === undefined ? kernel : { ...kernel, config: flagOptions(config) });
};

test.each([
  ['5.10', 1 << 1, 'referenced'],
  ['6.5', 1 << 1, 'referenced'],
  ['6.6', 1 << 1, 'writeback'],
  ['6.1', 1 << 16, 'head'],
  ['6.6', 1 << 6, 'head'],
  ['6.9', 1 << 11, 'slab'],
  ['6.10', 1 << 11, 'owner_priv_1'],
  ['6.11', 1 << 10, 'error'],
  ['6.12', 1 << 11, 'owner_2'],
  ['6.13', 1 << 19, 'mlocked'],
  ['6.14', 1 << 19, 'dropbehind'],
  ['7.3', 1 << 20, 'mlocked'],
  ['5.4', 1, undefined],
])('%s: bit mask %i is %s', (release, low, name) => {
  expect(names(low, release)).toBe(name);
});

test('in the order in which the kernel prints them, not by bit', () => {
  expect(names((1 << 0) | (1 << 1) | (1 << 7), '7.3')).toBe('locked|waiters|writeback');
  expect(names((1 << 7) | (1 << 8) | (1 << 2), '5.10')).toBe('waiters|error|uptodate');
  expect(names(0, '6.12')).toBe('none');
});

test('as trace-cmd and perf print them', () => {
  const kernel = parseKernelVersion('7.3');
  expect(pageFlagsOfText('0x2000', kernel)).toBe('reserved');
  expect(pageFlagsOfText('locked|0x30038', kernel)?.split('|').sort()).toEqual([
    'dirty',
    'locked',
    'lru',
    'reclaim',
    'swapbacked',
    'uptodate',
  ]);
  expect(pageFlagsOfText('uptodate|lru', undefined)).toBe('uptodate|lru');
  expect(pageFlagsOfText('0x2000', undefined)).toBeUndefined();
});

test('what depends on the configuration has a name only where that is known', () => {
  const bit = 1 << 22;
  expect(names(bit | 1, '5.10')).toBe('locked|0x400000');
  expect(names(bit, '5.10', 'CONFIG_MEMORY_FAILURE=y\nCONFIG_64BIT=y\n')).toBe('hwpoison');
  expect(names(bit, '5.10', 'CONFIG_ARCH_USES_PG_UNCACHED=y\nCONFIG_MEMORY_FAILURE=y\n')).toBe('uncached');
  expect(names(bit, '5.10', '# CONFIG_MEMORY_FAILURE is not set\nCONFIG_IDLE_PAGE_TRACKING=y\n')).toBe('young');
  expect(names(1 << 21, '7.3', 'CONFIG_MEMORY_FAILURE=y\n')).toBe('hwpoison');
});

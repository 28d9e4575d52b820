// SPDX-License-Identifier: Apache-2.0
/** Each invariant: what breaks it, and what does not. */
import { expect, test } from 'vitest';
import {
  INVARIANTS,
  isBaseLost,
  isFirstTakenByGet,
  isFreedInUse,
  isFreedTwice,
  isLawful,
  isTakenFree,
  isUnderflow,
} from './invariants.js';
import { parseKernelVersion } from './kernel-version.js';
import { OP } from './ops.js';
import { restRule } from './rest.js';

const kernel = (name: string) => parseKernelVersion(name)!;

test('a count below zero', () => {
  expect([-1, 0, 1].map(isUnderflow)).toEqual([true, false, false]);
  expect(isLawful(OP.modAndReturn, 0, -1, false)).toBe(false);
  expect(isLawful(OP.modAndTest, 1, 0, false)).toBe(true);
});

test('a plain get of a free page, unless it is frozen or its first reference', () => {
  expect(isTakenFree(OP.mod, 0, 1, false)).toBe(true);
  expect(isTakenFree(OP.mod, 0, 1, true)).toBe(false);
  expect(isTakenFree(OP.mod, 1, 2, false)).toBe(false);
  expect(isTakenFree(OP.mod, 0, -1, false)).toBe(false);
  // a try that fails on a free page, and storing what the allocator hands out
  expect(isTakenFree(OP.modUnless, 0, 0, false)).toBe(false);
  expect(isTakenFree(OP.set, 0, 1, false)).toBe(false);
  expect(isFirstTakenByGet('fsdax', kernel('6.15'))).toBe(true);
  expect(isFirstTakenByGet('fsdax', kernel('6.14'))).toBe(false);
  expect(isFirstTakenByGet('private', kernel('7.3'))).toBe(false);
});

test('freeing twice, and what is in use', () => {
  expect([isFreedTwice(OP.free, true), isFreedTwice(OP.free, false), isFreedTwice(OP.alloc, true)]).toEqual([
    true,
    false,
    false,
  ]);
  expect([isFreedInUse(OP.free, 1), isFreedInUse(OP.free, 0), isFreedInUse(OP.modAndTest, 1)]).toEqual([
    true,
    false,
    false,
  ]);
});

test('the base reference of an idle page, where there is one', () => {
  expect(isBaseLost(restRule('fsdax', kernel('5.10'))!, 0)).toBe(true);
  expect(isBaseLost(restRule('fsdax', kernel('5.10'))!, 1)).toBe(false);
  expect(isBaseLost(restRule('fsdax', kernel('7.3'))!, 0)).toBe(false);
  expect(isBaseLost(restRule('p2pdma', kernel('6.12'))!, 0)).toBe(false);
});

test('each has one sentence', () => {
  const sentences = Object.values(INVARIANTS);
  expect(new Set(sentences).size).toBe(sentences.length);
});

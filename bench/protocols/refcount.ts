// SPDX-License-Identifier: Apache-2.0
/**
 * Pages' counts against an allocator, at the grain of bench/promela/refcount.pml: the same states and the same steps, one by
 * one, so that correctness and speed can be compared. What the protocol is and what `bug` takes out is said there.
 *
 * Tasks go on for ever: a search that visits every state ends with 'cannot end'. Sizes and tasks are set by instance.mjs.
 */
import { assert } from 'refzero/machine/bug.js';
import {
  type array,
  type bool,
  choose,
  type int,
  object,
  one_step,
  param,
  type u8,
  when,
} from 'refzero/machine/core.js';
import { scenario } from 'refzero/machine/scenario.js';

const PAGES = param('pages', 2);
const HOLDS = param('holds', 1);
const BUG = param('bug', 0);
const NONE = 7;

interface Zone {
  locked: bool;
  count: array<u8, typeof PAGES>;
  in_buddy: array<bool, typeof PAGES>;
}
const zone = object<Zone>();

function lock_zone(): void {
  when(
    () => !zone.locked,
    () => {
      zone.locked = true;
    },
    'lock',
  );
}

function lowest_free(): int {
  return one_step(() => {
    for (let i: int = 0; i < PAGES; i++) {
      if (zone.in_buddy[i]) {
        zone.in_buddy[i] = false;
        return i;
      }
    }
    return NONE;
  });
}

function alloc(): int {
  lock_zone();
  const p: int = lowest_free();
  zone.locked = false;
  if (p === NONE) return NONE;
  one_step(() => {
    assert(zone.count[p] === 0, 'a page is allocated with a count');
    zone.count[p] = 1;
  });
  return p;
}

function try_get(): int {
  const p: int = choose(PAGES);
  let old: int = zone.count[p];
  while (BUG === 1 || old !== 0) {
    const expected: int = old;
    old = one_step(() => {
      const seen: int = zone.count[p];
      if (seen === expected) {
        zone.count[p] = seen + 1;
        assert(!zone.in_buddy[p], 'a get lands on a free page');
      }
      return seen;
    });
    if (old === expected) return p;
  }
  return NONE;
}

function get(p: int): void {
  one_step(() => {
    assert(zone.count[p] > 0 && !zone.in_buddy[p], 'a holder sees a count of 0');
    zone.count[p] += 1;
  });
}

/** @returns whether it was the last reference */
function put_and_test(p: int): bool {
  const is_last: bool = one_step(() => {
    assert(zone.count[p] > 0 && !zone.in_buddy[p], 'a holder sees a count of 0');
    zone.count[p] -= 1;
    return BUG !== 2 && zone.count[p] === 0;
  });
  return BUG === 2 ? zone.count[p] === 0 : is_last;
}

function give_back(p: int): void {
  lock_zone();
  one_step(() => {
    assert(!zone.in_buddy[p] && zone.count[p] === 0, 'a page is given back twice');
    zone.in_buddy[p] = true;
  });
  one_step(() => {
    // keeps p in the state up to here, as Spin does
    assert(p !== NONE, 'no page is given back');
    zone.locked = false;
  });
}

/** Holds a page until its last reference is put: by this task, or by another once this one has none left. */
function hold(p: int): void {
  let held: int = 1;
  while (held > 0) {
    if (held < HOLDS && choose(2) === 0) {
      get(p);
      held++;
    } else {
      const is_last: bool = put_and_test(p);
      held--;
      if (is_last) {
        give_back(p);
        return;
      }
    }
  }
}

function worker(): void {
  for (;;) {
    const p: int = choose(2) === 0 ? alloc() : try_get();
    if (p !== NONE) hold(p);
  }
}

export default scenario({
  title: 'Counts of pages against an allocator',
  question: 'Does a get ever land on a page that is free, and is a page given back once?',
  about: ['the yardstick of bench/spin.bench.mjs'],
  expect: { 'v5.14': 'violated', seed: 'violated', 'v5.18': 'violated', 'v6.1': 'violated', 'v7.3': 'violated' },
  violates: {
    'v5.14': 'cannot end',
    seed: 'cannot end',
    'v5.18': 'cannot end',
    'v6.1': 'cannot end',
    'v7.3': 'cannot end',
  },
  sizes: { pages: 2, holds: 1, bug: 0 },
  init: () => {
    for (let i: int = 0; i < PAGES; i++) zone.in_buddy[i] = true;
  },
  tasks: { worker_0: worker, worker_1: worker },
  sometimes: { 'a page is shared': () => zone.count[0] > 1 },
  broken: {},
});

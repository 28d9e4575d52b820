// SPDX-License-Identifier: Apache-2.0
/**
 * Pages' counts against an allocator, at the grain of Spin's refcount.pml: the same states, one by one, so that speed and
 * correctness can be compared. Tasks go on for ever: the search ends with 'cannot end' after all states.
 */
import type { Program } from './explore.js';

const CODE = (pages: number): string => `
const NONE = 7;
interface Zone { locked: bool; count: array<u8, ${pages}>; in_buddy: array<bool, ${pages}>; }
const zone = object<Zone>();

function lock_zone(): void {
  when(() => !zone.locked, () => { zone.locked = true; }, 'lock');
}

function lowest_free(): int {
  return one_step(() => {
    for (let i: int = 0; i < ${pages}; i++) {
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
  const p: int = choose(${pages});
  let old: int = zone.count[p];
  while (old !== 0) {
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

function put(p: int): void {
  const isLast: bool = one_step(() => {
    assert(zone.count[p] > 0 && !zone.in_buddy[p], 'a holder sees a count of 0');
    zone.count[p] = zone.count[p] - 1;
    return zone.count[p] === 0;
  });
  if (!isLast) return;
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

function worker(): void {
  for (;;) {
    const p: int = choose(2) === 0 ? alloc() : try_get();
    if (p !== NONE) put(p);
  }
}
`;

export function refcount(pages: number, threads: number): Program {
  return {
    code: CODE(pages),
    init: `for (let i: int = 0; i < ${pages}; i++) zone.in_buddy[i] = true;`,
    tasks: Object.fromEntries(Array.from({ length: threads }, (_, i) => [`worker${i}`, 'worker();'])),
  };
}

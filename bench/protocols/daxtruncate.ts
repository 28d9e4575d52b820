// SPDX-License-Identifier: Apache-2.0
/**
 * get_user_pages_fast against unmap and truncate on fs-dax in either convention of an idle page's count, at the grain of
 * bench/promela/daxtruncate.pml: the same states and the same steps, one by one. What the protocol is and what `bug` takes
 * out is said there. Not here: Linux's own functions, of which src/scenarios/dax-truncate-dma.ts is made.
 *
 * Sizes and tasks are set by instance.mjs: `others` is how many tasks exit waits for.
 */
import { assert } from 'refzero/machine/bug.js';
import { type bool, choose, type int, object, objects, one_step, param, type u8, when } from 'refzero/machine/core.js';
import { scenario } from 'refzero/machine/scenario.js';

const PAGES = param('pages', 1);
const BASE = param('base', 0);
const IDLE = param('idle', 0);
const ROUNDS = param('rounds', 2);
const TRUNCATE_ROUNDS = param('truncate_rounds', 1);
const OTHERS = param('others', 4);
const BUG = param('bug', 0);

interface DaxPage {
  count: u8;
  mapped: bool;
  /** the page's block belongs to the file */
  block: bool;
  /** truncate waits on the page */
  queued: bool;
  /** references of gup that passed the second look */
  pins: u8;
}
const pages = objects<DaxPage>(PAGES);

interface World {
  woken: bool;
  /** the invalidate lock */
  readers: u8;
  writer: bool;
  page_table_lock: bool;
  finished: u8;
}
const world = object<World>();

function finish(): void {
  one_step(() => {
    world.finished += 1;
  });
}

function lock_page_table(): void {
  when(
    () => !world.page_table_lock,
    () => {
      world.page_table_lock = true;
    },
    'lock',
  );
}

function lock_exclusive(): void {
  when(
    () => !world.writer && world.readers === 0,
    () => {
      world.writer = true;
    },
    'lock',
  );
}

/** Within a step. */
function drop(p: int): void {
  assert(pages[p].count > BASE, 'a count drops below that of an idle page');
  pages[p].count -= 1;
}

function wake(p: int): void {
  one_step(() => {
    if (BUG !== 2 && pages[p].queued) world.woken = true;
    else assert(p < PAGES, 'no page'); // keeps p in the state up to here, as Spin does
  });
}

function drop_and_wake(p: int): void {
  const is_idle: bool = one_step(() => {
    drop(p);
    return pages[p].count === BASE;
  });
  if (is_idle) wake(p);
}

/** With the lock of the page table. @returns whether the page was mapped with a reference of its own */
function clear_entry(p: int): bool {
  const was: bool = one_step(() => {
    const mapped: bool = pages[p].mapped;
    pages[p].mapped = false;
    return mapped;
  });
  one_step(() => {
    // keeps both in the state up to here, as Spin does
    assert(was || p < PAGES, 'no page');
    world.page_table_lock = false;
  });
  return was && BASE === 0;
}

function gup(): void {
  for (let n: int = 0; n < ROUNDS; n++) {
    const p: int = choose(PAGES);
    if (pages[p].mapped && try_grab(p)) pin(p);
  }
  finish();
}

function try_grab(p: int): bool {
  return one_step(() => {
    if (BASE === 0 && pages[p].count === 0) return false;
    pages[p].count += 1;
    return true;
  });
}

function pin(p: int): void {
  const pinned: bool = one_step(() => {
    if (BUG !== 1 && !pages[p].mapped) return false;
    pages[p].pins += 1;
    return true;
  });
  if (pinned) one_step(() => assert(pages[p].block, 'DMA to a block that was given back'));
  const is_idle: bool = one_step(() => {
    if (pinned) pages[p].pins -= 1;
    drop(p);
    return pages[p].count === BASE;
  });
  if (is_idle) wake(p);
}

function fault(): void {
  for (let n: int = 0; n < ROUNDS; n++) {
    let p: int = choose(PAGES);
    when(
      () => !world.writer,
      () => {
        world.readers += 1;
      },
      'lock',
    );
    lock_page_table();
    if (pages[p].mapped) {
      p = 0; // no longer read: Spin clears it here, and on the other branch it does not
    } else {
      pages[p].block = true;
      if (BASE === 0) {
        one_step(() => {
          pages[p].count += 1;
        });
      }
      pages[p].mapped = true;
    }
    world.page_table_lock = false;
    one_step(() => {
      // keeps p in the state up to here, as Spin does
      assert(p < PAGES, 'no page');
      world.readers -= 1;
    });
  }
  finish();
}

function unmap(): void {
  for (let n: int = 0; n < ROUNDS; n++) {
    const p: int = choose(PAGES);
    lock_page_table();
    if (clear_entry(p)) drop_and_wake(p);
  }
  finish();
}

function zap(): void {
  for (let p: int = 0; p < PAGES; p++) {
    lock_page_table();
    if (clear_entry(p)) one_step(() => drop(p));
  }
}

function wait_for_idle(p: int): void {
  for (;;) {
    one_step(() => {
      pages[p].queued = true;
      world.woken = false;
    });
    if (BUG !== 3) {
      const is_idle: bool = one_step(() => {
        if (pages[p].count !== IDLE) return false;
        pages[p].queued = false;
        return true;
      });
      if (is_idle) return;
    }
    world.writer = false;
    when(
      () => world.woken,
      () => {
        world.woken = false;
        pages[p].queued = false;
      },
      'sleep',
    );
    lock_exclusive();
    if (BUG === 3) return;
  }
}

/** @returns the first page that is busy, or PAGES */
function first_busy(): int {
  for (let p: int = 0; p < PAGES; p++) {
    // a step even where nobody writes the count
    if (one_step(() => pages[p].count !== IDLE)) return p;
  }
  return PAGES;
}

function truncate(): void {
  for (let n: int = 0; n < TRUNCATE_ROUNDS; n++) {
    lock_exclusive();
    for (;;) {
      zap();
      const busy: int = first_busy();
      if (busy === PAGES) break;
      wait_for_idle(busy);
    }
    for (let p: int = 0; p < PAGES; p++) {
      one_step(() => {
        assert(pages[p].pins === 0 && !pages[p].mapped, 'a block is given back that can be reached');
        pages[p].block = false;
      });
    }
    world.writer = false;
  }
}

function exit_mm(): void {
  when(
    () => world.finished === OTHERS,
    () => {},
    'sleep',
  );
  for (let p: int = 0; p < PAGES; p++) {
    lock_page_table();
    if (clear_entry(p)) drop_and_wake(p);
  }
}

export default scenario({
  title: 'gup-fast against truncate, in either convention of the count',
  question: 'Is a block given back while a device may write to it, and does truncate sleep for ever?',
  about: ['the yardstick of bench/spin.bench.mjs'],
  expect: { 'v5.14': 'holds', seed: 'holds', 'v5.18': 'holds', 'v6.1': 'holds', 'v7.3': 'holds' },
  sizes: { pages: 1, base: 0, idle: 0, rounds: 2, truncate_rounds: 1, others: 4, bug: 0 },
  init: () => {
    for (let p: int = 0; p < PAGES; p++) pages[p].count = BASE;
  },
  tasks: { gup_0: gup, gup_1: gup, fault_0: fault, unmap_0: unmap, truncate, exit_mm },
  sometimes: { 'truncate waits for a page': () => pages[0].queued },
  broken: {},
});

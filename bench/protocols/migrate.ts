// SPDX-License-Identifier: Apache-2.0
/**
 * A device-private page that a CPU fault brings back while the process forks, the driver holds it and processes exit, at the
 * grain of bench/promela/migrate.pml: the same states and the same steps, one by one. What the protocol is and what `bug`
 * takes out is said there. Not here: Linux's own functions, of which src/scenarios/device-private-fault.ts is made.
 *
 * Sizes and tasks are set by instance.mjs: `others` is how many tasks the last look waits for.
 */
import { assert } from 'refzero/machine/bug.js';
import {
  type array,
  type bool,
  choose,
  type int,
  object,
  objects,
  one_step,
  param,
  type u8,
  when,
} from 'refzero/machine/core.js';
import { scenario } from 'refzero/machine/scenario.js';

const ADDRESSES = param('addresses', 1);
const ROUNDS = param('rounds', 1);
const OTHERS = param('others', 6);
const BUG = param('bug', 0);

/** what an entry of a page table is */
const NONE = 0;
const DEVICE = 1;
const MIGRATION = 2;
const SYSTEM = 3;

const PARENT = 0;
const CHILD = 1;

interface Mm {
  locked: bool;
  entry: array<u8, typeof ADDRESSES>;
}
const mms = objects<Mm>(2);

/** The two pages of an address. */
interface Pair {
  device_count: u8;
  device_mapcount: u8;
  device_locked: bool;
  device_free: bool;
  system_count: u8;
  system_free: bool;
  /** the contents were copied away */
  moved: bool;
}
const pairs = objects<Pair>(ADDRESSES);

interface World {
  forked: bool;
  finished: u8;
}
const world = object<World>();

function finish(): void {
  one_step(() => {
    world.finished += 1;
  });
}

function lock(mm: int): void {
  when(
    () => !mms[mm].locked,
    () => {
      mms[mm].locked = true;
    },
    'lock',
  );
}

function is_mapped(a: int, kind: int): bool {
  return mms[PARENT].entry[a] === kind || mms[CHILD].entry[a] === kind;
}

function get_device(a: int): void {
  one_step(() => {
    assert(pairs[a].device_count > 0 && !pairs[a].device_free, 'a get of a free page');
    pairs[a].device_count += 1;
  });
}

function drop_device(a: int): void {
  one_step(() => {
    assert(pairs[a].device_count > 0, 'a count drops below 0');
    pairs[a].device_count -= 1;
    if (pairs[a].device_count === 0) {
      assert(!pairs[a].device_free, 'a device page goes back twice');
      assert(pairs[a].device_mapcount === 0 && !is_mapped(a, DEVICE), 'a device page goes back mapped');
      pairs[a].device_free = true;
    }
  });
}

function drop_system(a: int): void {
  one_step(() => {
    assert(pairs[a].system_count > 0, 'a count drops below 0');
    pairs[a].system_count -= 1;
    if (pairs[a].system_count === 0) {
      assert(!pairs[a].system_free, 'a system page goes back twice');
      assert(!is_mapped(a, SYSTEM), 'a system page goes back mapped');
      pairs[a].system_free = true;
    }
  });
}

function add_device_count(a: int): void {
  one_step(() => {
    pairs[a].device_count += 1;
  });
}

function add_device_mapcount(a: int, by: int): void {
  one_step(() => {
    pairs[a].device_mapcount += by;
  });
}

function fault(mm: int): void {
  const a: int = choose(ADDRESSES);
  when(
    () => mm === PARENT || world.forked,
    () => {},
    'sleep',
  );
  while (is_to_migrate(mm, a)) {
    if (isolate(mm, a)) migrate(a);
  }
  finish();
}

/** Waits while another migrates the page. @returns with its lock and a reference, or false where it is no device page */
function is_to_migrate(mm: int, a: int): bool {
  for (;;) {
    lock(mm);
    const entry: int = mms[mm].entry[a];
    if (entry === MIGRATION) {
      mms[mm].locked = false;
      when(
        () => mms[mm].entry[a] !== MIGRATION,
        () => {},
        'sleep',
      );
    } else if (entry !== DEVICE) {
      // keeps a in the state up to here, as Spin does
      one_step(() => {
        assert(a < ADDRESSES, 'no address');
        mms[mm].locked = false;
      });
      return false;
    } else if (try_lock_page(a)) {
      get_device(a);
      mms[mm].locked = false;
      return true;
    } else {
      mms[mm].locked = false;
      when(
        () => !pairs[a].device_locked,
        () => {},
        'lock',
      );
    }
  }
}

function try_lock_page(a: int): bool {
  return one_step(() => {
    if (pairs[a].device_locked) return false;
    pairs[a].device_locked = true;
    return true;
  });
}

/** Collects this mm's entry. @returns false where the page is gone; then it is unlocked and put */
function isolate(mm: int, a: int): bool {
  lock(mm);
  if (mms[mm].entry[a] !== DEVICE) {
    mms[mm].locked = false;
    pairs[a].device_locked = false;
    drop_device(a);
    return false;
  }
  add_device_count(a);
  mms[mm].entry[a] = MIGRATION;
  add_device_mapcount(a, -1);
  drop_device(a);
  mms[mm].locked = false;
  return true;
}

function migrate(a: int): void {
  for (let mm: int = PARENT; mm <= CHILD; mm++) unmap(mm, a);
  const good: bool = freeze(a);
  if (good) copy(a);
  if (BUG === 1) {
    for (let mm: int = CHILD; mm >= PARENT; mm--) restore(mm, a, good);
  } else {
    for (let mm: int = PARENT; mm <= CHILD; mm++) restore(mm, a, good);
  }
  if (good) drop_system(a);
  one_step(() => {
    assert(!is_mapped(a, MIGRATION), 'a migration entry outlives the page lock');
    pairs[a].device_locked = false;
  });
  if (good && BUG !== 3) {
    give_back(a);
  } else {
    drop_device(a);
    drop_device(a);
  }
}

function unmap(mm: int, a: int): void {
  lock(mm);
  const was_device: bool = one_step(() => {
    if (mms[mm].entry[a] !== DEVICE) return false;
    mms[mm].entry[a] = MIGRATION;
    return true;
  });
  if (was_device) {
    add_device_mapcount(a, -1);
    drop_device(a);
  }
  mms[mm].locked = false;
}

/** @returns whether nobody but this task has the page */
function freeze(a: int): bool {
  return one_step(() => {
    if (pairs[a].device_count !== 2 || pairs[a].device_mapcount !== 0) return false;
    if (BUG !== 3) pairs[a].device_count = 0;
    return true;
  });
}

function copy(a: int): void {
  one_step(() => {
    assert(pairs[a].system_free && pairs[a].system_count === 0, 'a system page is taken that is not free');
    pairs[a].system_free = false;
    pairs[a].system_count = 1;
    pairs[a].moved = true;
  });
}

function restore(mm: int, a: int, good: bool): void {
  lock(mm);
  if (mms[mm].entry[a] === MIGRATION) {
    if (good) {
      one_step(() => {
        pairs[a].system_count += 1;
      });
      mms[mm].entry[a] = SYSTEM;
    } else {
      add_device_count(a);
      add_device_mapcount(a, 1);
      mms[mm].entry[a] = DEVICE;
    }
  }
  mms[mm].locked = false;
}

function give_back(a: int): void {
  one_step(() => {
    assert(pairs[a].device_count === 0 && !pairs[a].device_free, 'a device page goes back twice');
    assert(!is_mapped(a, DEVICE), 'a device page goes back mapped');
    pairs[a].device_free = true;
  });
}

function fork(): void {
  for (let a: int = 0; a < ADDRESSES; a++) {
    lock(PARENT);
    lock(CHILD);
    const entry: int = mms[PARENT].entry[a];
    if (entry === DEVICE) {
      if (BUG !== 2) get_device(a);
      add_device_mapcount(a, 1);
      mms[CHILD].entry[a] = DEVICE;
    } else if (entry === MIGRATION) {
      mms[CHILD].entry[a] = MIGRATION;
    } else if (entry === SYSTEM) {
      one_step(() => {
        assert(pairs[a].system_count > 0 && !pairs[a].system_free, 'a get of a free page');
        pairs[a].system_count += 1;
      });
      mms[CHILD].entry[a] = SYSTEM;
    }
    mms[CHILD].locked = false;
    mms[PARENT].locked = false;
  }
  world.forked = true;
  finish();
}

function driver(): void {
  for (let n: int = 0; n < ROUNDS; n++) {
    const a: int = choose(ADDRESSES);
    if (try_get_device(a)) {
      one_step(() => {
        const is_ours: bool = pairs[a].device_count > 0 && !pairs[a].device_free;
        assert(is_ours && !pairs[a].moved, 'the driver writes to a page that was copied away');
      });
      drop_device(a);
    }
  }
  finish();
}

function try_get_device(a: int): bool {
  let old: int = pairs[a].device_count;
  while (old !== 0) {
    const expected: int = old;
    old = one_step(() => {
      const seen: int = pairs[a].device_count;
      if (seen === expected) {
        assert(!pairs[a].device_free, 'a get of a free page');
        pairs[a].device_count = seen + 1;
      }
      return seen;
    });
    if (old === expected) return true;
  }
  return false;
}

function exit_mm(mm: int): void {
  when(
    () => world.forked,
    () => {},
    'sleep',
  );
  for (let a: int = 0; a < ADDRESSES; a++) {
    lock(mm);
    const entry: int = one_step(() => {
      const was: int = mms[mm].entry[a];
      mms[mm].entry[a] = NONE;
      return was;
    });
    if (entry === DEVICE) add_device_mapcount(a, -1);
    mms[mm].locked = false;
    if (entry === DEVICE) drop_device(a);
    else if (entry === SYSTEM) drop_system(a);
  }
  finish();
}

/** When all have finished, every count is what reaches the page. */
function at_end(): void {
  when(
    () => world.finished === OTHERS,
    () => {
      for (let a: int = 0; a < ADDRESSES; a++) look_at(a);
    },
    'sleep',
  );
}

function look_at(a: int): void {
  let device: int = 0;
  let system: int = 0;
  for (let mm: int = PARENT; mm <= CHILD; mm++) {
    assert(mms[mm].entry[a] !== MIGRATION, 'a migration entry is left');
    if (mms[mm].entry[a] === DEVICE) device++;
    if (mms[mm].entry[a] === SYSTEM) system++;
  }
  assert(pairs[a].device_count === device && pairs[a].device_mapcount === device, 'the device page counts wrong');
  assert(pairs[a].device_free === (device === 0), 'the device page is free and mapped, or neither');
  assert(pairs[a].system_count === system, 'the system page counts wrong');
  assert(pairs[a].system_free === (system === 0), 'the system page is free and mapped, or neither');
  assert(!pairs[a].device_locked, 'the page lock is left');
}

export default scenario({
  title: 'A device-private page that comes back while the process forks',
  question: 'Is every page given back once, and is no write lost?',
  about: ['the yardstick of bench/spin.bench.mjs'],
  expect: { 'v5.14': 'holds', seed: 'holds', 'v5.18': 'holds', 'v6.1': 'holds', 'v7.3': 'holds' },
  sizes: { addresses: 1, rounds: 1, others: 6, bug: 0 },
  init: () => {
    for (let a: int = 0; a < ADDRESSES; a++) {
      mms[PARENT].entry[a] = DEVICE;
      pairs[a].device_count = 1;
      pairs[a].device_mapcount = 1;
      pairs[a].system_free = true;
    }
  },
  tasks: {
    parent_0: () => fault(PARENT),
    child_0: () => fault(CHILD),
    driver_0: driver,
    fork,
    exit_child: () => exit_mm(CHILD),
    exit_parent: () => exit_mm(PARENT),
    at_end,
  },
  sometimes: { 'a page is copied': () => pairs[0].moved },
  broken: {},
});

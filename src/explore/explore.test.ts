// SPDX-License-Identifier: Apache-2.0
/** Programs of a few lines whose states can be counted by hand, each kind of verdict among them. */
import { describe, expect, it } from 'vitest';
import { explore, summary } from '../../test/helpers/explore.js';

const CELL = 'interface Cell { a: u8; b: u8; c: u8; d: u8; g: ghost<u8>; }\nconst cell = object<Cell>();';
const COUNTED = 'interface Page { _refcount: atomic_t; }\nconst page = object<Page>();';
const DOORS = 'interface Doors { a: struct<Mutex>; b: struct<Mutex>; }\nconst doors = object<Doors>();';
const LOCKS = 'interface Locks { a: spinlock_t; b: spinlock_t; }\nconst locks = object<Locks>();';

describe('interleavings', () => {
  it('of two increments in two steps lose one', () => {
    const increment = 'cell.a = cell.a + 1;';
    const tasks = { one: increment, two: increment };
    const result = explore({ code: CELL, tasks, finally: { both: 'cell.a === 2' } });
    expect(summary(result)).toMatchInlineSnapshot(`
      {
        "kind": "finally",
        "name": "both",
        "states": 12,
        "steps": "one two one two",
        "transitions": 14,
        "verdict": "violated",
      }
    `);
    expect(result.path?.flatMap(({ accesses }) => accesses.map((a) => `${a.kind} ${a.cell} ${a.value}`))).toEqual([
      'read cell.a 0',
      'read cell.a 0',
      'write cell.a 1',
      'write cell.a 1',
    ]);
  });

  it('of two atomic increments lose none', () => {
    const tasks = { one: 'atomic_inc(page._refcount);', two: 'atomic_inc(page._refcount);' };
    const result = explore({ code: COUNTED, tasks, finally: { both: 'atomic_read(page._refcount) === 2' } });
    // none, either, both
    expect(summary(result)).toEqual({ verdict: 'holds', states: 4, transitions: 4 });
  });

  it('of stores before loads let one task at most see nothing (Dekker)', () => {
    const code = `${CELL}\nfunction enter_a(): void { cell.a = 1; if (cell.b === 0) cell.c = 1; }
      function enter_b(): void { cell.b = 1; if (cell.a === 0) cell.d = 1; }`;
    const tasks = { one: 'enter_a();', two: 'enter_b();' };
    const never = { 'both are in': 'cell.c === 1 && cell.d === 1' };
    const sometimes = { 'neither is in': 'cell.c === 0 && cell.d === 0 && cell.a === 1 && cell.b === 1' };
    const result = explore({ code, tasks, never, sometimes });
    expect(summary(result)).toMatchInlineSnapshot(`
      {
        "states": 19,
        "transitions": 24,
        "verdict": "holds",
      }
    `);
    const broken = { one: 'if (cell.b === 0) { cell.a = 1; cell.c = 1; }', two: 'enter_b();' };
    expect(summary(explore({ code, tasks: broken, never }))).toMatchInlineSnapshot(`
      {
        "kind": "never",
        "name": "both are in",
        "states": 21,
        "steps": "one two two one one two",
        "transitions": 27,
        "verdict": "violated",
      }
    `);
  });

  it('of ghost and local work are none: it rides with the step before it', () => {
    const work =
      'cell.a = 1; cell.g = cell.g + 1; let sum: int = 0; for (let i: int = 0; i < 5; i++) sum += i; cell.b = sum;';
    const tasks = { one: work };
    const result = explore({ code: CELL, tasks, finally: { sum: 'cell.b === 10 && cell.g === 1' } });
    // at the start, between the two stores, at the end
    expect(summary(result)).toEqual({ verdict: 'holds', states: 3, transitions: 2 });
  });

  it('keep nothing of locals that are not read any more', () => {
    // without that, what was read would tell apart two states at the end
    const tasks = { one: 'const seen: int = cell.a; cell.b = seen - seen;', two: 'cell.a = 1;' };
    const result = explore({ code: CELL, tasks });
    expect(summary(result)).toMatchInlineSnapshot(`
      {
        "states": 7,
        "transitions": 8,
        "verdict": "holds",
      }
    `);
  });

  it('are not made by memory that no task writes', () => {
    const tasks = { one: 'if (cell.c === 3) cell.a = cell.c;', two: 'if (cell.c === 3) cell.b = cell.c;' };
    const result = explore({
      code: CELL,
      init: 'cell.c = 3;',
      tasks,
      finally: { set: 'cell.a === 3 && cell.b === 3' },
    });
    expect(summary(result)).toEqual({ verdict: 'holds', states: 4, transitions: 4 });
  });
});

describe('memory in a state', () => {
  it('is only what changes: where tasks store what is there already, steps are left but no room', () => {
    const code = `${CELL}\nfunction clear(): void { if (cell.b !== 0) cell.c = cell.b; cell.b = cell.b & 1; }`;
    const result = explore({ code, tasks: { one: 'clear();', two: 'clear();' }, finally: { still: 'cell.c === 0' } });
    // two loads and a store each; what is behind the test is never reached
    expect(summary(result)).toEqual({ verdict: 'holds', states: 16, transitions: 24 });
    // where the two tasks are, side by side in a word
    expect(result.stateBytes).toBe(4);
  });

  it('may be reached from anywhere, by value or not', () => {
    const code = `interface Node { links: array<struct<Link>, 2>; own: struct<Link>; next: Link | null; }
      interface Link { n: u8; }
      const nodes = objects<Node>(2);
      const lone = object<Link>();
      function raise(link: Link): void { link.n = link.n + 1; }`;
    const init = 'nodes[1].next = lone;';
    const tasks = {
      one: 'raise(nodes[choose(2)].links[1]);',
      two: 'const next = nodes[1].next; if (next !== null) raise(next); nodes[1].next = nodes[0].own;',
      three: 'const next = nodes[1].next; if (next !== null) raise(next);',
    };
    const sum = 'nodes[0].links[1].n + nodes[1].links[1].n + lone.n + nodes[0].own.n';
    const result = explore({ code, init, tasks, finally: { 'none is lost': `${sum} >= 2` } });
    expect(summary(result)).toMatchInlineSnapshot(`
      {
        "states": 140,
        "transitions": 302,
        "verdict": "holds",
      }
    `);
    const lost = explore({ code, init, tasks, finally: { 'all count': `${sum} === 3` } });
    expect(lost.violation?.name).toBe('all count');
    const cells = lost.path?.flatMap(({ accesses }) => accesses.map(({ cell }) => cell)) ?? [];
    expect([...new Set(cells)].sort()).toMatchInlineSnapshot(`
      [
        "lone",
        "nodes[0].links[1]",
        "nodes[1].next",
      ]
    `);
  });
});

describe('choices', () => {
  it('are all tried, and ride with the step that follows', () => {
    const tasks = { one: 'cell.a = choose(3) + 10 * choose(2);' };
    const result = explore({ code: CELL, tasks, finally: { small: 'cell.a < 12' } });
    expect(summary(result)).toMatchInlineSnapshot(`
      {
        "kind": "finally",
        "name": "small",
        "states": 7,
        "steps": "one",
        "transitions": 6,
        "verdict": "violated",
      }
    `);
    expect(result.path?.[0].choices).toEqual([2, 1]);
    const all = explore({ code: CELL, tasks, sometimes: { most: 'cell.a === 12', least: 'cell.a === 0' } });
    // before; six values after
    expect(summary(all)).toEqual({ verdict: 'holds', states: 7, transitions: 6 });
  });

  it('may decide what the step is, and one that is blocked does not block the others', () => {
    const tasks = { one: 'if (choose(2) === 0) { mutex_lock(doors.a); } else { mutex_lock(doors.b); }' };
    const result = explore({ code: DOORS, init: 'mutex_lock(doors.a);', tasks, finally: { b: 'doors.b.owner === 1' } });
    expect(summary(result)).toEqual({ verdict: 'holds', states: 2, transitions: 1 });
  });
});

describe('how runs end', () => {
  it('end clean: not with a spin lock held, which no task waits for', () => {
    const holds = explore({ code: LOCKS, tasks: { one: 'spin_lock(locks.a); spin_unlock(locks.a);' } });
    expect(holds).toMatchObject({ verdict: 'holds' });
    const held = explore({ code: LOCKS, tasks: { one: 'spin_lock(locks.a);' } });
    expect(held).toMatchObject({ verdict: 'violated', violation: { kind: 'finally' } });
    expect(held.violation?.name).toMatch(/^no task ended with a spin lock/);
  });

  it('are a deadlock where a lock is waited for', () => {
    const tasks = {
      one: 'spin_lock(locks.a); spin_lock(locks.b); spin_unlock(locks.b); spin_unlock(locks.a);',
      two: 'spin_lock(locks.b); spin_lock(locks.a); spin_unlock(locks.a); spin_unlock(locks.b);',
    };
    const result = explore({ code: LOCKS, tasks });
    expect(summary(result)).toMatchInlineSnapshot(`
      {
        "kind": "deadlock",
        "name": "deadlock",
        "states": 8,
        "steps": "one two",
        "transitions": 8,
        "verdict": "violated",
      }
    `);
    expect(result.blocked).toMatchObject([
      { task: 'one', reason: 'lock' },
      { task: 'two', reason: 'lock' },
    ]);
    const ordered = { one: tasks.one, two: tasks.one };
    expect(explore({ code: LOCKS, tasks: ordered }).verdict).toBe('holds');
  });

  it('are stuck where a wake-up is lost, between the test and the sleep', () => {
    const wake = 'cell.a = 1; wake_up_key(addr_of(cell));';
    const sleeper = 'while (cell.a === 0) { prepare_to_wait_on(addr_of(cell)); schedule(); }';
    const result = explore({ code: CELL, tasks: { sleeper, waker: wake } });
    expect(summary(result)).toMatchInlineSnapshot(`
      {
        "kind": "stuck",
        "name": "stuck",
        "states": 12,
        "steps": "sleeper waker waker sleeper",
        "transitions": 14,
        "verdict": "violated",
      }
    `);
    expect(result.blocked).toMatchObject([{ task: 'sleeper', reason: 'sleep' }]);
    expect(result.path?.map(({ operation }) => operation)).toMatchInlineSnapshot(`
      [
        "cell.a",
        "cell.a = 1",
        "wake_up_key(addr_of(cell))",
        "prepare_to_wait_on(addr_of(cell))",
      ]
    `);
    const careful = `for (;;) { prepare_to_wait_on(addr_of(cell)); if (cell.a !== 0) break; schedule(); }
      finish_wait_on();`;
    expect(summary(explore({ code: CELL, tasks: { careful, waker: wake } }))).toMatchInlineSnapshot(`
      {
        "states": 15,
        "transitions": 19,
        "verdict": "holds",
      }
    `);
  });

  it('cannot end where tasks only ever go round', () => {
    const tasks = { one: 'while (cell.a !== 2) { cell.b = 1; }', two: 'cell.a = choose(2) + 1;' };
    const result = explore({ code: CELL, tasks });
    expect(summary(result)).toMatchInlineSnapshot(`
      {
        "kind": "cannot end",
        "name": "cannot end",
        "states": 14,
        "steps": "two",
        "transitions": 20,
        "verdict": "violated",
      }
    `);
    const waiting = { one: tasks.one, two: 'cell.a = 2;' };
    expect(explore({ code: CELL, tasks: waiting }).verdict).toBe('holds');
  });
});

describe('faults in code', () => {
  const PAGES = `interface Page { next: Page | null; flags: u8; count: atomic_t; poisoned: ghost<bool>; }
    const mem_map = objects<Page>(2);`;

  it('are null dereferences', () => {
    const tasks = { one: 'const next = mem_map[0].next as Page; next.flags = 1;', two: 'mem_map[0].next = null;' };
    const init = 'mem_map[0].next = mem_map[1];';
    const result = explore({ code: PAGES, init, tasks });
    expect(summary(result)).toMatchInlineSnapshot(`
      {
        "kind": "null dereference",
        "name": "a null pointer is dereferenced",
        "states": 7,
        "steps": "two one one",
        "transitions": 8,
        "verdict": "violated",
      }
    `);
    expect(result.path?.map(({ accesses }) => accesses)).toMatchInlineSnapshot(`
      [
        [
          {
            "before": "mem_map[1]",
            "cell": "mem_map[0].next",
            "ghost": false,
            "kind": "write",
            "value": "null",
          },
        ],
        [
          {
            "cell": "mem_map[0].next",
            "ghost": false,
            "kind": "read",
            "value": "null",
          },
        ],
        [],
      ]
    `);
  });

  it('are uses after free, through what an object holds by value too', () => {
    const free = 'mem_map[1].poisoned = true;';
    const plain = explore({ code: PAGES, tasks: { one: `mem_map[1].flags = 1; ${free} mem_map[1].flags = 2;` } });
    expect(summary(plain)).toMatchInlineSnapshot(`
      {
        "kind": "use after free",
        "name": "a Page is used after it was freed",
        "states": 2,
        "steps": "one one",
        "transitions": 2,
        "verdict": "violated",
      }
    `);
    const code = `${PAGES}\nfunction get_page(page: Page): void { atomic_inc(page.count); }`;
    const init = 'mem_map[0].next = mem_map[1];';
    const tasks = {
      one: 'const page = mem_map[0].next; if (page !== null) get_page(page);',
      two: `mem_map[0].next = null; one_step(() => { ${free} });`,
    };
    const held = explore({ code, init, tasks });
    expect(summary(held)).toMatchInlineSnapshot(`
      {
        "kind": "use after free",
        "name": "a Page is used after it was freed",
        "states": 11,
        "steps": "one two two one",
        "transitions": 13,
        "verdict": "violated",
      }
    `);
    expect(held.violation?.at).toMatchObject({ function: 'get_page' });
  });

  it('are indices outside an array', () => {
    const tasks = { one: 'const i: int = choose(3); mem_map[i].flags = 1;' };
    expect(summary(explore({ code: PAGES, tasks }))).toMatchInlineSnapshot(`
      {
        "kind": "index out of range",
        "name": "an index lies outside 0 to 1",
        "states": 3,
        "steps": "one",
        "transitions": 3,
        "verdict": "violated",
      }
    `);
  });

  it('are assertions, each by its name', () => {
    const code = `${CELL}\nfunction look(): void { WARN_ON(cell.a === 1); assert(cell.a !== 2, 'never two'); }`;
    const result = explore({ code, tasks: { one: 'look();', two: 'cell.a = 2;' } });
    expect(summary(result)).toMatchInlineSnapshot(`
      {
        "kind": "assert",
        "name": "never two",
        "states": 6,
        "steps": "one two one",
        "transitions": 7,
        "verdict": "violated",
      }
    `);
    expect(result.violation?.at).toMatchObject({ function: 'look', file: 'src/scenarios/test.ts' });
    expect(summary(explore({ code, tasks: { one: 'look();', two: 'cell.a = 1;' } }))).toMatchInlineSnapshot(`
      {
        "kind": "WARN",
        "name": "WARN_ON",
        "states": 5,
        "steps": "two one",
        "transitions": 5,
        "verdict": "violated",
      }
    `);
  });
});

describe('a verdict', () => {
  const tasks = { one: 'cell.a = 1; cell.b = 1;', two: 'cell.c = 1; cell.d = 1;' };

  it('is inconclusive where a situation was not met', () => {
    const result = explore({ code: CELL, tasks, sometimes: { two: 'cell.a === 2', one: 'cell.a === 1' } });
    expect(summary(result)).toMatchInlineSnapshot(`
      {
        "inconclusive": "no state is one of 'sometimes' 'two': the situation is not met",
        "states": 9,
        "transitions": 12,
        "verdict": "inconclusive",
      }
    `);
    expect(result.sometimes).toEqual({ two: false, one: true });
  });

  it('is inconclusive at a bound, which counts exactly', () => {
    expect(explore({ code: CELL, tasks }, { statesMax: 9 })).toMatchObject({ verdict: 'holds', states: 9 });
    expect(explore({ code: CELL, tasks }, { statesMax: 8 })).toMatchObject({
      verdict: 'inconclusive',
      inconclusive: 'stopped at 8 states',
      states: 8,
    });
  });

  it('is inconclusive before it takes more memory than it may', () => {
    expect(explore({ code: CELL, tasks }, { memoryMax: 2 ** 30 })).toMatchObject({ verdict: 'holds' });
    expect(explore({ code: CELL, tasks }, { memoryMax: 2 ** 10 })).toMatchObject({
      verdict: 'inconclusive',
      inconclusive: 'stopped at 0.0 MiB of memory',
    });
  });

  it('is inconclusive when interrupted, and when its time is over', () => {
    expect(explore({ code: CELL, tasks }, { shouldStop: () => 'interrupt' })).toMatchObject({
      verdict: 'inconclusive',
      inconclusive: 'interrupted',
      bound: 'interrupt',
      finishedDepth: -1,
      complete: false,
    });
    expect(explore({ code: CELL, tasks }, { shouldStop: () => 'time', secondsMax: 7 })).toMatchObject({
      inconclusive: 'stopped after 7 s',
      bound: 'time',
    });
  });

  it('says at a bound up to where nothing was left out: there, no path is that of the violation', () => {
    const program = { code: CELL, tasks, never: { 'all are set': 'cell.b === 1 && cell.d === 1' } };
    const results = Array.from({ length: 9 }, (_, i) => explore(program, { statesMax: i + 1 }));
    // a level of n steps has these many states: 1, 2, 3, 2, 1; the last is the violation
    expect(results.map(({ verdict, finishedDepth }) => finishedDepth ?? verdict)).toEqual([
      -1,
      -1,
      0,
      0,
      0,
      1,
      1,
      2,
      'violated',
    ]);
    expect(results[8].path).toHaveLength(4);
  });

  it('is that of the shortest path, also where the first finding is one step on', () => {
    // after one step of `one` its next fails; after one step of `two` nothing goes on. The former is looked at first.
    const result = explore({
      code: LOCKS,
      init: 'locks.b.owner = 9;',
      tasks: {
        one: "spin_lock(locks.a); assert(locks.a.owner === 2, 'the lock is taken by two');",
        two: 'spin_lock(locks.a); spin_lock(locks.b);',
      },
    });
    expect(summary(result)).toEqual({
      verdict: 'violated',
      kind: 'deadlock',
      name: 'deadlock',
      steps: 'two',
      states: 3,
      transitions: 3,
    });
  });
});

describe('what a model cannot do is refused', () => {
  const refused = (code: string, one: string): string => {
    try {
      explore({ code, tasks: { one } });
    } catch (error) {
      return (error as Error).message;
    }
    return 'nothing';
  };

  it('values that do not fit', () => {
    expect(refused(CELL, 'cell.a = 255; cell.a = cell.a + 1;')).toMatchInlineSnapshot(`"256 does not fit Cell.a (u8)"`);
    expect(refused(CELL, 'cell.a = 0; const kept: u8 = cell.a - 1; cell.a = 1; cell.b = kept;')).toBe(
      '-1 does not fit kept (u8)',
    );
  });

  it('loops that touch nothing', () => {
    expect(refused(CELL, 'cell.a = 1; let i: int = cell.a; while (i > 0) i = i * 1;')).toMatchInlineSnapshot(
      `"this loop goes on without touching anything that another task can change"`,
    );
  });

  it('choices from nothing', () => {
    expect(refused(CELL, 'cell.a = 0; cell.b = choose(cell.a);')).toMatchInlineSnapshot(
      `"choose(0) has nothing to choose from"`,
    );
  });
});

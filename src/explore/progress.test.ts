// SPDX-License-Identifier: Apache-2.0
/** Livelocks under weak fairness, and where a violation became inevitable, on programs small enough to know by hand. */
import { describe, expect, it } from 'vitest';
import { explore, modelOf, type Program } from '../../test/helpers/explore.js';
import { concreteMoves } from './concrete.js';
import { inevitableAfter } from './inevitable.js';
import { search } from './search.js';

const WORLD = `
interface World { a: bool; b: bool; stop: bool; locked: bool; count: u8; }
const world = object<World>();
function lock(): void { when(() => !world.locked, () => { world.locked = true; }, 'lock'); }
function unlock(): void { world.locked = false; }
`;
const program = (
  code: string,
  tasks: Record<string, string>,
  progress: string[],
  more: Partial<Program> = {},
): Program => ({
  code: WORLD + code,
  tasks,
  progress,
  ...more,
});

function livelockOf(given: Program) {
  const { verdict, violation, path, loop, inevitable } = explore(given);
  const tasks = (steps: typeof path) => steps?.map(({ task }) => task).join(' ');
  return {
    verdict,
    kind: violation?.kind,
    message: violation?.message,
    stem: tasks(path),
    loop: tasks(loop),
    inevitable,
  };
}
const HOLDS = { verdict: 'holds', kind: undefined };

describe('a task that has to end', () => {
  it('may wait busily for one that goes on', () => {
    const tasks = { waiter: 'while (!world.a) {}', setter: 'world.a = true;' };
    expect(livelockOf(program('', tasks, ['waiter', 'setter']))).toMatchObject(HOLDS);
  });

  it('may retry a lock that another holds for a while', () => {
    const tasks = { one: 'lock(); world.count = 1; unlock();', other: 'lock(); world.count = 2; unlock();' };
    expect(livelockOf(program('', tasks, ['one', 'other']))).toMatchObject(HOLDS);
  });

  it('does not, where two make way for each other for ever', () => {
    const mine = (own: string, its: string) =>
      `for (;;) { world.${own} = true; if (!world.${its}) break; world.${own} = false; } world.${own} = false;`;
    const found = livelockOf(program('', { one: mine('a', 'b'), other: mine('b', 'a') }, ['one']));
    expect(found).toEqual({
      verdict: 'violated',
      kind: 'livelock',
      message: 'one never ends: the steps of the loop come again and again, and no task that can go on is left out',
      stem: '',
      loop: expect.stringMatching(/^(one|other)( (one|other))+$/),
      inevitable: 'never',
    });
    const steps = found.loop?.split(' ') ?? [];
    expect(steps.filter((task) => task === 'one')).toHaveLength(3);
    expect(steps.filter((task) => task === 'other')).toHaveLength(3);
  });

  it('is asked of the tasks that are named only', () => {
    const spin = 'while (!world.stop) { world.a = true; world.a = false; }';
    const tasks = {
      spinner: spin,
      other: 'world.b = true; when(() => world.stop, () => {}, "sleep");',
      at: 'world.stop = true;',
    };
    expect(livelockOf(program('', tasks, ['other', 'spinner']))).toMatchObject(HOLDS);
  });

  it('gets a lock that is free again and again', () => {
    const tasks = {
      spinner: 'while (!world.stop) { lock(); unlock(); }',
      waiter: 'lock(); world.stop = true; unlock();',
    };
    expect(livelockOf(program('', tasks, ['waiter']))).toMatchObject(HOLDS);
  });

  it('may miss a condition that holds again and again', () => {
    const waiter = 'when(() => world.a, () => { world.stop = true; }, "sleep");';
    const tasks = { spinner: 'while (!world.stop) { world.a = true; world.a = false; }', waiter };
    const found = livelockOf(program('', tasks, ['waiter']));
    expect(found).toMatchObject({ kind: 'livelock', stem: '', loop: 'spinner spinner spinner', inevitable: 'never' });
  });

  it('cannot be kept from going on by another that could have gone on all the time', () => {
    const tasks = {
      spinner: 'while (!world.stop) { world.a = !world.a; }',
      other: 'world.b = true; world.stop = true;',
    };
    expect(livelockOf(program('', tasks, ['spinner']))).toMatchObject(HOLDS);
  });

  it('may not sleep while others go round for ever', () => {
    const tasks = {
      first: 'if (!world.a) { world.b = true; while (world.b) {} }',
      second: 'world.a = true; when(() => !world.b, () => {}, "sleep");',
    };
    const found = livelockOf(program('', tasks, ['second']));
    expect(found).toMatchObject({ kind: 'livelock', inevitable: expect.any(Number) });
  });
});

it('tasks that go on for ever are no finding where the scenario says so', () => {
  const tasks = { one: 'for (;;) { world.a = !world.a; }' };
  expect(explore(program('', tasks, [])).violation?.kind).toBe('cannot end');
  expect(explore(program('', tasks, [], { endless: true })).verdict).toBe('holds');
});

describe('a violation became inevitable', () => {
  const lateness = (given: Omit<Program, 'code'>) => {
    const { inevitable, path, verdict } = explore({ code: WORLD, ...given });
    return { verdict, inevitable, steps: path?.length };
  };

  it('with the last step, where another order still avoids it', () => {
    const tasks = { one: 'world.a = true; world.a = false;', other: 'assert(!world.a, "seen");' };
    expect(lateness({ tasks })).toEqual({ verdict: 'violated', inevitable: 2, steps: 2 });
  });

  it('at the start, where every order meets it', () => {
    const tasks = { one: 'world.count = 1; world.count = 2; BUG_ON(true);', other: 'world.b = true;' };
    expect(lateness({ tasks })).toEqual({ verdict: 'violated', inevitable: 0, steps: 2 });
  });

  it('in between', () => {
    const lost = 'const n: int = world.count; world.count = n + 1;';
    const found = lateness({ tasks: { one: lost, other: lost }, finally: { both: 'world.count === 2' } });
    // once both have read it is lost
    expect(found).toEqual({ verdict: 'violated', inevitable: 2, steps: 4 });
  });

  it('where nobody can go on any more', () => {
    const locks = (first: string, second: string) =>
      ['a', 'b']
        .map(
          (_, i) => `when(() => !world.${[first, second][i]}, () => { world.${[first, second][i]} = true; }, 'lock');`,
        )
        .join(' ');
    const release = 'world.a = false; world.b = false;';
    const tasks = { one: locks('a', 'b') + release, other: locks('b', 'a') + release };
    expect(lateness({ tasks })).toMatchObject({ verdict: 'violated', inevitable: 2, steps: 2 });
  });

  it('not while a run can go round without it', () => {
    const tasks = {
      one: 'while (!world.stop) {} BUG_ON(true);',
      other: 'while (choose(2) === 0) { world.a = !world.a; } world.stop = true;',
    };
    // another turn of `other` avoids it for ever: of choose, any outcome may come for ever
    expect(lateness({ tasks })).toEqual({ verdict: 'violated', inevitable: 1, steps: 2 });
  });

  it('within bounds, or it is said to be not determined', () => {
    const lost = 'const n: int = world.count; world.count = n + 1;';
    const model = modelOf({ code: WORLD, tasks: { one: lost, other: lost }, finally: { both: 'world.count === 2' } });
    const { found, moves } = search(model);
    expect(found && inevitableAfter(model, found, concreteMoves(model, moves), { statesMax: 2, bytesMax: 1e9 })).toBe(
      undefined,
    );
  });
});

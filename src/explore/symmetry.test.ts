// SPDX-License-Identifier: Apache-2.0
/** Which tasks may change places, what of memory does so with them, and why others may not. */
import { expect, it } from 'vitest';
import { modelOf } from '../../test/helpers/explore.js';

const CODE = `interface Shared { l: spinlock_t; who: u8; n: u8; }
const shared = object<Shared>();
interface Own { n: u8; }
const own = objects<Own>(NR_TASKS);
function work(): void { spin_lock(shared.l); shared.n = shared.n + 1; own[current_task()].n = 1; spin_unlock(shared.l); }
function by_order(): void { if (current_task() < 1) shared.n = 1; shared.who = 1; }
function kept(): void { const w: int = shared.who; shared.n = w; shared.who = current_task() + 1; }
function add(n: int): void { shared.n = n; }`;

const symmetryOf = (one: string, other: string, finally_?: Record<string, string>) =>
  modelOf({ code: CODE, tasks: { one, other }, ...(finally_ && { finally: finally_ }) }, undefined, true).symmetry;

it('is found with the lock that names its owner, and what each has of its own', () => {
  const { classes, uses, refused } = symmetryOf('work();', 'work();', { both: 'shared.n === 2' });
  expect({ classes, refused }).toEqual({ classes: [[0, 1]], refused: [] });
  expect([...uses.rows].sort()).toEqual(['cpus', 'own']);
  expect([...uses.columns]).toEqual([['spinlock_t.owner', { kind: 'number', offset: 1 }]]);
});

it.each([
  ['a comparison by order', 'by_order();', 'by_order();'],
  ['another argument', 'add(1);', 'add(3);'],
  ['a number that is kept and written elsewhere', 'kept();', 'kept();'],
])('is not where there is %s', (_, one, other) => {
  expect(symmetryOf(one, other).classes).toEqual([]);
});

it('is not where a property looks at one task', () => {
  expect(symmetryOf('work();', 'work();', { first: 'own[0].n === 1' }).classes).toEqual([]);
  expect(symmetryOf('work();', 'work();', { all: 'own[0].n === 1 && own[1].n === 1' }).classes).toEqual([[0, 1]]);
});

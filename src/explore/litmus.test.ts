// SPDX-License-Identifier: Apache-2.0
/**
 * The classical litmus tests under both memory orders: which final outcomes can be. Verdicts as published: Owens, Sarkar,
 * Sewell, "A Better x86 Memory Model: x86-TSO" (TPHOLs 2009) for n4b to iwp2.8, the diy tests of Alglave, Maranget and
 * others for the rest. Under TSO only a store that others see after a later load of its task can be told.
 */
import { expect, it } from 'vitest';
import { explore } from '../../test/helpers/explore.js';
import type { MemoryOrder } from './memory-order.js';

type Order = 'never' | 'TSO' | 'always';

/** Tasks as statements over x, y, z (0 at first) and the results a to f; what may come out; where it can. */
const LITMUS: [string, string[], string, Order][] = [
  ['SB', ['x = 1; a = y', 'y = 1; b = x'], 'a === 0 && b === 0', 'TSO'],
  ['SB+mb+po', ['x = 1; mb; a = y', 'y = 1; b = x'], 'a === 0 && b === 0', 'TSO'],
  ['SB+mbs', ['x = 1; mb; a = y', 'y = 1; mb; b = x'], 'a === 0 && b === 0', 'never'],
  ['iwp2.8.a: SB with locked stores', ['xchg x; a = y', 'xchg y; b = x'], 'a === 0 && b === 0', 'never'],
  ['3.SB', ['x = 1; a = y', 'y = 1; b = z', 'z = 1; c = x'], 'a + b + c === 0', 'TSO'],
  ['MP', ['x = 1; y = 1', 'a = y; b = x'], 'a === 1 && b === 0', 'never'],
  ['LB', ['a = x; y = 1', 'b = y; x = 1'], 'a === 1 && b === 1', 'never'],
  ['S', ['x = 2; y = 1', 'a = y; x = 1'], 'a === 1 && x === 2', 'never'],
  ['R', ['x = 1; y = 1', 'y = 2; a = x'], 'y === 2 && a === 0', 'TSO'],
  ['R+po+mb', ['x = 1; y = 1', 'y = 2; mb; a = x'], 'y === 2 && a === 0', 'never'],
  ['2+2W', ['x = 1; y = 2', 'y = 1; x = 2'], 'x === 1 && y === 1', 'never'],
  ['WRC', ['x = 1', 'a = x; y = 1', 'b = y; c = x'], 'a === 1 && b === 1 && c === 0', 'never'],
  ['RWC', ['x = 1', 'a = x; b = y', 'y = 1; c = x'], 'a === 1 && b === 0 && c === 0', 'TSO'],
  ['RWC+mb', ['x = 1', 'a = x; b = y', 'y = 1; mb; c = x'], 'a === 1 && b === 0 && c === 0', 'never'],
  ['ISA2', ['x = 1; y = 1', 'a = y; z = 1', 'b = z; c = x'], 'a === 1 && b === 1 && c === 0', 'never'],
  ['IRIW', ['x = 1', 'y = 1', 'a = x; b = y', 'c = y; d = x'], 'a === 1 && b === 0 && c === 1 && d === 0', 'never'],
  ['W+RWC', ['x = 1; y = 1', 'a = y; b = z', 'z = 1; c = x'], 'a === 1 && b === 0 && c === 0', 'TSO'],
  ['CoRR', ['x = 1', 'a = x; b = x'], 'a === 1 && b === 0', 'never'],
  ['CoWR: its own store is seen', ['x = 1; a = x'], 'a === 0', 'never'],
  ['n4b', ['a = x; x = 1', 'b = x; x = 2'], 'a === 2 && b === 1', 'never'],
  ['n5', ['x = 1; a = x', 'x = 2; b = x'], 'a === 2 && b === 1', 'never'],
  ['n6', ['x = 1; a = x; b = y', 'y = 2; x = 2'], 'a === 1 && b === 0 && x === 1', 'TSO'],
  [
    'iwp2.4: forwarding in both',
    ['x = 1; a = x; b = y', 'y = 1; c = y; d = x'],
    'a === 1 && b === 0 && c === 1 && d === 0',
    'TSO',
  ],
  // a spin lock is taken by a locked instruction, and given back by a plain store
  ['SB past an unlock', ['spin_lock; x = 1; spin_unlock; a = y', 'y = 1; mb; b = x'], 'a === 0 && b === 0', 'TSO'],
  ['SB past a lock', ['x = 1; spin_lock; a = y; spin_unlock', 'y = 1; mb; b = x'], 'a === 0 && b === 0', 'never'],
  [
    'what a lock protects',
    ['spin_lock; x = 1; y = 1; spin_unlock', 'spin_lock; a = x; b = y; spin_unlock'],
    'a !== b',
    'never',
  ],
  // a failed add is no locked instruction, a failed compare and exchange is
  ['SB past a failed add_unless', ['x = 1; unless; a = y', 'y = 1; mb; b = x'], 'a === 0 && b === 0', 'TSO'],
  ['SB past a failed cmpxchg', ['x = 1; cmpxchg; a = y', 'y = 1; mb; b = x'], 'a === 0 && b === 0', 'never'],
  ['any outcome of SB at all', ['x = 1; a = y', 'y = 1; b = x'], 'a === 1 && b === 1', 'always'],
];

const WORDS: Record<string, string> = {
  mb: 'smp_mb();',
  'xchg x': 'xchg(m.x, 1);',
  'xchg y': 'xchg(m.y, 1);',
  spin_lock: 'spin_lock(m.lock);',
  spin_unlock: 'spin_unlock(m.lock);',
  unless: 'atomic_add_unless(m.v, 1, 0);',
  cmpxchg: 'atomic_cmpxchg(m.v, 7, 1);',
};

const FIELDS = 'x: u8; y: u8; z: u8; lock: spinlock_t; v: atomic_t;';
const RESULTS = 'a b c d'.split(' ').map((name) => `${name}: ghost<u8>;`);

function statement(text: string): string {
  return WORDS[text] ?? text.replace(/^([xyz]) = (\d)$/, 'm.$1 = $2;').replace(/^([a-d]) = ([xyz])$/, 'm.$1 = m.$2;');
}

function outcomes(tasks: string[], outcome: string, memory: MemoryOrder) {
  const bodies = tasks.map((text, i) => [`P${i}`, text.split('; ').map(statement).join(' ')]);
  const program = {
    code: `interface M { ${FIELDS} ${RESULTS.join(' ')} } const m = object<M>();`,
    tasks: Object.fromEntries(bodies),
    finally: { 'the outcome is not there': `!(${outcome.replace(/\b([a-dxyz])\b/g, 'm.$1')})` },
  };
  return explore(program, {}, memory);
}

it.each(LITMUS)('%s', (_, tasks, outcome, order) => {
  const verdicts = (['sc', 'tso'] as const).map((memory) => outcomes(tasks, outcome, memory).verdict);
  const can = (is: boolean) => (is ? 'violated' : 'holds');
  expect(verdicts).toEqual([can(order === 'always'), can(order !== 'never')]);
});

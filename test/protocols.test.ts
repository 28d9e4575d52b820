// SPDX-License-Identifier: Apache-2.0
/**
 * The same graph as Spin's: the numbers of states and transitions that Spin 6.5.2 finds in bench/promela with
 * -DSAFETY -DNOREDUCE, as `npm run bench` counts them again (bench/spin.bench.mjs). Spin is not needed here.
 *
 * Spin's figure of transitions also counts the arrival in the first state; counts.json has one less.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Protocol, Sizes } from '../bench/protocols/instance.mjs';
import { scenarioOf } from '../bench/protocols/instance.mjs';
import { check } from '../src/explore/check.js';
import { protocolModel } from './helpers/protocol.js';

interface Count {
  protocol: Protocol;
  sizes: Sizes;
  states?: number;
  transitions?: number;
  /** what Spin reports where it finds an error, and what refzero calls the nearest one */
  error?: string;
  violation?: string;
}
const counts: Count[] = JSON.parse(readFileSync(new URL('../bench/protocols/counts.json', import.meta.url), 'utf8'));
const named = counts.map((count) => ({ ...count, of: `${count.protocol} ${JSON.stringify(count.sizes)}` }));
/** Tasks of refcount go on for ever; all others can end from every state. */
const ENDLESS = { verdict: 'violated', violation: { kind: 'cannot end' } };

describe('without reductions', () => {
  const whole = named.filter(({ error }) => error === undefined);

  it.each(whole)('as many states and transitions as Spin: $of', ({ protocol, sizes, states, transitions }) => {
    const found = check(protocolModel(protocol, sizes));
    expect(found).toMatchObject({ states, transitions });
    if (protocol === 'refcount') expect(found).toMatchObject(ENDLESS);
    else expect(found.violation).toBeUndefined();
  });

  it('goes up to these states in each protocol', () => {
    const largest = (protocol: string) =>
      Math.max(...whole.map((count) => (count.protocol === protocol ? (count.states ?? 0) : 0)));
    expect(['refcount', 'daxtruncate', 'migrate'].map(largest)).toEqual([781_553, 1_474_063, 392_600]);
  });
});

describe('with reductions', () => {
  it.each([
    { protocol: 'refcount' as const, sizes: { NPAGES: 2, NTHREADS: 3 }, states: 346 },
    { protocol: 'daxtruncate' as const, sizes: {}, states: 30_789 },
    { protocol: 'migrate' as const, sizes: {}, states: 21_757 },
  ])('$protocol $sizes has $states states left, and the same verdict', ({ protocol, sizes, states }) => {
    const found = check(protocolModel(protocol, sizes, true));
    expect(found.verdict).toBe(protocol === 'refcount' ? 'violated' : 'holds');
    expect(found.states).toBe(states);
  });
});

describe.each([{ reductions: false }, { reductions: true }])('with reductions: $reductions', ({ reductions }) => {
  it.each(named.filter(({ error }) => error !== undefined))(
    'as in Spin, an error: $of',
    ({ protocol, sizes, violation }) => {
      const found = check(protocolModel(protocol, sizes, reductions));
      expect({ verdict: found.verdict, violation: found.violation?.name }).toEqual({ verdict: 'violated', violation });
    },
  );
});

it('refuses a size that a protocol does not have', () => {
  expect(() => scenarioOf('refcount', { NPAGE: 2 })).toThrow('refcount has no size NPAGE');
});

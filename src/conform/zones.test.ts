// SPDX-License-Identifier: Apache-2.0
/** Where the zone stands in flags words: layouts of real machines, words that fit several, and words that fit none. */
import { expect, test } from 'vitest';
import { SIGN } from '../spec/device-evidence.js';
import { LOWEST_BIT } from '../spec/zone-field.js';
import { Zones } from './zones.js';

/** The upper bits of a flags word. */
const top = (node: number, zone: number, nodeBits: number, width = 3) =>
  node * 2 ** (64 - nodeBits - LOWEST_BIT) + zone * 2 ** (64 - nodeBits - width - LOWEST_BIT);

const RAM = SIGN.allocator;

test.each([
  ['a laptop without NUMA', 0],
  ['kernlab, two nodes', 6],
  ['a distribution', 10],
])('%s', (_, bits) => {
  const zones = new Zones();
  zones.add(0x800, top(0, 0, bits), -1, RAM);
  zones.add(0x40000, top(0, 1, bits), -1, RAM);
  zones.add(0x140000, top(0, 2, bits), -1, RAM);
  if (bits > 0) zones.add(0x240000, top(1, 2, bits), -1, RAM);
  zones.add(0x480000, top(0, 4, bits), -1, SIGN.device);
  if (bits > 0) zones.add(0x680000, top(1, 4, bits), -1, 0);
  zones.add(0x250000, top(0, 3, bits), -1, 0);
  const of = zones.verdicts();
  expect([of(top(0, 1, bits)), of(top(0, 2, bits)), of(top(0, 4, bits))]).toEqual([false, false, true]);
  if (bits > 0) expect([of(top(1, 4, bits)), of(top(0, 3, bits))]).toEqual([true, false]);
});

test('where nothing tells two layouts apart, nothing is said', () => {
  const zones = new Zones();
  // two bits of zone at the top: MOVABLE of three zones of one layout, DEVICE of another
  zones.add(0x140000, top(0, 0, 0, 2), -1, 0);
  zones.add(0x240000, top(0, 2, 0, 2), -1, 0);
  expect(zones.verdicts()(top(0, 2, 0, 2))).toBeUndefined();
});

test('a contradiction: a page of the allocator where surely device memory is', () => {
  const zones = new Zones();
  zones.add(0x140000, top(0, 4, 6), -1, RAM);
  zones.add(0x140001, top(0, 4, 6), -1, SIGN.device);
  expect(zones.verdicts()(top(0, 4, 6))).toBeUndefined();
});

test('a zone is constant: what changes on a page is no part of it', () => {
  const zones = new Zones();
  zones.add(0x140000, top(0, 2, 0), top(0, 2, 0) + 1, RAM);
  zones.add(0x480000, top(0, 4, 0), -1, SIGN.device);
  const of = zones.verdicts();
  expect([of(top(0, 2, 0)), of(top(0, 4, 0))]).toEqual([false, true]);
});

// SPDX-License-Identifier: Apache-2.0
/**
 * The search against one that cannot be wrong: breadth first over a Map of whole states, steps as JavaScript. The same states
 * and transitions are found exactly and by fingerprints; and where the memory holds few states, so that most lie beyond it.
 */
import { describe, expect, it } from 'vitest';
import { modelOf, type Program } from '../../test/helpers/explore.js';
import { nextAlternative } from './code.js';
import { WORD } from './control.js';
import { BLOCKED, OK } from './emit.js';
import { Expander } from './expand.js';
import { Frontier } from './frontier.js';
import { type Generated, generate, makeGround } from './generate.js';
import type { Model } from './model.js';
import type { Storage } from './places.js';
import { search } from './search.js';
import { MemorySpill } from './spill.js';
import { pcOf } from './state.js';
import { Store } from './store.js';

const CELL = 'interface Cell { a: u8; b: u8; c: u8; d: u8; e: u16; }\nconst cell = object<Cell>();';
const PROGRAMS: Record<string, Program> = {
  'three counters': {
    code: CELL,
    tasks: Object.fromEntries(
      ['a', 'b', 'c'].map((name) => [name, `for (let i: int = 0; i < 9; i++) cell.${name} = cell.${name} + 1;`]),
    ),
  },
  'choices and a lock': {
    code: `interface Lock { taken: bool; sum: u8; }\nconst lock = object<Lock>();\n${CELL}
function work(): void {
  for (let i: int = 0; i < 3; i++) {
    const by: int = choose(3);
    when(() => !lock.taken, () => { lock.taken = true; }, 'lock');
    if (by > 0) lock.sum = (lock.sum + by) & 7;
    cell.e = cell.e | (1 << by);
    lock.taken = false;
  }
}`,
    tasks: { one: 'work();', two: 'work();', three: 'work();' },
  },
};

/** States and transitions by the plainest of searches. */
function counted(model: Model): { states: number; transitions: number } {
  const { code, encoding, initial } = model;
  const states = new Map([[initial.join(), initial]]);
  let transitions = 0;
  // a Map goes on with what is added on the way
  for (const state of states.values()) {
    for (let task = 0; task < encoding.tasks.length; task++) {
      const pc = pcOf(state, encoding, task);
      if (pc === 0) continue;
      code.choice.fill(0);
      do {
        const after = Int32Array.from(state);
        const outcome = code.steps[task][pc](after);
        expect(outcome === OK || outcome >= BLOCKED).toBe(true);
        if (outcome !== OK) continue;
        transitions++;
        const key = after.join();
        if (!states.has(key)) states.set(key, after);
      } while (code.chooses[task][pc] && nextAlternative(code));
    }
  }
  return { states: states.size, transitions };
}

const STORAGES: Storage[] = ['exact', 'fingerprints'];

describe.each(Object.entries(PROGRAMS))('%s', (_, program) => {
  const model = modelOf(program);
  const expected = counted(model);

  it.each(STORAGES)('are as many, stored as %s', (storage) => {
    expect(expected.states).toBeGreaterThan(5_000);
    expect(search(model, { storage })).toMatchObject(expected);
  });
});

/** A store of its own over a memory with room for so many states. */
function storeWith(model: Model, storage: Storage, rows: number): { store: Store; generated: Generated } {
  const ground = makeGround(model, storage, 1 << 24);
  ground.common.rowsMax = rows;
  const generated = generate(model, ground, 0);
  const control = new Int32Array(new SharedArrayBuffer(64));
  const { words } = model.encoding;
  const frontier = new Frontier(generated, words, new MemorySpill(), Number.POSITIVE_INFINITY);
  const store = new Store({ words, storage, control, generated, ...(storage === 'fingerprints' && { frontier }) });
  control[WORD.room] = 0;
  return { store, generated };
}

describe('a store', () => {
  const model = modelOf(PROGRAMS['three counters']);

  it.each([
    ['exact', 1 << 20],
    ['exact', 1000],
    ['fingerprints', 1 << 20],
    ['fingerprints', 4000],
  ] as const)('of kind %s with room for %i states knows each again', (storage, rows) => {
    const { store, generated } = storeWith(model, storage, rows);
    const { batch } = new Expander(model.encoding, generated);
    const known = new Map<string, number>();
    let seed = 413;
    const random = (): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) | 0;
      return (seed >>> 8) % 40_000;
    };
    for (let round = 0; round < 300; round++) {
      store.makeRoom(known.size + 1024);
      batch.count = 1 + (random() % 1000);
      const before = known.size;
      const fresh: number[] = [];
      for (let k = 0; k < batch.count; k++) {
        const value = random();
        // small differences, in the first and in the last word
        batch.words.fill(0, k * batch.stride, (k + 1) * batch.stride);
        batch.words[k * batch.stride] = value & 255;
        batch.words[k * batch.stride + store.words - 1] = (value >>> 8) << 24;
        batch.source[k] = 0;
        batch.ordinal[k] = k;
        const key = String(value);
        if (known.has(key)) continue;
        fresh.push(k);
        known.set(key, before + fresh.length - 1);
      }
      generated.fingerprint(batch.count);
      store.insert(batch);
      expect(store.freshCount).toBe(fresh.length);
      expect([...batch.fresh.subarray(0, fresh.length)]).toEqual(fresh);
      expect(store.count).toBe(known.size);
      const isKept = (k: number): boolean =>
        store.state(batch.index[k]).every((word, i) => word === batch.words[k * batch.stride + i]);
      expect(Array.from({ length: batch.count }, (_, k) => k).filter((k) => !isKept(k))).toEqual([]);
    }
    // nearly all values there are, and the table has grown many times
    expect(known.size).toBeGreaterThan(35_000);
  });

  it('has fingerprints in which each bit depends on each bit of a state', () => {
    const { generated } = storeWith(model, 'exact', 1000);
    const { batch } = new Expander(model.encoding, generated);
    const bits = model.encoding.words * 32;
    const flips = new Int32Array(64);
    const rounds = 200;
    let all = 0;
    for (let round = 0; round < rounds; round++) {
      batch.words.fill(0);
      for (let bit = 0; bit <= bits; bit++) {
        for (let w = 0; w < model.encoding.words; w++) {
          batch.words[bit * batch.stride + w] = Math.imul(round * 8 + w, 0x9e3779b1) >>> 27;
        }
        // the last one stays as it is
        if (bit < bits) batch.words[bit * batch.stride + (bit >>> 5)] ^= 1 << (bit & 31);
      }
      generated.fingerprint(bits + 1);
      for (let bit = 0; bit < bits; bit++) {
        const high = batch.high[bit] ^ batch.high[bits];
        const low = batch.low[bit] ^ batch.low[bits];
        for (let i = 0; i < 32; i++) {
          flips[i] += (high >>> i) & 1;
          flips[32 + i] += (low >>> i) & 1;
        }
        all++;
      }
    }
    for (const flipped of flips) {
      expect(flipped / all).toBeGreaterThan(0.48);
      expect(flipped / all).toBeLessThan(0.52);
    }
  });
});

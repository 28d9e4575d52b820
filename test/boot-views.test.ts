// SPDX-License-Identifier: Apache-2.0
/** Views: structs of a running machine as objects, and kernel functions on them. On a small kernel of its own. */
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { readSources } from '../src/app/sources.js';
import { analyse } from '../src/compiler/analyse.js';
import { KernelFault } from '../src/run/errors.js';
import { loadMachine } from '../src/run/machine.js';
import { makeApi } from '../src/run/views.js';

const text = `import type { atomic_t } from '../machine/atomic.js';
import { type array, type bool, type int, object, objects, type struct, type u8, type u32 } from '../machine/core.js';
export const PG_locked: int = 3;
export const yes: bool = true;
const hidden: int = 4;
interface Leaf { value: u8 }
interface Page { _refcount: atomic_t; flags: u8; dirty: bool; next: Page | null; wide: u32; leaf: struct<Leaf>;
  leaves: array<struct<Leaf>, 2>; slots: array<Page | null, 2>; bits: array<bool, 3>; numbers: array<u8, 2> }
export const mem_map = objects<Page>(4);
export const zero = object<Page>();
export function page_at(i: int): Page { return mem_map[i]; }
export function next_of(page: Page): Page | null { return page.next; }
export function is_same(a: Page | null, b: Page | null): bool { return a === b; }
export function not(b: bool): bool { return !b; }
export function sum(a: int, b: int): int { return a + b + hidden; }
export function wide_of(page: Page): u32 { return page.wide; }
export function set_wide(page: Page, value: u32): void { page.wide = value; }
export function leaf_of(page: Page, i: int): Leaf { return page.leaves[i]; }
function inner(): int { return 1; }
export function with_arrow(each: (i: int) => void): void { each(inner()); }
`;

interface Page {
  _refcount: { counter: number };
  flags: number;
  dirty: boolean;
  next: Page | null;
  wide: number;
  leaf: { value: number };
  leaves: { value: number }[];
  slots: (Page | null)[];
  bits: boolean[];
  numbers: number[];
}

interface Api {
  mem_map: Page[];
  zero: Page;
  page_at(i: number): Page;
  next_of(page: Page | null): Page | null;
  is_same(a: Page | null, b: Page | null): boolean;
  not(b: boolean): boolean;
  sum(a: number, b: number): number;
  wide_of(page: Page): number;
  set_wide(page: Page, value: number): void;
  leaf_of(page: Page, i: number): { value: number };
}

function program() {
  const primitives = [...readSources([], false).files].filter(([name]) => name.startsWith('src/machine/'));
  const files = new Map([...primitives, ['src/linux/snippet.ts', text]]);
  return analyse({ files, scenarios: [] }).compileKernel({ kernel: 'v7.3' });
}

const compiled = program();

function fresh(): Api {
  return makeApi(loadMachine(compiled, { taskCount: 1, task: 0 })) as unknown as Api;
}

describe('views', () => {
  test('one object an instance, however it is reached', () => {
    const k = fresh();
    expect(k.page_at(2)).toBe(k.mem_map[2]);
    k.mem_map[0].next = k.mem_map[2];
    expect(k.mem_map[0].next).toBe(k.mem_map[2]);
    expect(k.next_of(k.mem_map[0])).toBe(k.mem_map[2]);
    expect(k.next_of(k.mem_map[1])).toBe(null);
    expect(k.leaf_of(k.mem_map[1], 1)).toBe(k.mem_map[1].leaves[1]);
    expect(k.is_same(k.zero, k.zero)).toBe(true);
    expect(k.is_same(k.zero, k.mem_map[0])).toBe(false);
    expect(k.is_same(null, null)).toBe(true);
    expect(k.mem_map).toHaveLength(4);
  });

  test('fields are live memory, each its own', () => {
    const k = fresh();
    const [a, b] = k.mem_map;
    a._refcount.counter = 7;
    a.flags = 1;
    a.dirty = true;
    a.leaf.value = 5;
    a.leaves[1].value = 6;
    a.slots[1] = b;
    a.bits[2] = true;
    a.numbers[0] = 9;
    expect(a.toString()).toBe('mem_map[0]');
    const blank = JSON.parse(JSON.stringify(b));
    expect(JSON.parse(JSON.stringify(a))).toEqual({
      _refcount: { counter: 7 },
      flags: 1,
      dirty: true,
      next: null,
      wide: 0,
      leaf: { value: 5 },
      leaves: [{ value: 0 }, { value: 6 }],
      slots: [null, 'mem_map[1]'],
      bits: [false, false, true],
      numbers: [9, 0],
    });
    for (const page of [...k.mem_map.slice(1), k.zero]) expect(JSON.parse(JSON.stringify(page))).toEqual(blank);
    expect([...a.bits]).toEqual([false, false, true]);
    expect(a.slots[1]).toBe(b);
    expect(a.numbers).toHaveLength(2);
    expect(inspect(a._refcount)).toBe('atomic_t mem_map[0]._refcount { counter: 7 }');
    expect(String(b.leaves[1])).toBe('mem_map[1].leaves[1]');
  });

  test('booleans, signs and constants', () => {
    const k = fresh();
    expect(k.not(true)).toBe(false);
    expect(k.not(false)).toBe(true);
    expect(k.sum(2, -5)).toBe(1);
    k.set_wide(k.zero, 2 ** 32 - 1);
    expect(k.wide_of(k.zero)).toBe(2 ** 32 - 1);
    expect(k.zero.wide).toBe(2 ** 32 - 1);
    expect(k).toMatchObject({ PG_locked: 3, yes: true });
  });

  test('what is not for callers is not there', () => {
    const k = fresh();
    for (const name of ['hidden', 'inner', 'with_arrow']) expect(k).not.toHaveProperty(name);
  });

  test('wrong arguments are told, and nothing of another machine is taken', () => {
    const k = fresh();
    const other = fresh();
    const wrong = (run: () => unknown, message: RegExp) => {
      expect(run).toThrow(TypeError);
      expect(run).toThrow(message);
    };
    wrong(() => k.next_of(other.zero), /next_of takes a Page of this machine, or null, not Page/);
    wrong(() => k.next_of(k.zero.leaf as unknown as Page), /not Leaf/);
    wrong(() => k.next_of(1 as unknown as Page), /not 1/);
    wrong(() => k.next_of(undefined as unknown as Page), /not undefined/);
    wrong(() => k.not(1 as unknown as boolean), /not takes a boolean/);
    wrong(() => k.sum(1.5, 0), /sum takes an integer of 32 bits, not 1.5/);
    wrong(() => k.sum(2 ** 31, 0), /integer of 32 bits/);
    wrong(() => k.set_wide(k.zero, -1), /without sign/);
    wrong(() => {
      k.zero.next = other.zero;
    }, /Page.next takes a Page/);
    wrong(() => {
      (k.zero as { leaf: unknown }).leaf = k.zero.leaf;
    }, /only a getter/);
    wrong(() => {
      k.mem_map[0] = k.zero;
    }, /read only/);
    expect(() => k.next_of(null)).toThrow(KernelFault);
    expect(k.zero.next).toBe(null);
  });

  test('a fault’s stack names kernel lines and then the caller, not generated code', () => {
    const k = fresh();
    try {
      k.next_of(null);
      expect.unreachable();
    } catch (error) {
      const lines = (error as Error).stack?.split('\n') ?? [];
      expect(lines[1]).toMatch(/at next_of \(src\/linux\/snippet.ts:\d+:\d+\)/);
      expect(lines[2]).toContain('boot-views.test.ts');
    }
  });
});

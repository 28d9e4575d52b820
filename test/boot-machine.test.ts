// SPDX-License-Identifier: Apache-2.0
/**
 * The run back end on small kernels of a few lines: arithmetic, control flow, memory, and what it throws.
 *
 * Not here: the real kernel (boot.test.ts, random-programs.test.ts).
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readSources } from '../src/app/sources.js';
import { analyse } from '../src/compiler/analyse.js';
import type { ProgramIR } from '../src/compiler/ir.js';
import { KernelBug, KernelError, KernelFault, KernelWouldBlock } from '../src/run/errors.js';
import { loadMachine, type Machine, type MachineOptions } from '../src/run/machine.js';
import { makeApi } from '../src/run/views.js';

const file = 'src/linux/snippet.ts';

const programs = new Map<string, ProgramIR>();

function compile(text: string): ProgramIR {
  const primitives = [...readSources([], false).files].filter(([name]) => name.startsWith('src/machine/'));
  const files = new Map([...primitives, [file, text]]);
  return analyse({ files, scenarios: [] }).compileKernel({ kernel: 'v7.3' });
}

/** A machine of its own for each call; each text is compiled once. */
function machineOf(text: string, options: Partial<MachineOptions> = {}): Machine {
  const program = programs.get(text) ?? compile(text);
  programs.set(text, program);
  return loadMachine(program, { taskCount: 1, task: 0, ...options });
}

function caught(run: () => unknown): KernelError {
  try {
    run();
  } catch (error) {
    if (error instanceof KernelError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** The line, from 1, of the only line of `text` that contains `part`. */
function lineOf(text: string, part: string): number {
  const found = text.split('\n').flatMap((line, i) => (line.includes(part) ? [i + 1] : []));
  expect(found).toHaveLength(1);
  return found[0];
}

describe('integers are 32 bits wide, as in C', () => {
  const operators = ['+', '-', '*', '&', '|', '^', '<<', '>>', '<', '<=', '>', '>=', '===', '!=='] as const;
  const text = `import type { bool, int } from '../machine/core.js';
${operators
  .map((operator, i) => {
    const type = /[<>=]/.test(operator) && !['<<', '>>'].includes(operator) ? 'bool' : 'int';
    return `export function op${i}(a: int, b: int): ${type} { return a ${operator} b; }`;
  })
  .join('\n')}
export function divide(a: int, b: int): int { return a / b; }
export function rest(a: int, b: int): int { return a % b; }
export function negate(a: int): int { return -a; }
export function complement(a: int): int { return ~a; }
export function mixed(a: int, b: int): int { return (a < b || a === 7) && !(b > 100) ? a * -3 + (b >> 1) : (a & ~b) - 1; }
`;
  const machine = machineOf(text);
  const int32 = fc.oneof(
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    fc.constantFrom(0, 1, -1, 2 ** 31 - 1, -(2 ** 31)),
  );
  const wrapped: Record<string, (a: bigint, b: bigint) => bigint> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '&': (a, b) => a & b,
    '|': (a, b) => a | b,
    '^': (a, b) => a ^ b,
    '<<': (a, b) => a << (b & 31n),
    '>>': (a, b) => a >> (b & 31n),
    '<': (a, b) => BigInt(a < b),
    '<=': (a, b) => BigInt(a <= b),
    '>': (a, b) => BigInt(a > b),
    '>=': (a, b) => BigInt(a >= b),
    '===': (a, b) => BigInt(a === b),
    '!==': (a, b) => BigInt(a !== b),
  };

  test.each(operators.map((operator, i) => [operator, `op${i}`]))('%s', (operator, name) => {
    fc.assert(
      fc.property(int32, int32, (a, b) => {
        const expected = Number(BigInt.asIntN(32, wrapped[operator](BigInt(a), BigInt(b))));
        expect(machine.call(name, [a, b])).toBe(expected);
      }),
    );
  });

  test('/ and % truncate, and division by zero is a fault', () => {
    fc.assert(
      fc.property(int32, int32, (a, b) => {
        if (b === 0) {
          expect(caught(() => machine.call('divide', [a, b])).kind).toBe('division by zero');
          return;
        }
        expect(machine.call('divide', [a, b])).toBe(Number(BigInt.asIntN(32, BigInt(a) / BigInt(b))));
        expect(machine.call('rest', [a, b])).toBe(Number(BigInt(a) % BigInt(b)));
      }),
    );
  });

  test('unary operators and nested conditions', () => {
    fc.assert(
      fc.property(int32, fc.integer({ min: -1000, max: 1000 }), (a, b) => {
        expect(machine.call('negate', [a])).toBe(-a | 0);
        expect(machine.call('complement', [a])).toBe(~a);
        const mixed = (a < b || a === 7) && b <= 100 ? (Math.imul(a, -3) + (b >> 1)) | 0 : ((a & ~b) - 1) | 0;
        expect(machine.call('mixed', [a, b])).toBe(mixed);
      }),
    );
  });
});

describe('control flow', () => {
  const text = `import { type bool, choose, type int, object, objects, type s16 } from '../machine/core.js';
interface Cell { value: s16; next: Cell | null }
export const cells = objects<Cell>(10);
export const head = object<Cell>();
export function gauss(n: int): int {
  let sum: int = 0;
  for (let i: int = 1; i <= n; i++) {
    if (i === 3) continue;
    if (sum > 1000) break;
    sum += i;
  }
  return sum;
}
export function firstPair(n: int): int {
  outer: for (let i: int = 2; i < n; i++) {
    for (let j: int = 2; j < i; j++) {
      if (i % j !== 0) continue;
      if (i / j === j) return i * 100 + j;
      continue outer;
    }
  }
  return -1;
}
function each(n: int, visit: (i: int) => void): void {
  for (let i: int = 0; i < n; i++) visit(i);
}
function any(n: int, test: (i: int) => bool): bool {
  for (let i: int = 0; i < n; i++) {
    if (test(i)) return true;
  }
  return false;
}
export function build(): void {
  each(10, (i) => {
    cells[i].value = i * i;
    cells[i].next = head.next;
    head.next = cells[i];
  });
}
export function hasValue(v: int): bool {
  return any(10, (i) => {
    if (i === 0) return false;
    return cells[i].value === v;
  });
}
export function walk(): int {
  let seen: int = 0;
  let cell: Cell | null = head.next;
  while (cell !== null) {
    seen = seen * 2 + cell.value % 2;
    cell = cell.next;
  }
  return seen;
}
export function chosen(): int {
  const first: int = choose(3);
  const second: int = choose(4);
  return first * 10 + second;
}
`;

  test('loops, continue, break, labels, early return', () => {
    const machine = machineOf(text);
    const gauss = (n: number) => {
      let sum = 0;
      for (let i = 1; i <= n && sum <= 1000; i++) if (i !== 3) sum += i;
      return sum;
    };
    for (const n of [0, 1, 3, 10, 100]) expect(machine.call('gauss', [n])).toBe(gauss(n));
    expect(machine.call('firstPair', [4])).toBe(-1);
    expect(machine.call('firstPair', [30])).toBe(402);
  });

  test('arrow functions as arguments, pointers, lists', () => {
    const machine = machineOf(text);
    machine.call('build');
    expect(machine.call('hasValue', [49])).toBe(1);
    expect(machine.call('hasValue', [0])).toBe(0);
    let expected = 0;
    for (let i = 9; i >= 0; i--) expected = expected * 2 + ((i * i) % 2);
    expect(machine.call('walk')).toBe(expected);
  });

  test('choose: 0 unless the caller chooses; what is no alternative is refused', () => {
    expect(machineOf(text).call('chosen')).toBe(0);
    const asked: number[] = [];
    const last = machineOf(text, {
      choose: (count) => {
        asked.push(count);
        return count - 1;
      },
    });
    expect(last.call('chosen')).toBe(23);
    expect(asked).toEqual([3, 4]);
    expect(caught(() => machineOf(text, { choose: (n) => n }).call('chosen')).kind).toBe('bad choice');
  });
});

describe('what stops a kernel', () => {
  const text = `import { type atomic_t, atomic_inc, atomic_read } from '../machine/atomic.js';
import { VM_BUG_ON_PAGE, WARN_ON_ONCE } from '../machine/bug.js';
import { addr_of, type array, type bool, type ghost, type int, object, objects, type struct, type u8 } from '../machine/core.js';
import { mutex_lock, type Mutex, mutex_unlock, spin_lock, spin_trylock, spin_unlock, type spinlock_t } from '../machine/lock.js';
import { prepare_to_wait_on, schedule, wake_up_key } from '../machine/wait.js';
interface Ref { count: atomic_t }
interface Page { _refcount: atomic_t; refs: array<struct<Ref>, 3>; flags: u8; next: Page | null; seen: ghost<u8>; poisoned: ghost<bool> }
export const pages = objects<Page>(4);
export const lock = object<spinlock_t>();
export const sleeping = object<Mutex>();
export function get_page(page: Page): void {
  VM_BUG_ON_PAGE(atomic_read(page._refcount) <= 0, page);
  atomic_inc(page._refcount);
}
export function follow(page: Page): void {
  get_page(page.next!);
}
export function ref_of(page: Page, i: int): Ref {
  return page.refs[i];
}
export function count_up(ref: Ref): void {
  atomic_inc(ref.count);
}
export function element(i: int): Page {
  return pages[i];
}
export function set_flags(page: Page, flags: int): void {
  page.flags = flags;
}
export function note(page: Page): void {
  page.seen = page.seen + 1;
}
export function twice(): void {
  spin_lock(lock);
  spin_lock(lock);
}
export function once(): bool {
  spin_lock(lock);
  const again: bool = spin_trylock(lock);
  spin_unlock(lock);
  return again;
}
export function sleep_on(page: Page, woken: bool): void {
  prepare_to_wait_on(addr_of(page));
  if (woken) wake_up_key(addr_of(page));
  schedule();
}
export function not_mine(): void {
  mutex_lock(sleeping);
  mutex_unlock(sleeping);
  mutex_unlock(sleeping);
}
export function warned(page: Page): bool {
  if (WARN_ON_ONCE(page.flags !== 0)) return true;
  return false;
}
`;

  test('an assertion names the kernel function and line that stated it, and the chain of calls', () => {
    const machine = machineOf(text);
    const bug = caught(() => machine.call('get_page', [1]));
    expect(bug).toBeInstanceOf(KernelBug);
    const line = lineOf(text, 'VM_BUG_ON_PAGE(atomic');
    expect(bug).toMatchObject({ kind: 'BUG', assertion: 'VM_BUG_ON_PAGE', function: 'get_page', file, line });
    expect(bug.message).toBe(`BUG: VM_BUG_ON_PAGE in get_page (${file}:${line})`);
    expect(bug.frames.map((frame) => frame.function)).toEqual(['VM_BUG_ON_PAGE', 'get_page']);
    expect(bug.stack?.split('\n')[2]).toMatch(new RegExp(`at get_page \\(${file}:${line}:\\d+\\)`));
  });

  test('a program that has changed how V8 prints stacks does not disturb that', () => {
    const machine = machineOf(text);
    const v8 = Error as unknown as { prepareStackTrace?: unknown; stackTraceLimit: number };
    const before = { limit: v8.stackTraceLimit, prepare: v8.prepareStackTrace };
    const mine = () => 'nothing to see';
    v8.stackTraceLimit = 1;
    v8.prepareStackTrace = mine;
    try {
      expect(caught(() => machine.call('get_page', [1])).function).toBe('get_page');
      expect(v8.stackTraceLimit).toBe(1);
      expect(v8.prepareStackTrace).toBe(mine);
    } finally {
      v8.stackTraceLimit = before.limit;
      v8.prepareStackTrace = before.prepare;
    }
  });

  test('null dereference, in the function and on the line where it happens', () => {
    const machine = machineOf(text);
    const fault = caught(() => machine.call('follow', [1]));
    expect(fault).toBeInstanceOf(KernelFault);
    expect(fault).toMatchObject({ kind: 'null dereference', function: 'get_page' });
    expect(fault.frames.map((frame) => frame.function)).toEqual(['get_page', 'follow']);
    expect(caught(() => machine.call('set_flags', [0, 1])).kind).toBe('null dereference');
    expect(caught(() => machine.call('ref_of', [0, 1])).kind).toBe('null dereference');
  });

  test('indexes are checked, on objects and on what is held by value', () => {
    const machine = machineOf(text);
    expect(machine.call('element', [3])).toBe(4);
    for (const i of [-1, 4, 2 ** 31 - 1]) {
      expect(caught(() => machine.call('element', [i]))).toMatchObject({
        kind: 'index out of range',
        function: 'element',
      });
    }
    expect(caught(() => machine.call('ref_of', [1, 3])).kind).toBe('index out of range');
    expect(caught(() => machine.call('ref_of', [1, -1])).kind).toBe('index out of range');
  });

  test('a poisoned struct must not be accessed, nor anything that it holds by value, however it is reached', () => {
    const machine = machineOf(text);
    const api = makeApi(machine) as { pages: { poisoned: boolean }[] };
    const refsOf = (page: number) => [0, 1, 2].map((i) => machine.call('ref_of', [page, i]));
    const all = [1, 2, 3, 4];
    for (const page of all) {
      const refs = refsOf(page);
      api.pages[page - 1].poisoned = true;
      for (const ref of refs) expect(caught(() => machine.call('count_up', [ref])).kind).toBe('use after free');
      const flags = caught(() => machine.call('set_flags', [page, 1]));
      expect(flags).toMatchObject({ kind: 'use after free', function: 'set_flags' });
      expect(caught(() => machine.call('get_page', [page])).kind).toBe('use after free');
      // what only the checker knows of a struct outlives it
      machine.call('note', [page]);
      for (const other of all.filter((each) => each !== page)) {
        machine.call('set_flags', [other, 1]);
        for (const ref of refsOf(other)) machine.call('count_up', [ref]);
      }
      api.pages[page - 1].poisoned = false;
    }
  });

  test('a wait that nobody would end', () => {
    const machine = machineOf(text);
    const lockTwice = caught(() => machine.call('twice'));
    expect(lockTwice).toBeInstanceOf(KernelWouldBlock);
    expect(lockTwice).toMatchObject({ reason: 'lock', kind: 'would block', function: 'twice' });
    expect(machineOf(text).call('once')).toBe(0);
    expect(caught(() => machineOf(text).call('sleep_on', [1, 0]))).toMatchObject({
      reason: 'sleep',
      function: 'sleep_on',
    });
    machineOf(text).call('sleep_on', [1, 1]);
  });

  test('a primitive’s own assertion is charged to its caller', () => {
    expect(caught(() => machineOf(text).call('not_mine'))).toMatchObject({
      assertion: 'mutex_unlock of a lock that this task does not hold',
      function: 'not_mine',
    });
  });

  test('a WARN throws, or is handed to whoever asked for warnings and the kernel goes on', () => {
    const throwing = machineOf(text);
    throwing.call('set_flags', [1, 1]);
    expect(caught(() => throwing.call('warned', [1]))).toMatchObject({ kind: 'WARN', function: 'warned' });
    const warnings: KernelBug[] = [];
    const machine = machineOf(text, { onWarn: (warning) => warnings.push(warning) });
    expect(machine.call('warned', [1])).toBe(0);
    machine.call('set_flags', [1, 1]);
    expect(machine.call('warned', [1])).toBe(1);
    expect(warnings.map(({ function: name }) => name)).toEqual(['warned']);
  });

  test('widths: 32 bits when running, those of a checker’s state when asked', () => {
    const wide = machineOf(text);
    wide.call('set_flags', [1, 256]);
    expect(wide.columns()[wide.layout.column.get('Page.flags')?.id ?? -1][0]).toBe(256);
    const narrow = machineOf(text, { checkWidths: true });
    narrow.call('set_flags', [1, 255]);
    for (const value of [256, -1]) {
      const fault = caught(() => narrow.call('set_flags', [1, value]));
      expect(fault).toMatchObject({ kind: 'value out of range', function: 'set_flags' });
      expect(fault.message).toContain(`${value} does not fit Page.flags, which is u8`);
    }
    expect(narrow.columns()[narrow.layout.column.get('Page.flags')?.id ?? -1][0]).toBe(255);
  });

  test('columns come in layout order, one element an instance', () => {
    const machine = machineOf(text);
    machine.call('set_flags', [3, 7]);
    const { columns } = machine.layout;
    const words = machine.columns();
    expect(words.map((column) => column.length)).toEqual(columns.map((column) => column.size));
    expect([...words[columns.findIndex((column) => column.name === 'Page.flags')]]).toEqual([0, 0, 7, 0]);
  });
});

describe('identities', () => {
  const text = `import { type addr, addr_of, type array, index_of, type int, objects, type u8 } from '../machine/core.js';
interface Word_t { bits: u8 }
interface Thing { word: Word_t; words: array<Word_t, 2>; list: array<u8, 3>; flag: u8 }
export const some = objects<Thing>(3);
export const others = objects<Thing>(2);
export function of_thing(thing: Thing | null): addr { return addr_of(thing); }
export function of_word(thing: Thing, i: int): addr { return i < 0 ? addr_of(thing.word) : addr_of(thing.words[i]); }
export function of_flag(thing: Thing): addr { return addr_of(thing.flag); }
export function of_element(thing: Thing, i: int): addr { return addr_of(thing.list[i]); }
export function position(thing: Thing | null): int { return index_of(some, thing); }
`;
  test('all are distinct, and only null’s is 0', () => {
    const machine = machineOf(text);
    const seen: number[] = [];
    for (let thing = 1; thing <= 5; thing++) {
      seen.push(machine.call('of_thing', [thing]), machine.call('of_flag', [thing]));
      for (const i of [-1, 0, 1]) seen.push(machine.call('of_word', [thing, i]));
      for (const i of [0, 1, 2]) seen.push(machine.call('of_element', [thing, i]));
    }
    expect(new Set(seen).size).toBe(5 * 8);
    expect(Math.min(...seen)).toBeGreaterThan(0);
    expect(Math.max(...seen)).toBeLessThan(machine.layout.addrEnd);
    expect(machine.call('of_thing', [0])).toBe(0);
  });

  test('index_of', () => {
    const machine = machineOf(text);
    const base = machine.layout.globalBase.get('some') ?? -1;
    const other = machine.layout.globalBase.get('others') ?? -1;
    expect([0, 1, 2].map((i) => machine.call('position', [base + 1 + i]))).toEqual([0, 1, 2]);
    expect([0, 1].map((i) => machine.call('position', [other + 1 + i]))).toEqual([-1, -1]);
    expect(machine.call('position', [0])).toBe(-1);
  });
});

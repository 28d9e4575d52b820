// SPDX-License-Identifier: Apache-2.0
/**
 * Random straight programs under both memory orders, against the abstract machine of the x86-TSO paper written out plainly: the
 * same final outcomes, though the search leaves out stores that nothing can tell to be late.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { CompiledScenario, Scenario } from '../compiler/api.js';
import { BOOL, constant } from '../compiler/fold.js';
import type { Expr, Field, FunctionIR, ProgramIR, Stmt, Type } from '../compiler/ir.js';
import { layOut } from '../compiler/layout.js';
import { buildModel } from './check.js';
import { elementsOf } from './encode.js';
import { checkInOrder, type MemoryOrder } from './memory-order.js';
import { search } from './search.js';
import { pcOf, readElement } from './state.js';

const LOC = { file: 'random.ts', line: 1, column: 1 };
const U8: Type = { kind: 'int', name: 'u8', bits: 8, signed: false };
const REF: Type = { kind: 'ref', struct: 'Cell' };
const SHARED = ['x', 'y', 'z'];

/** What a task does; each load has a result of its own. */
type Action =
  | { kind: 'store'; at: number; value: number }
  | { kind: 'load'; at: number }
  | { kind: 'fence' }
  | { kind: 'exchange'; at: number; value: number }
  /** a locked instruction only where it finds 0 */
  | { kind: 'claim'; at: number; value: number }
  /** two stores of one step, both plain */
  | { kind: 'plain'; at: number; value: number };

const at = fc.nat({ max: SHARED.length - 1 });
const value = fc.integer({ min: 1, max: 2 });
const store = fc.record({ kind: fc.constant('store' as const), at, value });
const load = fc.record({ kind: fc.constant('load' as const), at });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: store },
  { weight: 4, arbitrary: load },
  { weight: 1, arbitrary: fc.constant({ kind: 'fence' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('exchange' as const), at, value }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('claim' as const), at, value }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('plain' as const), at, value }) },
);
const programs = fc.array(fc.array(action, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 3 });

const reads = ({ kind }: Action): boolean => kind === 'load' || kind === 'exchange' || kind === 'claim';

// ---- refzero ------------------------------------------------------------------------------------------------------

function statements(tasks: Action[][], task: number): Stmt[] {
  let results = tasks.slice(0, task).flat().filter(reads).length;
  const ref: Expr = { op: 'global', type: REF, name: 'cell' };
  const field = (name: string, ghost: boolean) => ({ struct: 'Cell', field: name, ref, ghost, text: '', loc: LOC });
  const put = (name: string, what: Expr, ghost = false): Stmt => ({ op: 'store', ...field(name, ghost), value: what });
  const seen: Expr = { op: 'local', type: U8, id: 0 };
  const get = (name: string): Stmt => ({ op: 'load', ...field(name, false), dst: 0 });
  return tasks[task].flatMap((one): Stmt[] => {
    if (one.kind === 'fence') return [{ op: 'fence', loc: LOC }];
    const name = SHARED[one.at];
    if (one.kind === 'load') return [get(name), put(`r${results++}`, seen, true)];
    const write = put(name, constant(U8, one.value));
    if (one.kind === 'store') return [write];
    const other = put(SHARED[(one.at + 1) % SHARED.length], constant(U8, one.value));
    if (one.kind === 'plain') return [{ op: 'atomic', plain: true, body: [write, other], loc: LOC }];
    const isFree: Expr = { op: 'binary', type: BOOL, operator: '===', left: seen, right: constant(U8, 0) };
    const body: Stmt[] =
      one.kind === 'exchange'
        ? [get(name), write]
        : [get(name), { op: 'if', condition: isFree, then: [write], else: [], loc: LOC }];
    return [{ op: 'atomic', body, loc: LOC }, put(`r${results++}`, seen, true)];
  });
}

function fields(tasks: Action[][]): Field[] {
  const results = tasks
    .flat()
    .filter(reads)
    .map((_, i) => `r${i}`);
  const one = (name: string, ghost: boolean): Field => ({
    name,
    type: U8,
    embed: false,
    length: 1,
    ghost,
    cpuState: false,
    loc: LOC,
  });
  return [...SHARED.map((name) => one(name, false)), ...results.map((name) => one(name, true))];
}

function compiledOf(tasks: Action[][]): CompiledScenario {
  const functions = tasks.map(
    (_, task): FunctionIR => ({
      name: `t${task}`,
      params: 0,
      returns: { kind: 'void' },
      locals: [{ name: 'seen', type: U8 }],
      body: statements(tasks, task),
      loc: LOC,
      exported: false,
    }),
  );
  const program: ProgramIR = {
    kernel: 'v1.0',
    structs: new Map([['Cell', { name: 'Cell', fields: fields(tasks), loc: LOC, poison: false }]]),
    globals: new Map([['cell', { name: 'cell', struct: 'Cell', count: 1, isArray: false, loc: LOC }]]),
    functions: new Map(functions.map((fn) => [fn.name, fn])),
    params: new Map(),
  };
  return {
    scenario: { name: 'random', loc: LOC, progress: [] as string[] } as Scenario,
    kernel: 'v1.0',
    program,
    tasks: functions.map(({ name }) => ({ name, function: name, loc: LOC })),
    never: [],
    sometimes: [],
    finally: [],
  };
}

/** @returns memory and results wherever all tasks have ended */
function explored(tasks: Action[][], memory: MemoryOrder): string[] {
  const compiled = compiledOf(tasks);
  const layout = layOut(compiled.program);
  const zeros = layout.columns.map(({ size }) => new Int32Array(size));
  const { model, result } = checkInOrder(memory, (depth) => buildModel(compiled, layout, zeros, { depth }));
  expect(result.verdict).toBe('holds');
  const { store: states } = search(model);
  const { encoding } = model;
  const ended = new Set<string>();
  for (let i = 0; i < states.count; i++) {
    const state = states.segment(i).slice(states.offset(i), states.offset(i) + encoding.words);
    if (!tasks.every((_, task) => pcOf(state, encoding, task) === 0)) continue;
    const names = fields(tasks).map(({ name }) => name);
    const cells = names.map((name) => {
      const place = encoding.columns.get(`Cell.${name}`);
      return place ? elementsOf(place).map((element) => readElement(state, place, element)) : [0];
    });
    ended.add(cells.flat().join(' '));
  }
  return [...ended].sort();
}

// ---- the abstract machine -----------------------------------------------------------------------------------------

interface Machine {
  pcs: number[];
  memory: number[];
  /** per task what waits, oldest first */
  buffers: [number, number][][];
  /** per task what it has read so far */
  results: number[][];
}

function next(machine: Machine, tasks: Action[][], task: number, isBuffered: boolean): Machine | undefined {
  const one = tasks[task][machine.pcs[task]];
  if (!one) return undefined;
  const after: Machine = structuredClone(machine);
  after.pcs[task]++;
  const buffer = after.buffers[task];
  if (one.kind === 'fence') return buffer.length === 0 ? after : undefined;
  const read = (): number => buffer.findLast(([cell]) => cell === one.at)?.[1] ?? after.memory[one.at];
  const write = (cell: number, what: number): void => {
    if (isBuffered) buffer.push([cell, what]);
    else after.memory[cell] = what;
  };
  switch (one.kind) {
    case 'load':
      after.results[task].push(read());
      return after;
    case 'store':
      write(one.at, one.value);
      return after;
    case 'plain':
      write(one.at, one.value);
      write((one.at + 1) % SHARED.length, one.value);
      return after;
    default: {
      const seen = read();
      after.results[task].push(seen);
      if (one.kind === 'claim' && seen !== 0) return after;
      after.memory[one.at] = one.value;
      return buffer.length === 0 ? after : undefined;
    }
  }
}

function drained(machine: Machine, task: number): Machine | undefined {
  const after: Machine = structuredClone(machine);
  const oldest = after.buffers[task].shift();
  if (!oldest) return undefined;
  after.memory[oldest[0]] = oldest[1];
  return after;
}

function outcomes(tasks: Action[][], memory: MemoryOrder): string[] {
  const ended = new Set<string>();
  const seen = new Set<string>();
  const none = () => tasks.map(() => []);
  const start: Machine = { pcs: tasks.map(() => 0), memory: SHARED.map(() => 0), buffers: none(), results: none() };
  const pending = [start];
  for (let one = pending.pop(); one; one = pending.pop()) {
    const key = JSON.stringify(one);
    if (seen.has(key)) continue;
    seen.add(key);
    const machine = one;
    const after = tasks.flatMap((_, task) => [next(machine, tasks, task, memory === 'tso'), drained(machine, task)]);
    const can = after.filter((each) => each !== undefined);
    pending.push(...can);
    if (can.length === 0) ended.add([...machine.memory, ...machine.results.flat()].join(' '));
  }
  return [...ended].sort();
}

it.each(['sc', 'tso'] as const)('random programs end under %s as on the abstract machine', (memory) => {
  fc.assert(
    fc.property(programs, (tasks) => {
      expect(explored(tasks, memory)).toEqual(outcomes(tasks, memory));
    }),
    { seed: 11, numRuns: 100 },
  );
});

it('the programs tell the two orders apart', () => {
  const differing = fc
    .sample(programs, { seed: 11, numRuns: 150 })
    .filter((tasks) => outcomes(tasks, 'tso').length > outcomes(tasks, 'sc').length);
  expect(differing.length).toBeGreaterThan(5);
});

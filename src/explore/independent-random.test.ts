// SPDX-License-Identifier: Apache-2.0
/**
 * Random programs of tasks that take locks, add to counters, wait for them and choose what to work on: with steps taken alone
 * the search finds something wherever it does without, and the same kinds of ends are there.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LOC, modelOfProgram } from '../../test/helpers/random-program.js';
import type { Expr, FunctionIR, ProgramIR, Stmt, Type } from '../compiler/ir.js';
import { learn } from './assume.js';
import { concreteMoves } from './concrete.js';
import { ALL } from './expect.js';
import { type Model, narrowed } from './model.js';
import { searchNarrowly } from './narrow.js';
import { walkMoves } from './path.js';
import { type SearchResult, search } from './search.js';

const U8 = { kind: 'int', name: 'u8', bits: 8, signed: false } as const;
const S8 = { kind: 'int', name: 's8', bits: 8, signed: true } as const;
const BOOL: Type = { kind: 'bool' };
const DATA = ['x', 'y', 'z'];
const LOCKS = ['l', 'm'];

const constant = (value: number): Expr => ({ op: 'const', type: U8, value });
const local = (id: number): Expr => ({ op: 'local', type: U8, id });
const shared: Expr = { op: 'global', type: { kind: 'ref', struct: 'Shared' }, name: 'shared' };
const access = (field: string) => ({ struct: 'Shared', field, ref: shared, ghost: false, text: '', loc: LOC });
const load = (dst: number, field: string): Stmt => ({ op: 'load', dst, ...access(field) });
const store = (field: string, value: Expr): Stmt => ({ op: 'store', value, ...access(field) });
const plus = (id: number, n: number): Expr => ({
  op: 'binary',
  type: U8,
  operator: n < 0 ? '-' : '+',
  left: local(id),
  right: constant(Math.abs(n)),
});
const is = (id: number, operator: '===' | '>=', value: number): Expr => ({
  op: 'binary',
  type: BOOL,
  operator,
  left: local(id),
  right: constant(value),
});

const simple: fc.Arbitrary<Stmt> = fc.oneof(
  fc.constantFrom(...DATA).map((field) => load(0, field)),
  fc.tuple(fc.constantFrom(...DATA), fc.nat(2)).map(([field, n]) => store(field, constant(n))),
  fc.constantFrom(...DATA).map((field) => store(field, local(0))),
  fc.constant<Stmt>({ op: 'if', condition: is(0, '===', 1), then: [store('x', constant(2))], else: [], loc: LOC }),
  fc.tuple(fc.nat(1), fc.constantFrom(...DATA), fc.nat(2)).map(
    ([n, field, value]): Stmt => ({
      op: 'if',
      condition: is(0, '===', n),
      then: [store(field, constant(value))],
      else: [],
      loc: LOC,
    }),
  ),
);
const body = fc.array(simple, { minLength: 1, maxLength: 3, size: 'max' });

const taking = (lock: string, isFree: Expr, value: Expr): Stmt => ({
  op: 'atomic',
  guard: { body: [load(1, lock)], enabled: isFree, reason: 'lock' },
  body: [load(1, lock), store(lock, value)],
  loc: LOC,
});
/** A section under a lock: alone, shared with other readers, or given up too early; whoever ends it may wait for data inside. */
const section: fc.Arbitrary<Stmt[]> = fc
  .tuple(fc.constantFrom(...LOCKS), fc.constantFrom('alone', 'shared', 'early', 'never', 'wait'), body)
  .map(([lock, kind, inside]) => {
    const alone = taking(lock, is(1, '===', 0), constant(-1));
    const free = store(lock, constant(0));
    const wait: Stmt = {
      op: 'atomic',
      guard: { body: [load(1, 'z')], enabled: is(1, '===', 1), reason: 'sleep' },
      body: [],
      loc: LOC,
    };
    if (kind === 'alone') return [alone, ...inside, free];
    if (kind === 'early') return [alone, free, ...inside];
    if (kind === 'never') return [...inside, free];
    if (kind === 'wait') return [alone, wait, ...inside, free];
    const leave: Stmt = { op: 'atomic', body: [load(1, lock), store(lock, plus(1, -1))], loc: LOC };
    return [taking(lock, is(1, '>=', 0), plus(1, 1)), ...inside, leave];
  });
/** A counter that others wait for, some of them for more than ever comes, or that somebody sets. */
const counting: fc.Arbitrary<Stmt[]> = fc.constantFrom('add', 'add', 'add', 'wait', 'set', 'look').chain((kind) => {
  const add: Stmt = { op: 'atomic', body: [load(1, 'c'), store('c', plus(1, 1))], loc: LOC };
  const waiting = (test: Expr): Stmt => ({
    op: 'atomic',
    guard: { body: [load(1, 'c')], enabled: test, reason: 'sleep' },
    body: [],
    loc: LOC,
  });
  if (kind === 'add') return fc.constant([add]);
  if (kind === 'set') return fc.constant([store('c', constant(1))]);
  if (kind === 'look') return fc.constant([load(0, 'c'), store('y', local(0))]);
  return fc
    .tuple(fc.constantFrom('===' as const, '>=' as const), fc.integer({ min: 1, max: 3 }))
    .map(([operator, value]) => [waiting(is(1, operator, value))]);
});
/** Works on one of two things, as it chose. */
const choosing: fc.Arbitrary<Stmt[]> = fc
  .tuple(fc.integer({ min: 1, max: 2 }), body)
  .map(([count, inside]) => [
    { op: 'choose', dst: 2, count: constant(count), loc: LOC },
    store('z', constant(0)),
    { op: 'if', condition: is(2, '===', 1), then: inside, else: [store('y', constant(1))], loc: LOC },
  ]);
const program = fc.array(
  fc
    .array(
      fc.oneof(
        { weight: 3, arbitrary: section },
        { weight: 1, arbitrary: body },
        { weight: 2, arbitrary: counting },
        choosing,
      ),
      { minLength: 1, maxLength: 3 },
    )
    .map((parts) => parts.flat()),
  { minLength: 2, maxLength: 3 },
);

function functionOf(name: string, statements: Stmt[], returns: Type): FunctionIR {
  const clear = [0, 1, 2].map((dst): Stmt => ({ op: 'set', dst, value: constant(0), loc: LOC }));
  const locals = clear.map((_, id) => ({ name: `l${id}`, type: id === 1 ? S8 : U8 }));
  return { name, params: 0, returns, locals, body: [...clear, ...statements], loc: LOC, exported: false };
}

/** @param bad what x and y must never hold; with a third number, what x, y and z must not hold at an end */
function modelOf(tasks: Stmt[][], [x, y, z]: readonly [number, number, number?], reductions: boolean): Model {
  const field = (name: string, type: Type) => ({
    name,
    type,
    embed: false,
    length: 1,
    ghost: false,
    cpuState: false,
    loc: LOC,
  });
  const fields = [...[...DATA, 'c'].map((name) => field(name, U8)), ...LOCKS.map((name) => field(name, S8))];
  const both: Expr = { op: 'binary', type: BOOL, operator: '&&', left: is(0, '===', x), right: is(1, '===', y) };
  const bad: Stmt[] = [load(0, 'x'), load(1, 'y'), { op: 'return', value: both, loc: LOC }];
  const functions = tasks.map((statements, i) => functionOf(`t${i}`, statements, { kind: 'void' }));
  const all: Expr = { op: 'binary', type: BOOL, operator: '&&', left: both, right: is(2, '===', z ?? 0) };
  const value: Expr = { op: 'unary', type: BOOL, operator: '!', operand: all };
  const good: Stmt[] = [load(0, 'x'), load(1, 'y'), load(2, 'z'), { op: 'return', value, loc: LOC }];
  const predicates = [functionOf('bad', bad, BOOL), functionOf('good', good, BOOL)];
  const ir: ProgramIR = {
    kernel: 'v1.0',
    structs: new Map([['Shared', { name: 'Shared', fields, loc: LOC, poison: false }]]),
    globals: new Map([['shared', { name: 'shared', struct: 'Shared', count: 1, isArray: false, loc: LOC }]]),
    functions: new Map([...functions, ...predicates].map((fn) => [fn.name, fn])),
    params: new Map(),
  };
  const asked = z === undefined ? { never: x < 3 ? ['bad'] : [] } : { atEnd: ['good'] };
  return modelOfProgram(ir, { tasks: functions.map(({ name }) => name), ...asked, reductions });
}

/** That what was found, if anything, is there at the end of a run of the program, and not on a shorter one. */
function expectRun(plain: SearchResult, model: Model, { found, moves }: SearchResult): void {
  if (!found) return;
  const walked = walkMoves(model, concreteMoves(model, moves));
  expect(walked.path.length).toBeGreaterThanOrEqual(plain.moves.length);
  if (found.kind === 'never') expect(model.code.never[found.property](walked.state)).toBe(true);
  if (found.kind === 'terminal') expect(walked.blocked.every(({ reason }) => reason !== 'can go on')).toBe(true);
}

it('random programs with locks have one verdict, with steps taken alone or not', () => {
  const seen = { smaller: 0, never: 0, terminal: 0, holds: 0 };
  const property = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.nat(2));
  fc.assert(
    fc.property(program, property, (tasks, bad) => {
      const plain = search(modelOf(tasks, bad, false));
      const model = modelOf(tasks, bad, true);
      const reduced = search(model);
      expect(reduced.found === undefined).toBe(plain.found === undefined);
      if (reduced.states < plain.states) seen.smaller++;
      const learnt = searchNarrowly(model, { narrowFrom: 1 });
      expect(learnt.result.found === undefined, 'under assumptions').toBe(plain.found === undefined);
      expectRun(plain, learnt.model, learnt.result);
      if (plain.found?.kind === 'never') seen.never++;
      if (plain.found?.kind === 'terminal') seen.terminal++;
      if (!plain.found) seen.holds++;
      expectRun(plain, model, reduced);
    }),
    { numRuns: Number(process.env.RUNS ?? 120), seed: Number(process.env.SEED ?? 39) },
  );
  for (const count of Object.values(seen)) expect(count, JSON.stringify(seen)).toBeGreaterThan(5);
});

/** Looks at one thing, and where it is what it is to be, at another. */
const looking: fc.Arbitrary<Stmt[]> = fc
  .tuple(fc.constantFrom(...DATA), fc.nat(1), fc.constantFrom(...DATA), fc.constantFrom(...DATA), fc.nat(2))
  .map(([flag, n, from, to, value]) => [
    load(0, flag),
    {
      op: 'if',
      condition: is(0, '===', n),
      then: value < 2 ? [store(to, constant(value))] : [load(0, from), store(to, local(0))],
      else: [],
      loc: LOC,
    },
  ]);
const setting = fc.tuple(fc.constantFrom(...DATA), fc.nat(2)).map(([field, n]) => [store(field, constant(n))]);
/** Sets a thing, and takes it back: who has not yet done so may break what is assumed of it later. */
const pulse = fc
  .tuple(fc.constantFrom(...DATA), fc.nat(1))
  .map(([field, n]) => [store(field, constant(1 - n)), store(field, constant(n))]);
const lookers = fc.array(
  fc
    .array(fc.oneof(looking, looking, setting, pulse, pulse), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.flat()),
  { minLength: 3, maxLength: 3 },
);

it('steps that are taken alone under what memory holds leave no finding out', () => {
  const seen = { learnt: 0, found: 0, holds: 0 };
  fc.assert(
    fc.property(lookers, fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2)), (tasks, bad) => {
      const plain = search(modelOf(tasks, bad, false));
      const model = modelOf(tasks, bad, true);
      const reduced = search(model);
      const { result, model: last } = searchNarrowly(model, { narrowFrom: 1 });
      expect(result.found === undefined).toBe(plain.found === undefined);
      if (!plain.found && result.states < reduced.states) seen.learnt++;
      if (plain.found) seen.found++;
      else seen.holds++;
      expectRun(plain, last, result);
    }),
    { numRuns: Number(process.env.RUNS ?? 300), seed: Number(process.env.SEED ?? 41) },
  );
  for (const count of Object.values(seen)) expect(count, JSON.stringify(seen)).toBeGreaterThan(5);
});

it('a step is not taken alone beside one who may yet break what is assumed', () => {
  const where = (id: number, value: number, then: Stmt[]): Stmt => {
    return { op: 'if', condition: is(id, '===', value), then, else: [], loc: LOC };
  };
  const tasks: Stmt[][] = [
    [store('x', constant(2)), load(0, 'y'), store('x', local(0))],
    // z may be 1 between the first two steps there: once this has ended nobody sets y any more, but not before
    [load(0, 'x'), where(0, 2, [store('z', constant(1)), store('z', constant(0))])],
    // a choice is never taken alone
    [
      { op: 'choose', dst: 2, count: constant(2), loc: LOC },
      where(2, 1, [load(0, 'z'), where(0, 1, [store('y', constant(1))])]),
    ],
  ];
  const whole = modelOf(tasks, [1, 1, 0], true);
  const assumptions = learn(whole.linked, whole.symmetry, whole.encoding, whole);
  const model = narrowed(whole, { ...ALL, assumptions });
  expect(model.independence?.rows.some(({ allows }) => allows.length > 0)).toBe(true);
  expect(search(model).found?.kind).toBe('finally');
});

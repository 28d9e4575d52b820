// SPDX-License-Identifier: Apache-2.0
/**
 * Random programs of identical tasks: sorted, the search finds what it finds without; and that it is sorted wherever tasks
 * use their numbers only as what they are.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LOC, modelOfProgram } from '../../test/helpers/random-program.js';
import type { Binary, Expr, FunctionIR, ProgramIR, Stmt, Type } from '../compiler/ir.js';
import { concreteMoves } from './concrete.js';
import type { Model } from './model.js';
import { walkMoves } from './path.js';
import { search } from './search.js';

const U8 = { kind: 'int', name: 'u8', bits: 8, signed: false } as const;
const BOOL: Type = { kind: 'bool' };
const LOCALS = 2;

const constant = (value: number): Expr => ({ op: 'const', type: U8, value });
const local = (id: number): Expr => ({ op: 'local', type: U8, id });
const me: Expr = { op: 'currentTask', type: U8 };
const both = (operator: Binary, left: Expr, right: Expr, type: Type = U8): Expr => ({
  op: 'binary',
  type,
  operator,
  left,
  right,
});
const owner = both('+', me, constant(1));
const bit = both('<<', constant(1), me);
const global = (name: string, index?: Expr): Expr => {
  const type: Type = { kind: 'ref', struct: name === 'own' ? 'Own' : 'Shared' };
  return index ? { op: 'global', type, name, index } : { op: 'global', type, name };
};

const access = (field: string) => ({
  struct: field === 'a' ? 'Own' : 'Shared',
  field,
  ref: field === 'a' ? global('own', me) : global('shared'),
  ghost: false,
  text: '',
  loc: LOC,
});
const load = (dst: number, field: string): Stmt => ({ op: 'load', dst, ...access(field) });
const store = (field: string, value: Expr): Stmt => ({ op: 'store', value, ...access(field) });
const test = (condition: Expr, body: Stmt[]): Stmt => ({ op: 'if', condition, then: body, else: [], loc: LOC });

const value = fc.oneof(fc.nat(2).map(constant), fc.nat(LOCALS - 1).map(local));
const simple: fc.Arbitrary<Stmt> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.nat(LOCALS - 1), fc.constantFrom('x', 'y', 'a')).map(([l, f]) => load(l, f)) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('x', 'y', 'a'), value).map(([f, v]) => store(f, v)) },
  { weight: 1, arbitrary: fc.constant<Stmt>({ op: 'choose', dst: 0, count: constant(2), loc: LOC }) },
);
const usesOfNumbers: fc.Arbitrary<Stmt[]> = fc.constantFrom<Stmt[]>(
  [store('owner', owner), load(0, 'owner'), test(both('===', local(0), owner, BOOL), [store('x', constant(2))])],
  [{ op: 'atomic', body: [load(0, 'set'), store('set', both('|', local(0), bit))], loc: LOC }],
  [
    {
      op: 'atomic',
      guard: { body: [load(0, 'owner')], enabled: both('===', local(0), constant(0), BOOL), reason: 'lock' },
      body: [
        store('owner', owner),
        load(1, 'set'),
        store('set', both('&', local(1), { op: 'unary', type: U8, operator: '~', operand: bit })),
      ],
      loc: LOC,
    },
    load(0, 'y'),
    store('owner', constant(0)),
  ],
);
/** What tells tasks apart. */
const breaches: fc.Arbitrary<Stmt[]> = fc.constantFrom<Stmt[]>(
  [test(both('<', me, constant(1), BOOL), [store('x', constant(1))])],
  [store('x', me)],
  [load(0, 'owner'), store('y', local(0)), store('owner', owner)],
);
const statement = fc.oneof(
  { weight: 6, arbitrary: simple.map((one) => [one]) },
  { weight: 3, arbitrary: usesOfNumbers },
  { weight: 1, arbitrary: breaches },
);
const clear = Array.from({ length: LOCALS }, (_, dst): Stmt => ({ op: 'set', dst, value: constant(0), loc: LOC }));
const body = fc.array(statement, { minLength: 2, maxLength: 4, size: 'max' }).map((list) => [...clear, ...list.flat()]);

function predicate(name: string, x: number, set: number): FunctionIR {
  const isX = both('===', local(0), constant(x), BOOL);
  const condition = both('&&', isX, both('===', local(1), constant(set), BOOL), BOOL);
  const statements: Stmt[] = [load(0, 'x'), load(1, 'set'), { op: 'return', value: condition, loc: LOC }];
  return { ...task(name, statements), returns: BOOL };
}

function task(name: string, statements: Stmt[]): FunctionIR {
  const locals = clear.map((_, id) => ({ name: `l${id}`, type: U8 }));
  return { name, params: 0, returns: { kind: 'void' }, locals, body: statements, loc: LOC, exported: false };
}

function modelOf(statements: Stmt[], tasks: number, x: number, set: number, reductions: boolean): Model {
  const fields = (names: string[]) =>
    names.map((name) => ({ name, type: U8, embed: false, length: 1, ghost: false, cpuState: false, loc: LOC }));
  const struct = (name: string, names: string[]) => ({ name, fields: fields(names), loc: LOC, poison: false });
  const object = (name: string, of: string, count: number) => ({
    name,
    struct: of,
    count,
    isArray: count > 1,
    loc: LOC,
  });
  const program: ProgramIR = {
    kernel: 'v1.0',
    structs: new Map([
      ['Shared', struct('Shared', ['x', 'y', 'owner', 'set'])],
      ['Own', struct('Own', ['a'])],
    ]),
    globals: new Map([
      ['shared', object('shared', 'Shared', 1)],
      ['own', object('own', 'Own', tasks)],
    ]),
    functions: new Map([
      ['t', task('t', statements)],
      ['bad', predicate('bad', x, set)],
    ]),
    params: new Map(),
  };
  return modelOfProgram(program, { tasks: Array<string>(tasks).fill('t'), never: ['bad'], reductions });
}

it('random programs of identical tasks have one verdict, sorted or not', () => {
  const seen = { sorted: 0, refused: 0, violated: 0, stuck: 0, smaller: 0 };
  const arguments_ = fc.tuple(body, fc.integer({ min: 2, max: 3 }), fc.nat(2), fc.nat(7));
  fc.assert(
    fc.property(arguments_, ([statements, tasks, x, set]) => {
      const plainModel = modelOf(statements, tasks, x, set, false);
      const model = modelOf(statements, tasks, x, set, true);
      const plain = search(plainModel);
      const { collapse: _, ...every } = model;
      const sorted = search(every);
      expect(search(model).found === undefined).toBe(plain.found === undefined);
      expect(sorted.found?.kind).toBe(plain.found?.kind);
      expect(sorted.moves.length).toBe(plain.moves.length);
      if (model.symmetry.classes.length > 0) seen.sorted++;
      if (model.symmetry.refused.length > 0) seen.refused++;
      if (sorted.states < plain.states) seen.smaller++;
      if (plain.found?.kind === 'never') seen.violated++;
      if (plain.found?.kind === 'terminal') seen.stuck++;
      if (plain.found) return;
      expect(sorted.states).toBeLessThanOrEqual(plain.states);
      expect(sorted.states * [1, 1, 2, 6][tasks]).toBeGreaterThanOrEqual(plain.states);
    }),
    { numRuns: Number(process.env.RUNS ?? 120), seed: 413 },
  );
  for (const count of Object.values(seen)) expect(count, JSON.stringify(seen)).toBeGreaterThan(1);
});

it('a path of a sorted search is a run of the program', () => {
  fc.assert(
    fc.property(body, fc.nat(2), fc.nat(7), (statements, x, set) => {
      const model = modelOf(statements, 3, x, set, true);
      const { found, moves } = search(model);
      if (!found) return;
      const walked = walkMoves(model, concreteMoves(model, moves));
      expect(walked.path.length).toBeGreaterThanOrEqual(moves.length);
      if (found.kind === 'never') expect(model.code.never[found.property](walked.state)).toBe(true);
      if (found.kind === 'terminal') expect(walked.blocked.every(({ reason }) => reason !== 'can go on')).toBe(true);
    }),
    { numRuns: Number(process.env.RUNS ?? 80), seed: 7 },
  );
});

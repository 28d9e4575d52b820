// SPDX-License-Identifier: Apache-2.0
/**
 * Random small programs: the memory that the explorer finds reachable, along the way and at the end, is what a naive
 * interleaver finds, which interprets the IR statement by statement and tries every schedule from the start.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LOC, modelOfProgram } from '../../test/helpers/random-program.js';
import type { Expr, FunctionIR, ProgramIR, Stmt, Type } from '../compiler/ir.js';
import { elementsOf } from './encode.js';
import type { Model } from './model.js';
import { searchNarrowly } from './narrow.js';
import { pcOf, readElement } from './state.js';

const U8: Type = { kind: 'int', name: 'u8', bits: 8, signed: false };
const REF: Type = { kind: 'ref', struct: 'Cell' };
const BOOL: Type = { kind: 'bool' };
const CELLS = 2;
const FIELDS = ['x', 'y'];
const LOCALS = 3;

const constant = (value: number): Expr => ({ op: 'const', type: U8, value });
const local = (id: number): Expr => ({ op: 'local', type: U8, id });

const expression: fc.Arbitrary<Expr> = fc.oneof(
  fc.nat(3).map(constant),
  fc.constantFrom(9, 100, 255).map(constant),
  fc.nat(LOCALS - 1).map(local),
  fc.tuple(fc.nat(LOCALS - 1), fc.nat(2)).map(
    ([id, n]): Expr => ({
      op: 'binary',
      type: U8,
      operator: '&',
      left: { op: 'binary', type: U8, operator: '+', left: local(id), right: constant(n) },
      right: constant(3),
    }),
  ),
);

const place = fc.record({ field: fc.constantFrom(...FIELDS), cell: expression });
const condition = fc
  .tuple(expression, expression, fc.constantFrom('===' as const, '<' as const))
  .map(([left, right, operator]): Expr => ({ op: 'binary', type: BOOL, operator, left, right }));

/** The cell that a number means, by its lowest bit. */
function cellOf(cell: Expr): Expr {
  const index: Expr = { op: 'binary', type: U8, operator: '&', left: cell, right: constant(1) };
  return { op: 'global', type: REF, name: 'cells', index };
}

const load = fc.tuple(place, fc.nat(LOCALS - 1)).map(
  ([{ field, cell }, dst]): Stmt => ({
    op: 'load',
    dst,
    struct: 'Cell',
    field,
    ref: cellOf(cell),
    ghost: false,
    text: '',
    loc: LOC,
  }),
);
const store = fc.tuple(place, expression).map(
  ([{ field, cell }, value]): Stmt => ({
    op: 'store',
    struct: 'Cell',
    field,
    ref: cellOf(cell),
    value,
    ghost: false,
    text: '',
    loc: LOC,
  }),
);
const set = fc.tuple(fc.nat(LOCALS - 1), expression).map(([dst, value]): Stmt => ({ op: 'set', dst, value, loc: LOC }));
const choose = fc.nat(LOCALS - 1).map((dst): Stmt => ({ op: 'choose', dst, count: constant(2), loc: LOC }));
const simple = fc.oneof({ weight: 3, arbitrary: load }, { weight: 3, arbitrary: store }, set, choose);
const access = fc.oneof(load, store, set);

const atomic = fc
  .tuple(fc.array(access, { minLength: 1, maxLength: 3 }), fc.option(fc.tuple(load, condition)))
  .map(([body, guard]): Stmt => {
    if (!guard) return { op: 'atomic', body, loc: LOC };
    return { op: 'atomic', guard: { body: [guard[0]], enabled: guard[1], reason: 'sleep' }, body, loc: LOC };
  });
const branch = fc
  .tuple(condition, fc.array(simple, { maxLength: 2 }), fc.array(simple, { maxLength: 2 }))
  .map(([test, yes, no]): Stmt => ({ op: 'if', condition: test, then: yes, else: no, loc: LOC }));
const retry = fc.tuple(load, condition).map(([again, test]): Stmt => {
  const leave: Stmt = { op: 'if', condition: test, then: [], else: [{ op: 'break', label: 'L', loc: LOC }], loc: LOC };
  // once more at most: the naive interleaver does not know when a state comes back
  const body: Stmt[] = [again, leave, again, { op: 'break', label: 'L', loc: LOC }];
  return { op: 'loop', label: 'L', body, after: [], loc: LOC };
});
const statement = fc.oneof({ weight: 5, arbitrary: simple }, atomic, branch, retry);
const program = fc.oneof(
  fc.tuple(
    fc.array(statement, { minLength: 2, maxLength: 4, size: 'max' }),
    fc.array(statement, { minLength: 2, maxLength: 4, size: 'max' }),
  ),
  fc.tuple(...Array.from({ length: 3 }, () => fc.array(statement, { minLength: 1, maxLength: 2, size: 'max' }))),
);

// ---- the explorer -----------------------------------------------------------------------------------------------

function modelOf(tasks: Stmt[][]): Model {
  const functions = new Map<string, FunctionIR>(
    tasks.map((body, i) => {
      const clear = Array.from(
        { length: LOCALS },
        (_, dst): Stmt => ({ op: 'set', dst, value: constant(0), loc: LOC }),
      );
      const locals = clear.map((_, id) => ({ name: `l${id}`, type: U8 }));
      const name = `t${i}`;
      return [
        name,
        { name, params: 0, returns: { kind: 'void' }, locals, body: [...clear, ...body], loc: LOC, exported: false },
      ];
    }),
  );
  const fields = FIELDS.map((name) => ({
    name,
    type: U8,
    embed: false,
    length: 1,
    ghost: false,
    cpuState: false,
    loc: LOC,
  }));
  const ir: ProgramIR = {
    kernel: 'v1.0',
    structs: new Map([['Cell', { name: 'Cell', fields, loc: LOC, poison: false }]]),
    globals: new Map([['cells', { name: 'cells', struct: 'Cell', count: CELLS, isArray: true, loc: LOC }]]),
    functions,
    constants: new Map(),
    params: new Map(),
  } as unknown as ProgramIR;
  return modelOfProgram(ir, { tasks: tasks.map((_, i) => `t${i}`) });
}

/** Memory in all states and in those where all tasks have ended; `stuck`: some state cannot go on. */
interface Reached {
  all: string[];
  ended: string[];
  stuck: boolean;
}

/** @param narrowFrom states have room for what is expected once there are so many */
function explored(tasks: Stmt[][], narrowFrom: number): Reached {
  const { result, model } = searchNarrowly(modelOf(tasks), { narrowFrom });
  const { encoding, linked } = model;
  const { store, found } = result;
  const all = new Set<string>();
  const ended = new Set<string>();
  const memory = linked.layout.columns.map(({ size }) => new Int32Array(size));
  for (let i = 0; i < store.count; i++) {
    const state = store.state(i).slice();
    for (const columnPlace of encoding.columns.values()) {
      for (const element of elementsOf(columnPlace)) {
        memory[columnPlace.column.id][element] = readElement(state, columnPlace, element);
      }
    }
    const text = memory.join(' ');
    all.add(text);
    if (tasks.every((_, task) => pcOf(state, encoding, task) === 0)) ended.add(text);
  }
  return { all: [...all].sort(), ended: [...ended].sort(), stuck: found?.kind === 'terminal' };
}

// ---- the naive interleaver --------------------------------------------------------------------------------------

interface Machine {
  memory: number[][];
  /** answers to give at choices, in the order in which they are asked; the rest is asked for */
  answers: number[];
}

class Break extends Error {}
class Blocked extends Error {}

function evaluated(expr: Expr, locals: number[]): number {
  switch (expr.op) {
    case 'const':
      return expr.value;
    case 'local':
      return locals[expr.id];
    case 'global':
      return expr.index ? 1 + evaluated(expr.index, locals) : 1;
    case 'binary': {
      const [a, b] = [evaluated(expr.left, locals), evaluated(expr.right, locals)];
      if (expr.operator === '===') return a === b ? 1 : 0;
      if (expr.operator === '<') return a < b ? 1 : 0;
      return expr.operator === '&' ? a & b : a + b;
    }
    default:
      throw new Error(expr.op);
  }
}

/** Yields before everything that another task could come before. */
function* run(
  body: readonly Stmt[],
  locals: number[],
  machine: Machine,
  inAtomic: boolean,
): Generator<'step' | 'choice'> {
  for (const stmt of body) {
    if (stmt.op === 'set') locals[stmt.dst] = evaluated(stmt.value, locals);
    else if (stmt.op === 'if')
      yield* run(evaluated(stmt.condition, locals) ? stmt.then : stmt.else, locals, machine, inAtomic);
    else if (stmt.op === 'choose') {
      if (machine.answers.length === 0) yield 'choice';
      locals[stmt.dst] = machine.answers.shift() ?? 0;
    } else if (stmt.op === 'load' || stmt.op === 'store') {
      if (!inAtomic) yield 'step';
      const column = machine.memory[FIELDS.indexOf(stmt.field)];
      const element = evaluated(stmt.ref, locals) - 1;
      if (stmt.op === 'load') locals[stmt.dst] = column[element];
      else column[element] = evaluated(stmt.value, locals);
    } else if (stmt.op === 'atomic') {
      yield 'step';
      yield* run(stmt.guard?.body ?? [], locals, machine, true);
      if (stmt.guard && !evaluated(stmt.guard.enabled, locals)) throw new Blocked();
      yield* run(stmt.body, locals, machine, true);
    } else if (stmt.op === 'loop') {
      try {
        yield* run(stmt.body, locals, machine, inAtomic);
      } catch (error) {
        if (!(error instanceof Break)) throw error;
      }
    } else if (stmt.op === 'break') throw new Break();
  }
}

/** A step of a task, with the answers to the choices before its access. */
interface Turn {
  task: number;
  answers: number[];
}

/** Runs a schedule from the start. @returns what is there at its end; undefined where its last step is blocked */
function replayed(tasks: Stmt[][], turns: readonly Turn[]) {
  const machine: Machine = { memory: FIELDS.map(() => Array(CELLS).fill(0)), answers: [] };
  const running = tasks.map((body) => run(body, Array(LOCALS).fill(0), machine, false));
  const at = running.map((task) => task.next());
  let asks: Turn | undefined;
  for (const { task, answers } of turns) {
    machine.answers = [...answers];
    try {
      // choices come before the access that they ride with
      while (at[task].value === 'choice' && machine.answers.length > 0) at[task] = running[task].next();
      if (at[task].value === 'choice') asks = { task, answers };
      else if (!at[task].done) at[task] = running[task].next();
    } catch (error) {
      if (error instanceof Blocked) return undefined;
      throw error;
    }
  }
  return {
    memory: machine.memory.map((column) => column.join()).join(' '),
    done: at.map((a) => a.done === true),
    asks,
  };
}

function naive(tasks: Stmt[][]): Reached {
  const all = new Set<string>();
  const ended = new Set<string>();
  let stuck = false;
  const visit = (turns: Turn[]): void => {
    const here = replayed(tasks, turns);
    if (!here) return;
    all.add(here.memory);
    if (here.done.every((done) => done)) {
      ended.add(here.memory);
      return;
    }
    let canGoOn = false;
    const attempt = (turn: Turn): void => {
      const after = replayed(tasks, [...turns, turn]);
      if (!after) return;
      if (after.asks) for (const answer of [0, 1]) attempt({ ...turn, answers: [...turn.answers, answer] });
      else {
        canGoOn = true;
        visit([...turns, turn]);
      }
    };
    here.done.forEach((done, task) => {
      if (!done) attempt({ task, answers: [] });
    });
    if (!canGoOn) stuck = true;
  };
  visit([]);
  return { all: [...all].sort(), ended: [...ended].sort(), stuck };
}

it('random programs reach what a naive interleaver reaches', () => {
  let stuck = 0;
  let several = 0;
  fc.assert(
    fc.property(program, (tasks) => {
      const expected = naive(tasks);
      const result = explored(tasks, Number.POSITIVE_INFINITY);
      expect(explored(tasks, 1)).toEqual(result);
      if (expected.stuck) stuck++;
      if (expected.ended.length > 1) several++;
      expect(result.stuck).toBe(expected.stuck);
      // a violation ends the search
      if (!expected.stuck) expect(result).toEqual(expected);
    }),
    { numRuns: 300, seed: 413 },
  );
  expect(stuck).toBeGreaterThan(5);
  expect(several).toBeGreaterThan(30);
});

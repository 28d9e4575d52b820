// SPDX-License-Identifier: Apache-2.0
/**
 * Random programs over a few pages that all look alike: sorted, the search finds what it finds without, and keeps no fewer states
 * than there are orbits, counted here one by one; and that pages are sorted wherever their numbers say only which page is meant.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LOC, modelOfProgram } from '../../test/helpers/random-program.js';
import type { Binary, Expr, FunctionIR, Local, ProgramIR, Stmt, Type } from '../compiler/ir.js';
import { nextAlternative } from './code.js';
import { concreteMoves } from './concrete.js';
import { elementsOf } from './encode.js';
import type { Model } from './model.js';
import { walkMoves } from './path.js';
import { search } from './search.js';
import { pcOf, readElement, readSlot } from './state.js';

const PAGES = 3;
const U8 = { kind: 'int', name: 'u8', bits: 8, signed: false } as const;
const BOOL: Type = { kind: 'bool' };
const PAGE: Type = { kind: 'ref', struct: 'Page' };
/** What locals and fields are: a value, which page (of last: and 1), a pointer, a set of pages. */
type Kind = 'value' | 'number' | 'pointer' | 'set';
const LOCALS: readonly Kind[] = ['value', 'value', 'number', 'number', 'pointer', 'set', 'value'];
const [V, W, P, Q, R, S, I] = LOCALS.keys();
const FIELDS: Record<string, Kind> = {
  'Page.a': 'value',
  'Page.link': 'pointer',
  'World.x': 'value',
  'World.last': 'number',
  'World.set': 'set',
  'World.page': 'pointer',
  'World.bit': 'value',
};

const constant = (value: number): Expr => ({ op: 'const', type: U8, value });
const NULL: Expr = { op: 'const', type: PAGE, value: 0 };
const typeOf = (kind: Kind): Type => (kind === 'pointer' ? PAGE : U8);
const local = (id: number): Expr => ({ op: 'local', type: typeOf(LOCALS[id]), id });
const both = (operator: Binary, left: Expr, right: Expr, type: Type = U8): Expr => ({
  op: 'binary',
  type,
  operator,
  left,
  right,
});
const is = (left: Expr, right: Expr): Expr => both('===', left, right, BOOL);
const not = (operand: Expr): Expr => ({ op: 'unary', type: BOOL, operator: '!', operand });
const page = (index: Expr): Expr => ({ op: 'global', type: PAGE, name: 'pages', index });
const world: Expr = { op: 'global', type: { kind: 'ref', struct: 'World' }, name: 'world' };

/** `x`, `last`, … of the world, `bit` with an index; `a` and `link` of a page. */
const access = (field: string, ref: Expr, index?: Expr) => ({
  ...{ struct: ref === world ? 'World' : 'Page', field, ref, ghost: false, text: '', loc: LOC },
  ...(index && { index }),
});
const load = (dst: number, field: string, ref: Expr = world, index?: Expr): Stmt => ({
  op: 'load',
  dst,
  ...access(field, ref, index),
});
const store = (value: Expr, field: string, ref: Expr = world, index?: Expr): Stmt => ({
  op: 'store',
  value,
  ...access(field, ref, index),
});
const set = (dst: number, value: Expr): Stmt => ({ op: 'set', dst, value, loc: LOC });
const when = (condition: Expr, body: Stmt[]): Stmt => ({ op: 'if', condition, then: body, else: [], loc: LOC });
const step = (body: Stmt[]): Stmt => ({ op: 'atomic', body, loc: LOC });

const value = fc.oneof(fc.nat(1).map(constant), fc.constantFrom(V, W).map(local));
const number = fc.constantFrom(P, Q);
const simple: fc.Arbitrary<Stmt[]> = fc.oneof(
  { weight: 3, arbitrary: number.map((p): Stmt[] => [{ op: 'choose', dst: p, count: constant(PAGES), loc: LOC }]) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom(V, W), number).map(([v, p]) => [load(v, 'a', page(local(p)))]) },
  { weight: 3, arbitrary: fc.tuple(value, number).map(([v, p]) => [store(v, 'a', page(local(p)))]) },
  { weight: 1, arbitrary: value.map((v) => [store(v, 'x')]) },
  { weight: 1, arbitrary: fc.tuple(value, number).map(([v, p]) => [store(v, 'bit', world, local(p))]) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(value, number)
      .map(([v, p]) => [load(W, 'bit', world, local(p)), when(is(local(W), v), [store(v, 'x')])]),
  },
);
const names: fc.Arbitrary<Stmt[]> = fc.constantFrom<Stmt[]>(
  [store(both('+', local(P), constant(1)), 'last')],
  [load(Q, 'last'), when(not(is(local(Q), constant(0))), [set(P, both('-', local(Q), constant(1)))]), set(Q, local(P))],
  [set(R, page(local(P))), store(local(R), 'page')],
  [load(R, 'page'), when(not(is(local(R), NULL)), [store(constant(1), 'a', local(R))])],
  [step([load(S, 'set'), store(both('|', local(S), both('<<', constant(1), local(P))), 'set')])],
  [
    load(S, 'set'),
    when(is(both('&', both('>>', local(S), local(P)), constant(1)), constant(1)), [store(constant(1), 'x')]),
  ],
  [load(R, 'link', page(local(P))), store(local(R), 'link', page(local(Q)))],
  [set(R, page(local(Q))), store(local(R), 'link', page(local(P)))],
  [when(is(local(P), local(Q)), [store(constant(1), 'x')])],
  [
    step([
      set(I, constant(0)),
      set(V, constant(0)),
      {
        op: 'loop',
        label: 'all',
        body: [
          when(not(both('<', local(I), constant(PAGES), BOOL)), [{ op: 'break', label: 'all', loc: LOC }]),
          load(W, 'a', page(local(I))),
          when(is(local(W), constant(1)), [set(V, constant(1))]),
          set(W, constant(0)),
        ],
        after: [set(I, both('+', local(I), constant(1)))],
        loc: LOC,
      },
      store(local(V), 'x'),
    ]),
  ],
);
/** What tells pages apart. */
const breaches: fc.Arbitrary<Stmt[]> = fc.constantFrom<Stmt[]>(
  [when(both('<', local(P), constant(1), BOOL), [store(constant(1), 'x')])],
  [store(local(P), 'x')],
  [store(constant(1), 'a', page(constant(0)))],
  [set(P, constant(1))],
  [when(both('<', local(P), constant(PAGES - 1), BOOL), [set(P, both('+', local(P), constant(1)))])],
  [
    step([
      load(W, 'a', page(constant(0))),
      when(is(local(W), constant(0)), [store(constant(1), 'a', page(constant(0)))]),
    ]),
  ],
  [{ op: 'choose', dst: Q, count: constant(PAGES - 1), loc: LOC }],
);
const statement = fc.oneof(
  { weight: 7, arbitrary: simple },
  { weight: 4, arbitrary: names },
  { weight: 1, arbitrary: breaches },
);
const clear = LOCALS.flatMap((kind, dst) =>
  kind === 'number' ? [] : [set(dst, kind === 'pointer' ? NULL : constant(0))],
);
const begin: Stmt[] = [...clear, { op: 'choose', dst: P, count: constant(PAGES), loc: LOC }, set(Q, local(P))];
const body = fc.array(statement, { minLength: 2, maxLength: 4, size: 'max' }).map((list) => [...begin, ...list.flat()]);

function functionOf(name: string, statements: Stmt[], returns: Type = { kind: 'void' }): FunctionIR {
  const locals = LOCALS.map((kind, id): Local => ({ name: `l${id}`, type: typeOf(kind) }));
  return { name, params: 0, returns, locals, body: statements, loc: LOC, exported: false };
}

interface Random {
  bodies: Stmt[][];
  /** which of them each task runs */
  tasks: number[];
  x: number;
  /** whether the property looks at one page only */
  isOne: boolean;
}

const random: fc.Arbitrary<Random> = fc.record({
  bodies: fc.array(body, { minLength: 2, maxLength: 2 }),
  tasks: fc.constantFrom([0, 0], [0, 1], [0, 1], [0, 0, 1]),
  x: fc.nat(1),
  isOne: fc.constantFrom(false, false, false, true),
});

function modelOf({ bodies, tasks, x, isOne }: Random, reductions: boolean): Model {
  const struct = (name: string) => ({
    ...{ name, loc: LOC, poison: false },
    fields: Object.entries(FIELDS).flatMap(([field, kind]) => {
      const [of, short] = field.split('.');
      const rest = { embed: false, length: short === 'bit' ? PAGES : 1, ghost: false, cpuState: false, loc: LOC };
      return of === name ? [{ name: short, type: typeOf(kind), ...rest }] : [];
    }),
  });
  const object = (name: string, of: string, count: number) => ({
    name,
    struct: of,
    count,
    isArray: count > 1,
    loc: LOC,
  });
  const looked = isOne
    ? [load(W, 'a', page(constant(0)))]
    : [load(W, 'bit', world, constant(0)), load(I, 'bit', world, constant(1))];
  const condition = both(
    '&&',
    is(local(V), constant(x)),
    isOne ? is(local(W), constant(1)) : is(local(W), local(I)),
    BOOL,
  );
  const bad = [
    load(V, 'x'),
    ...(isOne ? looked : []),
    { op: 'return', value: isOne ? condition : is(local(V), constant(x + 1)), loc: LOC } as Stmt,
  ];
  const program: ProgramIR = {
    kernel: 'v1.0',
    structs: new Map(['Page', 'World'].map((name) => [name, struct(name)])),
    globals: new Map([
      ['pages', object('pages', 'Page', PAGES)],
      ['world', object('world', 'World', 1)],
    ]),
    functions: new Map([
      ...bodies.map((statements, i) => [`f${i}`, functionOf(`f${i}`, statements)] as const),
      ['bad', functionOf('bad', bad, BOOL)],
    ]),
    params: new Map(),
  };
  return modelOfProgram(program, { tasks: tasks.map((of) => `f${of}`), never: ['bad'], reductions });
}

// ---- orbits, counted one by one -----------------------------------------------------------------------------------

function permutations(of: readonly number[]): number[][] {
  if (of.length === 0) return [[]];
  return of.flatMap((first) => permutations(of.filter((each) => each !== first)).map((rest) => [first, ...rest]));
}

/** @returns all that classes allow, as maps of positions */
function group(size: number, classes: readonly number[][]): number[][] {
  return classes.reduce<number[][]>(
    (all, members) =>
      all.flatMap((map) =>
        permutations(members).map((images) => map.map((to, from) => images[members.indexOf(from)] ?? to)),
      ),
    [Array.from({ length: size }, (_, i) => i)],
  );
}

function mapped(kind: Kind, value: number, map: readonly number[], offset: number): number {
  if (kind === 'number') return (map[value - offset] ?? value - offset) + offset;
  if (kind === 'pointer') return value === 0 ? 0 : map[value - 1] + 1;
  return kind === 'set' ? map.reduce((all, to, from) => all | (((value >> from) & 1) << to), 0) : value;
}

/** A state after an exchange, as text. */
function textOf(
  { linked, encoding }: Model,
  state: Int32Array,
  pages: readonly number[],
  tasks: readonly number[],
): string {
  const columns = [...encoding.columns.values()].map((place) => {
    const { name, length, struct } = place.column;
    const found: number[] = [];
    for (const element of elementsOf(place)) {
      const isOfPage = struct === 'Page' || length > 1;
      const kind = FIELDS[name];
      found[isOfPage ? pages[element] : element] = mapped(kind, readElement(state, place, element), pages, 1);
    }
    return `${name} ${found}`;
  });
  const blocks: string[] = [];
  linked.tasks.forEach(({ graph }, task) => {
    const pc = pcOf(state, encoding, task);
    const kept = [...encoding.tasks[task].slots[pc]].sort((a, b) => a.local - b.local);
    const texts = kept.map((slot) => {
      const { name } = graph.locals[slot.local];
      const kind = LOCALS[Number(/\d+/.exec(name)?.[0] ?? 0)];
      return `${name} ${mapped(kind, readSlot(state, slot), pages, 0)}`;
    });
    blocks[tasks[task]] = `${pc} ${texts}`;
  });
  return [...columns, ...blocks].join('; ');
}

function orbitsOf(plain: Model, { pages, classes }: Model['symmetry'], most: number): number | undefined {
  const start = Int32Array.from(plain.initial);
  const seen = new Map([[start.join(), start]]);
  const pending = [start];
  for (let state = pending.pop(); state; state = pending.pop()) {
    if (seen.size > most) return undefined;
    for (let task = 0; task < plain.linked.tasks.length; task++) {
      const pc = pcOf(state, plain.encoding, task);
      if (pc === 0) continue;
      plain.code.choice.fill(0);
      plain.code.side[1] = 0;
      do {
        const next = Int32Array.from(state);
        if (plain.code.steps[task][pc](next) !== 1 || seen.has(next.join())) continue;
        seen.set(next.join(), next);
        pending.push(next);
      } while (nextAlternative(plain.code));
    }
  }
  const ofPages = group(PAGES, pages[0]?.classes ?? []);
  const ofTasks = group(plain.linked.tasks.length, classes);
  const orbits = new Set<string>();
  for (const state of seen.values()) {
    const all = ofPages.flatMap((p) => ofTasks.map((t) => textOf(plain, state, p, t)));
    orbits.add(all.reduce((a, b) => (a < b ? a : b)));
  }
  return orbits.size;
}

it('random programs have one verdict, sorted or not, and as many states as orbits', () => {
  const seen = { sorted: 0, refused: 0, violated: 0, smaller: 0, both: 0, counted: 0, exact: 0 };
  fc.assert(
    fc.property(random, (program) => {
      const plainModel = modelOf(program, false);
      const model = modelOf(program, true);
      const plain = search(plainModel);
      const { collapse: _, ...every } = model;
      const sorted = search(every);
      expect(search(model).found === undefined).toBe(plain.found === undefined);
      expect(sorted.found?.kind).toBe(plain.found?.kind);
      expect(sorted.moves.length).toBe(plain.moves.length);
      const { pages, refusedPages, classes } = model.symmetry;
      if (pages.length > 0) seen.sorted++;
      if (pages.length > 0 && classes.length > 0) seen.both++;
      if (refusedPages.length > 0) seen.refused++;
      if (sorted.states < plain.states) seen.smaller++;
      if (plain.found) seen.violated++;
      if (plain.found || pages.length === 0) return;
      const orbits = orbitsOf(plainModel, model.symmetry, 4_000);
      if (orbits === undefined) return;
      seen.counted++;
      expect(sorted.states).toBeGreaterThanOrEqual(orbits);
      // what names a page is summed up where tasks are sorted, too, and where pages name pages
      const isExact = classes.length === 0 && !model.encoding.columns.has('Page.link');
      if (isExact) seen.exact++;
      if (isExact) expect(sorted.states).toBe(orbits);
    }),
    { numRuns: Number(process.env.RUNS ?? 100), seed: Number(process.env.SEED ?? 11) },
  );
  for (const count of Object.values(seen)) expect(count, JSON.stringify(seen)).toBeGreaterThan(1);
});

it('a path of a sorted search is a run of the program', () => {
  const seen = { sorted: 0 };
  fc.assert(
    fc.property(random, (program) => {
      const model = modelOf({ ...program, tasks: program.tasks.slice(0, 2), x: 0, isOne: false }, true);
      const { found, moves } = search(model);
      if (!found) return;
      if (model.symmetry.pages.length > 0) seen.sorted++;
      const walked = walkMoves(model, concreteMoves(model, moves));
      expect(walked.path.length).toBeGreaterThanOrEqual(moves.length);
      if (found.kind === 'never') expect(model.code.never[found.property](walked.state)).toBe(true);
    }),
    { numRuns: Number(process.env.RUNS ?? 150), seed: Number(process.env.SEED ?? 5) },
  );
  expect(seen.sorted).toBeGreaterThan(1);
});

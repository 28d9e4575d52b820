// SPDX-License-Identifier: Apache-2.0
/**
 * Lowered code means what JavaScript means: random programs, full of side effects inside expressions, are compiled and
 * run, and evaluated as the JavaScript that they are too.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import ts from '#typescript';
import { readSources } from '../app/sources.js';
import { loadMachine } from '../run/machine.js';
import { analyse } from './analyse.js';

const FILE = 'src/linux/snippet.ts';
const words = [...readSources([], false).files].filter(([name]) => name === 'src/machine/core.ts');

const HEAD = `import { type array, type bool, type int, object, one_step } from '../machine/core.js';
interface Cell { a: int; b: int; c: array<int, 4> }
export const x = object<Cell>();
export const y = object<Cell>();
function bump(n: int): int { x.a = (x.a + n) & 1023; y.b ^= n; return x.a; }
function pick(n: int): Cell { if ((n & 1) === 0) return x; y.a++; return y; }
function odd(n: int): bool { x.b++; return (n & 1) !== 0; }
function twice(f: () => int): int { const first: int = f(); return (first + f()) & 1023; }
function if_odd(n: int, f: (m: int) => void): void { if (odd(n)) f(n ^ 5); }
`;

type Text = fc.Arbitrary<string>;

const { int, bool } = fc.letrec<{ int: string; bool: string }>((tie) => {
  const i: Text = tie('int');
  const b: Text = tie('bool');
  const join = (format: (...parts: string[]) => string, ...parts: Text[]): Text =>
    fc.tuple(...parts).map((values) => format(...values));
  const target = fc.constantFrom('u', 'v', 'x.a', 'y.b', 'x.c[u & 3]', 'y.c[x.a & 3]', 'pick(u).a', 'x.c[bump(v) & 3]');
  const operator = fc.constantFrom('&', '|', '^');
  return {
    int: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('0', '1', '7', '-3', 'u', 'v', 'p', 'x.a', 'y.b', 'x.c[2]', 'SIZE', 'shape.round'),
      join((l, o, r) => `(${l} ${o} ${r})`, i, operator, i),
      join((l, r) => `((${l} + ${r}) & 1023)`, i, i),
      join((c, l, r) => `(${c} ? ${l} : ${r})`, b, i, i),
      join((n) => `bump(${n} & 255)`, i),
      join((n) => `pick(${n}).a`, i),
      join((n) => `pick(${n}).c[${'bump(1) & 3'}]`, i),
      join((n) => `twice(() => ${n})`, i),
      join((n, m) => `twice(() => { if (odd(${n})) return ${m}; u ^= 3; return v; })`, i, i),
      join((n) => `one_step(() => ${n})`, i),
      join((c, n) => `one_step(() => { if (${c}) return ${n}; return u; })`, b, i),
      join((t) => `(${t}++ & 255)`, target),
      join((t) => `(--${t} & 255)`, target),
      join((t, n) => `(${t} = ${n})`, target, i),
      join((t, o, n) => `(${t} ${o}= ${n})`, target, operator, i),
    ),
    bool: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('true', 'false', 'u < v', 'x.a === 0'),
      join((l, o, r) => `(${l} ${o} ${r})`, i, fc.constantFrom('<', '<=', '>', '>=', '===', '!=='), i),
      join((l, o, r) => `(${l} ${o} ${r})`, b, fc.constantFrom('&&', '||'), b),
      join((n) => `!(${n})`, b),
      join((n) => `odd(${n})`, i),
      join((l, r) => `(pick(${l}) === pick(${r}))`, i, i),
    ),
  };
});

const { statement } = fc.letrec<{ statement: string }>((tie) => {
  const s: Text = fc.array(tie('statement') as Text, { maxLength: 4 }).map((list) => list.join('\n'));
  const leave = fc.constantFrom('', 'break;', 'continue;', 'return v;', 'if (u > 3) break outer;', 'continue outer;');
  const t = (format: (...parts: string[]) => string, ...parts: Text[]): Text =>
    fc.tuple(...parts).map((values) => format(...values));
  return {
    statement: fc.oneof(
      { depthSize: 'small' },
      int.map((value) => `u = ${value};`),
      int.map((value) => `${value};`),
      bool.map((value) => `if_odd(v, (m) => { v = m; u |= ${value} ? 1 : 2; });`),
      int.map((value) => `{ const k: int = ${value}; v ^= k; }`),
      int.map((value) => `{ const at = pick(${value}); let w = at.a; w++; at.b = w & 255; }`),
      t((c, then, otherwise) => `if (${c}) {\n${then}\n} else {\n${otherwise}\n}`, bool, s, s),
      t(
        (c, body, l) => `for (let i: int = 0, j: int = 4; i < j; i++, j--) {\nif (${c}) { ${l} }\n${body}\n}`,
        bool,
        s,
        leave,
      ),
      t((c, body, l) => `{ let n: int = 0; do {\n${body}\nif (${c}) { ${l} }\n} while (n++ < 3); }`, bool, s, leave),
      t((c, body) => `{ let n: int = 0; while (${c} && n < 3) {\nn += 1;\n${body}\n} }`, bool, s),
      t(
        (n, one, two, three) =>
          `switch (${n} & 3) {\ncase 0:\n${one}\nbreak;\ncase SIZE:\ncase 2:\n${two}\nbreak;\ndefault:\n${three}\n}`,
        ...[int, s, s, s],
      ),
    ),
  };
});

function sourceOf(body: string): string {
  return `${HEAD}const SIZE = (1 << 2) - 3;
const shape = { round: 6, flat: SIZE + 1 } as const;
export function main(p: int, q: int): int {
  let u: int = p;
  let v: int = q;
  outer: for (let turn: int = 0; turn < 2; turn++) {
${body}
  }
  return (u ^ (v << 1) ^ (x.a << 2) ^ (x.b << 3) ^ (y.a << 4) ^ (y.b << 5) ^ (x.c[0] + x.c[1] + x.c[2] + x.c[3] + y.c[1]));
}
`;
}

function asJavaScript(source: string, p: number, q: number): unknown {
  const script = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const text = script.outputText.replace(/^import .*$/gm, '').replace(/^export /gm, '');
  const object = () => ({ a: 0, b: 0, c: [0, 0, 0, 0] });
  return new Function('object', 'one_step', `${text}\nreturn main(${p}, ${q}) | 0;`)(object, (f: () => unknown) => f());
}

function compiled(source: string, p: number, q: number): number {
  const workspace = analyse({ files: new Map([...words, [FILE, source]]), scenarios: [] });
  return loadMachine(workspace.compileKernel({ kernel: 'v7.3' }), { taskCount: 1, task: 0 }).call('main', [p, q]);
}

test('random programs compute what JavaScript computes', () => {
  const body = fc.array(statement, { minLength: 1, maxLength: 5 }).map((list) => list.join('\n'));
  const small = fc.integer({ min: -20, max: 20 });
  fc.assert(
    fc.property(body, small, small, (text, p, q) => {
      const source = sourceOf(text);
      expect(compiled(source, p, q)).toBe(asJavaScript(source, p, q));
    }),
    { numRuns: Number(process.env.REFZERO_FUZZ ?? 40) },
  );
});

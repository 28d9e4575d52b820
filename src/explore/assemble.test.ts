// SPDX-License-Identifier: Apache-2.0
/** Generated text means the same as JavaScript and as WebAssembly: random functions, run as both. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { moduleOf, PAGES_MAX } from '../base/wasm.js';
import { WebAssembly } from '../base/webassembly.js';
import type { Addresses } from './addresses.js';
import { assemble, IMPORTED } from './assemble.js';

const WORDS = 8;
const STATE = 1024;
const ADDRESSES: Addresses = {
  ...{ side: 0, choice: 64, counts: 128, hits: 192, tables: [256] },
  ...{ state: 32, row: WORDS * 4, functions: new Map() },
};

const number = fc.oneof(fc.constantFrom(0, 1, 31, -1, 2147483647, -2147483648), fc.integer());
const literal = number.map((value) => (value < 0 ? `(${value})` : String(value)));
const { expression } = fc.letrec<{ expression: string; condition: string }>((tie) => {
  const two = fc.tuple(tie('expression'), tie('expression'));
  return {
    expression: fc.oneof(
      { maxDepth: 4, depthIdentifier: 'e' },
      literal,
      fc.constantFrom('a', 'b', 'n[3]', '(n[5] >>> 7 & 255)', '(n[2] << 20 >> 24)', 'K.tables[0][2]'),
      fc.tuple(two, fc.constantFrom('+', '-')).map(([[x, y], sign]) => `((${x} ${sign} ${y}) | 0)`),
      fc.tuple(two, fc.constantFrom('&', '|', '^', '<<', '>>')).map(([[x, y], sign]) => `(${x} ${sign} ${y})`),
      fc.tuple(tie('expression'), fc.integer({ min: 1, max: 31 })).map(([x, by]) => `(${x} >>> ${by})`),
      two.map(([x, y]) => `Math.imul(${x}, ${y})`),
      fc.tuple(tie('expression'), fc.constantFrom(3, 16, -1, -7), fc.constantFrom('/', '%')).map(([x, by, sign]) => {
        return `(${x} ${sign} ${by < 0 ? `(${by})` : by} | 0)`;
      }),
      tie('expression').map((x) => `(~${x})`),
      tie('expression').map((x) => `(-${x} | 0)`),
      fc.tuple(tie('condition'), two).map(([test, [x, y]]) => `(${test} ? ${x} : ${y})`),
      tie('expression').map((x) => `n[(${x} & 7)]`),
    ),
    condition: fc.oneof(
      { maxDepth: 4, depthIdentifier: 'e' },
      fc.tuple(two, fc.constantFrom('<', '<=', '>', '>=', '===', '!==')).map(([[x, y], sign]) => `(${x} ${sign} ${y})`),
      fc.tuple(tie('expression'), fc.nat()).map(([x, most]) => `(${x} >>> 0 >= ${most})`),
      fc.tuple(tie('condition'), tie('condition'), fc.constantFrom('&&', '||')).map((parts) => {
        return `(${parts[0]} ${parts[2]} ${parts[1]})`;
      }),
      tie('condition').map((test) => `!(${test})`),
    ),
  };
});

/** Labels that are not those around. */
const inner = (body: string): string =>
  body.replaceAll(/\b([BL])(\d+)/g, (_, kind, depth) => `${kind}${Number(depth) + 1}`);

const { statements } = fc.letrec<{ statements: string; statement: string }>((tie) => ({
  statements: fc.array(tie('statement'), { minLength: 1, maxLength: 4 }).map((list) => list.join('\n')),
  statement: fc.oneof(
    { maxDepth: 3, depthIdentifier: 's' },
    fc.tuple(fc.constantFrom('a', 'b', 'n[0]', 'n[7]'), expression).map(([to, value]) => `${to} = ${value};`),
    fc.tuple(expression, expression).map(([at, value]) => `n[(${at} & 7)] = ${value};`),
    fc.tuple(expression, tie('statements'), tie('statements')).map(([test, yes, no]) => {
      return `if ((${test} !== 0)) {\n${yes}\n} else {\n${no}\n}`;
    }),
    // a block that is left early, a loop of a few turns, a choice
    fc.tuple(expression, tie('statements')).map(([test, body]) => {
      return `B1: {\nif ((${test} < 0)) { break B1; }\n${inner(body)}\n}`;
    }),
    tie('statements').map((body) => `L1: for (;;) {\nif (--fuel < 0) return a;\n${inner(body)}\ncontinue L1;\n}`),
    expression.map((count) => `K.counts[d] = ${count}; b = K.choice[d++];`),
  ),
}));

it('random functions do as WebAssembly what they do as JavaScript', () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: PAGES_MAX, shared: true });
  const words = new Int32Array(memory.buffer);
  const table = new WebAssembly.Table({ initial: 1, element: 'anyfunc' });
  const outside = Object.fromEntries(IMPORTED.map((name) => [name, () => 0]));
  fc.assert(
    fc.property(statements, expression, fc.array(number, { minLength: 32, maxLength: 32 }), (body, result, values) => {
      const text = `(n) => {\nlet a = 7, b = 0, d = 0, fuel = 3;\n${body}\nreturn ${result};\n}`;
      words.fill(0);
      words.set(values.slice(0, WORDS), STATE / 4);
      words.set(values.slice(8, 12), 16);
      words.set(values.slice(12, 16), 64);
      const n = Int32Array.from(values.slice(0, WORDS));
      const K = { choice: words.slice(16, 32), counts: new Int32Array(16), tables: [words.slice(64, 80)] };
      const javascript = new Function('K', `return ${text}`)(K) as (n: Int32Array) => number;
      const bytes = moduleOf([{ ...assemble(text, ADDRESSES), name: 'f' }], { functions: IMPORTED, hasTable: true });
      const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { K: { memory, table, ...outside } });
      const { f } = instance.exports as { f(n: number): number };
      expect(f(STATE)).toBe(javascript(n) | 0);
      expect([...words.subarray(STATE / 4, STATE / 4 + WORDS)]).toEqual([...n]);
      expect([...words.subarray(32, 48)]).toEqual([...K.counts]);
    }),
    { numRuns: 500, seed: 2021 },
  );
});

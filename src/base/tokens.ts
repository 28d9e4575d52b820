// SPDX-License-Identifier: Apache-2.0
/** Words, signs and operators of the text that assembler.ts assembles. */
import { assert } from './assert.js';
import { F64, I32, OP } from './wasm.js';

const TOKEN =
  /[A-Za-z_$][\w$]*|0x[0-9a-f]+|\d+|===|!==|>>>|<<|>>|<=|>=|&&|\|\||\+\+|--|=>|[-+*/%&|^~!<>=?:;,.(){}[\]]/g;
const STRANGE = /[^\s\w$\-+*/%&|^~!<>=?:;,.(){}[\]]/;

/** @throws InternalError where the text has what generated text never has */
export function tokensOf(text: string): string[] {
  const strange = text.search(STRANGE);
  assert(strange < 0, `generated text: ${text.slice(strange, strange + 40)}`);
  return text.match(TOKEN) ?? [];
}

const LEVELS: readonly Readonly<Record<string, number>>[] = [
  { '|': OP.or },
  { '^': OP.xor },
  { '&': OP.and },
  { '===': OP.eq, '!==': OP.ne },
  { '<': OP.ltS, '>': OP.gtS, '<=': OP.leS, '>=': OP.geS },
  { '<<': OP.shl, '>>': OP.shrS, '>>>': OP.shrU },
  { '+': OP.add, '-': OP.sub },
  { '*': OP.mul, '/': OP.divS, '%': OP.remS },
];
/** Binary operators; one of a greater level binds tighter, those of the same go from left to right. */
export const OPERATORS: ReadonlyMap<string, { op: number; level: number }> = new Map(
  LEVELS.flatMap((row, level) => Object.entries(row).map(([sign, op]) => [sign, { op, level }] as const)),
);
/** What compares operands as unsigned instead. */
export const UNSIGNED = new Map<number, number>([
  [OP.ltS, OP.ltU],
  [OP.gtS, OP.gtU],
  [OP.leS, OP.leU],
  [OP.geS, OP.geU],
]);

/** What does the same with doubles, and what that leaves. */
export const DOUBLE: ReadonlyMap<number, { op: number; type: typeof I32 | typeof F64 }> = new Map([
  [OP.add, { op: OP.addDouble, type: F64 }],
  [OP.sub, { op: OP.subDouble, type: F64 }],
  [OP.mul, { op: OP.mulDouble, type: F64 }],
  [OP.divS, { op: OP.divDouble, type: F64 }],
  [OP.eq, { op: OP.eqDouble, type: I32 }],
  [OP.ne, { op: OP.neDouble, type: I32 }],
  [OP.ltS, { op: OP.ltDouble, type: I32 }],
  [OP.gtS, { op: OP.gtDouble, type: I32 }],
  [OP.leS, { op: OP.leDouble, type: I32 }],
  [OP.geS, { op: OP.geDouble, type: I32 }],
]);

export function isNumber(token: string): boolean {
  const first = token.charCodeAt(0);
  return first >= 48 && first <= 57;
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Damage upon damage: real recordings in every form, each round changed several times in ways that a reader must expect of a
 * stranger's file. Seeded, and for a few seconds; `npm run fuzz` goes on for REFZERO_FUZZ seconds with REFZERO_SEED, and says
 * which round of which seed failed.
 */
import { expect, test } from 'vitest';
import { FORMS, made, random, survive, text } from './recordings-survive.js';

const SECONDS = Number(process.env.REFZERO_FUZZ ?? 3);
const SEED = Number(process.env.REFZERO_SEED ?? 1);

type Below = (below: number) => number;
type Change = (bytes: Uint8Array, next: Below, other: Uint8Array) => Uint8Array;

/** numbers that sizes, counts, offsets and CPU numbers break at */
const LARGE = [0, 1, 4, 0x7f, 0xff, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 1e12, 2 ** 53];

const concat = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

const cut: Change = (bytes, next) => bytes.slice(0, next(bytes.length + 1));

const flip: Change = (bytes, next) => {
  for (let flips = 1 + next(8); flips > 0; flips--) bytes[next(bytes.length)] ^= 1 << next(8);
  return bytes;
};

/** A part of another recording in the place of one of this. */
const splice: Change = (bytes, next, other) => {
  const size = next(8192);
  const [at, from] = [next(bytes.length), next(other.length)];
  return concat(bytes.subarray(0, at), other.subarray(from, from + size), bytes.subarray(at + (next(2) ? size : 0)));
};

/** A number of 16, 32 or 64 bits made large, or equal to one elsewhere: sizes, counts, offsets that loop. */
const number: Change = (bytes, next) => {
  if (bytes.length < 16) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = next(bytes.length - 8);
  const value = LARGE[next(LARGE.length)] + next(3);
  const kind = next(4);
  if (kind === 0) view.setUint16(at, value & 0xffff, true);
  else if (kind === 1) view.setUint32(at, value >>> 0, true);
  else if (kind === 2) view.setBigUint64(at, BigInt(value), true);
  else bytes.copyWithin(at, next(bytes.length - 8), next(bytes.length));
  return bytes;
};

const wipe: Change = (bytes, next) => bytes.fill(next(2) * 255, next(bytes.length), next(bytes.length));

const insertLine = (line: (next: Below) => Uint8Array): Change => {
  return (bytes, next) => {
    const at = bytes.indexOf(10, next(bytes.length)) + 1;
    return concat(bytes.subarray(0, at), line(next), bytes.subarray(at));
  };
};

const utf8 = (text: string) => new TextEncoder().encode(text);
const event = (time: string, body: string) =>
  utf8(`            task-7       [001] d..1. ${time}: page_ref_mod: ${body}\n`);

/** What text has of its own: giant lines, bytes that are no UTF-8, NULs, CRLF, a clock that jumps. */
const TEXT: Change[] = [
  insertLine((next) => new Uint8Array(70_000 * (1 + next(4))).fill(32 + next(90))),
  insertLine((next) => Uint8Array.from({ length: next(300) }, () => 128 + next(128))),
  insertLine((next) => new Uint8Array(next(300))),
  insertLine(() => utf8('\r\n\r\n')),
  insertLine((next) => event(`${LARGE[next(LARGE.length)]}.${next(1e6)}`, 'pfn=0x40600 flags= count=1 val=1')),
  insertLine((next) => event('17.000001', `pfn=0x${'f'.repeat(next(40))} val=${'9'.repeat(next(40))} ret=-`)),
  insertLine((next) => utf8(`CPU:${LARGE[next(LARGE.length)]} [LOST ${LARGE[next(LARGE.length)]} EVENTS]\n`)),
];

const ANY: Change[] = [cut, flip, flip, splice, number, number, number, wipe];

test(
  'damage upon damage',
  () => {
    const dats = FORMS.map(made);
    const next = random(SEED);
    const end = performance.now() + SECONDS * 1000;
    let rounds = 0;
    for (; performance.now() < end || rounds < 50; rounds++) {
      const isText = next(3) === 0;
      const all = isText ? [...ANY, ...TEXT, ...TEXT] : ANY;
      let bytes: Uint8Array = (isText ? text : dats[next(dats.length)]).slice();
      for (let changes = 1 + next(5); changes > 0 && bytes.length > 0; changes--) {
        bytes = all[next(all.length)](bytes, next, dats[next(dats.length)]);
      }
      survive(bytes, `seed ${SEED} round ${rounds}`);
    }
    expect(rounds).toBeGreaterThanOrEqual(50);
  },
  (SECONDS + 60) * 1000,
);

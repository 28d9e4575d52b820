// SPDX-License-Identifier: Apache-2.0
/** States that have room for the values that are expected, and for no more: what is found is what wide ones find. */
import { describe, expect, it } from 'vitest';
import { modelOf, type Program } from '../../test/helpers/explore.js';
import { check } from './check.js';
import type { Border, Sink, Source } from './checkpoint.js';
import { searchNarrowly } from './narrow.js';
import { search } from './search.js';

const CELL = `interface Cell { a: int; b: s16; c: u8; many: array<int, 5>; }
const cell = object<Cell>();`;

/** Goes where no run comes by chance, so that nobody expects what is stored there. */
const FAR = `${CELL}
function rarely(): bool {
  let met: int = 0;
  for (let i: int = 0; i < 4; i++) { if (choose(16) === 7) met++; cell.c = i; }
  return met === 4;
}
function late(start: int, by: int): void {
  if (!rarely()) return;
  for (let i: int = 0; i < 5; i++) { cell.a = start + i * by; cell.many[i] = cell.a; }
}
function other(): void { for (let i: int = 0; i < 5; i++) cell.b = cell.b + (choose(2) === 0 ? 1 : -1); }`;

const PROGRAMS: Record<string, Program> = {
  'a counter that goes on and on': {
    code: `${CELL}\nfunction count(): void { for (let i: int = 0; i < 300; i++) { cell.a = cell.a + i; cell.b = cell.b - 1; } }`,
    tasks: { one: 'count();', two: 'for (let i: int = 0; i < 9; i++) cell.many[i % 5] = -i;' },
    finally: { sum: 'cell.a === 44850 && cell.b === -300' },
  },
  'values below zero': {
    code: FAR,
    tasks: { one: 'late(0, -1000000);', two: 'other();' },
  },
  'values of all 32 bits': {
    code: FAR,
    tasks: { one: 'late(2147483600, 7);', two: 'late(-2147483648, 5);' },
  },
  'a violation where a value outgrows its bits': {
    code: FAR,
    tasks: { one: 'late(0, 50);', two: 'other();' },
    never: { large: 'cell.a === 200' },
  },
};

describe.each(Object.entries(PROGRAMS))('%s', (_, program) => {
  const model = modelOf(program);
  const wide = check(model, { narrowFrom: Number.POSITIVE_INFINITY });

  it.each([1, 100])('is searched as with wide states, narrow from %i states on', (narrowFrom) => {
    const { stateBytes, ...found } = check(model, { narrowFrom });
    expect(stateBytes).toBeLessThanOrEqual(wide.stateBytes);
    expect(found).toEqual({ ...found, ...withoutBytes(wide) });
    expect(found.path).toEqual(wide.path);
  });

  it('by fingerprints, too', () => {
    const { states, transitions, depth } = check(model, { narrowFrom: 100, storage: 'fingerprints' });
    expect({ states, transitions, depth }).toEqual({
      states: wide.states,
      transitions: wide.transitions,
      depth: wide.depth,
    });
  });
});

function withoutBytes({ stateBytes: _, ...rest }: ReturnType<typeof check>) {
  return rest;
}

describe('a search with narrow states', () => {
  const model = modelOf(PROGRAMS['values below zero']);

  it('begins anew where a value is not expected', () => {
    const first = search(model, { narrowFrom: 100 });
    expect(first.expectation?.columns['Cell.a'].high).toBeLessThan(2 ** 20);
    const { result, model: last } = searchNarrowly(model, { narrowFrom: 100 });
    expect(last.encoding.words).toBeLessThan(model.encoding.words);
    expect(last.expectation).not.toEqual(first.expectation);
    expect(result.expectation).toBeUndefined();
  });

  it('tells a value that does not fit its type as ever', () => {
    const code = `${CELL}\nfunction count(): void { for (let i: int = 0; i < 300; i++) cell.c = i; }`;
    const tooLarge = modelOf({ code, tasks: { one: 'count();', two: 'count();' } });
    expect(() => check(tooLarge, { narrowFrom: 10 })).toThrow(/256 does not fit Cell.c \(u8\)/);
  });

  it('is put down and taken up with the room that it has, and with more', () => {
    const whole = searchNarrowly(model, { narrowFrom: 100 }).result;
    for (const statesMax of [400, Math.floor(whole.states / 2)]) {
      const pieces: Uint8Array[] = [];
      let kept: Border | undefined;
      const save = (border: Border, write: (sink: Sink) => void): void => {
        kept = JSON.parse(JSON.stringify(border));
        write({ write: (bytes) => void pieces.push(bytes.slice()) });
      };
      searchNarrowly(model, { narrowFrom: 100, statesMax, save });
      expect(kept?.expectation).toBeDefined();
      if (!kept) return;
      const resume = { border: kept, source: sourceOf(pieces) };
      const { states, transitions, depth } = searchNarrowly(model, { narrowFrom: 100, resume }).result;
      expect([states, transitions, depth]).toEqual([whole.states, whole.transitions, whole.depth]);
    }
  });
});

function sourceOf(pieces: readonly Uint8Array[]): Source {
  const all = Buffer.concat(pieces);
  let at = 0;
  return {
    read(into) {
      into.set(all.subarray(at, at + into.length));
      at += into.length;
    },
  };
}

// SPDX-License-Identifier: Apache-2.0
/** Stacks of a text whose lines stood there before: each event has the stack that is written behind it, however the text comes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TextReader } from './read-text.js';
import { Notes } from './recording.js';

const EVENT = 'wl-302     [000] d..1.    17.800309: page_ref_mod: pfn=0x41005 flags=0x1000 count=2 mapcount=0 val=1';
const event = `              ${EVENT}`;
const announcement = '              wl-302     [000] d..1.    17.800312: <stack trace>';

/** Reads a text in pieces of the sizes that are given, again and again; one frame list an event. */
function stacksOf(text: string, sizes: readonly number[]): string[][] {
  const bytes = new TextEncoder().encode(text);
  const reader = new TextReader(new Notes());
  for (let at = 0, piece = 0; at < bytes.length; piece++) {
    const size = sizes[piece % sizes.length];
    reader.add(bytes.slice(at, at + size));
    at += size;
  }
  const { events, stacks } = reader.finish();
  return Array.from({ length: events.length }, (_, row) => {
    return events.stack(row) < 0 ? ['none'] : stacks.frames(events.stack(row));
  });
}

const textOf = (stacks: readonly (readonly string[])[], line: (name: string, at: number) => string, end: string) =>
  stacks.flatMap((names, at) => [event, announcement, ...names.map((name) => line(name, at))]).join(end) + end;

const names = fc.array(fc.constantFrom('a', 'ab', 'abc', 'do_syscall_64', 'do_syscall_65', 'f [refleak]'), {
  maxLength: 6,
});
const pieces = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 });

test.each([
  ['as the kernel prints them', (name: string) => ` => ${name}`],
  ['with addresses that may differ', (name: string, at: number) => `=> ${name} (ffffffff8119fb8${at % 3})`],
])('%s', (_, line) => {
  fc.assert(
    fc.property(fc.array(names, { minLength: 1, maxLength: 20 }), pieces, fc.constantFrom('\n', '\r\n'), (...of) => {
      const [stacks, sizes, end] = of;
      // one that is announced and not there is none
      const told = stacks.map((names) => (names.length > 0 ? names : ['none']));
      expect(stacksOf(textOf(stacks, line, end), sizes)).toEqual(told);
    }),
    { numRuns: 100 },
  );
});

test('more lines than are kept', () => {
  const stacks = Array.from({ length: 400 }, (_, at) => [`leaf_${at}`, `caller_${at % 7}`]);
  expect(
    stacksOf(
      textOf([...stacks, ...stacks], (name) => ` => ${name}`, '\n'),
      [5000],
    ),
  ).toEqual([...stacks, ...stacks]);
});

test('a stack deeper than any', () => {
  const deep = Array.from({ length: 1100 }, (_, at) => `f${at}`);
  const short = deep.slice(0, 3);
  const text = textOf([deep, short, deep], (name) => ` => ${name}`, '\n');
  expect(stacksOf(text, [1 << 20])).toEqual([deep.slice(0, 1024), short, deep.slice(0, 1024)]);
});

test('a last line without its end is a frame too', () => {
  const text = textOf(
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    (name) => ` => ${name}`,
    '\n',
  ).slice(0, -1);
  expect(stacksOf(text, [70])).toEqual([
    ['a', 'b'],
    ['a', 'b'],
  ]);
});

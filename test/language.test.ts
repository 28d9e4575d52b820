// SPDX-License-Identifier: Apache-2.0
/** docs/language.md keeps its word: what it accepts compiles, what it rejects prints what it says, place and caret too. */
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CODES } from '../src/compiler/diagnostics.js';
import { diagnosticsOf, examplesOf, filledIn, pagePath, printed, readPage } from './helpers/language.js';

if (process.env.REFZERO_UPDATE) writeFileSync(pagePath, filledIn(readPage()));
const page = readPage();
const examples = examplesOf(page);

describe('docs/language.md', () => {
  it.each(examples.filter(({ verdict }) => verdict === 'accepted'))('line $line: $code is accepted', (example) => {
    expect(printed(diagnosticsOf(example))).toBe('');
    expect(printed(diagnosticsOf(example, true))).toBe('');
  });

  it.each(examples.filter(({ verdict }) => verdict === 'rejected'))('line $line: $code is rejected', (example) => {
    const diagnostics = diagnosticsOf(example);
    expect(diagnostics.map(({ code }) => code)).toContain(example.code);
    expect(printed(diagnostics)).toBe(example.printed);
    expect(diagnosticsOf(example, true)).toEqual(diagnostics);
    for (const { place } of diagnostics) expect(place).toMatchObject({ file: 'example.ts', text: expect.any(String) });
  });

  it('has every code, and a rejected example for each that code can break', () => {
    const rejected = new Set(examples.filter(({ verdict }) => verdict === 'rejected').map(({ code }) => code));
    const withoutExample = Object.values(CODES).filter((code) => !rejected.has(code));
    expect(withoutExample).toEqual(['RZ2001', 'RZ2002', 'RZ2003', 'RZ2004']);
    for (const code of withoutExample) expect(page).toContain(`| ${code} |`);
  });
});

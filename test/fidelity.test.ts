// SPDX-License-Identifier: Apache-2.0
/** `refzero trace fidelity`: what the compiled kernel can do to a count, held against recordings; docs/fidelity.md is up to date. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fidelityOf, type KernelFidelity } from '../src/app/fidelity.js';
import { readSources } from '../src/app/sources.js';
import { analyse } from '../src/compiler/analyse.js';
import { type CountOp, CountWalk } from '../src/compiler/count-ops.js';
import type { FunctionIR } from '../src/compiler/ir.js';
import { tracepointOf } from '../src/spec/ops.js';
import { exitCode, trace } from './helpers/trace-command.js';

const DAT = 'recordings/5.10-leaks-fsdax.dat.xz';
const workspace = analyse(readSources([], false));

/** The recordings of a folder as scripts/docs.mjs chooses them. */
function recordingsIn(folder: string): string[] {
  const byName = new Map<string, string>();
  for (const file of readdirSync(folder).sort()) {
    const [, name, form] = /^(.+?)\.(dat|trace\.txt)\.(?:xz|gz|zst)$/.exec(file) ?? [];
    if (name !== undefined && (form === 'dat' || !byName.has(name))) byName.set(name, `${folder}/${file}`);
  }
  return [...byName.values()];
}

function opsOf(kernel: string, name: string, inlines: (callee: FunctionIR) => boolean): string[] {
  const walk = new CountWalk(workspace.compileKernel({ kernel }), 'Page', '_refcount');
  return told(walk.ops(name, inlines));
}

const told = (ops: readonly CountOp[]): string[] =>
  ops.flatMap(({ atomic, numbers }) => {
    const use = tracepointOf(atomic, numbers);
    return use ? [`${use.tracepoint} ${use.val}`] : [];
  });

describe('what src/linux can do to a count', () => {
  const headers = ({ loc }: FunctionIR) => /^src\/(linux\/include|machine)\//.test(loc.file);

  test('a constant is followed through the functions that hand it on', () => {
    expect(opsOf('v5.14', 'try_grab_page', headers)).toEqual(['mod 1', 'mod 1024']);
    expect(opsOf('v7.3', 'zone_device_page_init', headers)).toEqual(['set 1']);
  });

  test('what the kernel lacks is not found: put_page of 5.14 looks for device pages, that of 7.3 does not', () => {
    expect(opsOf('v5.14', 'put_page', () => true)).toContain('mod_and_return -1');
    expect(opsOf('v7.3', 'put_page', () => true)).not.toContain('mod_and_return -1');
  });

  test('a function that is not inlined keeps its work, unless it is its last', () => {
    // mm/memremap.c of 6.1 stores 1 at the end of free_zone_device_page, so that a stack shows only who called that
    expect(opsOf('v6.1', 'free_zone_device_page', ({ exported }) => !exported)).toContain('set 1');
    const small = (callee: FunctionIR) => headers(callee) || !callee.exported;
    expect(opsOf('v6.1', '__folio_put', small)).toEqual(['set 1']);
    expect(opsOf('v6.1', 'migrate_vma_finalize', () => false)).toEqual([]);
  });

  test('every atomic operation on a count is one of the tracepoints of page_ref.h', () => {
    for (const kernel of ['v5.14', 'v6.1', 'v7.3']) {
      const program = workspace.compileKernel({ kernel });
      const walk = new CountWalk(program, 'Page', '_refcount');
      const without = new Set<string>();
      for (const name of program.functions.keys()) {
        for (const { atomic, numbers } of walk.ops(name, () => false)) {
          if (tracepointOf(atomic, numbers) === undefined) without.add(atomic);
        }
      }
      expect([...without]).toEqual(['atomic_read']);
    }
  });
});

describe('against a recording', () => {
  test('figures, the kernel that is nearest, and the list', async () => {
    const [kernel, ...others] = await fidelityOf([DAT]);
    expect(others).toEqual([]);
    expect(kernel).toMatchObject({ release: '5.10', model: 'v5.14', skipped: [] });
    const fsdax = kernel.totals.find(({ kind }) => kind === 'fsdax');
    expect(fsdax).toMatchObject({ distinct: 5, yes: 5, events: 92, foreign: 2 });
    const sum = kernel.uses.reduce((total, { events }) => total + events, 0);
    expect(sum).toBe(1926 + 1568 + 218 + 197 + 46);
    expect(standing(kernel, 'put_devmap_managed_page', 'mod_and_return', -1)).toBe('yes');
    expect(standing(kernel, 'refleak_get_user_leak', 'mod', 1)).toBe('foreign');
    expect(standing(kernel, 'vdso_fault', 'mod', 1)).toBe('absent');
  });

  test('the wrong kernel does not do the same', async () => {
    const [kernel] = await fidelityOf([DAT], { kernel: '7.3' });
    expect(kernel.model).toBe('v7.3');
    const fsdax = kernel.totals.find(({ kind }) => kind === 'fsdax')!;
    expect(fsdax.yes).toBeLessThan(5);
    expect(standing(kernel, 'put_devmap_managed_page', 'mod_and_return', -1)).toBe('otherwise');
  });

  test('without stacks nothing is said', async () => {
    const [kernel] = await fidelityOf(['recordings/7.3-fsdax.dat.xz']);
    expect(kernel.skipped.map(({ why }) => why)).toEqual(['it has no stacks, which name the functions']);
    expect(kernel.totals).toEqual([]);
  });

  test('on the command line', async () => {
    const printed = await trace('fidelity', DAT, '--limit', '2');
    expect(printed).toMatch(/^fsdax +5 +5 \(100 %\) +92 +92 \(100 %\)$/m);
    expect(printed).toContain(' more of ordinary pages: --limit ');
    for (const line of printed.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    expect(exitCode()).toBeUndefined();
  });
});

function standing({ uses }: KernelFidelity, name: string, tracepoint: string, change: number): string | undefined {
  return uses.find((use) => use.function === name && use.tracepoint === tracepoint && use.change === change)?.standing;
}

const SHARED = process.env.REFZERO_RECORDINGS ?? '../shared/recordings';
const all = process.env.REFZERO_SWEEP === 'all' && existsSync(SHARED);

describe('docs/fidelity.md', () => {
  const text = readFileSync('docs/fidelity.md', 'utf8');
  const part = (from: string): string => {
    const head = `<!-- generated by \`npm run docs\` from ${from} -->\n`;
    const start = text.indexOf(head) + head.length;
    return text.slice(start, text.indexOf('<!-- end -->', start)).trim();
  };
  const tables = async (files: string[]) => (await trace('fidelity', '--markdown', '--limit', '30', ...files)).trim();

  test('has the figures and the list of recordings/', async () => {
    expect(part('recordings/')).toBe(await tables(recordingsIn('recordings')));
  });

  test.skipIf(!all)('has those of all recordings', { timeout: 600_000 }, async () => {
    const folders = readdirSync(SHARED, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const files = folders.flatMap(({ name }) =>
      recordingsIn(`${SHARED}/${name}`).filter((file) => /-stacks\./.test(file)),
    );
    expect(part('../shared/recordings')).toBe(await tables(files));
  });
});

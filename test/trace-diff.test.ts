// SPDX-License-Identifier: Apache-2.0
/** `refzero trace diff`: what leaks in one recording and not in another, and which call paths differ, whatever pages and lengths they have. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { diffOf } from '../src/app/trace-diff.js';
import { exitCode, trace } from './helpers/trace-command.js';

const folder = mkdtempSync(join(tmpdir(), 'refzero-diff-'));
afterAll(() => rmSync(folder, { recursive: true }));
const DAT = 'recordings/5.10-leaks-fsdax.dat.xz';
const TEXT = 'recordings/5.10-leaks-fsdax.trace.txt.xz';

/** Pages that a driver pins and unpins; with `leaks` the last of them is never unpinned. Each run takes 1 ms. */
function recording(name: string, { first, runs, leaks = 0 }: { first: number; runs: number; leaks?: number }): string {
  const lines: string[] = [];
  let time = 1_000_000;
  const event = (pid: number, text: string, stack: readonly string[]) => {
    const seconds = `${Math.floor(time / 1e6)}.${String(time % 1e6).padStart(6, '0')}`;
    lines.push(
      `     drv-${pid}       [000] d..1.     ${seconds}: ${text}`,
      `     drv-${pid}       [000] d..1.     ${seconds}: <stack trace>`,
    );
    lines.push(...stack.map((frame) => ` => ${frame}`));
    time += 10;
  };
  const take = [
    'try_grab_folio_fast',
    'gup_fast_fallback',
    'pin_user_pages_fast',
    'drv_pin',
    '__x64_sys_ioctl',
    'do_syscall_64',
  ];
  const give = ['gup_put_folio', 'unpin_user_pages', 'drv_unpin', '__x64_sys_ioctl', 'do_syscall_64'];
  const exit = ['folios_put_refs', 'tlb_finish_mmu', 'exit_mmap', 'mmput', 'do_exit'];
  for (let run = 0; run < runs; run++) {
    const pfn = `pfn=0x${(first + run).toString(16)}`;
    const rest = 'flags=reserved mapcount=0 mapping=0 mt=0';
    event(7, `page_ref_mod_unless: ${pfn} ${rest} count=2 val=1 ret=1`, take);
    if (run >= runs - leaks) continue;
    event(7, `page_ref_mod_and_return: ${pfn} ${rest} count=1 val=-1 ret=1`, give);
    time += 980;
  }
  event(7, `page_ref_mod_and_test: pfn=0x1 flags=lru mapcount=0 mapping=0 mt=0 count=0 val=-1 ret=1`, exit);
  const path = join(folder, name);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

const options = { zoneDevice: ['0x40000-0x4ffff=fsdax'], kernel: '6.12' };

describe('a leak', () => {
  const good = recording('good.txt', { first: 0x40000, runs: 200 });
  const bad = recording('bad.txt', { first: 0x45000, runs: 90, leaks: 3 });

  test('is found only in B, by its call path', async () => {
    const { findings, uses } = await diffOf(good, bad, options);
    expect(findings).toMatchObject([{ pagesA: 0, pagesB: 3, suspect: { site: 'drv_pin', fault: 'reference' } }]);
    // the same driver at the same rate, on other pages and for another time
    expect(uses.filter(({ differs }) => differs)).toEqual([]);
  });

  test('is gone the other way round', async () => {
    const { findings } = await diffOf(bad, good, options);
    expect(findings).toMatchObject([{ pagesA: 3, pagesB: 0 }]);
    const args = ['--zone-device', options.zoneDevice[0], '--kernel', '6.12'];
    expect(await trace('diff', bad, good, ...args)).toContain('\nonly in A: likely: ');
    expect(exitCode()).toBe(0);
    expect(await trace('diff', good, bad, ...args)).toContain('\nonly in B: likely: ');
    expect(exitCode()).toBe(1);
  });
});

test('a path that is used more often is told with its rates', async () => {
  const seldom = recording('seldom.txt', { first: 0x40000, runs: 100 });
  const two = recording('two.txt', { first: 0x41000, runs: 50 });
  const { uses } = await diffOf(seldom, two, options);
  expect(uses.filter(({ differs }) => differs)).toEqual([]);
  const [take] = uses.filter(({ path }) => path.includes('drv_pin'));
  expect(take.rateA).toBeCloseTo(1000, -2);
  expect(take.rateB).toBeCloseTo(1000, -2);
  const { uses: other } = await diffOf(seldom, DAT, options);
  expect(other[0].differs).toBe(true);
});

test('text and trace.dat of one run are the same', async () => {
  const { findings, uses, per } = await diffOf(DAT, TEXT);
  expect(per).toBe('second');
  expect(findings).toMatchObject([{ pagesA: 1, pagesB: 1 }]);
  expect(uses.filter(({ differs }) => differs)).toEqual([]);
  for (const { takenA, takenB, openA, openB } of uses) expect([takenB, openB]).toEqual([takenA, openA]);
});

test('printed: 80 columns, and the same as data', async () => {
  const printed = await trace('diff', 'recordings/7.3-fsdax.dat.xz', DAT);
  for (const line of printed.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  expect(printed).toContain('verdict: 1 finding only in B, 0 only in A, 0 in both');
  const data = JSON.parse(await trace('diff', DAT, DAT, '--json'));
  expect(data).toMatchObject({
    per: 'second',
    a: { file: DAT, kernel: '5.10.223-kernlab' },
    findings: [{ pagesA: 1 }],
  });
});

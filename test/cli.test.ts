// SPDX-License-Identifier: Apache-2.0
/** The built command line, run as a user runs it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { check as Check } from '../src/app/check.js';
import type { CheckReport } from '../src/app/check-data.js';
import { build, ROOT, refzero } from './helpers/command.js';
import { masked } from './helpers/transcript.js';

const folder = mkdtempSync(join(tmpdir(), 'refzero-cli-'));
beforeAll(build);
afterAll(() => rmSync(folder, { recursive: true }));

const VIOLATED = ['check', 'layout-break-refault', '--kernel', 'v7.3'];
const HOLDS = ['check', 'layout-break-refault', '--kernel', 'v6.1'];

describe('check', () => {
  it('shows the path to a failure, exits 1, and names the command that does it again', async () => {
    const { exit, stdout, stderr } = await refzero(VIOLATED);
    expect(stderr).toBe('');
    expect(exit).toBe(1);
    expect(stdout).toMatch(/^layout-break-refault on v7\.3: violated: stuck\n/);
    expect(stdout).toMatch(/^ +punch sleeps in [^.]*___wait_var_event ←/m);
    const replay = /^replay: npx refzero (.*)$/m.exec(stdout)?.[1].split(' ') ?? [];
    expect(replay).toEqual(VIOLATED);
    expect(masked((await refzero(replay)).stdout)).toEqual(masked(stdout));
  });

  it('exits 0 where a scenario holds', async () => {
    const { exit, stdout } = await refzero(HOLDS);
    expect(stdout).toMatch(/^layout-break-refault on v6\.1: holds\n/);
    expect(exit).toBe(0);
  });

  it('holds several against what their file records', async () => {
    const { exit, stdout } = await refzero(['check', 'layout-break-refault', '--kernel', 'v6.1,v7.3', '--variants']);
    expect(stdout).toContain('all as recorded');
    expect(exit).toBe(0);
  });

  it('gives the same as data', async () => {
    const { exit, stdout } = await refzero([...VIOLATED, '--json']);
    const report: CheckReport = JSON.parse(stdout);
    expect(exit).toBe(1);
    expect(report.outcomes).toMatchObject([
      { scenario: 'layout-break-refault', kernel: 'v7.3', asRecorded: true, result: { violation: { kind: 'stuck' } } },
    ]);
    expect(report.outcomes[0].result?.path?.map(({ number }) => number)[0]).toBe(1);
  });

  it('makes other kernels by commits', async () => {
    const { exit, stdout } = await refzero([...HOLDS, '--with', '38607c62b34b']);
    expect(stdout).toContain('replay: npx refzero check layout-break-refault --kernel v6.1 --with 38607c62b34b');
    expect(exit).toBe(1);
  });

  it('is inconclusive at a bound', async () => {
    const { exit, stdout } = await refzero([...HOLDS, '--states-max', '10']);
    expect(stdout).toMatch(/^layout-break-refault on v6\.1: inconclusive: /);
    expect(exit).toBe(3);
  });

  it('prints steps and the list', async () => {
    const steps = await refzero([...VIOLATED, '--show-steps']);
    expect(steps.exit).toBe(0);
    expect(steps.stdout).toMatch(/^punch: \d+ steps$/m);
    const named = await refzero(['check', '--list', '--json', 'layout-break-refault']);
    expect(JSON.parse(named.stdout).scenarios.map(({ name }: { name: string }) => name)).toEqual([
      'layout-break-refault',
    ]);
    const list = await refzero(['check', '--list', '--json']);
    expect(JSON.parse(list.stdout).scenarios.map(({ name }: { name: string }) => name)).toContain(
      'layout-break-refault',
    );
  });
});

const OWN = `
import { atomic_read } from 'refzero/machine/atomic.js';
import { scenario } from 'refzero/machine/scenario.js';
import { object } from 'refzero/machine/core.js';
import type { Page } from 'refzero/linux/include/linux/mm_types.js';
import { page_ref_inc } from 'refzero/linux/include/linux/page_ref.js';

const page = object<Page>();

export default scenario({
  title: 'a file of the user',
  question: 'Is it read?',
  about: [],
  expect: { 'v5.14': 'holds', seed: 'holds', 'v5.18': 'holds', 'v6.1': 'holds', 'v7.3': 'holds' },
  tasks: { one: () => page_ref_inc(page), two: () => page_ref_inc(page) },
  sometimes: { counted: () => atomic_read(page._refcount) === 2 },
  finally: { both: () => atomic_read(page._refcount) === 2 },
  broken: {},
});
`;

/** More states than any machine looks at in a minute. */
const LARGE = OWN.replace(
  /tasks: .*/,
  `tasks: {
    ${['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `${name}: () => many()`).join(',\n    ')},
  },`,
).replace(
  'export default',
  `function many(): void {\n  for (let i = 0; i < 100; i++) page_ref_inc(page);\n}\nexport default`,
);

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('wrong input', () => {
  it('is data as well where data is asked for', async () => {
    const { exit, stdout, stderr } = await refzero(['check', 'nosuch', '--json']);
    expect(exit).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { exit: 2, diagnostics: [{ code: 'RZ2001' }] } });
    expect(stderr).toMatch(/^error\[RZ2001\]: no scenario nosuch\n/);
  });

  it.each([
    ['--kernel', ''],
    ['--kernel', 'v6.1,'],
    ['--with', ''],
  ])('is a name that is missing: %s %j', async (option, value) => {
    const { exit, stderr } = await refzero(['check', 'lost-update', option, value]);
    expect(exit).toBe(2);
    expect(stderr).toMatch(/^error\[RZ4000\]: a name is missing/);
  });
});

describe("a file of the user's", () => {
  it('is checked like any other', async () => {
    const { exit, stdout, stderr } = await refzero(['check', file('own.ts', OWN), '--kernel', 'v7.3']);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^own on v7\.3: holds\n/);
    expect(exit).toBe(0);
  });

  it('is named in the command that replays it', async () => {
    const path = file('own.ts', OWN.replace('=== 2 },\n  broken', '=== 3 },\n  broken'));
    const { exit, stdout } = await refzero(['check', path, '--kernel', 'v7.3']);
    expect(stdout).toContain(`replay: npx refzero check ${path} --kernel v7.3`);
    expect(exit).toBe(1);
  });

  it('gets a diagnostic with place, caret and hint where it is outside the language', async () => {
    const path = file('wrong.ts', OWN.replace('const page', 'let counter = 0;\nconst page'));
    const { exit, stdout, stderr } = await refzero(['check', path, '--kernel', 'v7.3']);
    expect([exit, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(
      /^error\[RZ1\d\d\d\]: .*\n +--> .*wrong\.ts:8:\d+\n +\|\n8 \| let counter = 0;\n +\| +\^+\n/,
    );
    expect(stderr).toMatch(/^hint: /m);
  });
});

describe('wrong input', () => {
  it.each([
    [['chek'], 'RZ4000', 'check'],
    [['check', '--kernl', 'v7.3'], 'RZ4000', '--kernel'],
    [['check', 'layout-break-refalt', '--kernel', 'v7.3'], 'RZ2001', 'layout-break-refault'],
    [['check', 'layout-break-refault', '--kernel', 'sed'], 'RZ2002', 'seed'],
    [['check', 'layout-break-refault', '--kernel', 'seed'], 'RZ4002', 'v7.3'],
    [['check', '--list', 'layout-break-refalt'], 'RZ2001', 'layout-break-refault'],
    [['check', 'dax-truncate', '--variants', '--variant', 'x'], 'RZ4008', '--variants'],
    [['check', '--states-max', 'many'], 'RZ4005', undefined],
    [['check', 'layout-break-refault', '--show-steps'], 'RZ4007', '--list'],
    [['check', '/nowhere/at/all.ts'], 'RZ4030', undefined],
  ])('%s: exit 2, a code and a hint', async (args, code, hint) => {
    const { exit, stdout, stderr } = await refzero(args);
    expect([exit, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`error[${code}]: `);
    if (hint !== undefined) expect(stderr).toMatch(new RegExp(`^hint: [\\s\\S]*${hint}`, 'm'));
  });

  it('is not to ask for help', async () => {
    for (const args of [[], ['--help'], ['check', '--help'], ['--version']]) {
      const { exit, stdout, stderr } = await refzero(args);
      expect([exit, stderr]).toEqual([0, '']);
      expect(stdout).not.toBe('');
    }
  });
});

describe('an interrupt', () => {
  it('ends the searches, which say what they had found', async () => {
    const { check }: { check: typeof Check } = await import(pathToFileURL(join(ROOT, 'dist/app/check.js')).href);
    const controller = new AbortController();
    const options = {
      scenarios: [file('large.ts', LARGE)],
      kernels: ['v7.3', 'v6.1'],
      with: [],
      without: [],
      variants: false,
    };
    const report = await check(
      { ...options, threads: 1 },
      {
        signal: controller.signal,
        onProgress: (running) => {
          if (running.some(({ states }) => states > 0)) controller.abort();
        },
      },
    );
    expect(report.interrupted).toBe(true);
    const [begun, waiting] = report.outcomes;
    expect(begun.result).toMatchObject({ verdict: 'inconclusive', inconclusive: expect.stringMatching(/interrupt/) });
    expect(begun.result?.states).toBeGreaterThan(0);
    expect(waiting.result).toBeUndefined();
  });

  it('from the keyboard exits 3, a second one 130', async () => {
    const args = ['check', file('large.ts', LARGE), '--kernel', 'v7.3'];
    const once = await refzero(args, onceListening("process.kill(process.pid, 'SIGINT')"));
    expect(once.exit).toBe(3);
    expect(once.stdout).toMatch(/inconclusive/);
    expect(once.stderr).toMatch(/^interrupted: /);
    const twice = await refzero(args, onceListening("process.emit('SIGINT'), process.emit('SIGINT')"));
    expect(twice.exit).toBe(130);
  });
});

/** An environment in which the process does something to itself as soon as it listens for interrupts. */
function onceListening(action: string): { env: Record<string, string> } {
  const listener = `(event) => event === 'SIGINT' && setImmediate(() => (${action}))`;
  const script = `process.once('newListener', ${listener})`;
  return { env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}` } };
}

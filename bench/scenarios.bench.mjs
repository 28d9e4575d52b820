// SPDX-License-Identifier: Apache-2.0
/**
 * The scenario set: every scenario on every kernel in each mode of the search, and in Spin on the very same steps
 * (spin-steps.mjs). Where nothing is violated Spin must store as many states and take as many steps as the plain search does,
 * and where it can ask what was violated it must find a violation: or the bench ends with an error.
 *
 * `node bench/run.mjs scenarios`; `REFZERO_BENCH_SMALL=1`: two kernels.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modelOf } from '../dist/app/check-job.js';
import { tune } from '../dist/app/tuning.js';
import { Programs } from '../dist/app/workspace.js';
import { check } from '../dist/explore/check.js';
import { figure } from './figure.mjs';
import { isThere, prepare, timed } from './racers.mjs';
import { spinModelOf } from './spin-steps.mjs';

const isSmall = process.env.REFZERO_BENCH_SMALL === '1';
const commits = { with: [], without: [] };
/** What Spin is not asked. */
const OURS_ALONE = new Set(['cannot end', 'livelock']);

const modes = [
  { name: 'plain', model: { noReductions: true }, search: {} },
  { name: 'fingerprints, plain', model: { noReductions: true }, search: { storage: 'fingerprints' } },
  { name: 'reduced', model: {}, search: {} },
];

export default {
  title: 'The scenario set, mode by mode',
  async report() {
    tune();
    const rows = await new Programs().use((workspace) =>
      [...workspace.scenarios].sort((a, b) => (a.name < b.name ? -1 : 1)).map((scenario) => rowOf(workspace, scenario)),
    );
    return [...HEAD, ...table([...rows, totalOf(rows)]), ''];
  },
};

const HEAD = [
  'Sums over the kernels that a scenario is about. *search*: CPU seconds of the searches alone; *build*: of reading the',
  'programs that `npm run build` has left in dist, as every check of the package does (the reduced mode reads each),',
  'linking them and proofs; or of `spin -a` and `gcc -O2`. Spin takes the steps that refzero takes, printed as C (`bench/spin-steps.mjs`), built with',
  '`-DSAFETY -DNOREDUCE`: one process, so that nothing is there to reduce. It stops at the first violation in its depth-first order',
  'and is not asked whether every state can still end, which refzero is.',
  '',
];

function rowOf(workspace, { name: scenario, expect }) {
  const kernels = [...expect].filter(([, verdict]) => verdict !== 'not applicable').map(([kernel]) => kernel);
  const row = { scenario, kernels: 0, spin: { build: 0, search: 0 }, modes: modes.map(() => emptyTally()) };
  for (const kernel of isSmall ? kernels.slice(-2) : kernels) {
    row.kernels++;
    const results = [];
    // the mode that is the default pays for what is read once, and for what V8 has to learn
    for (const i of [2, 0, 1]) results[i] = tally(row.modes[i], workspace, { scenario, kernel }, modes[i]);
    if (isThere.spin) raceSpin(row.spin, results[0]);
  }
  console.error(`${scenario}: ${row.modes[0].states} states on ${row.kernels} kernels`);
  return row;
}

const emptyTally = () => ({ states: 0, build: 0, search: 0 });

function cpu(work) {
  const begin = process.cpuUsage();
  const value = work();
  const { user, system } = process.cpuUsage(begin);
  return { value, seconds: (user + system) / 1e6 };
}

function tally(sum, workspace, job, mode) {
  const { value: model, seconds: build } = cpu(() => modelOf(workspace, job, { ...commits, ...mode.model }));
  const { value: result, seconds: search } = cpu(() => check(model, mode.search));
  sum.states += result.states;
  sum.build += build;
  sum.search += search;
  return { job, model, result };
}

function raceSpin(sum, { job, model, result }) {
  const folder = mkdtempSync(join(tmpdir(), 'refzero-scenario-'));
  try {
    prepare(folder);
    const alternatives = model.linked.tasks.map(({ points }) => (points.some((point) => point?.chooses) ? 16 : 1));
    for (const [name, text] of Object.entries(spinModelOf(model, alternatives)))
      writeFileSync(join(folder, name), text);
    const spin = timed(folder, 'spin', ['-a', 'model.pml']);
    const flags = ['-O2', '-fwrapv', '-w', '-DSAFETY', '-DNOREDUCE', '-DVECTORSZ=4096'];
    const gcc = timed(folder, 'gcc', [...flags, '-o', 'pan', 'pan.c']);
    const slots = Math.max(16, Math.ceil(Math.log2(result.states)));
    const run = timed(folder, './pan', [`-m${Math.max(10_000, 2 * result.states)}`, `-w${slots}`]);
    sum.build += spin.cpu + gcc.cpu;
    sum.search += run.cpu;
    compare(job, result, run.stdout);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function compare({ scenario, kernel }, { verdict, violation, states, transitions }, stdout) {
  const errors = Number(/errors: (\d+)/.exec(stdout)?.[1]);
  const where = `${scenario} on ${kernel}`;
  if (violation && !OURS_ALONE.has(violation.name)) {
    if (errors === 0) throw new Error(`${where}: violated, but not in Spin`);
    return;
  }
  if (errors !== 0) throw new Error(`${where}: ${verdict}, but violated in Spin\n${stdout}`);
  // the first step, and one at each proper end, are the model's own; the first arrival counts as a transition
  const stored = Number(/([\d.e+]+) states, stored/.exec(stdout)?.[1]);
  const ends = stored - 1 - states;
  const taken = Number(/([\d.e+]+) transitions/.exec(stdout)?.[1]) - 2 - ends;
  if (ends < 1 || taken !== transitions) {
    throw new Error(`${where}: ${states} states, ${transitions} transitions, but in Spin ${stored}, ${taken}`);
  }
}

function totalOf(rows) {
  const sum = (pick) => rows.reduce((all, row) => all + pick(row), 0);
  return {
    scenario: 'all',
    kernels: sum(({ kernels }) => kernels),
    spin: { build: sum(({ spin }) => spin.build), search: sum(({ spin }) => spin.search) },
    modes: modes.map((_, i) => ({
      states: sum((row) => row.modes[i].states),
      build: sum((row) => row.modes[i].build),
      search: sum((row) => row.modes[i].search),
    })),
  };
}

function table(rows) {
  const head = ['scenario', 'kernels', ...modes.flatMap(({ name }) => [`${name}: states`, 'build s', 'search s'])];
  if (isThere.spin) head.push('Spin: build s', 'search s', 'times, whole', 'times, search');
  const lines = rows.map(({ scenario, kernels, modes: own, spin }) => {
    const cells = [
      scenario,
      kernels,
      ...own.flatMap(({ states, build, search }) => [states, figure(build), figure(search)]),
    ];
    const { build, search } = own.at(-1);
    if (isThere.spin) {
      const whole = (spin.build + spin.search) / (build + search);
      cells.push(figure(spin.build), figure(spin.search), figure(whole), figure(spin.search / search));
    }
    return `| ${cells.join(' | ')} |`;
  });
  return [
    `| ${head.join(' | ')} |`,
    `|---|${head
      .slice(1)
      .map(() => '---:')
      .join('|')}|`,
    ...lines,
  ];
}

// SPDX-License-Identifier: Apache-2.0
/** Which lines of kernel code a search executes, and which not: told exactly, and without changing what is searched. */
import { describe, expect, it } from 'vitest';
import type { Covered, KernelCoverage, Outcome } from '../src/app/check-data.js';
import { runJob } from '../src/app/check-job.js';
import { plan } from '../src/app/check-plan.js';
import { CoverageSum } from '../src/app/coverage.js';
import { renderCoverage } from '../src/cli/render-coverage.js';
import { PLAIN } from '../src/cli/terminal.js';
import { tinyWorkspace } from './helpers/tiny.js';

const DROP = `
import { atomic_dec, atomic_read } from '../machine/atomic.js';
import { COUNT_AT_ONCE } from './commits.js';
import { type Page } from './count.js';
export function is_free(page: Page): boolean {
  return atomic_read(page._refcount) === 0;
}
export function unused(page: Page): void {
  atomic_dec(page._refcount);
}
export function set_up(page: Page): void {
  page._refcount.counter = 1;
}
export function drop(page: Page): void {
  if (COUNT_AT_ONCE) {
    atomic_dec(page._refcount);
  } else {
    page._refcount.counter = 7;
  }
  if (!is_free(page)) {
    unused(page);
    page._refcount.counter = 5;
  }
  while (
    page._refcount.counter > 5
  ) {
    atomic_dec(page._refcount);
  }
}
`;

const scenarioOf = (count: number) => `
import { atomic_read } from '../machine/atomic.js';
import { objects } from '../machine/core.js';
import { scenario } from '../machine/scenario.js';
import { type Page } from '../linux/count.js';
import { drop, set_up } from '../linux/drop.js';
const mem_map = objects<Page>(1);
export default scenario({
  title: 't', question: 'q', about: [], expect: { 'v5.14': 'not applicable', 'v6.1': 'holds' },
  init: () => { set_up(mem_map[0]); ${count === 2 ? 'mem_map[0]._refcount.counter = 2;' : ''} },
  tasks: { one: () => { drop(mem_map[0]); } },
  sometimes: { done: () => atomic_read(mem_map[0]._refcount) === ${count === 2 ? 5 : 0} },
  broken: {},
});
`;

/** Two functions that do the same, one at a time: tasks that run them may change places. */
const TWINS = `
import { atomic_inc } from '../machine/atomic.js';
import { object } from '../machine/core.js';
import { spin_lock, type spinlock_t, spin_unlock } from '../machine/lock.js';
import { type Page } from './count.js';
interface Zone { lock: spinlock_t; }
const zone = object<Zone>();
export function get_one(page: Page): void {
  spin_lock(zone.lock);
  atomic_inc(page._refcount);
  spin_unlock(zone.lock);
}
export function get_other(page: Page): void {
  spin_lock(zone.lock);
  atomic_inc(page._refcount);
  spin_unlock(zone.lock);
}
`;
const TWINS_SCENARIO = `
import { atomic_read } from '../machine/atomic.js';
import { objects } from '../machine/core.js';
import { scenario } from '../machine/scenario.js';
import { type Page } from '../linux/count.js';
import { get_one, get_other } from '../linux/twins.js';
const mem_map = objects<Page>(1);
export default scenario({
  title: 't', question: 'q', about: [], expect: { 'v5.14': 'holds', 'v6.1': 'holds' },
  tasks: { one: () => get_one(mem_map[0]), other: () => get_other(mem_map[0]) },
  sometimes: { done: () => atomic_read(mem_map[0]._refcount) === 2 },
  broken: {},
});
`;

const workspace = tinyWorkspace({
  'src/linux/drop.ts': DROP,
  'src/scenarios/drop-one.ts': scenarioOf(1),
  'src/scenarios/drop-two.ts': scenarioOf(2),
});
const twins = tinyWorkspace({ 'src/linux/twins.ts': TWINS, 'src/scenarios/twins.ts': TWINS_SCENARIO });
const CHANGES = { with: [], without: [], coverage: true };

function searched(scenario: string, kernel = 'v6.1'): { outcome: Outcome; covered: Covered } {
  const { covered, ...done } = runJob(workspace, { scenario, kernel }, CHANGES);
  return { outcome: { scenario, kernel, ...done }, covered: covered as Covered };
}

function sumOf(scenarios: readonly string[]): KernelCoverage {
  const sum = new CoverageSum();
  for (const { outcome, covered } of scenarios.map((name) => searched(name))) sum.add(outcome, covered);
  const { functions } = plan(workspace, { scenarios: [], kernels: ['v6.1'], variants: false, ...CHANGES });
  return sum.report(['v6.1'], functions)[0];
}

const lineOf = (text: string, from = 0) =>
  DROP.split('\n').findIndex((line, i) => i >= from && line.includes(text)) + 1;

describe('coverage', () => {
  it('names the lines of a branch that is never taken, and none that the kernel does not have', () => {
    const { missed, lines, executed, searches, unfinished } = sumOf(['drop-one']);
    const inside = lineOf('unused(page);');
    const loop = lineOf('atomic_dec', inside);
    expect(missed.map(({ function: name, missed: ranges }) => [name, ranges])).toEqual([
      ['unused', [`${lineOf('atomic_dec', 2)}`]],
      ['drop', [`${inside}-${inside + 1}`, `${loop}`]],
    ]);
    expect({ lines: lines - executed, searches, unfinished }).toEqual({ lines: 4, searches: 1, unfinished: 0 });
  });

  it('adds up what several searches execute', () => {
    const { missed } = sumOf(['drop-one', 'drop-two']);
    expect(missed.map(({ missed: ranges }) => ranges)).toEqual([[`${lineOf('atomic_dec', lineOf('while'))}`]]);
  });

  it('asks each of two functions that do the same for its own lines', () => {
    const job = { scenario: 'twins', kernel: 'v6.1' };
    const { covered, ...counted } = runJob(twins, job, CHANGES);
    const sum = new CoverageSum();
    sum.add({ ...job, ...counted }, covered as Covered);
    expect(sum.report(['v6.1'])[0].missed).toEqual([]);
    // without coverage their tasks change places: fewer states
    const { result } = runJob(twins, job, { ...CHANGES, coverage: false });
    expect(result.states).toBeLessThan(counted.result.states);
  });

  it('tells what no task calls, and what runs only before the tasks', () => {
    const { uncalled } = sumOf(['drop-one', 'drop-two']);
    expect(uncalled?.map(({ function: name, init }) => [name, init])).toEqual([
      ['get_page', false],
      ['put_page', false],
      ['set_up', true],
    ]);
  });

  it('says so where a search ended early', () => {
    const sum = new CoverageSum();
    const { outcome, covered } = searched('lost-update', 'v5.14');
    sum.add(outcome, covered);
    expect(sum.report(['v5.14', 'v6.1'])).toMatchObject([{ kernel: 'v5.14', searches: 1, unfinished: 1 }]);
  });

  it('changes nothing of a search', () => {
    for (const kernel of workspace.kernels) {
      const { result } = runJob(workspace, { scenario: 'lost-update', kernel }, { ...CHANGES, coverage: false });
      expect(searched('lost-update', kernel).outcome.result).toEqual(result);
    }
  });

  it('is shown in 80 columns, by file', () => {
    const text = renderCoverage([sumOf(['drop-one'])], { width: 80, style: PLAIN });
    expect(text).toMatch(/^\nv6\.1: 5 of the 9 lines of kernel code/);
    expect(text).toMatch(/^Lines never executed:\n {2}drop\.ts\n {4}drop: \d+-\d+, \d+$/m);
    expect(text).toMatch(/^Functions never called:\n {2}drop\.ts: unused$/m);
    expect(text).toMatch(/^Run only before the tasks, alone:\n {2}drop\.ts: set_up$/m);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});

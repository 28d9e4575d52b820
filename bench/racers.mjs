// SPDX-License-Identifier: Apache-2.0
/**
 * What runs in the race of spin.bench.mjs: Spin, Rumur and refzero in each of its modes, as commands on one protocol at one
 * size. A tool that is not installed gives no racers, and says so.
 *
 * A racer is built once and run several times; both are timed apart.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { flagsOf, promelaOf, scenarioOf } from './protocols/instance.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const depthMax = 60_000_000;
const megabytesMax = 12_000;

const has = (tool) => spawnSync(tool, ['--version'], { stdio: 'ignore' }).error === undefined;
export const isThere = { spin: has('spin') && has('gcc'), rumur: has('rumur') && has('gcc') };

/** What is not installed, for people. */
export const absent = [
  ...(isThere.spin
    ? []
    : ['Spin was not found, so that nothing here was raced against it: `apt-get install spin gcc`']),
  ...(isThere.rumur ? [] : ['Rumur was not found: `apt-get install rumur`']),
];

/**
 * One timed run of a command. Without gcc the CPU time and memory of a child cannot be asked for, and are NaN.
 * @returns what it printed, and seconds and KiB
 */
export function timed(folder, command, args) {
  if (!isThere.spin) {
    const begin = performance.now();
    const { stdout } = spawnSync(command, args, { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 28 });
    return { stdout, wall: (performance.now() - begin) / 1000, cpu: Number.NaN, rss: Number.NaN };
  }
  const { stdout, output } = spawnSync(join(folder, 'rusage'), [command, ...args], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
  });
  return { stdout, ...JSON.parse(output[3]) };
}

/** Prepares a folder for runs. */
export function prepare(folder) {
  if (isThere.spin) execFileSync('gcc', ['-O2', '-o', join(folder, 'rusage'), here('rusage.c')]);
}

const secondsOf = (work) => {
  const begin = performance.now();
  work();
  return (performance.now() - begin) / 1000;
};

function spin(name, cc) {
  return (folder, { protocol, sizes, states }) => {
    const build = secondsOf(() => {
      execFileSync('spin', [...flagsOf(sizes), '-a', promelaOf(protocol)], { cwd: folder, stdio: 'ignore' });
      const limits = [`-DMEMLIM=${megabytesMax}`, '-DVECTORSZ=1024'];
      execFileSync('gcc', [...cc, ...limits, '-w', '-o', 'pan', 'pan.c'], { cwd: folder });
    });
    const slots = Math.max(16, Math.ceil(Math.log2(states)));
    // its stack is made at once, and no path is longer than there are states
    const depth = Math.min(depthMax, Math.max(10_000, states));
    return {
      name,
      build,
      run: () => {
        const { stdout, ...used } = timed(folder, './pan', [`-m${depth}`, `-w${slots}`]);
        if (/max search depth too small|out of memory/.test(stdout)) throw new Error(`${name}: ${stdout}`);
        return {
          ...used,
          states: Number(/([\d.e+]+) states, stored/.exec(stdout)?.[1]),
          // stored + matched: the first state is stored and no transition led to it
          transitions: Number(/([\d.e+]+) transitions/.exec(stdout)?.[1]) - 1,
          verdict: /errors: 0/.test(stdout) ? 'no error' : (/pan:1: (.*?) \(at/.exec(stdout)?.[1] ?? 'error'),
        };
      },
    };
  };
}

function rumur(name, symmetry) {
  return (folder, { protocol, sizes }) => {
    const build = secondsOf(() => {
      const given = { NPAGES: 2, NTHREADS: 2, HOLDS: 1, ...sizes };
      const text = readFileSync(here(`murphi/${protocol}.m`), 'utf8').replace(
        /^ {2}(NPAGES|NTHREADS|HOLDS): \d+;$/gm,
        (_, size) => `  ${size}: ${given[size]};`,
      );
      writeFileSync(join(folder, 'model.m'), text);
      const flags = ['--deadlock-detection', 'off', '--threads', '1', '--symmetry-reduction', symmetry];
      execFileSync('rumur', [...flags, '-o', 'model.c', 'model.m'], { cwd: folder });
      const cc = ['-std=c11', '-O3', '-march=native', '-mcx16', '-w', '-o', 'model', 'model.c', '-lpthread'];
      execFileSync('gcc', cc, { cwd: folder });
    });
    return {
      name,
      build,
      run: () => {
        const { stdout, ...used } = timed(folder, './model', []);
        const [, states, transitions] = /(\d+) states, (\d+) rules fired/.exec(stdout) ?? [];
        const verdict = /No error found/.test(stdout) ? 'no error' : 'error';
        return { ...used, states: Number(states), transitions: Number(transitions), verdict };
      },
    };
  };
}

/** The search alone, in a process of its own: what it takes is measured around it. */
function refzero(name, options) {
  return (folder, race) => {
    const args = argumentsOf(folder, race, options);
    const run = () => JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 28 }));
    return { name, run };
  };
}

function argumentsOf(folder, { protocol, sizes }, options) {
  const file = join(folder, `${protocol}.ts`);
  writeFileSync(file, scenarioOf(protocol, sizes));
  return [here('search.mjs'), file, JSON.stringify(options)];
}

/** Two such searches side by side, which share nothing but the machine. What is measured is the mean of the two. */
function refzeroTwice(name, options) {
  return (folder, race) => {
    const command = [process.execPath, ...argumentsOf(folder, race, options)];
    const script = '"$@" > one.json & "$@" > other.json; wait';
    const run = () => {
      execFileSync('sh', ['-c', script, 'sh', ...command], { cwd: folder });
      const [one, other] = ['one', 'other'].map((each) =>
        JSON.parse(readFileSync(join(folder, `${each}.json`), 'utf8')),
      );
      const mean = (key) => (one[key] + other[key]) / 2;
      return { ...one, build: mean('build'), wall: mean('wall'), cpu: mean('cpu'), rss: mean('rss') };
    };
    return { name, run };
  };
}

/**
 * name -> how a racer is made of a folder and a race; `isExact`: it visits every state, so that its counts are Spin's.
 * `isFor`: the protocols that it knows; `from`, `upTo`: the states that it is worth. `isAside`: it is about the machine, not drawn.
 */
export const racers = [
  ...(isThere.spin
    ? [
        { name: 'Spin', isExact: true, make: spin('Spin', ['-O2', '-DSAFETY', '-DNOREDUCE']) },
        // what they gain is seen by then, and beyond it they would take a quarter of an hour
        {
          name: 'Spin, best flags',
          upTo: 3e7,
          make: spin('Spin, best flags', ['-O3', '-march=native', '-DSAFETY', '-DNOFAIR']),
        },
      ]
    : []),
  ...(isThere.rumur
    ? [
        { name: 'Rumur', isExact: true, isFor: ['refcount'], upTo: 1e6, make: rumur('Rumur', 'off') },
        { name: 'Rumur, symmetry', isFor: ['refcount'], make: rumur('Rumur, symmetry', 'heuristic') },
      ]
    : []),
  { name: 'refzero', isExact: true, make: refzero('refzero', { noReductions: true }) },
  {
    name: 'refzero, 2 workers',
    isExact: true,
    from: 1e6,
    make: refzero('refzero, 2 workers', { noReductions: true, threads: 2 }),
  },
  {
    name: 'refzero, two at once',
    isExact: true,
    isAside: true,
    from: 1e6,
    make: refzeroTwice('refzero, two at once', { noReductions: true }),
  },
  {
    name: 'refzero, fingerprints',
    isExact: true,
    make: refzero('refzero, fingerprints', { noReductions: true, fingerprints: true }),
  },
  { name: 'refzero, reduced', make: refzero('refzero, reduced', {}) },
];

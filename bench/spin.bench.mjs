// SPDX-License-Identifier: Apache-2.0
/**
 * The race: three protocols (bench/promela, bench/protocols) at growing sizes, Spin and other checkers against refzero in each
 * of its modes. Runs are interleaved, so that a busy machine slows all alike; numbers are medians.
 *
 * Who visits every state must count as many states and transitions as Spin, or the race ends with an error.
 * `REFZERO_BENCH_STATES=9e7` (default 10^7) bounds how many states a size has; `REFZERO_BENCH_SMALL=1` is a trial: one run of
 * each size up to 10^5.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { figure } from './figure.mjs';
import { plot } from './plot.mjs';
import { absent, prepare, racers } from './racers.mjs';

const small = process.env.REFZERO_BENCH_SMALL === '1';
const statesMax = small ? 1e5 : Number(process.env.REFZERO_BENCH_STATES ?? 1e7);

/** States above which a race is run once. */
const ONCE_ABOVE = 6e6;

/** `states`: how many there are, for the size of Spin's table */
const races = [
  { protocol: 'refcount', sizes: { NPAGES: 1, NTHREADS: 5 }, states: 32_372 },
  { protocol: 'refcount', sizes: { NPAGES: 3, NTHREADS: 4 }, states: 143_792 },
  { protocol: 'refcount', sizes: { NPAGES: 3, NTHREADS: 4, HOLDS: 2 }, states: 781_553 },
  { protocol: 'refcount', sizes: { NPAGES: 3, NTHREADS: 5 }, states: 5_115_224 },
  { protocol: 'refcount', sizes: { NPAGES: 3, NTHREADS: 5, HOLDS: 2 }, states: 53_304_077 },
  { protocol: 'daxtruncate', sizes: { NPAGES: 3, NGUP: 1, ROUNDS: 1 }, states: 14_308 },
  { protocol: 'daxtruncate', sizes: {}, states: 212_130 },
  { protocol: 'daxtruncate', sizes: { NPAGES: 2 }, states: 1_474_063 },
  { protocol: 'daxtruncate', sizes: { NGUP: 3 }, states: 2_873_644 },
  { protocol: 'daxtruncate', sizes: { NPAGES: 2, NGUP: 3 }, states: 25_559_723 },
  { protocol: 'daxtruncate', sizes: { NPAGES: 2, ROUNDS: 4 }, states: 69_326_956 },
  { protocol: 'daxtruncate', sizes: { NPAGES: 3, NGUP: 3 }, states: 85_901_745 },
  { protocol: 'migrate', sizes: { NCFAULT: 0 }, states: 33_290 },
  { protocol: 'migrate', sizes: {}, states: 392_600 },
  { protocol: 'migrate', sizes: { NPFAULT: 2 }, states: 4_359_167 },
  { protocol: 'migrate', sizes: { NDRV: 2 }, states: 4_713_914 },
  { protocol: 'migrate', sizes: { NADDR: 2 }, states: 9_412_720 },
  { protocol: 'migrate', sizes: { NPFAULT: 2, NDRV: 2 }, states: 62_342_063 },
].filter(({ states }) => states <= statesMax);

export default {
  title: 'The race against Spin',
  report() {
    const folder = mkdtempSync(join(tmpdir(), 'refzero-race-'));
    try {
      prepare(folder);
      const results = races.map((race) => ({ ...race, entries: run(folder, race) }));
      const drawn = results.map((race) => ({ ...race, entries: race.entries.filter(({ isAside }) => !isAside) }));
      writeFileSync(fileURLToPath(new URL('race.svg', import.meta.url)), plot(drawn));
      return [...HEAD, ...absent.map((line) => `**${line}.**\n`), ...tables(results), ...OTHERS];
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** @returns per racer the medians of its interleaved runs */
function run(folder, race) {
  const made = racers
    .filter(
      ({ isFor, from = 0, upTo = Number.POSITIVE_INFINITY }) =>
        (!isFor || isFor.includes(race.protocol)) && race.states >= from && race.states <= upTo,
    )
    .map((racer, i) => {
      const own = join(folder, `${race.protocol}-${i}`);
      rmSync(own, { recursive: true, force: true });
      mkdirSync(own);
      prepare(own);
      return { ...racer, ...racer.make(own, race), runs: [] };
    });
  const rounds = small || race.states > ONCE_ABOVE ? 1 : 3;
  for (let round = 0; round < rounds; round++) for (const racer of made) racer.runs.push(racer.run());
  const entries = made.map(({ name, isExact, isAside, build, runs }) => {
    const median = (key) => runs.map((one) => one[key]).sort((a, b) => a - b)[Math.floor(runs.length / 2)];
    const [{ states, transitions, verdict }] = runs;
    return {
      name,
      isExact,
      isAside,
      // of refzero each run is a process of its own that builds
      build: build ?? median('build'),
      states,
      transitions,
      verdict,
      wall: median('wall'),
      cpu: median('cpu'),
      rss: median('rss'),
    };
  });
  const [first, ...others] = entries.filter(({ isExact }) => isExact);
  for (const { name, states, transitions } of others) {
    const isSame = states === first.states && areAlike(transitions, first.transitions);
    const counts = `${states} states, ${transitions} transitions, but ${first.name} ${first.states}, ${first.transitions}`;
    if (!isSame) throw new Error(`${race.protocol} ${JSON.stringify(race.sizes)}: ${name} has ${counts}`);
  }
  console.error(`${race.protocol} ${JSON.stringify(race.sizes)}: ${first.states} states`);
  return entries;
}

/** Spin prints a count, one more than it is here, with eight digits. */
const areAlike = (ours, theirs) =>
  Math.abs(ours - theirs) * 2 <= 10 ** Math.max(0, Math.floor(Math.log10(ours + 1)) - 7);

const HEAD = [
  'Same protocols, same grain, same states (`bench/promela`, `bench/protocols`; docs/explorer.md, "Same counts as Spin").',
  `Medians of 3 interleaved runs (one run above ${ONCE_ABOVE / 1e6} million states). *CPU* is what the search itself takes; *build* is wall time before`,
  'it: `spin -a` and gcc, or for refzero reading and compiling the sources. *times Spin* compares CPU time for the whole verdict',
  'with `Spin`: `-O2 -DSAFETY -DNOREDUCE`; `best flags`: `-O3 -march=native -DSAFETY -DNOFAIR`, with its partial-order reduction.',
  '*two at once* are two searches of one thread each, side by side, each of which takes so long: twice `refzero` divided by that, by the',
  'wall, is the most that two workers could gain on this machine.',
  'Tables of Spin have 2^n slots for the states there are (`-w`). *bytes* is peak resident memory of the search a state of the',
  "whole graph. Spin's figure of transitions also counts the arrival in the first state; that one is taken off.",
  '',
];

const OTHERS = [
  '![CPU time against states](race.svg)',
  '',
  'Other checkers: of DIVINE, LTSmin, CBMC, Nidhugg, GenMC, NuSMV, mCRL2, TLC and Murphi, Debian 12 has none; it has Rumur',
  '(a Murphi), which runs `bench/murphi/refcount.m`, with its symmetry of identical threads and without.',
  '',
];

function tables(results) {
  const lines = [];
  for (const { protocol, sizes, entries } of results) {
    const [{ states }] = entries;
    // Spin's has eight digits, ours all
    const { transitions } = entries.findLast(({ isExact }) => isExact);
    const given = Object.entries(sizes).map(([name, value]) => `${name}=${value}`);
    lines.push(`**${protocol} ${given.join(' ')}**: ${states} states, ${transitions} transitions`, '');
    lines.push('| | verdict | states | CPU s | wall s | build s | M states/s | bytes | times Spin |');
    lines.push('|---|---|---:|---:|---:|---:|---:|---:|---:|');
    const spin = entries.find(({ name }) => name === 'Spin');
    for (const { name, verdict, states: own, cpu, wall, build, rss } of entries) {
      const rate = own / 1e6 / cpu;
      const bytes = states >= 1e6 ? ((rss * 1024) / states).toFixed(0) : '';
      const times = spin ? figure(spin.cpu / cpu) : '';
      const cells = [name, verdict, own, figure(cpu), figure(wall), figure(build), figure(rate), bytes, times];
      lines.push(`| ${cells.join(' | ')} |`);
    }
    lines.push('');
  }
  return lines;
}

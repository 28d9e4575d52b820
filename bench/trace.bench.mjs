// SPDX-License-Identifier: Apache-2.0
/**
 * `refzero trace` from the file to the verdict on every page, by one thread and by two, beside `trace-cmd report` on the same file
 * and `perf script` on a recording of the same machine, all to /dev/null, runs of all taken in turn. Compared is CPU time (user
 * and system) of the whole process; two threads are worth what they save of wall time, which needs an idle machine. Files of any
 * size are made from a real recording (trace-make.mjs) in a temporary folder. Needs ../shared/recordings, trace-cmd and
 * /usr/bin/time; leaves out what is not there. TRACE_EVENTS bounds the largest file, TRACE_RUNS is how often (3).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makerOf } from './trace-make.mjs';
import { plot } from './trace-plot.mjs';

const RECORDINGS = process.env.REFZERO_RECORDINGS ?? fileURLToPath(new URL('../../shared/recordings', import.meta.url));
const MAIN = fileURLToPath(new URL('../dist/bin/main.cjs', import.meta.url));
const LARGEST = Number(process.env.TRACE_EVENTS ?? 5e7);
const SIZES = [1e5, 3e5, 1e6, 3e6, 1e7, 2e7, 5e7].filter((size) => size <= LARGEST);
const TEXT_EVENTS = Math.min(1e6, LARGEST);
/** the peer takes minutes beyond this: only ourselves are measured */
const PEER_EVENTS = 6e6;
const RUNS = Number(process.env.TRACE_RUNS ?? 3);

export default {
  title: 'Recordings: from trace.dat to the verdict on every page',
  async report() {
    if (!existsSync(`${RECORDINGS}/6.12/large.dat.xz`) || !has('trace-cmd')) return ['No recordings, or no trace-cmd.'];
    const folder = mkdtempSync(join(tmpdir(), 'refzero-bench-'));
    try {
      const [plain, points] = await sizes(folder);
      const others = await forms(folder);
      writeFileSync(fileURLToPath(new URL('trace.svg', import.meta.url)), plot(points));
      return [...table([...plain, ...others]), '', ...notes(points), ...text(folder), ...perf(folder)];
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

const has = (tool) => spawnSync('which', [tool]).status === 0;

/** @returns the file of a recording, unpacked and in version 6 */
function version6(folder, name) {
  const [packed, plain] = [join(folder, 'packed.dat'), join(folder, `${name.replace('/', '-')}.dat`)];
  writeFileSync(packed, execFileSync('xz', ['-dc', `${RECORDINGS}/${name}.dat.xz`], { maxBuffer: 1 << 30 }));
  convert(packed, plain, '--file-version', '6');
  return plain;
}

function convert(from, to, ...options) {
  execFileSync('trace-cmd', ['convert', '-i', from, '-o', to, ...options], { stdio: 'ignore' });
}

/** One run: seconds of CPU and of the clock on the wall, and the largest resident memory in bytes. */
function run(command, args, input) {
  const shell = input === undefined ? 'exec "$@" > /dev/null' : `${input} | { exec "$@" > /dev/null; }`;
  const all = ['-f', '%e %U %S %M', command, ...args];
  const { stderr } = spawnSync('sh', ['-c', shell, 'sh', '/usr/bin/time', ...all], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const [wall, user, system, kilobytes] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return { wall, cpu: user + system, bytes: kilobytes * 1024 };
}

const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const medianOf = (runs) => ({
  wall: middle(runs.map(({ wall }) => wall)),
  cpu: middle(runs.map(({ cpu }) => cpu)),
  bytes: middle(runs.map(({ bytes }) => bytes)),
});

const trace = (file, threads) => run(process.execPath, [MAIN, 'trace', file, '--threads', `${threads}`]);

/** One thread, two threads and trace-cmd in turn. */
function beside(what, file, events) {
  const runs = { one: [], two: [], peer: [] };
  for (let n = 0; n < (events > 6e6 ? 1 : RUNS); n++) {
    runs.one.push(trace(file, 1));
    runs.two.push(trace(file, 2));
    if (events <= PEER_EVENTS) runs.peer.push(run('trace-cmd', ['report', '-i', file]));
  }
  const peer = runs.peer.length > 0 ? medianOf(runs.peer) : undefined;
  const read = events >= 1e6 && events <= PEER_EVENTS ? reading(file) : undefined;
  return { what, events, one: medianOf(runs.one), two: medianOf(runs.two), peer, read };
}

/** Millions of events a second that are read into columns: the first time and later. */
function reading(file) {
  const script = fileURLToPath(new URL('trace-read.mjs', import.meta.url));
  return JSON.parse(execFileSync(process.execPath, [script, file], { encoding: 'utf8' }));
}

const mebibytes = (bytes) => Math.round(bytes / 2 ** 20);

function table(measured) {
  const head = [
    'recording',
    'M events',
    'CPU s',
    'trace-cmd CPU s',
    'ratio',
    'wall s',
    'two threads: wall s',
    'times faster',
    'their CPU s',
    'MiB resident',
    'reading, M events/s: first, later',
  ];
  const rows = measured.map(({ what, events, one, two, peer, read }) => [
    what,
    (events / 1e6).toPrecision(3),
    one.cpu.toFixed(2),
    peer ? peer.cpu.toFixed(2) : '',
    peer ? (one.cpu / peer.cpu).toFixed(3) : '',
    one.wall.toFixed(2),
    two.wall.toFixed(2),
    (one.wall / two.wall).toFixed(2),
    two.cpu.toFixed(2),
    `${mebibytes(one.bytes)}, ${mebibytes(two.bytes)}`,
    read ? `${read.cold.toFixed(1)}, ${read.warm.toFixed(1)}` : '',
  ]);
  return [head, head.map((_, at) => (at === 0 ? '---' : '---:')), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}

/** Plain events, version 6, from 10^5 to 5x10^7. */
async function sizes(folder) {
  const maker = await makerOf(version6(folder, '6.12/large'));
  const small = await makerOf(version6(folder, '6.12/pagecache'));
  const file = join(folder, 'made.dat');
  const rows = [];
  for (const size of SIZES) {
    const from = size < maker.events ? small : maker;
    const rounds = Math.max(1, Math.round(size / from.events));
    from.write(file, rounds);
    rows.push(beside('plain, version 6', file, rounds * from.events));
  }
  rmSync(file);
  return [rows, rows.map(({ events, one, peer }) => ({ events, cpu: one.cpu, bytes: one.bytes, peer: peer?.cpu }))];
}

/** What memory and time grow by, between the largest sizes. */
function notes(points) {
  const large = points.filter(({ events }) => events >= 1e6);
  if (large.length < 2) return [];
  const [first, last] = [large[0], large.at(-1)];
  const events = last.events - first.events;
  const each = (last.bytes - first.bytes) / events;
  const rate = events / (last.cpu - first.cpu) / 1e6;
  const base = mebibytes(first.bytes - each * first.events);
  return [
    `One thread: ${each.toFixed(0)} bytes of resident memory an event, beyond ${base} MiB; ${rate.toFixed(1)} M events/s from file to verdict beyond the first million. All sizes: trace.svg.`,
    '',
  ];
}

/** The other forms: version 7 with zstd, stacks. */
async function forms(folder) {
  const rows = [];
  for (const [name, what, numbers] of [
    ['6.12/large', 'plain', [1, 4]],
    ['5.10/pagecache-stacks', 'stacks', [12]],
  ]) {
    const maker = await makerOf(version6(folder, name));
    const [six, seven] = [join(folder, 'six.dat'), join(folder, 'seven.dat')];
    const most = Math.max(1, Math.floor(LARGEST / maker.events));
    for (const rounds of new Set(numbers.map((number) => Math.min(number, most)))) {
      maker.write(six, rounds);
      const events = maker.events * rounds;
      if (what === 'stacks') rows.push(beside(`${what}, version 6`, six, events));
      convert(six, seven, '--file-version', '7', '--compression', 'zstd');
      rows.push(beside(`${what}, version 7, zstd`, seven, events));
    }
  }
  return rows;
}

/** What trace-cmd report printed, read from a file and from a pipe. */
function text(folder) {
  const [made, file] = [join(folder, 'six.dat'), join(folder, 'text')];
  execFileSync('sh', ['-c', `trace-cmd report -i ${made} 2> /dev/null | head -n ${TEXT_EVENTS * 15} > ${file}`]);
  const { size } = statSync(file);
  const kernel = ['--kernel', '5.10'];
  const whole = medianOf(Array.from({ length: RUNS }, () => run(process.execPath, [MAIN, 'trace', file, ...kernel])));
  const pipe = run(process.execPath, [MAIN, 'trace', '-', ...kernel], `cat ${file}`);
  const rate = ({ cpu }) => `${(size / 1e6 / cpu).toFixed(0)} MB/s of CPU time`;
  return [
    `Text of trace-cmd report, ${Math.round(size / 1e6)} MB with stacks, to the verdict: ${rate(whole)}, ${mebibytes(whole.bytes)} MiB resident; from a pipe ${rate(pipe)}, ${mebibytes(pipe.bytes)} MiB.`,
    '',
  ];
}

/** perf cannot read a trace.dat: what it takes for each event of a recording of its own. */
function perf(folder) {
  const file = join(folder, 'perf.data');
  const events = 'kmem:mm_page_alloc,kmem:mm_page_free';
  const made = spawnSync('perf', ['record', '-q', '-a', '-e', events, '-o', file, 'sleep', '3'], { stdio: 'ignore' });
  if (made.status !== 0 || !existsSync(file)) return [];
  const lines = execFileSync('sh', ['-c', `perf script -i ${file} 2> /dev/null | wc -l`], { encoding: 'utf8' });
  const { cpu } = medianOf(Array.from({ length: RUNS }, () => run('perf', ['script', '-i', file])));
  const rate = Number(lines) / cpu / 1e6;
  return [
    `perf script prints ${rate.toFixed(3)} M events/s of CPU time: ${lines.trim()} kmem events without stacks, recorded by perf here.`,
  ];
}

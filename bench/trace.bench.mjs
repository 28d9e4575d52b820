// SPDX-License-Identifier: Apache-2.0
/**
 * `refzero trace` from the file to the verdict on every page, beside `trace-cmd report` on the same file and `perf script` on
 * a recording of the same machine, all to /dev/null and in CPU time (user and system) of the whole process, runs of both
 * taken in turn. Files of any size are made from a real recording (trace-make.mjs) in a temporary folder. Needs
 * ../shared/recordings, trace-cmd and /usr/bin/time; leaves out what is not there. TRACE_EVENTS bounds the largest file, TRACE_RUNS is how often (3).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makerOf } from './trace-make.mjs';
import { plot } from './trace-plot.mjs';

const RECORDINGS = process.env.REFZERO_RECORDINGS ?? fileURLToPath(new URL('../../shared/recordings', import.meta.url));
const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const SIZES = [1e5, 3e5, 1e6, 3e6, 1e7, 2e7, 5e7].filter((size) => size <= Number(process.env.TRACE_EVENTS ?? 5e7));
const TEXT_EVENTS = 1e6;
/** the peer takes minutes beyond this: only ourselves are measured */
const PEER_EVENTS = 6e6;
const RUNS = Number(process.env.TRACE_RUNS ?? 3);

export default {
  title: 'Recordings: from trace.dat to the verdict on every page',
  async measure() {
    if (!existsSync(`${RECORDINGS}/6.12/large.dat.xz`) || !has('trace-cmd')) return [];
    const folder = mkdtempSync(join(tmpdir(), 'refzero-bench-'));
    try {
      return [...(await sizes(folder)), ...(await forms(folder)), ...text(folder), ...perf(folder)];
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

/** One run: seconds of CPU, and the largest resident memory in bytes. */
function run(command, args, input) {
  const shell = input === undefined ? 'exec "$@" > /dev/null' : `${input} | { exec "$@" > /dev/null; }`;
  const all = ['-f', '%U %S %M', command, ...args];
  const { stderr } = spawnSync('sh', ['-c', shell, 'sh', '/usr/bin/time', ...all], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const [user, system, kilobytes] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return { cpu: user + system, bytes: kilobytes * 1024 };
}

const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];

/** Ours and the peer's in turn. */
function beside(file, peer, runs = RUNS) {
  const ours = [];
  const theirs = [];
  for (let n = 0; n < runs; n++) {
    ours.push(run(process.execPath, [MAIN, 'trace', file]));
    if (peer) theirs.push(run(...peer));
  }
  const bytes = middle(ours.map((one) => one.bytes));
  return { cpu: middle(ours.map(({ cpu }) => cpu)), bytes, peer: peer && middle(theirs.map(({ cpu }) => cpu)) };
}

const millions = (events) => `${(events / 1e6).toPrecision(3)} M events`;

function rowsOf(what, events, { cpu, bytes, peer }) {
  const rate = `${(events / cpu / 1e6).toFixed(2)} M events/s, ${Math.round(bytes / 2 ** 20)} MiB resident`;
  const ratio = {
    what: `${what}: CPU time against trace-cmd report`,
    value: cpu / peer,
    unit: 'times',
    note: `${cpu.toFixed(2)} s, ${peer?.toFixed(2)} s; ${rate}`,
  };
  return peer === undefined ? [{ what: `${what}: CPU time`, value: cpu, unit: 's', note: rate }] : [ratio];
}

/** Plain events, version 6, from 10^5 to 5x10^7: the cost of each, and the plot. */
async function sizes(folder) {
  const maker = await makerOf(version6(folder, '6.12/large'));
  const small = await makerOf(version6(folder, '6.12/pagecache'));
  const file = join(folder, 'made.dat');
  const points = [];
  const rows = [];
  for (const size of SIZES) {
    const from = size < maker.events ? small : maker;
    const rounds = Math.max(1, Math.round(size / from.events));
    from.write(file, rounds);
    const events = rounds * from.events;
    const measured = beside(
      file,
      events <= PEER_EVENTS ? ['trace-cmd', ['report', '-i', file]] : undefined,
      size > 1e7 ? 1 : RUNS,
    );
    points.push({ events, ...measured });
    rows.push(...rowsOf(`plain, version 6, ${millions(events)}`, events, measured));
  }
  writeFileSync(fileURLToPath(new URL('trace.svg', import.meta.url)), plot(points));
  const last = points.at(-1);
  const first = points[0];
  const each = (last.bytes - first.bytes) / (last.events - first.events);
  rows.push({
    what: 'memory an event',
    value: each,
    unit: 'bytes',
    note: `beyond ${Math.round(first.bytes / 2 ** 20)} MiB; plot of all sizes: trace.svg`,
  });
  return rows;
}

/** The other forms: version 7 with zstd, stacks. */
async function forms(folder) {
  const rows = [];
  for (const [name, what, rounds] of [
    ['6.12/large', 'plain', 4],
    ['5.10/pagecache-stacks', 'with stacks', 12],
  ]) {
    const maker = await makerOf(version6(folder, name));
    const [six, seven] = [join(folder, 'six.dat'), join(folder, 'seven.dat')];
    maker.write(six, rounds);
    convert(six, seven, '--file-version', '7', '--compression', 'zstd');
    const events = maker.events * rounds;
    for (const [file, form] of [
      [six, 'version 6'],
      [seven, 'version 7, zstd'],
    ]) {
      if (what === 'plain' && file === six) continue;
      rows.push(
        ...rowsOf(`${what}, ${form}, ${millions(events)}`, events, beside(file, ['trace-cmd', ['report', '-i', file]])),
      );
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
  const whole = middle(Array.from({ length: RUNS }, () => run(process.execPath, [MAIN, 'trace', file, ...kernel]).cpu));
  const pipe = run(process.execPath, [MAIN, 'trace', '-', ...kernel], `cat ${file}`);
  const note = `${Math.round(size / 1e6)} MB with stacks, to the verdict`;
  return [
    { what: 'text of trace-cmd report', value: size / 1e6 / whole, unit: 'MB/s', note },
    {
      what: 'the same from a pipe',
      value: size / 1e6 / pipe.cpu,
      unit: 'MB/s',
      note: `${Math.round(pipe.bytes / 2 ** 20)} MiB resident`,
    },
  ];
}

/** perf cannot read a trace.dat: what it takes for each event of a recording of its own. */
function perf(folder) {
  const file = join(folder, 'perf.data');
  const events = 'kmem:mm_page_alloc,kmem:mm_page_free';
  const made = spawnSync('perf', ['record', '-q', '-a', '-e', events, '-o', file, 'sleep', '3'], { stdio: 'ignore' });
  if (made.status !== 0 || !existsSync(file)) return [];
  const lines = execFileSync('sh', ['-c', `perf script -i ${file} 2> /dev/null | wc -l`], { encoding: 'utf8' });
  const cpu = middle(Array.from({ length: RUNS }, () => run('perf', ['script', '-i', file]).cpu));
  const peer = Number(lines) / cpu / 1e6;
  return [
    {
      what: 'perf script',
      value: peer,
      unit: 'M events/s',
      note: `${lines.trim()} kmem events without stacks, recorded by perf here`,
    },
  ];
}

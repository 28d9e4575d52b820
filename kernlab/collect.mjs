#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
/**
 * collect.mjs RESULT OUT [PREFIX]: turns what a guest left (run.sh) into recordings: each trace.dat and text in .xz, and a
 * meta.json with the kernel, the events counted, what was lost, which pages are device memory, and what the workload said.
 *
 * It counts with this project's own reader (npm run build first); `trace-cmd report` is the second opinion.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { deviceRanges } from '../dist/app/record-facts.js';

const CLI = new URL('../dist/cli/main.js', import.meta.url).pathname;
const [result, out, prefix = ''] = process.argv.slice(2);
if (out === undefined) {
  process.stderr.write('collect.mjs RESULT OUT [PREFIX]\n');
  process.exit(2);
}

const textOf = (name) => (existsSync(join(result, name)) ? readFileSync(join(result, name), 'utf8') : '');

function report(file) {
  const { stdout } = spawnSync(process.execPath, [CLI, 'trace', file, '--json'], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  return JSON.parse(stdout);
}

/** The .xz beside the others, its size and hash. */
function packed(name) {
  const file = join(out, `${prefix}${name}`);
  copyFileSync(join(result, name), file);
  const { status } = spawnSync('xz', ['-f', file], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`xz ${file}`);
  const bytes = readFileSync(`${file}.xz`);
  return {
    file: basename(`${file}.xz`),
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
}

/** Device memory by the guest's /proc/iomem, and by its log what that does not name. */
function rangesOf(name) {
  const readBytes = (path) => {
    if (path !== '/proc/iomem') throw new Error('not saved');
    return readFileSync(join(result, `${name}.iomem`));
  };
  const list = () => [];
  const ranges = deviceRanges({ readBytes, list });
  const hex = (text, shift) => `0x${Math.floor(Number.parseInt(text, 16) / 2 ** shift).toString(16)}`;
  for (const [, first, last] of textOf('console.log').matchAll(/added peer-to-peer DMA memory 0x(\w+)-0x(\w+)/g)) {
    ranges.push({ first_pfn: hex(first, 12), last_pfn: hex(last, 12), type: 'p2pdma', source: 'kernel log' });
  }
  if (/coherent/.test(name)) {
    for (const [, first, end] of textOf('console.log').matchAll(/PFNs \[0x([89]\w{4}) 0x(\w+)\)/g)) {
      const last_pfn = `0x${(Number.parseInt(end, 16) - 1).toString(16)}`;
      ranges.push({ first_pfn: `0x${first}`, last_pfn, type: 'coherent', source: 'kernel log of test_hmm' });
    }
  }
  return ranges;
}

/** What one run is, under the names that the tests know. */
function runOf(name) {
  const files = {};
  const run = { stack_traces: /-stacks$/.test(name), files };
  const counts = ({ kinds }) => Object.fromEntries(kinds.map(({ name: kind, count }) => [kind, count]));
  const dat = report(join(result, `${name}.dat`));
  Object.assign(run, { trace_clock: dat.clock, events_in_dat: counts(dat) });
  run.stack_blocks = run.events_in_dat.kernel_stack ?? 0;
  run.lost_events = dat.lost.events + dat.lost.overrun + dat.lost.dropped;
  run.zone_device_ranges = existsSync(join(result, `${name}.iomem`))
    ? rangesOf(name)
    : dat.ranges.map(({ first, last, kind }) => ({
        first_pfn: `0x${first.toString(16)}`,
        last_pfn: `0x${last.toString(16)}`,
        type: kind,
        source: 'refzero record',
      }));
  files.dat = packed(`${name}.dat`);
  if (existsSync(join(result, `${name}.trace.txt`))) {
    run.events = counts(report(join(result, `${name}.trace.txt`)));
    files.text = packed(`${name}.trace.txt`);
  }
  const said = textOf(`${name}.truth`)
    .split('\n')
    .filter((line) => line.startsWith('{'));
  run.ground_truth = said.map((line) => JSON.parse(line));
  run.leak_ground_truth = run.ground_truth.filter(
    (entry) => 'leak' in entry || 'control' in entry || 'overput' in entry || 'underflow' in entry,
  );
  return { run, kernel: dat.kernel };
}

mkdirSync(out, { recursive: true });
const names = readdirSync(result)
  .filter((name) => name.endsWith('.dat'))
  .map((name) => name.slice(0, -4));
for (const workload of new Set(names.map((name) => name.replace(/-stacks$/, '')))) {
  const runs = {};
  let kernel;
  for (const name of names.filter((each) => each.replace(/-stacks$/, '') === workload)) {
    const found = runOf(name);
    runs[name === workload ? 'plain' : 'stacks'] = found.run;
    kernel = { release: found.kernel, version: textOf('machine.txt').split('\n')[1] ?? '' };
    process.stdout.write(`${name}: ${found.run.files.dat.bytes} bytes, lost ${found.run.lost_events}\n`);
  }
  const meta = { kernel, workload, machine: 'qemu-system-x86_64, TCG, 2 CPUs, 2 NUMA nodes', runs };
  writeFileSync(join(out, `${prefix}${workload}.meta.json`), `${JSON.stringify(meta, null, 1)}\n`);
}

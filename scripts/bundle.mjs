// SPDX-License-Identifier: Apache-2.0
/**
 * dist/bin: the command and its threads in few files, with the small packages that they use, which are read faster than many; and
 * beside those that `refzero trace` needs the code that V8 makes of them (src/app/load.ts). Names are of contents, but for what
 * others know: main.cjs and the threads, which only load.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rolldown } from 'rolldown';

const OUT = 'dist/bin';
/** what is started: a file of dist, and how it is called in dist/bin */
const STARTED = { main: 'cli/main', 'check-worker': 'app/check-worker', 'trace-worker': 'app/trace-worker' };
/** packages that are bundled, and so their licences */
const BUNDLED = ['commander', 'zstddec'];
/** runs that show what code is needed, of recordings of the package */
const RUNS = ['5.10-leaks-private.trace.txt.zst', '5.10-leaks-fsdax.dat.xz', '6.12-record.dat.xz'];

/** how records are written on nearly all machines (src/trace/loop-text.ts) */
const DIALECTS = [
  { little: true, scaled: false },
  { little: true, scaled: true },
];

export async function bundle() {
  rmSync(OUT, { recursive: true, force: true });
  await write({ load: 'dist/app/load.js' }, '[name].cjs');
  const input = Object.fromEntries(Object.entries(STARTED).map(([name, file]) => [name, `dist/${file}.js`]));
  const files = await write(input, '[name]-[hash].cjs');
  for (const { name, fileName, isEntry } of files)
    if (isEntry) writeFileSync(`${OUT}/${name}.cjs`, starter(name, fileName));
  chmodSync(`${OUT}/main.cjs`, 0o755);
  keepCode();
}

/** @returns the files that were written */
async function write(input, names) {
  const whole = await rolldown({
    input,
    platform: 'node',
    external: (id) => /^[^./]/.test(id) && !BUNDLED.includes(id),
    plugins: [
      {
        name: 'threads',
        renderChunk: (code) => code.replace(/\.\/(\w+-worker)\.js/g, './$1.cjs').replace(/^#!.*/, ''),
      },
      { name: 'loop', transform: (code, id) => (id.endsWith('/dist/trace/loop-bytes.js') ? loopBytes() : code) },
    ],
  });
  const { output } = await whole.write({
    dir: OUT,
    format: 'cjs',
    entryFileNames: names,
    chunkFileNames: '[name]-[hash].cjs',
    banner: ({ moduleIds }) => licencesOf(moduleIds),
  });
  await whole.close();
  return output;
}

/** src/trace/loop-bytes.ts, filled. */
async function loopBytes() {
  const { assembled, keyOf } = await import('../dist/trace/loop.js');
  const bytes = DIALECTS.map((dialect) => [keyOf(dialect), Array.from(assembled(dialect))]);
  return `export const ASSEMBLED = ${JSON.stringify(Object.fromEntries(bytes))};`;
}

function licencesOf(modules) {
  const used = BUNDLED.filter((name) => modules.some((id) => id.includes(`/node_modules/${name}/`)));
  return used.map((name) => `/* ${name}\n${readFileSync(`node_modules/${name}/LICENSE`, 'utf8')}*/`).join('\n');
}

function starter(name, file) {
  const licence = '// SPDX-License-Identifier: Apache-2.0';
  const loads = `load(\`\${__dirname}/${file}\`);`;
  if (name !== 'main') return [licence, "const { load } = require('./load.cjs');", loads, ''].join('\n');
  return [
    '#!/usr/bin/env node',
    licence,
    "const { load, tune } = require('./load.cjs');",
    "tune(process.argv.slice(2).find((arg) => !arg.startsWith('-')));",
    loads,
    '',
  ].join('\n');
}

/** Each run adds what it needed to what is there. Without code all works, only later. */
function keepCode() {
  const keep = `process.on('exit', () => require('./${OUT}/load.cjs').keepCode()); require('./${OUT}/main.cjs')`;
  for (const name of RUNS) {
    // V8 scatters its tables by chance, unless it is told a seed: the same files each time
    const args = ['--random-seed=1', '-e', keep, 'refzero', 'trace', `recordings/${name}`, '--threads', '1'];
    spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  }
}

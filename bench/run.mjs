// SPDX-License-Identifier: Apache-2.0
/**
 * `npm run bench`: runs every bench/*.bench.mjs on the built package, prints the numbers and writes bench/RESULTS.md.
 *
 * A bench file's default export is `{ title, measure }`; `measure()` gives rows `{ what, value, unit, note? }` (or a
 * promise of them), of which it has taken the median itself (median.mjs). Instead of `measure` it may have `report()`, which
 * gives lines of Markdown. `node bench/run.mjs boot` runs one.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { figure } from './figure.mjs';

// children inherit what is here: certificates that a machine adds take Node 60 ms of each start, and a trace or a search has no use for
// them (a peer that is not Node does not look at it)
delete process.env.NODE_EXTRA_CA_CERTS;

const folder = fileURLToPath(new URL('.', import.meta.url));
const wanted = process.argv.slice(2);
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.bench.mjs'))
  .map((file) => file.slice(0, -'.bench.mjs'.length))
  .filter((name) => wanted.length === 0 || wanted.includes(name))
  .sort();
if (names.length === 0) {
  console.error(`no bench called ${wanted.join(', ')}`);
  process.exit(2);
}

const out = ['# Measured', '', `By \`npm run bench\` in CPU time; ${machine()}.`];
for (const name of names) {
  const { title, measure, report } = (await import(`./${name}.bench.mjs`)).default;
  out.push('', `## ${title}`, '');
  if (report) {
    out.push(...(await report()));
    continue;
  }
  const rows = await measure();
  out.push('| what | median | |', '|---|---:|---|');
  for (const { what, value, unit, note = '' } of rows) out.push(`| ${what} | ${figure(value, 3)} ${unit} | ${note} |`);
}
console.log(out.join('\n'));
if (wanted.length === 0) writeFileSync(`${folder}RESULTS.md`, `${out.join('\n')}\n`);

function machine() {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${cpu?.model.trim() ?? 'unknown CPU'}, ${cpus().length} CPUs, ${memory}, Node ${process.version}, ${process.platform}, load ${loadavg()[0].toFixed(1)} at the beginning`;
}

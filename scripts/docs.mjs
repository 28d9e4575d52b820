// SPDX-License-Identifier: Apache-2.0
/**
 * Writes the generated parts of docs: `npm run docs` runs each `$ npx refzero trace …` of docs/recordings.md again and puts what it
 * prints below it. Tests fail while a document says something else than the program does. Run `npm run build` first.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function refzero(args) {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['dist/cli/main.js', ...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0 && status !== 1) throw new Error(`refzero ${args.join(' ')}: ${stderr}`);
  return stdout;
}

function transcripts(path) {
  const before = readFileSync(`${root}/${path}`, 'utf8');
  const after = before.replace(/(```console\n\$ npx refzero (trace .+)\n)[\s\S]*?```/g, (_, head, args) => {
    return `${head}${refzero(args.split(' '))}\`\`\``;
  });
  if (after !== before) writeFileSync(`${root}/${path}`, after);
  process.stdout.write(`${path} ${after === before ? 'is up to date' : 'written'}\n`);
}

transcripts('docs/recordings.md');

// SPDX-License-Identifier: Apache-2.0
/** `refzero trace diff` and `refzero trace fidelity`: recordings held against each other, and against src/linux. */
import type { Command } from 'commander';
import { diffOf } from '../app/trace-diff.js';
import { EXIT } from './errors.js';
import { Progress } from './progress.js';
import { screenOf } from './terminal.js';
import { renderDiff } from './trace-diff.js';
import { fidelityMarkdown, renderFidelity } from './trace-fidelity.js';
import { collect, FILE, limitOf, type SourceFlags, sourceOf } from './trace-options.js';
import { jsonText, type OutputFlags, put } from './trace-output.js';

interface CompareFlags extends Pick<OutputFlags, 'json' | 'output' | 'force'>, SourceFlags {
  limit: string;
}

interface FidelityFlags extends CompareFlags {
  markdown?: boolean;
}

/** Adds both to the command `trace`. */
export function compareCommands(trace: Command): void {
  trace
    .command('diff')
    .summary('compare two recordings by call path and verdict')
    .description(
      'Says what leaks in B and not in A, and which call paths move references more or less often, whatever pages and lengths the ' +
        'two have. Finds NAME.meta.json beside a recording. Exit code 1 where B has a finding that A does not have.',
    )
    .argument('<a>', 'a recording, for example before a patch')
    .argument('<b>', 'another, for example after it')
    .option('--meta <file>', 'one meta.json for both')
    .option('--zone-device <range>', 'page numbers of device memory: 0x…-0x…=kind (repeatable)', collect, [])
    .option('-k, --kernel <release>', 'the kernel that was recorded, where a file does not say')
    .option('--limit <n>', 'at most this many call paths', '12')
    .option('--json', 'print data instead of text')
    .option('-o, --output <file>', 'write to a file that is not there yet')
    .option('--force', 'overwrite the file')
    .action(async (a: string, b: string, flags: CompareFlags) => {
      process.exitCode = await diff(a, b, flags);
    });
  trace
    .command('fidelity')
    .summary('hold src/linux against what real kernels did')
    .description(
      'Lists the distinct (function, tracepoint, change of the count) of recordings with stacks, and which of them src/linux can do ' +
        'in that kernel. Finds NAME.meta.json beside a recording.',
    )
    .argument('<files...>', 'recordings')
    .option('--meta <file>', 'one meta.json for all of them')
    .option('--zone-device <range>', 'page numbers of device memory: 0x…-0x…=kind (repeatable)', collect, [])
    .option('-k, --kernel <release>', 'the kernel that was recorded, where a file does not say')
    .option('--limit <n>', 'at most this many of what is missing, for each kernel', '20')
    .option('--markdown', 'print tables for a document')
    .option('--json', 'print data instead of text')
    .option('-o, --output <file>', 'write to a file that is not there yet')
    .option('--force', 'overwrite the file')
    .action(async (files: string[], flags: FidelityFlags) => fidelity(files, flags));
}

async function diff(a: string, b: string, flags: CompareFlags): Promise<number> {
  const limit = limitOf(flags.limit);
  const found = await diffOf(a, b, sourceOf(flags));
  const screen = flags.output === undefined ? screenOf(process.stdout, process.env) : FILE;
  await put([flags.json ? jsonText(found) : renderDiff(found, limit, screen)], flags);
  return found.findings.some(({ pagesA }) => pagesA === 0) ? EXIT.finding : EXIT.ok;
}

async function fidelity(files: string[], flags: FidelityFlags): Promise<void> {
  const progress = new Progress(process.stderr);
  const { fidelityOf } = await import('../app/fidelity.js');
  const kernels = await fidelityOf(files, sourceOf(flags), (file, done) => {
    progress.line(`${done + 1} of ${files.length}: ${file}`);
  }).finally(() => progress.clear());
  const limit = limitOf(flags.limit);
  const text = () => {
    return flags.markdown
      ? fidelityMarkdown(kernels, limit)
      : renderFidelity(kernels, limit, screenOf(process.stdout, process.env));
  };
  await put([flags.json ? jsonText(kernels) : text()], flags);
}

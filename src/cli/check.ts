// SPDX-License-Identifier: Apache-2.0
/**
 * `refzero check`: scenarios on kernels, every interleaving.
 *
 * Not here: planning, threads and search (src/app), and how results look (render*.ts, table.ts).
 */
import { type Command, Option } from 'commander';
import { check } from '../app/check.js';
import type { CheckOptions, CheckReport, Outcome } from '../app/check-data.js';
import { InputError } from '../base/diagnostic.js';
import type { MemoryOrder } from '../explore/memory-order.js';
import { EXIT } from './errors.js';
import { Progress } from './progress.js';
import { type Replay, renderOutcome } from './render.js';
import { renderCoverage } from './render-coverage.js';
import { renderTable } from './table.js';
import { printable, type Screen, screenOf } from './terminal.js';

interface Flags {
  kernel?: string[];
  with?: string[];
  without?: string[];
  variant?: string;
  variants?: boolean;
  memory?: MemoryOrder;
  statesMax?: number;
  memoryMax?: number;
  secondsMax?: number;
  coverage?: boolean;
  checkpoint?: string;
  resume?: string;
  threads?: number;
  fingerprints?: boolean;
  exact?: boolean;
  spill?: string | boolean;
  reductions?: boolean;
  showSteps?: boolean;
  list?: boolean;
  json?: boolean;
}

const EXAMPLES = `
Examples:
  refzero check                                     all scenarios on all kernels
  refzero check layout-break-refault --kernel v7.3  the path to one failure
  refzero check my/scenario.ts --kernel v6.1,v7.3   a scenario of your own

Exit codes: 0 holds, or all as recorded; 1 a finding; 2 wrong input; 3 inconclusive; 70 a bug in refzero.`;

/** Adds the command to the program. */
export function checkCommand(program: Command): void {
  program
    .command('check')
    .summary('explore scenarios on kernels, on every interleaving')
    .description('Explores every interleaving of scenarios on kernels: holds, or the shortest path to a failure.')
    .argument('[scenario...]', 'names, or TypeScript files of your own; all if none')
    .option('-k, --kernel <names>', 'kernels, separated by commas: v5.14,seed,v7.3 (default: all)', list)
    .option('--with <id>', 'add a commit to the kernels, by id or name (repeatable)', list)
    .option('--without <id>', 'take a commit out of the kernels (repeatable)', list)
    .option('--variant <name>', 'check this broken variant of the scenario instead')
    .option('--variants', 'check all broken variants too: each must be violated as its file says')
    .addOption(
      new Option('--memory <order>', 'order in which stores are seen: sequentially consistent, or x86-TSO')
        .choices(['sc', 'tso'])
        .default('sc'),
    )
    .option('--states-max <n>', 'stop a search at this many states: inconclusive', wholeNumber('--states-max'))
    .option('--memory-max <size>', 'memory for all searches together: 900M, 8G (default: most of what is free)', size)
    .option('--seconds-max <n>', 'stop a search after this many seconds: inconclusive', wholeNumber('--seconds-max'))
    .option('--checkpoint <file>', 'keep the one search in this file if it is stopped, by a bound or Ctrl-C')
    .option('--resume <file>', 'go on with a search that is kept in this file')
    .option('--coverage', 'say which lines of kernel code no search executed')
    .option('--fingerprints', 'keep 64 bits of each state, not all: the report says how likely two are mistaken')
    .option('--exact', 'keep whole states only: end inconclusive where memory ends')
    .option('--spill <dir>', 'folder for what does not stay in memory (default: the one for temporary files)')
    .option('--no-spill', 'keep everything in memory')
    .option('--no-reductions', 'search the plain graph: leave nothing out, proven or not')
    .option('--threads <n>', 'worker threads at most (default: one a processor)', wholeNumber('--threads'))
    .option('--show-steps', 'print the steps of one scenario on one kernel, each with its source line')
    .option('--list', 'print the scenarios, or those named, each with its question')
    .option('--json', 'print data instead of text')
    .addHelpText('after', EXAMPLES)
    .action(async (scenarios: string[], flags: Flags) => {
      process.exitCode = await run(scenarios, flags);
    });
}

async function run(scenarios: string[], flags: Flags): Promise<number> {
  const screen = screenOf(process.stdout, process.env);
  if (flags.list) return (await import('./list.js')).printList(scenarios, flags.json === true, screen);
  const options = optionsOf(scenarios, flags);
  if (flags.showSteps) return (await import('./steps.js')).printSteps(options, flags.json === true, screen);
  const report = await checkWithProgress(options);
  process.stdout.write(
    flags.json ? `${JSON.stringify(report, null, 2)}\n` : printable(renderReport(report, options, screen)),
  );
  return exitOf(report);
}

function optionsOf(scenarios: string[], flags: Flags): CheckOptions {
  return {
    scenarios,
    kernels: flags.kernel ?? [],
    with: flags.with ?? [],
    without: flags.without ?? [],
    variants: flags.variants === true,
    ...(flags.variant !== undefined && { variant: flags.variant }),
    ...(flags.memory === 'tso' && { memory: flags.memory }),
    ...(flags.statesMax !== undefined && { statesMax: flags.statesMax }),
    ...(flags.memoryMax !== undefined && { memoryMax: flags.memoryMax }),
    ...(flags.secondsMax !== undefined && { secondsMax: flags.secondsMax }),
    ...(flags.coverage && { coverage: true }),
    ...(flags.checkpoint !== undefined && { checkpoint: flags.checkpoint }),
    ...(flags.resume !== undefined && { resume: flags.resume }),
    ...(flags.fingerprints && { fingerprints: true }),
    ...(flags.spill !== undefined && flags.spill !== true && { spill: flags.spill }),
    ...(flags.exact && { exact: true }),
    ...(flags.reductions === false && { noReductions: true }),
    ...(flags.threads !== undefined && { threads: flags.threads }),
  };
}

/** The first Ctrl-C ends the searches and lets them say what they found; the second ends the program. */
async function checkWithProgress(options: CheckOptions): Promise<CheckReport> {
  const progress = new Progress(process.stderr);
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    progress.clear();
    process.stderr.write('interrupted: ending the searches (Ctrl-C again to leave at once)\n');
    controller.abort();
  };
  process.on('SIGINT', interrupt);
  progress.line('reading the sources');
  try {
    return await check(options, {
      onBounds: (bounds) => progress.bound(bounds),
      onProgress: (running, done, total) => progress.show(running, done, total),
      signal: controller.signal,
    });
  } finally {
    process.off('SIGINT', interrupt);
    progress.clear();
  }
}

/** @returns one check in full; of many, those that are not as recorded in full, and then the table of all */
export function renderReport(report: CheckReport, options: CheckOptions, screen: Screen): string {
  const replayOf = ({ scenario }: Outcome): Replay => ({
    scenario:
      options.scenarios.find((named) => named === `${scenario}.ts` || named.endsWith(`/${scenario}.ts`)) ?? scenario,
    with: options.with,
    without: options.without,
    flags: [
      ...(options.memory === 'tso' ? ['--memory', 'tso'] : []),
      ...(options.noReductions ? ['--no-reductions'] : []),
      ...(options.fingerprints ? ['--fingerprints'] : []),
      ...(options.exact ? ['--exact'] : []),
      ...(options.coverage ? ['--coverage'] : []),
    ],
  });
  const { outcomes, coverage = [] } = report;
  const covered = renderCoverage(coverage, screen);
  if (outcomes.length === 0) return 'inconclusive: interrupted before the first search began\n';
  if (outcomes.length === 1) return renderOutcome(outcomes[0], replayOf(outcomes[0]), screen) + covered;
  const surprising = outcomes.filter(({ asRecorded, result }) => asRecorded === false && result?.path);
  const paths = surprising.map((outcome) => `${renderOutcome(outcome, replayOf(outcome), screen)}\n`);
  return paths.join('') + renderTable(report, replayOf, screen) + covered;
}

/** @returns the exit code: one check says its verdict; many say whether each is as recorded */
export function exitOf({ outcomes }: CheckReport): number {
  const undecided = ({ recorded, result }: Outcome) =>
    result ? result.verdict === 'inconclusive' : recorded?.verdict !== 'not applicable';
  const isFinding = ({ result, recorded, asRecorded }: Outcome) =>
    asRecorded === false || (result?.verdict === 'violated' && (recorded === undefined || outcomes.length === 1));
  if (outcomes.some(isFinding)) return EXIT.finding;
  return outcomes.length === 0 || outcomes.some(undecided) ? EXIT.inconclusive : EXIT.ok;
}

/** Nothing between two commas is a name that nobody has; passed over, it would mean all. */
function list(value: string, before: string[] = []): string[] {
  const names = value.split(',').map((name) => name.trim());
  if (names.includes('')) throw new InputError({ code: 'RZ4000', message: `a name is missing in '${value}'` });
  return [...before, ...names];
}

const UNITS: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** @returns bytes */
function size(value: string): number {
  const [, number, unit = ''] = /^(\d{1,6}(?:\.\d{1,3})?)([KMGT]?)(?:i?B)?$/i.exec(value) ?? [];
  const bytes = Math.floor(Number(number) * UNITS[unit.toUpperCase()]);
  if (bytes >= SMALLEST_MEMORY) return bytes;
  const message =
    number === undefined ? `--memory-max takes a size, not '${value}'` : `--memory-max ${value} is less than 1 MiB`;
  throw new InputError({ code: 'RZ4005', message, hint: 'for example 900M, 8G or 1.5G; at least 1M' });
}

const SMALLEST_MEMORY = 2 ** 20;

function wholeNumber(option: string): (value: string) => number {
  return (value) => {
    if (/^[1-9]\d{0,14}$/.test(value)) return Number(value);
    const message = `${option} takes a whole number from 1 on, not '${value}'`;
    throw new InputError({ code: 'RZ4005', message });
  };
}

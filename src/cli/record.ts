// SPDX-License-Identifier: Apache-2.0
/**
 * `refzero record`: runs a command and records the page_ref tracepoints of this machine meanwhile.
 *
 * Not here: recording (src/app/record.ts) and how it is told (record-render.ts). All output goes to stderr, since stdout is
 * the command's.
 */
import type { Command } from 'commander';
import { Interrupted, record } from '../app/record.js';
import { InputError } from '../base/diagnostic.js';
import { EXIT } from './errors.js';
import { renderRecord } from './record-render.js';
import { printable, screenOf } from './terminal.js';

interface Flags {
  output?: string;
  force?: boolean;
  stacks: boolean;
  text?: boolean;
  event?: string[];
  pfn?: string[];
  zone?: string;
  pid?: string[];
  buffer?: string;
  clock?: string;
  after: string;
  substitute?: boolean;
}

/** as env(1), nice(1) and timeout(1) do it: the command's own codes stay below */
const RECORDING_FAILED = 125;

const NOTES = `
Everything is recorded in an instance of tracefs of its own and taken back at the end, also after Ctrl-C. It needs root, and a
kernel with CONFIG_DEBUG_PAGE_REF to tell who holds a page. On others, --substitute records who pinned, unpinned and freed, and names
the pages of device memory that are held at the end. docs/recording.md leads from nothing to an answer.

Examples:
  sudo refzero record -- ./run-my-test                     writes refzero.dat; then: refzero trace refzero.dat
  sudo refzero record --substitute --zone device -- ./run-my-test         the same on a kernel of a distribution
  sudo refzero record --zone device -- ./run-my-test       only pages of device memory
  sudo refzero record --pfn 0x40000..0x50000 -e dax -- …   only these pages, and the events of fs-dax
  sudo refzero record -o idle.dat -- sleep 10              whatever happens in ten seconds

Events beside page_ref, allocation and the ends of tasks (-e): migrate, compaction, dax, thp, or system:event.
Exit codes: the command's (128 and the number of the signal that killed it, 126 or 127 if it could not be run); 125 if the
recording failed or ended before the command did; 2 if nothing could be recorded, and nothing was run.`;

/** Adds the command to the program. */
export function recordCommand(program: Command): void {
  program
    .command('record')
    .summary('record the page_ref tracepoints of this machine while a command runs')
    .description('Runs a command and records what happens to reference counts of pages meanwhile.')
    .argument('<command...>', 'what to run; everything behind -- is its own')
    .option('-o, --output <file>', 'the recording (default: refzero.dat, with --text refzero.txt)')
    .option('-f, --force', 'replace the file if it exists')
    .option('--no-stacks', 'without call paths: about a third of the size, and much less to say')
    .option('--pfn <range>', 'only these pages, such as 0x40000..0x50000, the end not in it (repeatable)', collect)
    .option('--zone <kind>', 'device: only pages of device memory, by /proc/iomem')
    .option('--pid <pid>', 'only what these tasks and their children do; command: what is run (repeatable)', collect)
    .option('-e, --event <name>', 'more events: a group or system:event (repeatable)', collect)
    .option('--buffer <size>', 'of all ring buffers together, such as 256M (default: from the free memory)')
    .option('--clock <name>', 'the trace clock (default: local where all CPUs agree on it, else global)')
    .option('--after <seconds>', 'go on after the command, for what is given back late', '0.5')
    .option('--text', 'text in place of a trace.dat')
    .option('--substitute', 'on a kernel without page_ref events: what it has in place of them')
    .addHelpText('after', NOTES)
    .action(async (command: string[], flags: Flags) => {
      process.exitCode = await run(command, flags);
    });
}

async function run(command: string[], flags: Flags): Promise<number> {
  const screen = screenOf(process.stderr, process.env);
  const say = (text: string) => void process.stderr.write(printable(text));
  const options = {
    command,
    out: flags.output ?? (flags.text ? 'refzero.txt' : 'refzero.dat'),
    force: flags.force ?? false,
    stacks: flags.stacks,
    text: flags.text ?? false,
    events: flags.event ?? [],
    pfn: flags.pfn ?? [],
    deviceOnly: isDevice(flags.zone),
    pids: flags.pid ?? [],
    buffer: flags.buffer,
    clock: flags.clock,
    after: secondsOf(flags.after),
    substitute: flags.substitute ?? false,
  };
  const atTerminal = Boolean(process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY);
  try {
    const hooks = { said: (text: string) => say(`refzero: ${text}\n`), signals: process, atTerminal };
    const result = await record(options, hooks);
    say(renderRecord(result, screen));
    return result.failure === undefined ? result.ended.code : RECORDING_FAILED;
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    say('refzero: interrupted: there is no recording\n');
    return EXIT.interrupted;
  }
}

function isDevice(zone: string | undefined): boolean {
  if (zone === undefined || zone === 'device') return zone === 'device';
  const message = `--zone takes device, not ${JSON.stringify(zone)}`;
  throw new InputError({ code: 'RZ4000', message, hint: 'other pages by their numbers: --pfn FROM..TO' });
}

function secondsOf(text: string): number {
  if (/^\d{1,6}(\.\d{1,6})?$/.test(text)) return Number(text);
  throw new InputError({ code: 'RZ4000', message: `--after takes seconds, not ${JSON.stringify(text)}` });
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, ...value.split(',')];
}

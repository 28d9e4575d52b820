#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
/**
 * The command line: finds the command, loads it alone, and turns whatever it throws into a message and an exit code.
 *
 * Not here: what a command does (one file each beside this one).
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { tune } from '../app/tuning.js';
import { InputError } from '../base/diagnostic.js';
import { EXIT, errorData, renderError } from './errors.js';
import { printable, screenOf } from './terminal.js';

type Register = (program: Command) => void;

/** Each command is a module of its own, so that starting one does not load the others. */
const COMMANDS: Record<string, () => Promise<Register>> = {
  check: async () => (await import('./check.js')).checkCommand,
  trace: async () => (await import('./trace.js')).traceCommand,
  record: async () => (await import('./record.js')).recordCommand,
};

async function main(args: string[]): Promise<void> {
  tune(args.find((arg) => !arg.startsWith('-')));
  const program = new Command('refzero')
    .description(
      "Linux's device-memory page lifecycle: run it, explore every interleaving, hold it against recordings.",
    )
    .version(version(), '-V, --version')
    .showSuggestionAfterError()
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  for (const load of wanted(args)) (await load())(program);
  if (args.length === 0) {
    process.stdout.write(program.helpInformation());
    return;
  }
  await program.parseAsync(args, { from: 'user' });
}

/** The command that is named; all where the program has to know what there is. */
function wanted(args: string[]): (() => Promise<Register>)[] {
  if (args.length === 1 && ['-V', '--version'].includes(args[0])) return [];
  const named = args.find((arg) => !arg.startsWith('-'));
  return named !== undefined && Object.hasOwn(COMMANDS, named) ? [COMMANDS[named]] : Object.values(COMMANDS);
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}

/** A wrong option becomes a diagnostic like any other wrong input. @returns undefined for help and version */
function ownError(error: unknown): unknown {
  if (!(error instanceof CommanderError)) return error;
  if (error.exitCode === 0) return undefined;
  const [first, ...rest] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = rest.join(' ').replace(/^\(|\)$/g, '');
  const hint = suggestion === '' ? 'refzero --help, or refzero <command> --help' : suggestion;
  return new InputError({ code: 'RZ4000', message: first, hint });
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

main(process.argv.slice(2)).catch((error: unknown) => {
  const own = ownError(error);
  if (own === undefined) {
    process.exitCode = EXIT.ok;
    return;
  }
  const { text, exit } = renderError(own, screenOf(process.stderr, process.env), Boolean(process.env.REFZERO_DEBUG));
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify({ error: errorData(own) }, null, 2)}\n`);
  process.stderr.write(printable(text));
  process.exitCode = exit;
});

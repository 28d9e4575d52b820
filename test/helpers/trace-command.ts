// SPDX-License-Identifier: Apache-2.0
/** `refzero trace …` in this process: what it prints and its exit code. */
import { Command } from 'commander';
import { vi } from 'vitest';
import { InputError } from '../../src/base/diagnostic.js';
import { traceCommand } from '../../src/cli/trace.js';

/** the exit code of the last run */
let exited: unknown;

/** @returns the exit code of the last run */
export const exitCode = (): unknown => exited;

/** Runs the command in this process; its output, or the codes of the diagnostics it threw. */
export async function trace(...args: string[]): Promise<string> {
  let printed = '';
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  const exit = process.exitCode;
  try {
    const program = new Command('refzero').enablePositionalOptions().exitOverride();
    traceCommand(program);
    await program.parseAsync(['trace', ...args], { from: 'user' });
    exited = process.exitCode;
    return printed;
  } catch (error) {
    if (error instanceof InputError) return error.diagnostics.map(({ code }) => code).join();
    throw error;
  } finally {
    process.exitCode = exit;
    spy.mockRestore();
  }
}

// SPDX-License-Identifier: Apache-2.0
/**
 * The command that is recorded: started, waited for, and its signals. Ctrl-C at a terminal reaches the command by itself, as it
 * does under time(1) and strace(1); the recorder waits for it to end. Other signals are passed on.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { codeOf } from './record-host.js';

/** How a command ended, in the words of a shell. */
export interface Ended {
  /** its exit code, 128 and the signal's number, 126 or 127 where it could not be started */
  code: number;
  signal?: NodeJS.Signals;
  /** why it could not be started */
  failure?: string;
}

/** Where signals come from: the process itself, but for tests. */
export interface Signals {
  on(signal: NodeJS.Signals, act: () => void): unknown;
  off(signal: NodeJS.Signals, act: () => void): unknown;
}

/** ms that a command has to end after SIGTERM or SIGHUP */
const PATIENCE = 5000;
const PASSED_ON: NodeJS.Signals[] = ['SIGTERM', 'SIGHUP'];
const FROM_TERMINAL: NodeJS.Signals[] = ['SIGINT', 'SIGQUIT'];

/**
 * Runs a command with our own input and output until it ends.
 * @param atTerminal does Ctrl-C reach the command without us? (what is not passed on the first time is the second)
 */
export function runCommand(command: readonly string[], signals: Signals, atTerminal: boolean): Promise<Ended> {
  const [name, ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(name, args, { stdio: 'inherit' });
    const release = passOn(child, signals, atTerminal);
    const end = (ended: Ended) => {
      release();
      resolve(ended);
    };
    child.on('error', (error) => {
      const missing = codeOf(error) === 'ENOENT';
      const denied = codeOf(error) === 'EACCES';
      const why = missing ? 'there is no such command' : denied ? 'not a program, or not permitted' : error.message;
      if (child.pid === undefined) end({ code: missing ? 127 : 126, failure: `${name}: ${why}` });
    });
    child.on('exit', (code, signal) => {
      if (signal) end({ code: 128 + (constants.signals[signal] ?? 0), signal });
      else end({ code: code ?? 0 });
    });
  });
}

/** @returns how to let go of the signals */
function passOn(child: ChildProcess, signals: Signals, atTerminal: boolean): () => void {
  let killer: NodeJS.Timeout | undefined;
  const held: [NodeJS.Signals, () => void][] = [];
  const hold = (signal: NodeJS.Signals, act: () => void) => {
    held.push([signal, act]);
    signals.on(signal, act);
  };
  for (const signal of PASSED_ON) {
    hold(signal, () => {
      child.kill(signal);
      killer ??= setTimeout(() => child.kill('SIGKILL'), PATIENCE);
    });
  }
  for (const signal of FROM_TERMINAL) {
    let times = 0;
    hold(signal, () => {
      times++;
      if (!atTerminal || times > 1) child.kill(times > 2 ? 'SIGKILL' : signal);
    });
  }
  return () => {
    clearTimeout(killer);
    for (const [signal, act] of held) signals.off(signal, act);
  };
}

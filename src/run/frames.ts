// SPDX-License-Identifier: Apache-2.0
/**
 * The kernel's call chain from the JavaScript stack: generated code has one statement a line, so the line numbers in
 * `Error.stack` name the kernel's own lines. Nothing is recorded while kernel code runs, so it costs nothing there.
 *
 * Not here: where the lines come from (emit.ts). Works on the text that V8, SpiderMonkey and JavaScriptCore print.
 */
import type { KernelFrame, KernelStack } from './errors.js';

/** Deeper than any chain of kernel functions, which do not recurse. */
const deepestStack = 400;

interface StackSettings {
  stackTraceLimit?: number;
  prepareStackTrace?: unknown;
}

/** The stack as the engine itself prints it, whatever the program around has set. */
export function captureStack(): string {
  const settings = Error as StackSettings;
  const { stackTraceLimit, prepareStackTrace } = settings;
  settings.stackTraceLimit = deepestStack;
  if (prepareStackTrace !== undefined) delete settings.prepareStackTrace;
  try {
    return String(new Error('stack').stack);
  } finally {
    if (stackTraceLimit === undefined) delete settings.stackTraceLimit;
    else settings.stackTraceLimit = stackTraceLimit;
    if (prepareStackTrace !== undefined) settings.prepareStackTrace = prepareStackTrace;
  }
}

/** @returns the line number at which an entry of a stack is inside the source called `url`; 0 if it is elsewhere */
function lineInSource(entry: string, url: string): number {
  const at = entry.lastIndexOf(`${url}:`);
  return at < 0 ? 0 : Number.parseInt(entry.slice(at + url.length + 1), 10);
}

/** @returns the innermost line at which `stack` is inside the source called `url`; 0 if nowhere */
export function innermostLine(stack: string, url: string): number {
  return (
    stack
      .split('\n')
      .map((entry) => lineInSource(entry, url))
      .find((line) => line > 0) ?? 0
  );
}

/** What the text of views.ts calls itself in a stack: neither kernel nor caller. */
export const apiUrl = 'refzero-api.js';

/** `places[line]` is what the line of generated text stands for, if anything; the text begins at `firstLine`. */
export function readStack(
  stack: string,
  url: string,
  places: readonly (KernelFrame | undefined)[],
  firstLine: number,
): KernelStack {
  const frames: KernelFrame[] = [];
  let callers: string[] = [];
  for (const entry of stack.split('\n')) {
    const line = lineInSource(entry, url);
    const place = places[line - firstLine];
    if (place) frames.push(place);
    callers = line > 0 || entry.includes(apiUrl) ? [] : [...callers, entry];
  }
  return { frames, callers };
}

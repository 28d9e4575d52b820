// SPDX-License-Identifier: Apache-2.0
/**
 * What a helper cannot go on with, told by the owner of the search as if it had happened there: wrong input stays wrong input.
 * The first that fails is told, and all others stop.
 */
import { InternalError } from '../base/assert.js';
import { type Diagnostic, InputError } from '../base/diagnostic.js';
import { FAILURE_MAX, type Shared, WORD } from './control.js';

interface Failure {
  message: string;
  diagnostics?: readonly Diagnostic[];
}

/** Called by a helper, which does nothing more for this search. */
export function fail({ control, failure }: Shared, error: unknown): void {
  if (Atomics.compareExchange(control, WORD.failed, 0, 1) !== 0) return;
  const message = (error instanceof Error ? error.message : String(error))
    .replace(/^internal: /, '')
    .slice(0, FAILURE_MAX / 8);
  const diagnostics = error instanceof InputError ? error.diagnostics : undefined;
  const all = JSON.stringify({ message, ...(diagnostics && { diagnostics }) } satisfies Failure);
  const text = all.length <= FAILURE_MAX ? all : JSON.stringify({ message } satisfies Failure);
  failure[0] = text.length;
  for (let i = 0; i < text.length; i++) failure[1 + i] = text.charCodeAt(i);
  Atomics.store(control, WORD.failed, 2);
  // who sees this sees why
  Atomics.store(control, WORD.stop, 1);
  Atomics.notify(control, WORD.atWork);
}

/** @returns for the owner what a helper could not go on with */
export function failureOf({ control, failure }: Shared): InputError | InternalError | undefined {
  if (Atomics.load(control, WORD.failed) !== 2) return undefined;
  const text = String.fromCharCode(...failure.subarray(1, 1 + failure[0]));
  const { message, diagnostics }: Failure = JSON.parse(text);
  return diagnostics ? new InputError(...diagnostics) : new InternalError(message);
}

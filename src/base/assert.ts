// SPDX-License-Identifier: Apache-2.0
/** Assertions about refzero itself. What a user can cause is never one of these: it is a diagnostic or a finding. */

/** Our own bug: the command line shows it as such and exits with 70. */
export class InternalError extends Error {
  constructor(message: string) {
    super(`internal: ${message}`);
    this.name = 'InternalError';
  }
}

/** @throws InternalError where `condition` is false */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InternalError(message);
}

/** For the end of an exhaustive switch. @throws InternalError always */
export function unreachable(value: never): never {
  throw new InternalError(`unexpected ${JSON.stringify(value)}`);
}

// SPDX-License-Identifier: Apache-2.0
/**
 * How V8 is to compile the loops that read and judge a recording. By default it takes as much CPU time to optimise them, again and
 * again and with all that they call, as a million events take; these functions are few, simple and hot for less than a second. Of
 * 6.12/large (1.27 M events) it saves a sixth, of 5 M events a seventh (CPU time, Node 20).
 */
import { setFlagsFromString } from 'node:v8';

/** of Node 20; others are not measured, and V8 complains of a flag that it does not know */
const MEASURED = /^11\./;
const FLAGS = [
  '--max-inlined-bytecode-size-cumulative=200',
  '--interrupt-budget=300000',
  // what runs until another thread has compiled it runs slowly
  '--no-concurrent-recompilation',
  '--no-concurrent-osr',
];

/** To be called once, before the recording is read. It holds for all threads of the process. */
export function tuneForTrace(): void {
  if (!MEASURED.test(process.versions.v8)) return;
  for (const flag of FLAGS) setFlagsFromString(flag);
}

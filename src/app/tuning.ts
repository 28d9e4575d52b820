// SPDX-License-Identifier: Apache-2.0
/**
 * How V8 is to compile this program. By default it takes as much CPU time to optimise some functions, again and again and with all that
 * they call, as they run afterwards: what prints, assembles and links code, and what reads and judges a recording, is hot for a second
 * at most; the loops of a search are WebAssembly anyway. Measured on Node 20, CPU time: `refzero check` 31.8 to 21.2 s, a trace of
 * 1.27 M events a sixth less, of 5 M a seventh.
 */
import { setFlagsFromString } from 'node:v8';

/** of Node 20; others are not measured, and V8 complains of a flag that it does not know */
const MEASURED = /^11\./;
const FLAGS = [
  '--max-inlined-bytecode-size-cumulative=200',
  // what runs until another thread has compiled it runs slowly
  '--no-concurrent-recompilation',
  '--no-concurrent-osr',
];

/** Optimise later; not for a trace: of several threads each has to warm up, and 10 M events take two of them an eighth longer. */
const LATER = '--interrupt-budget=300000';

/** To be called once, before there is work. It holds for all threads of the process. @param command that of the command line */
export function tune(command?: string): void {
  if (!MEASURED.test(process.versions.v8)) return;
  for (const flag of FLAGS) setFlagsFromString(flag);
  if (command !== 'trace') setFlagsFromString(LATER);
}

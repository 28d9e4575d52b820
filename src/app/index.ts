// SPDX-License-Identifier: Apache-2.0
/**
 * refzero as a library: what `import … from 'refzero'` gives.
 *
 * Not here: the command line (src/cli).
 */

export { InternalError } from '../base/assert.js';
export { type Diagnostic, InputError, type Place } from '../base/diagnostic.js';
export {
  KernelBug,
  KernelError,
  KernelFault,
  type KernelFrame,
  KernelWouldBlock,
} from '../run/errors.js';
export type { Machine } from '../run/machine.js';
export { type BootOptions, boot } from './boot.js';
export type { Booted, Kernel, ObjectChoice, ObjectsOf, Structs } from './kernel.js';

// SPDX-License-Identifier: Apache-2.0
/**
 * What a running kernel throws, each with the kernel's own call chain: an assertion that fired, an access that must
 * not be, a wait that nobody would end.
 *
 * Not here: errors of refzero itself (src/base/assert.ts) and wrong input (src/base/diagnostic.ts).
 */
import type { Loc } from '../compiler/ir.js';

/** A place in kernel code with the function around it. */
export interface KernelFrame extends Loc {
  function: string;
}

/** A JavaScript stack read as the kernel's (frames.ts). */
export interface KernelStack {
  /** innermost first */
  frames: KernelFrame[];
  /** the entries of the JavaScript that called into the kernel, as the engine prints them */
  callers: string[];
}

export type BugKind = 'BUG' | 'WARN' | 'assert' | 'spec';

export type FaultKind =
  | 'null dereference'
  | 'use after free'
  | 'index out of range'
  /** a store that a checker's state has no room for; only with `checkWidths` */
  | 'value out of range'
  | 'division by zero'
  /** `choose` was answered with something else than one of the alternatives */
  | 'bad choice'
  /** loops went round more often than they may; only with `turnsMax` */
  | 'endless loop';

export type WaitReason = 'lock' | 'sleep' | 'ipi' | 'grace period';

/** The primitives' own frames are not where a kernel developer looks first. */
const primitives = /(^|\/)src\/machine\//;

/** Whatever stops kernel code. The machine's memory stays as it was at that moment: locks held, counts raised. */
export abstract class KernelError extends Error {
  abstract readonly kind: BugKind | FaultKind | 'would block';
  /** innermost first, primitives (src/machine) included, out to the function that was called from outside */
  readonly frames: readonly KernelFrame[];
  /** the kernel function that did it, and where: the innermost frame that is no primitive */
  readonly function: string;
  readonly file: string;
  readonly line: number;

  protected constructor(what: string, { frames, callers }: KernelStack) {
    const at = frames.find((frame) => !primitives.test(frame.file)) ?? frames[0];
    super(at ? `${what} in ${at.function} (${at.file}:${at.line})` : what);
    this.stack = [`${new.target.name}: ${this.message}`, ...frames.map(entry), ...callers].join('\n');
    this.frames = frames;
    this.function = at?.function ?? '';
    this.file = at?.file ?? '';
    this.line = at?.line ?? 0;
  }
}

function entry(frame: KernelFrame): string {
  return `    at ${frame.function} (${frame.file}:${frame.line}:${frame.column})`;
}

/** An assertion in code fired: VM_BUG_ON and its kin, WARN_ON, `assert`. */
export class KernelBug extends KernelError {
  override readonly name = 'KernelBug';

  constructor(
    readonly kind: BugKind,
    /** what the assertion is called or says: `VM_BUG_ON_PAGE` */
    readonly assertion: string,
    stack: KernelStack,
  ) {
    super(`${kind}: ${assertion}`, stack);
  }
}

/** An access that must not be; nothing was read or written. */
export class KernelFault extends KernelError {
  override readonly name = 'KernelFault';

  constructor(
    readonly kind: FaultKind,
    detail: string,
    stack: KernelStack,
  ) {
    super(detail === '' ? kind : `${kind}: ${detail}`, stack);
  }
}

/** A wait that, with one task, nobody would ever end: a lock that this task holds, a sleep without a waker. */
export class KernelWouldBlock extends KernelError {
  override readonly name = 'KernelWouldBlock';
  readonly kind = 'would block';

  constructor(
    readonly reason: WaitReason,
    stack: KernelStack,
  ) {
    super(`would block for ever (${reason})`, stack);
  }
}

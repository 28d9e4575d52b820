// SPDX-License-Identifier: Apache-2.0
/**
 * A machine: a program's generated code over a memory of its own. Everything here is plain integers; what a user of
 * the library sees (objects, booleans) is made of it in views.ts.
 *
 * Not here: threads. One task runs; a wait that only another task could end throws KernelWouldBlock.
 */
import { InternalError } from '../base/assert.js';
import { InputError } from '../base/diagnostic.js';
import type { ProgramIR } from '../compiler/ir.js';
import { type Layout, layOut } from '../compiler/layout.js';
import { type Cells, placeCells } from './cells.js';
import { type Emitted, emitProgram, type Host } from './emit.js';
import { type BugKind, type FaultKind, KernelBug, KernelFault, KernelWouldBlock, type WaitReason } from './errors.js';
import { captureStack, innermostLine, readStack } from './frames.js';

export interface MachineOptions {
  /** how many tasks the kernel believes there are; must be what the program was compiled for */
  taskCount: number;
  /** the task that runs, from 0 */
  task: number;
  /** true: a store that does not fit the declared width throws (init of a checked scenario); false: all columns have 32 bits */
  checkWidths?: boolean;
  /** turns that all loops may make together before a loop is taken for endless; without it none is */
  turnsMax?: number;
  /** a WARN is handed here and the kernel goes on, as Linux does; without it a WARN throws like a BUG */
  onWarn?: (warning: KernelBug) => void;
  /** answers `choose(count)` with 0 .. count-1; without it always 0 */
  choose?: (count: number) => number;
}

/** A function of the program on plain integers: references are 1 + index, booleans 0 and 1. */
export type RawFunction = (...args: number[]) => number;

export interface Machine {
  readonly program: ProgramIR;
  readonly layout: Layout;
  readonly memory: SharedArrayBuffer;
  /** every function of the program, exported or not */
  readonly functions: ReadonlyMap<string, RawFunction>;
  /**
   * Runs a function. @returns its value, 0 for none
   * @throws KernelBug, KernelFault, KernelWouldBlock from the kernel; InternalError for a name or count that is not the program's
   */
  call(name: string, args?: readonly number[]): number;
  /** the live words of every column, in layout order */
  columns(): Int32Array[];
}

interface Instance {
  probe(): void;
  functions: Record<string, RawFunction>;
}

/** @returns a machine whose memory is all zero. @throws InputError RZ4031 where it does not fit this computer's */
export function loadMachine(program: ProgramIR, options: MachineOptions): Machine {
  const layout = layOut(program);
  const cells = placeCells(program, layout);
  const { taskCount, checkWidths = false, turnsMax } = options;
  const emitted = emitProgram(program, cells, { taskCount, checkWidths, ...(turnsMax !== undefined && { turnsMax }) });
  const memory = memoryOf(cells.words);
  const words = new Int32Array(memory);
  const { functions: table } = instantiate(emitted, words, options);
  const functions = new Map(Object.entries(table));
  return {
    program,
    layout,
    memory,
    functions,
    call: (name, args = []) => callRaw(program, functions, name, args),
    columns: () => columnsOf(cells, words),
  };
}

/** @throws InputError RZ4031 where there is not so much memory */
function memoryOf(words: number): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(words * 4);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const message = `the kernel needs ${words * 4} bytes of memory, more than there are`;
    throw new InputError({ code: 'RZ4031', message, hint: 'smaller sizes, fewer objects' });
  }
}

function callRaw(
  program: ProgramIR,
  functions: ReadonlyMap<string, RawFunction>,
  name: string,
  args: readonly number[],
): number {
  const fn = functions.get(name);
  const params = program.functions.get(name)?.params;
  if (!fn) throw new InternalError(`the program has no function ${name}`);
  if (params !== args.length) throw new InternalError(`${name} takes ${params} arguments, not ${args.length}`);
  return fn(...args) ?? 0;
}

function columnsOf({ layout, base }: Cells, words: Int32Array): Int32Array[] {
  return layout.columns.map(({ id, size }) => words.subarray(base[id], base[id] + size));
}

function instantiate(emitted: Emitted, words: Int32Array, options: MachineOptions): Instance {
  const { text, url, places } = emitted;
  let firstLine = 0;
  const stack = () => readStack(captureStack(), url, places, firstLine);
  const host: Host & { probe(): void } = {
    // the first line of the text is the probe: it tells how many lines the engine puts before
    probe: () => {
      firstLine = innermostLine(captureStack(), url);
    },
    fault: (kind, detail) => {
      throw new KernelFault(kind as FaultKind, detail, stack());
    },
    fail: (kind, message) => {
      const bug = new KernelBug(kind as BugKind, message, stack());
      if (kind !== 'WARN' || !options.onWarn) throw bug;
      options.onWarn(bug);
    },
    wouldBlock: (reason) => {
      throw new KernelWouldBlock(reason as WaitReason, stack());
    },
    choose: (count) => {
      const choice = options.choose?.(count) ?? 0;
      if (Number.isInteger(choice) && choice >= 0 && choice < count) return choice;
      throw new KernelFault('bad choice', `${choice} of ${count}`, stack());
    },
  };
  const instance = new Function('$m', '$host', '$task', text)(words, host, options.task) as Instance;
  instance.probe();
  return instance;
}

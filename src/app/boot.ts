// SPDX-License-Identifier: Apache-2.0
/**
 * `boot`: a kernel as a library. Its functions, with Linux's names and their types, on real memory.
 *
 * Here the kernel's sources are compiled for one kernel and given a machine (src/run); the only place where the tool
 * knows what the kernel's functions are called, and it knows them as types.
 */
import { assert } from '../base/assert.js';
import { InputError } from '../base/diagnostic.js';
import { analyse } from '../compiler/analyse.js';
import type { Workspace } from '../compiler/api.js';
import type { ProgramIR } from '../compiler/ir.js';
import type { array } from '../machine/core.js';
import { loadMachine, type Machine, type MachineOptions } from '../run/machine.js';
import { makeApi } from '../run/views.js';
import { readSources } from './sources.js';

type Linux = typeof import('../linux/index.js');
type Primitives = typeof import('../machine/atomic.js') & typeof import('../machine/lock.js');

/** Whether a parameter list has an arrow function in it: such functions are for kernel code only. */
type TakesClosure<P extends unknown[]> = true extends {
  [I in keyof P]: P[I] extends (...args: never[]) => unknown ? true : false;
}[number]
  ? true
  : false;

/** What of a module can be used from outside: functions without arrow functions in their parameters, objects, constants. */
export type Usable<Module> = {
  [Name in keyof Module as IsUsable<Module[Name]> extends true ? Name : never]: Outside<Module[Name]>;
};

/** An array of the kernel's is one of JavaScript's to callers. */
type Outside<T> = T extends array<infer Element> ? readonly Element[] : T;

type IsUsable<T> = T extends (...args: infer P) => unknown
  ? TakesClosure<P> extends true
    ? false
    : true
  : T extends readonly string[]
    ? false
    : true;

export interface BootOptions {
  /** struct pages of ordinary memory */
  pages?: number;
  /** sizes by the name that the kernel source gives them in `param(...)`: `{ device_pages: 16 }` */
  sizes?: Readonly<Record<string, number>>;
  /** commits to add, by id or name in src/linux/commits.ts */
  with?: readonly string[];
  /** commits to leave out */
  without?: readonly string[];
  /** texts that stand in for the package's own sources, by path: `src/linux/mm/gup.ts`; compiled anew at each boot */
  sources?: ReadonlyMap<string, string>;
  /** see MachineOptions */
  onWarn?: MachineOptions['onWarn'];
  choose?: MachineOptions['choose'];
  checkWidths?: boolean;
}

/** What a booted kernel has besides its functions. */
export interface Booted {
  /** its name: `v7.3` */
  readonly kernel: string;
  /** all of its memory, 32-bit words; layout in `machine.layout` */
  readonly memory: SharedArrayBuffer;
  /** the same machine on plain integers */
  readonly machine: Machine;
}

export type Kernel = Booted & Usable<Linux> & Usable<Primitives>;

/**
 * Compiles a kernel, gives it memory and starts it (start_kernel). The first boot of a process compiles all sources (a second or so).
 * @param kernel a kernel on offer: `v5.14`, `seed`, … or any release `vX.Y`
 * @returns its functions and objects, on views of live memory
 * @throws InputError RZ2xxx for an unknown kernel, commit or size, RZ4031 for a size that is none;
 *   what the functions throw: KernelBug, KernelFault, KernelWouldBlock, and TypeError for arguments of a wrong type
 */
export function boot(kernel: string, options: BootOptions = {}): Kernel {
  const program = compile(kernel, options);
  const { onWarn, choose, checkWidths = false } = options;
  const machine = loadMachine(program, {
    taskCount: 1,
    task: 0,
    checkWidths,
    ...(onWarn && { onWarn }),
    ...(choose && { choose }),
  });
  const api = makeApi(machine);
  const booted: Booted = { kernel, memory: machine.memory, machine };
  for (const name of Object.keys(booted)) assert(!(name in api), `the kernel has something called ${name}`);
  const booting = Object.defineProperties(api, Object.getOwnPropertyDescriptors(booted)) as unknown as Kernel;
  booting.start_kernel();
  return booting;
}

let ownWorkspace: Workspace | undefined;

/** The package's own sources are analysed once a process. */
function workspaceFor(replaced: ReadonlyMap<string, string> | undefined): Workspace {
  if (!replaced) return (ownWorkspace ??= analyse(readSources([], false)));
  const { files, scenarios } = readSources([], false);
  return analyse({ files: new Map([...files, ...replaced]), scenarios });
}

function compile(kernel: string, options: BootOptions): ProgramIR {
  const sizes = sizesOf(options);
  const choice = { kernel, with: [...(options.with ?? [])], without: [...(options.without ?? [])] };
  return workspaceFor(options.sources).compileKernel(choice, sizes);
}

function sizesOf({ pages, sizes }: BootOptions): Map<string, number> {
  const all = new Map(Object.entries(sizes ?? {}));
  if (pages !== undefined) all.set('pages', pages);
  for (const [name, size] of all) {
    if (Number.isInteger(size) && size >= 0 && size <= 2 ** 28) continue;
    throw new InputError({
      code: 'RZ4031',
      message: `${name}: ${size} is no size`,
      hint: 'a whole number from 0 to 2^28',
    });
  }
  return all;
}

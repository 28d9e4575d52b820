// SPDX-License-Identifier: Apache-2.0
/**
 * `boot`: a kernel as a library. Its functions, with Linux's names and their types, on real memory.
 *
 * Here the kernel's sources are compiled for one kernel and given a machine (src/run).
 */
import { assert } from '../base/assert.js';
import { type Diagnostic, InputError } from '../base/diagnostic.js';
import { analyse } from '../compiler/analyse.js';
import type { Workspace } from '../compiler/api.js';
import type { ProgramIR } from '../compiler/ir.js';
import { loadMachine, type MachineOptions } from '../run/machine.js';
import { makeApi } from '../run/views.js';
import type { Booted, Kernel, ObjectChoice, ObjectsOf } from './kernel.js';
import { ownSources } from './own-sources.js';
import { provenBy } from './prepared.js';

export interface BootOptions<O extends ObjectChoice = ObjectChoice> {
  /** struct pages of ordinary memory */
  pages?: number;
  /** sizes by the name that the kernel source gives them in `param(...)`: `{ device_pages: 16 }` */
  sizes?: Readonly<Record<string, number>>;
  /** objects to work with, all zero, as the kernel itself declares no inodes, vmas, …: `{ mm: 'MmStruct', vmas: ['VmArea', 4] }` */
  objects?: O;
  /** commits to add, by id or name in src/linux/commits.ts */
  with?: readonly string[];
  /** commits to leave out */
  without?: readonly string[];
  /** texts that stand in for the package's own sources, by path: `src/linux/mm/gup.ts`; compiled anew at each boot */
  sources?: ReadonlyMap<string, string>;
  /** a WARN is handed here and the kernel goes on, as Linux does; without it a WARN throws like a BUG */
  onWarn?: MachineOptions['onWarn'];
  /** answers what kernel code leaves open (`choose`); without it always 0 */
  choose?: MachineOptions['choose'];
  /** stores that the declared widths have no room for throw, as in a checked scenario; without it all fields have 32 bits */
  checkWidths?: boolean;
}

/** The most objects of one kind: memory is one buffer of 32-bit words. */
const sizeMax = 2 ** 24;

/**
 * Compiles a kernel, gives it memory and starts it (start_kernel). The first boot of a process analyses all sources.
 * @param kernel a kernel on offer: `v5.14`, `seed`, … or any release `vX.Y`
 * @returns its functions, objects and constants, on views of live memory
 * @throws InputError RZ2xxx for an unknown kernel, commit or size, RZ4031 for a size that is none, RZ4032 for an object
 *   that cannot be. What the functions throw: KernelBug, KernelFault, KernelWouldBlock; TypeError for arguments of a
 *   wrong type. Memory then stays as it was at that moment.
 */
export function boot<const O extends ObjectChoice = Record<never, never>>(
  kernel: string,
  options: BootOptions<O> = {},
): Kernel & ObjectsOf<O> {
  const program = withObjects(compile(kernel, options), options.objects ?? {});
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
  const booting = Object.defineProperties(api, Object.getOwnPropertyDescriptors(booted));
  const started = booting as unknown as Kernel & ObjectsOf<O>;
  started.start_kernel();
  return started;
}

let ownWorkspace: Workspace | undefined;

/** The package's own sources are analysed once a process. */
function workspaceFor(replaced: ReadonlyMap<string, string> | undefined): Workspace {
  if (!replaced) return (ownWorkspace ??= analyse({ ...ownSources(false), ...provenBy(ownSources()) }));
  const { files, scenarios } = ownSources(false);
  return analyse({ files: new Map([...files, ...replaced]), scenarios });
}

function compile(kernel: string, options: BootOptions): ProgramIR {
  const sizes = new Map(Object.entries(options.sizes ?? {}));
  if (options.pages !== undefined) sizes.set('pages', options.pages);
  for (const [name, size] of sizes) checkSize(name, size, 0);
  const choice = { kernel, with: [...(options.with ?? [])], without: [...(options.without ?? [])] };
  return workspaceFor(options.sources).compileKernel(choice, sizes);
}

function checkSize(name: string, size: number, least: number): void {
  if (Number.isInteger(size) && size >= least && size <= sizeMax) return;
  const hint = `a whole number from ${least} to ${sizeMax}`;
  throw new InputError({ code: 'RZ4031', message: `${name}: ${size} is no size`, hint });
}

/** @returns the program with the objects that the caller wants, as if its sources declared them */
function withObjects(program: ProgramIR, objects: ObjectChoice): ProgramIR {
  const globals = new Map(program.globals);
  for (const [name, choice] of Object.entries(objects)) {
    const [struct, count] = typeof choice === 'string' ? [choice, 1] : choice;
    const wrong = whatIsWrong(program, name, struct);
    if (wrong) throw new InputError(wrong);
    checkSize(name, count, 1);
    globals.set(name, {
      name,
      struct,
      count,
      isArray: typeof choice !== 'string',
      loc: { file: 'boot', line: 1, column: 1 },
    });
  }
  return { ...program, globals };
}

function whatIsWrong(program: ProgramIR, name: string, struct: string): Diagnostic | undefined {
  const code = 'RZ4032';
  if (!program.structs.has(struct)) {
    const hint = `structs: ${[...program.structs.keys()].join(', ')}`;
    return { code, message: `${name}: the kernel has no struct ${struct}`, hint };
  }
  const taken = program.globals.has(name) || program.functions.has(name) || program.constants?.has(name) === true;
  if (taken || ['kernel', 'memory', 'machine'].includes(name)) {
    return { code, message: `the kernel has something called ${name}`, hint: 'give the object another name' };
  }
  if (/^[A-Za-z_]\w*$/.test(name)) return undefined;
  return { code, message: `${name} is no name for an object`, hint: 'letters, digits and _' };
}

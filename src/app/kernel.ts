// SPDX-License-Identifier: Apache-2.0
/**
 * What a booted kernel looks like to TypeScript: types only, taken from the kernel's own.
 */
import type * as linux from '../linux/index.js';
import type * as atomic from '../machine/atomic.js';
import type { array } from '../machine/core.js';
import type * as lock from '../machine/lock.js';
import type { Machine } from '../run/machine.js';

/** What a booted kernel has besides its functions. */
export interface Booted {
  /** its name: `v7.3` */
  readonly kernel: string;
  /** all of its memory, 32-bit words; layout in `machine.layout` */
  readonly memory: SharedArrayBuffer;
  /** the same machine on plain integers */
  readonly machine: Machine;
}

/** Functions, objects and constants of every kernel under their Linux names, and what it was booted with. */
export type Kernel = Booted & Usable<typeof linux> & Usable<typeof atomic> & Usable<typeof lock>;

/** Structs of which a caller may have objects, as the kernel itself declares no inodes, vmas, … of its own. */
export interface Structs {
  AddressSpace: linux.AddressSpace;
  Completion: lock.Completion;
  DevPagemap: linux.DevPagemap;
  Dmirror: linux.Dmirror;
  DmirrorDevice: linux.DmirrorDevice;
  Inode: linux.Inode;
  MmStruct: linux.MmStruct;
  Mutex: lock.Mutex;
  Page: linux.Page;
  PerCpuPages: linux.PerCpuPages;
  PercpuRef: linux.PercpuRef;
  Pte: linux.Pte;
  RwSemaphore: lock.RwSemaphore;
  VmArea: linux.VmArea;
  Zone: linux.Zone;
  atomic_t: atomic.atomic_t;
  memdesc_flags_t: linux.memdesc_flags_t;
  spinlock_t: lock.spinlock_t;
}

/** Name -> the struct that the object has, or the struct and how many: `{ mm: 'MmStruct', vmas: ['VmArea', 4] }`. */
export type ObjectChoice = Readonly<Record<string, keyof Structs | readonly [keyof Structs, number]>>;

/** The objects that an ObjectChoice makes. */
export type ObjectsOf<O extends ObjectChoice> = {
  readonly [Name in keyof O]: O[Name] extends keyof Structs
    ? Structs[O[Name]]
    : O[Name] extends readonly [infer S extends keyof Structs, number]
      ? readonly Structs[S][]
      : never;
};

/** What of a module can be used from outside: functions without arrow functions in their parameters, objects, constants. */
type Usable<Module> = {
  readonly [Name in keyof Module as IsUsable<Module[Name]> extends true ? Name : never]: Outside<Module[Name]>;
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

/** Whether a parameter list has an arrow function in it: such functions are for kernel code only. */
type TakesClosure<P extends unknown[]> = true extends {
  [I in keyof P]: P[I] extends (...args: never[]) => unknown ? true : false;
}[number]
  ? true
  : false;

// SPDX-License-Identifier: Apache-2.0
/**
 * The few words of WebAssembly's JavaScript interface that generated code needs (webassembly.github.io/spec/js-api). Their
 * types come with `dom` alone, of which the engine has nothing else.
 */

export interface SharedMemory {
  buffer: SharedArrayBuffer;
  /** by pages of 64 KiB. @throws RangeError where there is no more */
  grow(pages: number): number;
}

interface WebAssemblyInterface {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: Record<string, Record<string, unknown>>) => { exports: object };
  Memory: new (size: { initial: number; maximum: number; shared: true }) => SharedMemory;
  Table: new (size: { initial: number; element: 'anyfunc' }) => object;
  CompileError: new () => Error;
}

export const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyInterface };

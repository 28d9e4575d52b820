// SPDX-License-Identifier: Apache-2.0
/** The loop over records (loop-text.ts) as WebAssembly, and the memory that it works on. */
import { Assembler } from '../base/assembler.js';
import { moduleOf, PAGES_MAX } from '../base/wasm.js';
import { type SharedMemory, WebAssembly } from '../base/webassembly.js';
import { ASSEMBLED } from './loop-bytes.js';
import { AT, FREE_AT, NEVER, PLAN } from './loop-places.js';
import { type Dialect, loopTexts } from './loop-text.js';

/** They give an `EXIT`, or nothing of interest. */
interface Functions {
  run(): number;
  enter(stream: number): number;
  sink(): number;
  rehash(): number;
}

/** bytes of a page of memory, and pages by which it grows */
const PAGE = 0x10000;
const AT_ONCE = 64;

/** bytes of memory that are kept for the next file */
const KEPT = 16 << 20;

/** 10 GiB of addresses are set aside for each memory: whoever reads many files, one after the other, has one of them. */
let spare: SharedMemory | undefined;

const modules = new Map<string, object>();

export const keyOf = (dialect: Dialect): string => JSON.stringify(dialect);

/** Made when the first file of this dialect is read. */
function moduleFor(dialect: Dialect): object {
  const key = keyOf(dialect);
  const known = modules.get(key);
  if (known) return known;
  const module = new WebAssembly.Module(Uint8Array.from(ASSEMBLED[key] ?? assembled(dialect)));
  modules.set(key, module);
  return module;
}

/** The bytes of the module. */
export function assembled(dialect: Dialect): Uint8Array {
  const texts = [...loopTexts(dialect)];
  const functions = new Map(texts.map(([name], at) => [name, at]));
  const parts = texts.map(([name, text]) => ({ ...new Assembler(text, functions).function(), name }));
  return moduleOf(parts, { functions: [], hasTable: false });
}

export class Loop {
  readonly functions: Functions;
  /** all of the memory, in three ways; who keeps one of them keeps what there was then */
  words: Int32Array;
  doubles: Float64Array;
  bytes: Uint8Array;
  private readonly memory: SharedMemory;
  private free = FREE_AT;

  constructor(dialect: Dialect) {
    // memory that nobody writes costs nothing
    this.memory = spare ?? new WebAssembly.Memory({ initial: AT_ONCE, maximum: PAGES_MAX, shared: true });
    spare = undefined;
    this.words = new Int32Array(this.memory.buffer);
    this.doubles = new Float64Array(this.memory.buffer);
    this.bytes = new Uint8Array(this.memory.buffer);
    const instance = new WebAssembly.Instance(moduleFor(dialect), { K: { memory: this.memory } });
    this.functions = instance.exports as Functions;
    this.words[PLAN.least] = this.words[PLAN.leastStack] = NEVER;
    this.doubles[AT.half / 2] = 0.5;
    this.doubles[AT.two27 / 2] = 2 ** 27;
    this.doubles[AT.two32 / 2] = 2 ** 32;
  }

  /** Room for so many words, all zero; where it begins. @throws RangeError where there is no more */
  allocate(words: number): number {
    const at = this.free;
    const end = at + words + (words & 1);
    const lacking = Math.ceil((end * 4) / PAGE) - this.memory.buffer.byteLength / PAGE;
    if (lacking > 0) {
      this.memory.grow(Math.max(lacking, Math.min(AT_ONCE, PAGES_MAX - this.memory.buffer.byteLength / PAGE)));
      this.words = new Int32Array(this.memory.buffer);
      this.doubles = new Float64Array(this.memory.buffer);
      this.bytes = new Uint8Array(this.memory.buffer);
    }
    this.free = end;
    return at;
  }

  /** Gives up the memory. Nothing of it can be asked for afterwards. */
  release(): void {
    if (this.bytes.length > 0 && this.bytes.length <= KEPT) {
      this.words.fill(0, 0, this.free);
      spare = this.memory;
    }
    this.words = new Int32Array(0);
    this.doubles = new Float64Array(0);
    this.bytes = new Uint8Array(0);
  }
}

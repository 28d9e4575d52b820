// SPDX-License-Identifier: Apache-2.0
/**
 * The binary format of WebAssembly, as far as generated code needs it (webassembly.github.io/spec/core/binary): numbers,
 * instructions, and one kind of module, whose memory, and a table of functions if it has one, come from outside.
 */

export const OP = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  drop: 0x1a,
  get: 0x20,
  set: 0x21,
  tee: 0x22,
  load: 0x28,
  load64: 0x29,
  loadDouble: 0x2b,
  store: 0x36,
  store64: 0x37,
  storeDouble: 0x39,
  const: 0x41,
  const64: 0x42,
  eqz: 0x45,
  eq: 0x46,
  ne: 0x47,
  ltS: 0x48,
  ltU: 0x49,
  gtS: 0x4a,
  gtU: 0x4b,
  leS: 0x4c,
  leU: 0x4d,
  geS: 0x4e,
  geU: 0x4f,
  ne64: 0x52,
  eqDouble: 0x61,
  neDouble: 0x62,
  ltDouble: 0x63,
  gtDouble: 0x64,
  leDouble: 0x65,
  geDouble: 0x66,
  add: 0x6a,
  sub: 0x6b,
  mul: 0x6c,
  divS: 0x6d,
  remS: 0x6f,
  and: 0x71,
  or: 0x72,
  xor: 0x73,
  shl: 0x74,
  shrS: 0x75,
  shrU: 0x76,
  add64: 0x7c,
  mul64: 0x7e,
  or64: 0x84,
  xor64: 0x85,
  shl64: 0x86,
  shrU64: 0x88,
  rotl64: 0x89,
  ceil: 0x9b,
  addDouble: 0xa0,
  subDouble: 0xa1,
  mulDouble: 0xa2,
  divDouble: 0xa3,
  wrap: 0xa7,
  extendU: 0xad,
  doubleS: 0xb7,
  doubleU: 0xb8,
  simd: 0xfd,
  atomic: 0xfe,
} as const;

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F64 = 0x7c;
/** the type of a block that leaves nothing */
export const NOTHING = 0x40;
/** what follows `simd` */
export const SIMD = { load: [0x00], store: [0x0b], or: [0x50], xor: [0x51], anyTrue: [0x53] } as const;
/** what follows `atomic` */
export const ATOMIC = { load: 0x10, store: 0x17, exchange: 0x48, exchange64: 0x49 } as const;

/** Pages of 64 KiB that a memory has at most. */
export const PAGES_MAX = 65536;

/** Appends LEB128 of an unsigned number. */
export function putUnsigned(bytes: number[], value: number): void {
  let rest = value >>> 0;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  bytes.push(rest);
}

/** Appends LEB128 of a signed 32-bit number. */
export function putSigned(bytes: number[], value: number): void {
  let rest = value | 0;
  while (rest < -64 || rest > 63) {
    bytes.push((rest & 127) | 128);
    rest >>= 7;
  }
  bytes.push(rest & 127);
}

/** @returns LEB128 of an unsigned number */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  putUnsigned(bytes, value);
  return bytes;
}

/** @returns LEB128 of a signed 32-bit number */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  putSigned(bytes, value);
  return bytes;
}

/** @returns LEB128 of a 64-bit number */
export function signed64(value: bigint): number[] {
  const bytes: number[] = [];
  for (let rest = BigInt.asIntN(64, value); ; ) {
    const byte = Number(rest & 127n);
    rest >>= 7n;
    const isLast = (rest === 0n && (byte & 64) === 0) || (rest === -1n && (byte & 64) !== 0);
    bytes.push(isLast ? byte : byte | 128);
    if (isLast) return bytes;
  }
}

/** Most parameters of a function; these and the result have 32 bits. A function's type is the number of its parameters. */
const PARAMETERS_MAX = 2;

export interface WasmFunction {
  parameters: number;
  /** types of the locals beside the parameters */
  locals: readonly number[];
  /** instructions, `end` not among them */
  code: number[];
  /** name to export it by */
  name?: string;
  /** its place in the table */
  slot?: number;
}

/** Bytes in pieces, so that none is copied before all are put together. */
type Pieces = readonly (readonly number[])[];

function sizeOf(pieces: Pieces): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

function vector(items: readonly Pieces[]): Pieces {
  return [unsigned(items.length), ...items.flat()];
}

function section(id: number, body: Pieces): Pieces {
  return [[id], unsigned(sizeOf(body)), ...body];
}

function text(name: string): number[] {
  return [...unsigned(name.length), ...[...name].map((c) => c.charCodeAt(0))];
}

/** What a module gets from outside beside its memory. */
export interface Outside {
  /** functions, in the order in which they are imported: two numbers go in, one comes out */
  functions: readonly string[];
  /** a table of functions */
  hasTable: boolean;
}

/** @returns a module of these functions; they are numbered after those from outside. It imports all from `K` */
export function moduleOf(functions: readonly WasmFunction[], outside: Outside): Uint8Array {
  const types = Array.from({ length: PARAMETERS_MAX + 1 }, (_, count) => [
    [0x60, count, ...Array<number>(count).fill(I32), 1, I32],
  ]);
  const first = outside.functions.length;
  const imports = [
    [[...text('K'), ...text('memory'), 0x02, 0x03, ...unsigned(1), ...unsigned(PAGES_MAX)]],
    ...(outside.hasTable ? [[[...text('K'), ...text('table'), 0x01, 0x70, 0x00, ...unsigned(1)]]] : []),
    ...outside.functions.map((name) => [[...text('K'), ...text(name), 0x00, PARAMETERS_MAX]]),
  ];
  const exports = functions.flatMap(({ name }, i) =>
    name === undefined ? [] : [[[...text(name), 0x00, ...unsigned(first + i)]]],
  );
  const elements = functions.flatMap(({ slot }, i) =>
    slot === undefined ? [] : [[[0x00, OP.const, ...signed(slot), OP.end, 1, ...unsigned(first + i)]]],
  );
  const bodies = functions.map(({ locals, code }) => {
    const body = [unsigned(locals.length), locals.flatMap((type) => [1, type]), code, [OP.end]];
    return [unsigned(sizeOf(body)), ...body];
  });
  const all = [
    [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(2, vector(imports)),
    ...section(3, vector(functions.map(({ parameters }) => [[parameters]]))),
    ...section(7, vector(exports)),
    ...section(9, vector(elements)),
    ...section(10, vector(bodies)),
  ];
  const bytes = new Uint8Array(sizeOf(all));
  let at = 0;
  for (const piece of all) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

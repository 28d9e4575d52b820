// SPDX-License-Identifier: Apache-2.0
/**
 * Fingerprints of states, 64 bits: the rounds of XXH64 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md) for its eight-byte
 * tail and its last avalanche, one round for each two words of a state. As WebAssembly, which can multiply 64 bits.
 */
import { I32, I64, NOTHING, OP, signed, signed64, unsigned } from '../base/wasm.js';

const PRIME1 = 0x9e3779b185ebca87n;
const PRIME2 = 0xc2b2ae3d27d4eb4fn;
const PRIME3 = 0x165667b19e3779f9n;
const PRIME4 = 0x85ebca77c2b2ae63n;
const SEED = 0x27d4eb2f165667c5n;

/** Where states and the halves of their fingerprints are, in words. */
export interface FingerprintPlaces {
  states: number;
  stride: number;
  high: number;
  low: number;
}

// locals of the function below
const LEFT = 0;
const AT = 1;
const OUT = 2;
const HALF = 3;
const HASH = 4;

/**
 * @param words how many a state has; those up to the stride are 0
 * @returns the body of a function that leaves the fingerprints of the first so many states; at least one
 */
export function fingerprintCode({ states, stride, high, low }: FingerprintPlaces, words: number) {
  const number = (value: bigint): number[] => [OP.const64, ...signed64(value)];
  const get = (local: number): number[] => [OP.get, local];
  const rotated = (bits: bigint): number[] => [...number(bits), OP.rotl64];
  const folded = (bits: bigint): number[] => [...get(HASH), ...get(HASH), ...number(bits), OP.shrU64, OP.xor64];
  const rounds = Array.from({ length: Math.ceil(words / 2) }, (_, i) => [
    ...[...get(AT), OP.load64, 3, ...unsigned(i * 8), ...number(PRIME2), OP.mul64],
    ...[...rotated(31n), ...number(PRIME1), OP.mul64, ...get(HASH), OP.xor64],
    ...[...rotated(27n), ...number(PRIME1), OP.mul64, ...number(PRIME4), OP.add64, OP.set, HASH],
  ]).flat();
  const avalanche = [
    ...[...folded(33n), ...number(PRIME2), OP.mul64, OP.set, HASH],
    ...[...folded(29n), ...number(PRIME3), OP.mul64, OP.set, HASH],
    ...[...folded(32n), OP.set, HASH],
  ];
  // neither half is 0: that is what an empty slot has
  const left = (half: readonly number[], place: number): number[] => [
    ...get(OUT),
    ...half,
    OP.wrap,
    ...[OP.tee, HALF, OP.get, HALF, OP.eqz, OP.or],
    ...[OP.store, 2, ...unsigned(place * 4)],
  ];
  const code = [
    ...[OP.const, ...signed(states * 4), OP.set, AT, OP.loop, NOTHING],
    ...[...number(SEED), OP.set, HASH],
    ...rounds,
    ...avalanche,
    ...left([...get(HASH), ...number(32n), OP.shrU64], high),
    ...left(get(HASH), low),
    ...[...get(AT), OP.const, ...signed(stride * 4), OP.add, OP.set, AT],
    ...[...get(OUT), OP.const, 4, OP.add, OP.set, OUT],
    ...[...get(LEFT), OP.const, 1, OP.sub, OP.tee, LEFT, OP.brIf, 0, OP.end],
    ...[OP.const, 0],
  ];
  return { parameters: 1, locals: [I32, I32, I32, I64], code };
}

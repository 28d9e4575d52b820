// SPDX-License-Identifier: Apache-2.0
/**
 * What the words of a state say.
 *
 * Not here: where in it everything is (encode.ts).
 */
import { bitOf, type ColumnPlace, type Encoding, type LocalSlot } from './encode.js';

export function readElement(state: Int32Array, place: ColumnPlace, element: number): number {
  const bit = bitOf(place, element);
  const left = (state[bit >>> 5] >>> (bit & 31)) << (32 - place.bits);
  return place.signed ? left >> (32 - place.bits) : left >>> (32 - place.bits);
}

/** @returns the value of a local in a state whose task is where the slot is */
export function readSlot(state: Int32Array, { word, shift, bits, signed }: LocalSlot): number {
  const left = (state[word] >>> shift) << (32 - bits);
  return signed ? left >> (32 - bits) : left >>> (32 - bits);
}

export function pcOf(state: Int32Array, encoding: Encoding, task: number): number {
  const { word, shift, pcBits } = encoding.tasks[task];
  return (state[word] >>> shift) & (2 ** pcBits - 1);
}

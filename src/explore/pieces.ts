// SPDX-License-Identifier: Apache-2.0
/** A state as the pieces in which WebAssembly copies and compares it: 16 bytes at once as far as they go, then 8 and 4. */
import { OP, SIMD, unsigned } from '../base/wasm.js';

/** A piece of a state that is copied or compared at once: where, by which instructions, and how it differs from another. */
export interface Piece {
  at: number[];
  load: readonly number[];
  store: readonly number[];
  /** absent for 16 bytes */
  differ?: number;
}

/** @param bytes of the state, whole words */
export function piecesOf(bytes: number): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < bytes; ) {
    // nothing is known of alignment but that words have it
    const where = [2, ...unsigned(at)];
    if (bytes - at >= 16) {
      pieces.push({ at: where, load: [OP.simd, ...SIMD.load], store: [OP.simd, ...SIMD.store] });
      at += 16;
    } else if (bytes - at >= 8) {
      pieces.push({ at: where, load: [OP.load64], store: [OP.store64], differ: OP.ne64 });
      at += 8;
    } else {
      pieces.push({ at: where, load: [OP.load], store: [OP.store], differ: OP.ne });
      at += 4;
    }
  }
  return pieces;
}

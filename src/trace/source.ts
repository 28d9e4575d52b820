// SPDX-License-Identifier: Apache-2.0
/**
 * Where the bytes of a recording are: in memory, or in a file that is read piece by piece, so that a recording need not fit
 * into memory. Files themselves are the business of src/app.
 */

export interface Source {
  readonly size: number;
  /** Copies what lies at `offset` into `into`; returns how many bytes there were, fewer only at the end. */
  read(offset: number, into: Uint8Array): number;
}

/** Bytes that are in memory already; a source as it is. */
export function sourceOf(bytes: Uint8Array | Source): Source {
  if (!(bytes instanceof Uint8Array)) return bytes;
  return {
    size: bytes.length,
    read(offset, into) {
      const part = bytes.subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    },
  };
}

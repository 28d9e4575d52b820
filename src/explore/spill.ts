// SPDX-License-Identifier: Apache-2.0
/**
 * Where a search puts what is written once and read in order, so that it takes no memory: edges, and states that wait to be
 * looked at. Here only what it asks for, and the place for what has no other: memory. Files are src/app/spill.ts.
 */

/** Bytes by their position. Whoever holds it writes and reads at will; nobody else does meanwhile. */
export interface SpillFile {
  /** The bytes are the caller's again once it returns. @throws SpillError */
  write(at: number, bytes: Uint8Array): void;
  /** Fills `into` with what was written there. @throws SpillError */
  read(at: number, into: Uint8Array): void;
  /** What was written is not needed any more. */
  close(): void;
}

export interface Spill {
  /** @returns a file without bytes. @throws SpillError */
  open(): SpillFile;
  /** bytes of memory that its files take */
  readonly bytes: number;
}

/** What was to be kept beside memory cannot be: the message says where and why, the code is the system's. */
export class SpillError extends Error {
  constructor(
    message: string,
    readonly code: string,
  ) {
    super(message);
  }
}

const PIECE = 1 << 20;

/** Files that are none: they take memory as they grow. */
export class MemorySpill implements Spill {
  bytes = 0;

  open(): SpillFile {
    const pieces: Uint8Array[] = [];
    const overlap = (at: number, length: number, each: (piece: Uint8Array, from: number, done: number) => number) => {
      for (let done = 0; done < length; ) {
        const number = Math.floor((at + done) / PIECE);
        while (pieces.length <= number) {
          pieces.push(new Uint8Array(PIECE));
          this.bytes += PIECE;
        }
        done += each(pieces[number], (at + done) % PIECE, done);
      }
    };
    return {
      write(at, bytes) {
        overlap(at, bytes.length, (piece, from, done) => {
          const part = bytes.subarray(done, done + PIECE - from);
          piece.set(part, from);
          return part.length;
        });
      },
      read(at, into) {
        overlap(at, into.length, (piece, from, done) => {
          const part = piece.subarray(from, Math.min(PIECE, from + into.length - done));
          into.set(part, done);
          return part.length;
        });
      },
      close: () => {
        this.bytes -= pieces.length * PIECE;
        pieces.length = 0;
      },
    };
  }
}

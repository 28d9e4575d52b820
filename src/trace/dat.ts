// SPDX-License-Identifier: Apache-2.0
/**
 * The outside of a trace.dat: head, format files, options and where each CPU's ring-buffer data lies; versions 6 and 7
 * (trace-cmd Documentation/trace-cmd/trace-cmd.dat.v6.5.txt and v7.5.txt, lib/trace-cmd/trace-input.c). Whatever is damaged
 * becomes a note and is left out; the events themselves are read by cpu-stream.ts.
 */
import { ByteReader, Damaged } from './bytes.js';
import { type DatFile, guard } from './dat-parts.js';
import { readBodyV6 } from './dat-v6.js';
import { readSectionsV7 } from './dat-v7.js';
import type { Codecs, Notes } from './recording.js';
import type { Source } from './source.js';

export const DAT_MAGIC = [0x17, 0x08, 0x44, 0x74, 0x72, 0x61, 0x63, 0x69, 0x6e, 0x67] as const;

/** Does it begin as a trace.dat does? */
export function isDat(bytes: Uint8Array): boolean {
  return DAT_MAGIC.every((byte, at) => bytes[at] === byte);
}

/** Everything but the events; undefined (with a note) where the head itself cannot be read. */
export function openDat(from: Source | Uint8Array, codecs: Codecs, notes: Notes): DatFile | undefined {
  const reader = new ByteReader(from, true, DAT_MAGIC.length);
  const file = guard(notes, 'the head of the trace.dat', () => readHead(reader, codecs, notes));
  if (!file) return undefined;
  if (file.version === 6) readBodyV6(file, reader);
  else readSectionsV7(file, reader);
  return file;
}

function readHead(reader: ByteReader, codecs: Codecs, notes: Notes): DatFile {
  const version = reader.cstring(16);
  if (version !== '6' && version !== '7') throw new Damaged(`version ${JSON.stringify(version)} is not 6 or 7`);
  reader.little = reader.u8() === 0;
  const longSize = reader.u8();
  const pageSize = reader.u32();
  const wide = longSize !== 4;
  return {
    source: reader.source,
    version: Number(version),
    little: reader.little,
    longSize,
    pageSize,
    compression: 'none',
    codecs,
    layout: { commitOffset: 8, commitSize: wide ? 8 : 4, dataOffset: wide ? 16 : 12 },
    formats: new Map(),
    buffers: [],
    uname: '',
    clock: '',
    offset: 0n,
    tsc: undefined,
    cpuStats: [],
    facts: '',
    cmdlines: new Uint8Array(0),
    kallsyms: () => new Uint8Array(0),
    notes,
  };
}

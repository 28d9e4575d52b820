// SPDX-License-Identifier: Apache-2.0
/**
 * Where the streams of an .xz file begin: several can follow each other (pixz, cat), and the decoder at hand stops after the
 * first. They are found from the end, by footer and index (The .xz File Format 1.2.1, sections 2.1.2 and 4).
 */

const FOOTER = 12;
const HEADER = 12;

/** The streams, in order; the whole file as one where its end is damaged. */
export function xzStreams(bytes: Uint8Array): Uint8Array[] {
  const streams: Uint8Array[] = [];
  for (let end = bytes.length; end > 0; ) {
    // padding between streams comes in fours
    if (end >= 4 && bytes.subarray(end - 4, end).every((byte) => byte === 0)) {
      end -= 4;
      continue;
    }
    const start = streamStart(bytes, end);
    if (start === undefined) return [bytes];
    streams.unshift(bytes.subarray(start, end));
    end = start;
  }
  return streams.length > 0 ? streams : [bytes];
}

/** Where the stream that ends at `end` begins. */
function streamStart(bytes: Uint8Array, end: number): number | undefined {
  const footer = end - FOOTER;
  if (footer < HEADER || bytes[end - 2] !== 0x59 || bytes[end - 1] !== 0x5a) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const index = footer - (view.getUint32(footer + 4, true) + 1) * 4;
  if (index < HEADER || bytes[index] !== 0) return undefined;
  const blocks = blockBytes(bytes, index + 1, footer);
  if (blocks === undefined) return undefined;
  const start = index - blocks - HEADER;
  return start >= 0 && bytes[start] === 0xfd && bytes[start + 1] === 0x37 ? start : undefined;
}

/** The sum of the sizes of the blocks that an index lists, each padded to four. */
function blockBytes(bytes: Uint8Array, from: number, end: number): number | undefined {
  let at = from;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; at < end && shift < 9; shift++) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** (7 * shift);
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  const count = number();
  let sum = 0;
  for (let block = 0; block < count; block++) {
    const size = number();
    if (Number.isNaN(size + number())) return undefined;
    sum += Math.ceil(size / 4) * 4;
  }
  return Number.isNaN(count) ? undefined : sum;
}

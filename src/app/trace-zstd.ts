// SPDX-License-Identifier: Apache-2.0
/**
 * Whole .zst files. zstddec needs the unpacked size, which a frame need not state, and its own streaming never ends on
 * damaged input; so this walks the block headers (RFC 8878, section 3.1.1), which bound the size, and unpacks frame by frame.
 * Of a cut or damaged frame it unpacks the blocks before the damage, under a header that claims no more than that.
 */
interface Decoder {
  decode(bytes: Uint8Array, size: number): Uint8Array;
}

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
const MAX_BLOCK = 128 << 10;

interface Frame {
  /** where the blocks begin and, for each, where it ends in the input and in the output at most */
  blocks: number;
  ends: number[];
  bounds: number[];
  window: number;
  end: number;
  complete: boolean;
}

/** Unpacks all frames to at most `limit` bytes; `error` says what was wrong with the first one that was damaged. */
export function unpackZstd(decoder: Decoder, bytes: Uint8Array, limit: number): { out: Uint8Array; error?: string } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Uint8Array[] = [];
  let size = 0;
  let error: string | undefined;
  for (let at = 0; at < bytes.length && error === undefined; ) {
    const magic = at + 4 <= bytes.length ? view.getUint32(at, true) : 0;
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE && at + 8 <= bytes.length) {
      at += 8 + view.getUint32(at + 4, true);
      continue;
    }
    const frame = magic === MAGIC ? walkFrame(view, at) : undefined;
    if (!frame) {
      error = 'no zstd frame where one is due';
      break;
    }
    if (size + (frame.bounds.at(-1) ?? 0) > Math.min(limit, 1 << 30)) error = 'it unpacks to more than can be held';
    else {
      const part = frame.complete
        ? decode(decoder, bytes.subarray(at, frame.end), frame.bounds.at(-1) ?? 0)
        : undefined;
      if (!part) error = frame.complete ? 'its data is damaged' : 'it ends too early';
      const got = part ?? rescue(decoder, bytes, at, frame);
      parts.push(got);
      size += got.length;
    }
    at = frame.end;
  }
  const out = parts.length === 1 ? parts[0] : joined(parts, size);
  return error === undefined ? { out } : { out, error };
}

function joined(parts: Uint8Array[], size: number): Uint8Array {
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** zstddec gives an empty array for every error; an empty frame is told apart by its bound. */
function decode(decoder: Decoder, frame: Uint8Array, bound: number): Uint8Array | undefined {
  if (bound === 0) return new Uint8Array(0);
  try {
    const out = decoder.decode(frame, bound);
    return out.length > 0 && out.length <= bound ? out : undefined;
  } catch {
    return undefined;
  }
}

/** Frame header and block headers; undefined where not even the header is there. */
function walkFrame(view: DataView, start: number): Frame | undefined {
  let at = start + 4;
  if (at >= view.byteLength) return undefined;
  const descriptor = view.getUint8(at++);
  const single = (descriptor & 0x20) !== 0;
  const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >>> 6];
  const dictionary = [0, 1, 2, 4][descriptor & 3];
  if (at + (single ? 0 : 1) + dictionary + sizeBytes > view.byteLength) return undefined;
  let window = 0;
  if (!single) {
    const byte = view.getUint8(at++);
    window = 2 ** (10 + (byte >>> 3)) * (1 + (byte & 7) / 8);
  }
  at += dictionary;
  if (single) window = sizeAt(view, at, sizeBytes);
  at += sizeBytes;
  return walkBlocks(view, at, window, (descriptor & 4) !== 0);
}

function sizeAt(view: DataView, at: number, bytes: number): number {
  if (bytes === 1) return view.getUint8(at);
  if (bytes === 2) return view.getUint16(at, true) + 256;
  return view.getUint32(at, true) + (bytes === 8 ? view.getUint32(at + 4, true) * 4294967296 : 0);
}

function walkBlocks(view: DataView, blocks: number, window: number, checksum: boolean): Frame {
  const ends: number[] = [];
  const bounds: number[] = [];
  const largest = Math.min(MAX_BLOCK, Math.max(window, 1));
  let bound = 0;
  for (let at = blocks; at + 3 <= view.byteLength; ) {
    const header = view.getUint8(at) | (view.getUint8(at + 1) << 8) | (view.getUint8(at + 2) << 16);
    const type = (header >>> 1) & 3;
    const size = header >>> 3;
    at += 3 + (type === 1 ? 1 : size);
    if (type === 3 || at > view.byteLength) break;
    bound += type === 2 ? largest : Math.min(size, MAX_BLOCK);
    ends.push(at);
    bounds.push(bound);
    const end = at + (checksum ? 4 : 0);
    if (header & 1)
      return { blocks, ends, bounds, window, end: Math.min(end, view.byteLength), complete: end <= view.byteLength };
  }
  return { blocks, ends, bounds, window, end: view.byteLength, complete: false };
}

/** The longest run of blocks that unpacks. */
function rescue(decoder: Decoder, bytes: Uint8Array, start: number, frame: Frame): Uint8Array {
  let best = new Uint8Array(0);
  let good = 0;
  for (let bad = frame.ends.length + 1; bad - good > 1; ) {
    const count = (good + bad) >>> 1;
    const out = decode(decoder, headed(bytes, frame, count, start), frame.bounds[count - 1]);
    if (out) {
      good = count;
      best = new Uint8Array(out);
    } else bad = count;
  }
  return best;
}

/** The first `count` blocks under a new header: no size, no checksum, the last block marked as such. */
function headed(bytes: Uint8Array, frame: Frame, count: number, start: number): Uint8Array {
  const end = frame.ends[count - 1];
  const out = new Uint8Array(6 + end - frame.blocks);
  out.set(bytes.subarray(start, start + 4));
  const power = Math.min(21, Math.max(0, Math.ceil(Math.log2(Math.max(frame.window, 1024))) - 10));
  out[5] = power << 3;
  out.set(bytes.subarray(frame.blocks, end), 6);
  const last = (count > 1 ? frame.ends[count - 2] : frame.blocks) - frame.blocks + 6;
  out[last] |= 1;
  return out;
}

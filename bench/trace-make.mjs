// SPDX-License-Identifier: Apache-2.0
/**
 * Makes recordings of any size out of a real one: its events again and again, each round later in time and on pages of its
 * own, under the head that trace-cmd wrote. Version 6; trace-cmd itself converts it to version 7.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { nodeCodecs } from '../dist/app/trace-unpack.js';
import { openDat } from '../dist/trace/dat.js';
import { parseFormat } from '../dist/trace/format.js';
import { Notes } from '../dist/trace/recording.js';

const PAGE = 4096;
/** by how much the pages of each round are moved */
const STRIDE = 0x200000;

/** @returns a maker for the trace.dat (version 6, little-endian) at `path`: `events` in it, and `write(path, rounds)` */
export async function makerOf(path) {
  const bytes = readFileSync(path);
  const file = openDat(bytes, await nodeCodecs(), new Notes());
  const { areas } = file.buffers[0];
  const table = bytes.indexOf('flyrecord\0') + 10;
  const layout = layoutOf(bytes, areas, pfnPlaces(file));
  return {
    events: layout.events,
    write: (to, rounds) => write(to, rounds, { bytes, areas, table, ...layout }),
  };
}

/** Where the pfn is in the record of each event that has one, and the id of stacks. */
function pfnPlaces(file) {
  const places = new Map();
  let stack = -1;
  for (const { text, system } of file.formats.values()) {
    const format = parseFormat(text, system);
    const pfn = format?.fields.find(({ name, size }) => name === 'pfn' && size === 8);
    if (pfn) places.set(format.id, pfn.offset);
    if (format?.name === 'kernel_stack') stack = format.id;
  }
  return { places, stack };
}

/** All pages' time stamps, all pfns, and how long it lasts. */
function layoutOf(bytes, areas, { places, stack }) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stamps = [];
  const absolutes = [];
  const pfns = [];
  let [first, last, events] = [Number.POSITIVE_INFINITY, 0, 0];
  for (const { offset, size } of areas) {
    for (let page = offset; page + PAGE <= offset + size; page += PAGE) {
      stamps.push(page);
      let time = Number(view.getBigUint64(page, true));
      first = Math.min(first, time);
      const end = page + 16 + (view.getUint32(page + 8, true) & 0x07ffffff);
      for (let at = page + 16; at < end; ) {
        const word = view.getUint32(at, true);
        const [type, delta] = [word & 31, word >>> 5];
        const value = at + 8 <= end ? view.getUint32(at + 4, true) : 0;
        if (type === 29 && delta === 0) break;
        if (type === 31) absolutes.push(at);
        time = (type === 31 ? 0 : time) + (type >= 30 ? value * 0x08000000 + delta : delta);
        const payload = at + (type === 0 ? 8 : 4);
        if (type < 29) {
          const id = view.getUint16(payload, true);
          // a stack belongs to an event and is none
          if (id !== stack) events++;
          const place = places.get(id);
          if (place !== undefined && view.getInt32(payload + place + 4, true) === 0) pfns.push(payload + place);
        }
        at += type === 0 ? 4 + Math.ceil(value / 4) * 4 : type < 29 ? 4 + type * 4 : type === 29 ? 4 + value : 8;
      }
      last = Math.max(last, time);
    }
  }
  return { stamps, absolutes, pfns: Uint32Array.from(pfns), span: last - first + 1000, events };
}

function write(to, rounds, { bytes, areas, table, stamps, absolutes, pfns, span }) {
  const out = openSync(to, 'w');
  const head = Buffer.from(bytes.subarray(0, Math.ceil((table + areas.length * 16) / PAGE) * PAGE));
  let place = head.length;
  for (const [cpu, { size }] of areas.entries()) {
    head.writeBigUInt64LE(BigInt(place), table + cpu * 16);
    head.writeBigUInt64LE(BigInt(size * rounds), table + cpu * 16 + 8);
    place += size * rounds;
  }
  writeSync(out, head);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // one round's changes on top of those of the round before; then back for the next CPU
  const shift = (times, by) => {
    for (const at of stamps) view.setBigUint64(at, view.getBigUint64(at, true) + BigInt(times * span), true);
    for (const at of absolutes) {
      const word = view.getUint32(at, true);
      const time = view.getUint32(at + 4, true) * 0x08000000 + (word >>> 5) + times * span;
      view.setUint32(at, ((time % 0x08000000) << 5) | 31, true);
      view.setUint32(at + 4, Math.floor(time / 0x08000000), true);
    }
    for (const at of pfns) view.setUint32(at, view.getUint32(at, true) + by, true);
  };
  for (const { offset, size } of areas) {
    for (let round = 0; round < rounds; round++) {
      for (let at = 0; at < size; ) at += writeSync(out, bytes, offset + at, size - at);
      shift(1, STRIDE);
    }
    shift(-rounds, -STRIDE * rounds);
  }
  closeSync(out);
}

// SPDX-License-Identifier: Apache-2.0
/** Shows the fields of any event by its format file: for events that this program has never heard of. */
import { asciiOf, textOf } from './bytes.js';
import { HAS } from './columns.js';
import type { FormatField } from './format.js';
import type { Recording } from './recording.js';

/** `name=value` of every field behind the common ones; of a text recording the line as it was printed. */
export function describe(recording: Recording, row: number): string {
  const { events, kinds, extras, little } = recording;
  const bytes = extras.get(events.extra(row));
  const { format, has } = kinds[events.kind(row)];
  if (has & HAS.pfn) return pageFields(recording, row, has);
  if (!format) return withPageNumber(textOf(bytes).trimEnd());
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const own = format.fields.filter(({ name }) => !name.startsWith('common_'));
  if (own.length === 0) return hex(bytes);
  return withPageNumber(own.map((field) => `${field.name}=${fieldText(field, bytes, view, little)}`).join(' '));
}

/** Of a probe of `refzero record --substitute`, which has the address of a struct page and that of page 0: the number too. */
function withPageNumber(text: string): string {
  const match = /\bpage=(0x[0-9a-f]{1,16}) .*\bvmemmap=(0x[0-9a-f]{1,16})\b/.exec(text);
  const bytes = match ? BigInt(match[1]) - BigInt(match[2]) : -1n;
  return bytes < 0n ? text : `pfn=0x${(bytes / 64n).toString(16)} ${text}`;
}

/** The columns of an event of pages; its record is not kept. */
function pageFields({ events, flagTexts }: Recording, row: number, has: number): string {
  const parts = [`pfn=${events.pfn(row) < 0 ? 'none' : `0x${events.pfn(row).toString(16)}`}`];
  if (has & HAS.flags) {
    const flags = events.flags(row);
    parts.push(`flags=${flagTexts ? flagTexts.text(Number(flags)) : `0x${flags.toString(16)}`}`);
  }
  if (has & HAS.count) parts.push(`count=${events.count(row)}`);
  if (has & HAS.mapcount) parts.push(`mapcount=${events.mapcount(row)}`);
  if (has & HAS.mapping) parts.push(`mapping=0x${events.mapping(row).toString(16)}`);
  if (has & HAS.order) parts.push(`order=${events.val(row)}`);
  if (has & HAS.val) parts.push(`val=${events.val(row)}`);
  if (has & HAS.ret) parts.push(`ret=${events.ret(row)}`);
  return parts.join(' ');
}

function fieldText(field: FormatField, bytes: Uint8Array, view: DataView, little: boolean): string {
  const { offset, size, type } = field;
  if (offset > bytes.length || (size > 0 && offset + size > bytes.length)) return '?';
  if (type.startsWith('__data_loc') || type.startsWith('__rel_loc')) {
    if (offset + 4 > bytes.length) return '?';
    const word = view.getUint32(offset, little);
    const from = (word & 0xffff) + (type.startsWith('__rel_loc') ? offset + 4 : 0);
    return arrayOf(type, bytes.subarray(from, Math.min(bytes.length, from + (word >>> 16))));
  }
  if (field.array) return arrayOf(type, bytes.subarray(offset, size > 0 ? offset + size : bytes.length));
  return numberOf(field, view, little);
}

function arrayOf(type: string, bytes: Uint8Array): string {
  if (!/\bchar\b/.test(type)) return hex(bytes);
  const end = bytes.indexOf(0);
  return asciiOf(bytes, 0, end < 0 ? bytes.length : end).trimEnd();
}

function numberOf({ offset, size, signed, type }: FormatField, view: DataView, little: boolean): string {
  const address = type.includes('*') || /\b(?:ip|address)\b/.test(type);
  if (size === 8) {
    const value = signed ? view.getBigInt64(offset, little) : view.getBigUint64(offset, little);
    return address || value > 0xffffffffn ? `0x${BigInt.asUintN(64, value).toString(16)}` : String(value);
  }
  if (size === 4) return String(signed ? view.getInt32(offset, little) : view.getUint32(offset, little));
  if (size === 2) return String(signed ? view.getInt16(offset, little) : view.getUint16(offset, little));
  if (size === 1) return String(signed ? view.getInt8(offset) : view.getUint8(offset));
  return '?';
}

function hex(bytes: Uint8Array): string {
  const shown = Array.from(bytes.subarray(0, 32), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return bytes.length > 32 ? `${shown}...` : shown;
}

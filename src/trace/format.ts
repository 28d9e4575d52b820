// SPDX-License-Identifier: Apache-2.0
/**
 * Event format files (`events/<system>/<event>/format`, kernel/trace/trace_events.c: f_show): names, offsets and sizes of
 * the fields. The print fmt is kept as text and not evaluated.
 */

export interface FormatField {
  name: string;
  /** as declared: `unsigned long`, `__data_loc char[]` */
  type: string;
  offset: number;
  size: number;
  signed: boolean;
  /** declared with brackets */
  array: boolean;
}

export interface EventFormat {
  id: number;
  system: string;
  name: string;
  fields: FormatField[];
  printFmt: string;
}

const FIELD = /^\s*field:\s*(.+?);\s*offset:(\d+);\s*size:(\d+);\s*(?:signed:(\d+);)?/;
const MAX_FIELDS = 512;

/** The fields of a format text, header_page included (which has fields and no name). */
export function parseFields(text: string): FormatField[] {
  const fields: FormatField[] = [];
  for (const line of text.split('\n')) {
    const match = FIELD.exec(line);
    if (!match || fields.length >= MAX_FIELDS) continue;
    const [, declaration, offset, size, signed] = match;
    const parts = /^(.*?)([A-Za-z_]\w*)\s*((?:\[[^\]]*\])*)$/.exec(declaration);
    if (!parts) continue;
    const type = parts[1].trim();
    const array = parts[3] !== '' || type.endsWith(']');
    fields.push({ name: parts[2], type, offset: Number(offset), size: Number(size), signed: signed === '1', array });
  }
  return fields;
}

/** A format file; undefined where it has no name or no id. */
export function parseFormat(text: string, system: string): EventFormat | undefined {
  const name = /^name:\s*(\S+)/m.exec(text)?.[1];
  const id = /^ID:\s*(\d+)/m.exec(text)?.[1];
  if (name === undefined || id === undefined) return undefined;
  const print = text.indexOf('\nprint fmt:');
  const fields = parseFields(print < 0 ? text : text.slice(0, print));
  const printFmt = print < 0 ? '' : text.slice(print + 11).trim();
  return { id: Number(id), system, name, fields, printFmt };
}

/** The place of a field, or undefined. */
export function fieldOf(format: EventFormat, name: string): FormatField | undefined {
  return format.fields.find((field) => field.name === name);
}

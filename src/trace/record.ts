// SPDX-License-Identifier: Apache-2.0
/**
 * What to take out of a record of one event id: prepared once from its format file, then used for every record. Fields are
 * found by name, so a kernel may move, drop or add any of them; only a field named `pfn` makes an event one of pages.
 */
import type { EventKind } from './columns.js';
import { HAS } from './columns.js';
import { type EventFormat, type FormatField, fieldOf } from './format.js';

/** Offsets into the record, -1 where the event has no such field. One shape for all events keeps the decoder fast. */
export interface Plan {
  kind: number;
  /** a kernel or user stack and not an event of its own */
  stack: 'no' | 'kernel' | 'user';
  /** shorter records are damaged */
  least: number;
  pid: number;
  flags8: number;
  pfn: number;
  pfnWide: boolean;
  val: number;
  ret: number;
  count: number;
  mapcount: number;
  flags: number;
  flagsWide: boolean;
  mapping: number;
  mappingWide: boolean;
  /** of a stack: number of frames, first frame, bytes of a frame */
  frames: number;
  frame: number;
  word: number;
}

/** The plan of an event, and which optional columns it fills (bits of `HAS`). */
export function planOf(format: EventFormat, kind: number): { plan: Plan; has: number } {
  const stack = stackKind(format);
  const word = fieldOf(format, 'caller')?.type.includes('long') === false ? 8 : wordSize(format);
  const plan: Plan = {
    ...EMPTY,
    kind,
    stack,
    pid: at(int(format, 'common_pid', 4)),
    flags8: at(int(format, 'common_flags', 1)),
    frames: stack === 'kernel' ? at(int(format, 'size', 4)) : -1,
    frame: stack === 'kernel' ? (fieldOf(format, 'caller')?.offset ?? -1) : -1,
    word,
  };
  const pfn = int(format, 'pfn', 8) ?? int(format, 'pfn', 4);
  if (stack !== 'no' || !pfn) return { plan: { ...plan, least: leastOf(plan) }, has: 0 };
  return pageColumns(format, plan, pfn);
}

const EMPTY: Plan = {
  kind: 0,
  stack: 'no',
  least: 0,
  pid: -1,
  flags8: -1,
  pfn: -1,
  pfnWide: true,
  val: -1,
  ret: -1,
  count: -1,
  mapcount: -1,
  flags: -1,
  flagsWide: true,
  mapping: -1,
  mappingWide: true,
  frames: -1,
  frame: -1,
  word: 8,
};

function pageColumns(format: EventFormat, plan: Plan, pfn: FormatField): { plan: Plan; has: number } {
  const val = int(format, 'val', 4);
  const order = int(format, 'order', 4);
  const ret = int(format, 'ret', 4);
  const count = int(format, 'count', 4);
  const mapcount = int(format, 'mapcount', 4);
  const flags = int(format, 'flags', 8) ?? int(format, 'flags', 4);
  const mapping = int(format, 'mapping', 8) ?? int(format, 'mapping', 4);
  const full: Plan = {
    ...plan,
    pfn: pfn.offset,
    pfnWide: pfn.size === 8,
    val: at(val ?? order),
    ret: at(ret),
    count: at(count),
    mapcount: at(mapcount),
    flags: at(flags),
    flagsWide: flags?.size === 8,
    mapping: at(mapping),
    mappingWide: mapping?.size === 8,
  };
  let has: number = HAS.pfn;
  if (val) has |= HAS.val;
  else if (order) has |= HAS.order;
  if (ret) has |= HAS.ret;
  if (count) has |= HAS.count;
  if (mapcount) has |= HAS.mapcount;
  if (flags) has |= HAS.flags;
  if (mapping) has |= HAS.mapping;
  return { plan: { ...full, least: leastOf(full) }, has };
}

function stackKind({ system, name }: EventFormat): Plan['stack'] {
  if (system !== 'ftrace') return 'no';
  return name === 'kernel_stack' ? 'kernel' : name === 'user_stack' ? 'user' : 'no';
}

/** The format says caller[8] of some size; the size of a frame is what remains true of it. */
function wordSize(format: EventFormat): number {
  const caller = fieldOf(format, 'caller');
  if (!caller) return 8;
  return caller.offset % 8 === 4 || caller.size === 32 ? 4 : 8;
}

/** A plain number field of that name and size. */
function int(format: EventFormat, name: string, size: number): FormatField | undefined {
  const field = fieldOf(format, name);
  return field && field.size === size && !field.array && field.offset < 0x10000 ? field : undefined;
}

const at = (field: FormatField | undefined): number => field?.offset ?? -1;

/** The end of the last field that the plan reads. */
function leastOf(plan: Plan): number {
  const wide = (offset: number, is8: boolean) => (offset < 0 ? 0 : offset + (is8 ? 8 : 4));
  return Math.max(
    4,
    plan.flags8 + 1,
    wide(plan.pid, false),
    wide(plan.pfn, plan.pfnWide),
    wide(plan.val, false),
    wide(plan.ret, false),
    wide(plan.count, false),
    wide(plan.mapcount, false),
    wide(plan.flags, plan.flagsWide),
    wide(plan.mapping, plan.mappingWide),
    wide(plan.frames, false),
  );
}

/** A kind for `format`, not yet met. */
export function kindOf(format: EventFormat, has: number): EventKind {
  return { name: format.name, system: format.system, count: 0, has, format };
}

// SPDX-License-Identifier: Apache-2.0
/**
 * What to take out of a record of one event id: prepared once from its format file, then used for every record. Fields are
 * found by name, so a kernel may move, drop or add any of them; only a field named `pfn` makes an event one of pages.
 */
import type { EventKind } from './columns.js';
import { HAS } from './columns.js';
import { type EventFormat, type FormatField, fieldOf } from './format.js';
import { NEVER, PLAN, PLAN_WORDS } from './loop-places.js';

/** bits of common_flags that tell an interrupt, a softirq or an NMI */
const CONTEXT_FLAGS = 0x58;

/** Places in the record, in words; -1 where the event has no such field. One shape for all events keeps the decoder fast. */
export interface Plan {
  kind: number;
  /** a kernel or user stack and not an event of its own */
  stack: 'no' | 'kernel' | 'user';
  /** bytes; shorter records are damaged */
  least: number;
  pid: number;
  /** common_flags: its word, and by how much that is shifted down */
  flags8: number;
  flagsShift: number;
  /** 64-bit fields have two halves; of a 32-bit one the upper is -1 */
  pfn: number;
  pfnHigh: number;
  val: number;
  ret: number;
  count: number;
  mapcount: number;
  flags: number;
  flagsHigh: number;
  mapping: number;
  mappingHigh: number;
  /** of a stack: number of frames, first frame, bytes of a frame */
  frames: number;
  frame: number;
  word: number;
}

/** The plan of an event, and which optional fields it fills (bits of `HAS`). @param little the byte order of the records */
export function planOf(format: EventFormat, kind: number, little: boolean): { plan: Plan; has: number } {
  const stack = stackKind(format);
  const word = fieldOf(format, 'caller')?.type.includes('long') === false ? 8 : wordSize(format);
  const plan: Plan = {
    ...NO_PLAN,
    kind,
    stack,
    pid: at(int(format, 'common_pid', 4)),
    ...flagsOf(format, little),
    frames: stack === 'kernel' ? at(int(format, 'size', 4)) : -1,
    frame: stack === 'kernel' ? at(aligned(fieldOf(format, 'caller'))) : -1,
    word,
  };
  const pfn = int(format, 'pfn', 8) ?? int(format, 'pfn', 4);
  if (stack !== 'no' || !pfn) return { plan: { ...plan, least: leastOf(plan) }, has: 0 };
  return pageFields(format, plan, pfn, little);
}

/** Finds nothing. */
const NO_PLAN: Plan = {
  kind: 0,
  stack: 'no',
  least: 0,
  pid: -1,
  flags8: -1,
  flagsShift: 0,
  pfn: -1,
  pfnHigh: -1,
  val: -1,
  ret: -1,
  count: -1,
  mapcount: -1,
  flags: -1,
  flagsHigh: -1,
  mapping: -1,
  mappingHigh: -1,
  frames: -1,
  frame: -1,
  word: 8,
};

function pageFields(format: EventFormat, plan: Plan, pfn: FormatField, little: boolean): { plan: Plan; has: number } {
  const val = int(format, 'val', 4);
  const order = int(format, 'order', 4);
  const ret = int(format, 'ret', 4);
  const count = int(format, 'count', 4);
  const mapcount = int(format, 'mapcount', 4);
  const flags = int(format, 'flags', 8) ?? int(format, 'flags', 4);
  const mapping = int(format, 'mapping', 8) ?? int(format, 'mapping', 4);
  const full: Plan = {
    ...plan,
    pfn: lowHalf(pfn, little),
    pfnHigh: highHalf(pfn, little),
    val: at(val ?? order),
    ret: at(ret),
    count: at(count),
    mapcount: at(mapcount),
    flags: lowHalf(flags, little),
    flagsHigh: highHalf(flags, little),
    mapping: lowHalf(mapping, little),
    mappingHigh: highHalf(mapping, little),
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

/** A plain number field of that name and size, at its natural place: the kernel has no other. */
function int(format: EventFormat, name: string, size: number): FormatField | undefined {
  const field = fieldOf(format, name);
  return field && field.size === size && !field.array ? aligned(field) : undefined;
}

const aligned = (field: FormatField | undefined): FormatField | undefined =>
  field && field.offset % Math.min(4, Math.max(1, field.size)) === 0 && field.offset < 0x10000 ? field : undefined;

const at = (field: FormatField | undefined): number => (field === undefined ? -1 : field.offset >> 2);

const lowHalf = (field: FormatField | undefined, little: boolean): number =>
  field === undefined ? -1 : at(field) + (field.size === 8 && !little ? 1 : 0);

const highHalf = (field: FormatField | undefined, little: boolean): number =>
  field?.size === 8 ? at(field) + (little ? 1 : 0) : -1;

function flagsOf(format: EventFormat, little: boolean): { flags8: number; flagsShift: number } {
  const field = int(format, 'common_flags', 1);
  const byte = (field?.offset ?? 0) & 3;
  return { flags8: at(field), flagsShift: 8 * (little ? byte : 3 - byte) };
}

/** The end of the last field that the plan reads. */
function leastOf(plan: Plan): number {
  const { pid, flags8, pfn, pfnHigh, val, ret, count, mapcount, flags, flagsHigh, mapping, mappingHigh, frames } = plan;
  const words = [pid, flags8, pfn, pfnHigh, val, ret, count, mapcount, flags, flagsHigh, mapping, mappingHigh, frames];
  return Math.max(4, ...words.map((word) => word * 4 + 4));
}

/** A kind for `format`, not yet met. */
export function kindOf(format: EventFormat, has: number): EventKind {
  return { name: format.name, system: format.system, count: 0, has, format };
}

/** A plan as the loop has it (`PLAN`). Stacks of other machines than today's are left to decode.ts. */
export function wordsOf(plan: Plan, little: boolean): Int32Array {
  const words = new Int32Array(PLAN_WORDS);
  const field = (at: number, place: number, mask = -1) => {
    words[at] = Math.max(0, place);
    words[at + 1] = place < 0 ? 0 : mask;
  };
  const { val, ret, count, mapcount, flags, flagsHigh, mapping, mappingHigh } = plan;
  words[PLAN.least] = plan.pfn < 0 ? NEVER : plan.least;
  words[PLAN.kind] = plan.kind;
  words[PLAN.pid] = Math.max(0, plan.pid);
  words[PLAN.noPid] = plan.pid < 0 ? -1 : 0;
  field(PLAN.flags8, plan.flags8, CONTEXT_FLAGS);
  words[PLAN.flagsShift] = plan.flagsShift;
  words[PLAN.pfn] = Math.max(0, plan.pfn);
  field(PLAN.pfnHigh, plan.pfnHigh);
  for (const [at, place] of [val, ret, count, mapcount, flags, flagsHigh, mapping, mappingHigh].entries()) {
    field(PLAN.fields + 2 * at, place);
  }
  const known = plan.stack === 'kernel' && plan.frame >= 0 && plan.word === 8 && little;
  words[PLAN.leastStack] = known ? plan.least : NEVER;
  words[PLAN.frame] = plan.frame;
  words[PLAN.frames] = plan.frames;
  return words;
}

// SPDX-License-Identifier: Apache-2.0
/** Where everything lies in the memory that the loop over records (loop-text.ts) shares with decode.ts. In 32-bit words; data only. */

/** CPUs that there is room for. */
export const CPUS_MAX = 0x10000;
/** Rows that are collected before they go to the columns. */
export const ROWS = 4096;

/** Why the loop comes back: `RECORD` and what follows are about the record that is due, the others about what comes after it. */
export const EXIT = {
  /** all CPUs are at their end, or at the time that was given */
  end: 0,
  /** the rows are to be taken */
  full: 1,
  /** no record of an event of pages, or one whose event was not met before */
  other: 2,
  /** events are missing before the record */
  gap: 3,
  /** task, content or stack were not met before, or not lately */
  who: 4,
  shape: 5,
  stack: 6,
  /** the table of pages is full */
  pages: 7,
  /** the window holds no further page */
  window: 8,
  /** a page claims to hold `claimed` bytes, more than its `room` */
  claim: 9,
  /** the length of a record is wrong, or `claimed` is 1 and there is none; the rest of the page is left out */
  broken: 10,
} as const;

/** Where the loop goes on. */
export const STAGE = {
  /** at the record that is due */
  record: 0,
  /** behind it */
  header: 1,
  /** the first CPU is at its end */
  ended: 2,
} as const;

/** Words of a plan (record.ts). A field is where it lies in the record, and a mask that is 0 where the record has none. */
export const PLAN = {
  /** bytes of a record of an event of pages; of another one no record has so many */
  least: 0,
  count: 1,
  kind: 2,
  pid: 3,
  /** -1 where the record has no pid, else 0 */
  noPid: 4,
  flags8: 5,
  flagsShift: 7,
  pfn: 8,
  pfnHigh: 9,
  fields: 11,
  /** of a stack: least bytes, first frame, number of frames or -1 */
  leastStack: 27,
  frame: 28,
  frames: 29,
} as const;
export const PLAN_WORDS = 30;
/** no record has so many bytes */
export const NEVER = 0x7fffffff;

/** Words of a CPU's stream (cpu-stream.ts); doubles at even ones. */
export const STREAM = {
  pos: 0,
  pageEnd: 1,
  start: 2,
  size: 3,
  missed: 4,
  lastPid: 5,
  lastWho: 6,
  lastRow: 7,
  openRow: 8,
  openPid: 12,
  time: 16,
  due: 18,
  cpu: 20,
  high: 21,
  /** first word of what is at hand, and in bytes from there: pages not yet entered, end */
  window: 22,
  pagesPos: 23,
  pagesEnd: 24,
  rows: 25,
  /** by the low bits of a pid: the pid, and 1 + its number in the columns */
  whos: 26,
} as const;
export const WHO_SLOTS = 64;
export const STREAM_WORDS = STREAM.whos + 2 * WHO_SLOTS;

/** contents met lately: a shape (shapes.ts) behind 1 + its number, and in the last word its rows */
export const SHAPE_SLOTS = 4096;
export const SHAPE_SLOT_WORDS = 16;
export const SHAPE_ROWS = SHAPE_SLOT_WORDS - 1;
/** stacks met lately: 1 + number, hash, words, where these are */
export const STACK_SLOTS = 4096;
export const STACK_SLOT_WORDS = 4;
const STACK_WORDS = 1 << 18;

/** What there is one of. Before it lies a plan of which no record has enough. */
export const AT = {
  row: 64,
  /** number of the first row here */
  base: 65,
  stage: 66,
  /** where a new content or stack may be put, and the hash of the latter */
  slot: 67,
  hash: 68,
  /** rows here that have a stack */
  stacked: 69,
  claimed: 70,
  room: 71,
  /** bytes of a page; words before its data, before the number of bytes of data, and behind that to where lost events are counted */
  pageSize: 72,
  dataOffset: 73,
  commit: 74,
  commitSize: 75,
  wordOfLong: 76,
  originKnown: 77,
  originHigh: 78,
  originLow: 79,
  /** pages met, as many as there is room for; pfns; slots and how many but one: 1 + page, low half */
  pages: 80,
  pagesMax: 81,
  pfns: 82,
  slots: 83,
  slotMask: 84,
  /** some pfn has more than 32 bits */
  wide: 85,
  lastLow: 86,
  lastHigh: 87,
  lastPage: 88,
  /** of the record that it comes back for: its task, and its context (0 a task, 1 a softirq, 2 an interrupt, 3 an NMI) */
  pid: 89,
  context: 90,
  /** doubles */
  until: 96,
  scale: 98,
  half: 100,
  two27: 102,
  two32: 104,
  /** of all rows, the earliest and the latest time */
  first: 106,
  last: 108,
  heapSize: 110,
  /** streams, the earliest first */
  heap: 128,
  /** by event id */
  planOf: 128 + CPUS_MAX,
} as const;

const rows = AT.planOf + 0x10000;
/** columns of the rows: doubles, then numbers */
export const ROW = {
  time: rows,
  page: rows + 2 * ROWS,
  shape: rows + 3 * ROWS,
  who: rows + 4 * ROWS,
  stack: rows + 5 * ROWS,
} as const;
export const SHAPES_AT = rows + 6 * ROWS;
export const STACKS_AT = SHAPES_AT + SHAPE_SLOTS * SHAPE_SLOT_WORDS;
/** words of the stacks */
export const FRAMES_AT = STACKS_AT + STACK_SLOTS * STACK_SLOT_WORDS;
/** all else is put where there is room, from here on */
export const FREE_AT = FRAMES_AT + STACK_WORDS;

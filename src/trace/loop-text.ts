// SPDX-License-Identifier: Apache-2.0
/**
 * The loop over the records of a trace.dat, as text that is assembled (src/base/assembler.ts): WebAssembly is fast from its first
 * turn, and a recording is read before JavaScript would be. It takes the CPUs' records in the order of time (ties by CPU number, as the
 * kernel's own `trace` file has it) and makes a row of each event of a page. What is rare it leaves to decode.ts: it comes back,
 * with nothing done of what it came back for, and is called again.
 *
 * Sub-buffers ("pages") as in kernel/trace/ring_buffer.c and libtraceevent src/kbuffer-parse.c.
 */
import {
  AT,
  EXIT,
  PLAN,
  ROW,
  ROWS,
  SHAPE_ROWS,
  SHAPE_SLOT_WORDS,
  SHAPE_SLOTS,
  SHAPES_AT,
  STACK_SLOTS,
  STACKS_AT,
  STAGE,
  STREAM,
  WHO_SLOTS,
} from './loop-places.js';

const PADDING = 29;
const TIME_EXTEND = 30;
const COMMIT_MASK = 0x07ffffff;
const MISSED_STORED = 0x40000000;

/** How the records of a file are written. */
export interface Dialect {
  little: boolean;
  /** times are multiplied */
  scaled: boolean;
}

/** Texts of the functions by name. */
export function loopTexts(dialect: Dialect): Map<string, string> {
  return new Map([
    ['sink', SINK],
    ['rehash', REHASH],
    ['enter', enterText(dialect)],
    ['run', runText(dialect)],
  ]);
}

/** a double at an even word of what begins at `of` */
const double = (word: number, of?: string): string =>
  of === undefined ? `F[${word / 2}]` : `F[${word / 2} + (${of} >>> 1)]`;
const due = (stream: string): string => double(STREAM.due, stream);
const cpu = (stream: string): string => `M[${STREAM.cpu} + ${stream}]`;

const LOAD = `
pos = M[${STREAM.pos} + s]; pageEnd = M[${STREAM.pageEnd} + s]; start = M[${STREAM.start} + s]; size = M[${STREAM.size} + s];
time = ${double(STREAM.time, 's')}; due = ${due('s')};`;
const SAVE = `
M[${STREAM.pos} + s] = pos; M[${STREAM.pageEnd} + s] = pageEnd; M[${STREAM.start} + s] = start; M[${STREAM.size} + s] = size;
${double(STREAM.time, 's')} = time; ${due('s')} = due;`;
const LOCALS = `let code = 0, pos = 0, pageEnd = 0, start = 0, size = 0, word = 0, type = 0, delta = 0, value = 0, page = 0,
  left = 0, commit = 0, end = 0, high = 0, low = 0, time = ${double(AT.until)}, due = ${double(AT.until)};`;

const comeBack = (exit: number): string => `{ code = ${exit}; break B0; }`;

/** (stream): goes to the next record of one CPU. */
const enterText = (dialect: Dialect): string => `(s) => {
${LOCALS}
${LOAD}
B0: {
  ${headerText(dialect)}
}
${SAVE}
return code;
}`;

/** (): takes records from where it left off. */
const runText = (dialect: Dialect): string => `() => {
let s = 0, row = M[${AT.row}], stage = M[${AT.stage}], tie = 0, other = 0, pid = 0, lastPid = 0, who = 0, context = 0, p = 0,
  lastLow = M[${AT.lastLow}], lastHigh = M[${AT.lastHigh}], lastPage = M[${AT.lastPage}],
  at = 0, slot = 0, entry = 0, hash = 0, shape = 0, count = 0, mapcount = 0, kind = 0, val = 0, ret = 0, flags = 0, flagsHigh = 0,
  mapping = 0, mappingHigh = 0, k = 0, words = 0, limit = ${double(AT.until)};
${LOCALS}
B0: {
  L0: for (;;) {
    if (stage === ${STAGE.ended}) {
      M[${AT.heapSize}] = M[${AT.heapSize}] - 1;
      M[${AT.heap}] = M[${AT.heap} + M[${AT.heapSize}]];
      at = sink();
      stage = ${STAGE.record};
    }
    if (M[${AT.heapSize}] === 0) return ${EXIT.end};
    s = M[${AT.heap}];
    ${LOAD}
    if (stage === ${STAGE.record}) { if (due >= ${double(AT.until)}) ${comeBack(EXIT.end)} }
    ${LIMIT}
    lastPid = M[${STREAM.lastPid} + s];
    who = M[${STREAM.lastWho} + s];
    B1: { L1: for (;;) {
      if (stage === ${STAGE.record}) {
        ${recordText(dialect)}
      }
      stage = ${STAGE.header};
      ${headerText(dialect)}
      stage = ${STAGE.record};
      if (due >= limit) { if (due !== limit) break B1; if (!tie) break B1; }
    } }
    ${SAVE}
    at = sink();
  }
}
${SAVE}
M[${AT.row}] = row; M[${AT.stage}] = stage; M[${AT.pid}] = pid; M[${AT.context}] = context;
M[${AT.lastLow}] = lastLow; M[${AT.lastHigh}] = lastHigh; M[${AT.lastPage}] = lastPage;
return code;
}`;

/** Until when it is this CPU's turn, and whether also at that time. */
const LIMIT = `
limit = ${double(AT.until)};
tie = 0;
if (M[${AT.heapSize}] > 1) {
  other = M[${AT.heap + 1}];
  if (M[${AT.heapSize}] > 2) {
    at = M[${AT.heap + 2}];
    if (${due('at')} < ${due('other')} || (${due('at')} === ${due('other')} && ${cpu('at')} < ${cpu('other')})) other = at;
  }
  if (${due('other')} < limit) {
    limit = ${due('other')};
    tie = ${cpu('s')} < ${cpu('other')};
  }
}`;

/** (): restores the heap below a root that has moved on. */
const SINK = `() => {
let at = 0, child = 0, one = 0, other = 0, size = M[${AT.heapSize}], moved = M[${AT.heap}];
B1: { L1: for (;;) {
  child = at * 2 + 1;
  if (child >= size) break B1;
  one = M[${AT.heap} + child];
  if (child + 1 < size) {
    other = M[${AT.heap + 1} + child];
    if (${due('other')} < ${due('one')} || (${due('other')} === ${due('one')} && ${cpu('other')} < ${cpu('one')})) {
      one = other;
      child = child + 1;
    }
  }
  if (${due('moved')} < ${due('one')} || (${due('moved')} === ${due('one')} && ${cpu('moved')} <= ${cpu('one')})) break B1;
  M[${AT.heap} + at] = one;
  at = child;
} }
M[${AT.heap} + at] = moved;
return 0;
}`;

/**
 * Moves over page ends, padding and time stamps to the next record. The length of a long one stands in front of its payload and counts
 * itself. Sizes chain, so nothing behind a wrong one can be found.
 */
const headerText = ({ little, scaled }: Dialect): string => `
B2: { L2: for (;;) {
  if (pos >= pageEnd) {
    ${pageText(little)}
    continue L2;
  }
  word = M[pos];
  type = ${little ? 'word & 31' : 'word >>> 27'};
  delta = ${little ? 'word >>> 5' : 'word & 0x07ffffff'};
  if (type - 1 >>> 0 < ${PADDING - 1}) {
    start = pos + 1;
    size = type * 4;
    end = start + type;
    if (end <= pageEnd) break B2;
    value = 4;
  } else if (type === 0) {
    value = pos + 1 < pageEnd ? M[1 + pos] : 0;
    start = pos + 2;
    size = value - 4;
    end = start + (size + 3 >> 2);
    if (size >= 0) { if (size >> 2 <= pageEnd - start) { if (end <= pageEnd) break B2; } }
  } else {
    ${SPECIAL}
    continue L2;
  }
  M[${AT.claimed}] = value >>> 0 < 4;
  M[${STREAM.missed} + s] = -1;
  pos = pageEnd;
  ${comeBack(EXIT.broken)}
} }
pos = end;
time = time + delta;
${scaled ? ROUNDED : 'due = time;'}`;

/** As Math.round does it. */
const ROUNDED = `
due = Math.ceil(time * ${double(AT.scale)});
if (due - ${double(AT.half)} > time * ${double(AT.scale)}) due = due - 1;`;

/** Enters the next page. The number of events that were lost before it stands right behind its data, if at all. */
const pageText = (little: boolean): string => `
left = M[${STREAM.pagesEnd} + s] - M[${STREAM.pagesPos} + s];
if (left < (M[${AT.dataOffset}] + 1) * 4) ${comeBack(EXIT.window)}
page = M[${STREAM.window} + s] + (M[${STREAM.pagesPos} + s] >>> 2);
if (left > M[${AT.pageSize}]) left = M[${AT.pageSize}];
M[${STREAM.pagesPos} + s] = M[${STREAM.pagesPos} + s] + left;
high = M[${little ? '1 + page' : 'page'}];
low = M[${little ? 'page' : '1 + page'}];
M[${STREAM.high} + s] = high;
if (M[${AT.originKnown}] === 0) {
  M[${AT.originKnown}] = 1;
  M[${AT.originHigh}] = high;
  M[${AT.originLow}] = low;
}
${TIME}
commit = M[M[${AT.commit}] + page];
value = commit & ${COMMIT_MASK};
M[${AT.claimed}] = value;
M[${AT.room}] = left;
end = M[${AT.dataOffset}] * 4 + value;
if (end > left) end = left;
pos = page + M[${AT.dataOffset}];
pageEnd = page + (end >> 2);
if (commit < 0) {
  value = 0;
  if ((commit & ${MISSED_STORED}) !== 0) { if (end + M[${AT.commitSize}] <= left) value = M[M[${AT.wordOfLong}] + pageEnd]; }
  M[${STREAM.missed} + s] = value <= 0 ? -1 : value;
}
if (M[${AT.claimed}] + M[${AT.dataOffset}] * 4 > left) ${comeBack(EXIT.claim)}`;

/** The difference of two 64-bit numbers, as a double each half of which is exact. */
const TIME = `
time = high >>> 0;
time = (time - (M[${AT.originHigh}] >>> 0)) * ${double(AT.two32)};
due = low >>> 0;
time = time + (due - (M[${AT.originLow}] >>> 0));`;

/**
 * An item of two words, or the end of a page that has no more. An absolute time stamp has 59 bits of the clock; the five above them are
 * those of the running time.
 */
const SPECIAL = `
if ((type === ${PADDING} && delta === 0) || pos + 2 > pageEnd) {
  pos = pageEnd;
  continue L2;
}
value = M[1 + pos];
if (type === ${PADDING}) {
  time = time + delta;
  end = value >>> 0 < 4 ? 1 : (value >>> 2) + ((value & 3) !== 0);
  pos = end < pageEnd - pos - 1 ? pos + 1 + end : pageEnd;
  continue L2;
}
pos = pos + 2;
if (type === ${TIME_EXTEND}) {
  due = ${double(AT.two27)} * (value >>> 0) + delta;
  time = time + due;
  continue L2;
}
low = (value & 31) << 27 | delta;
high = value >>> 5 | M[${STREAM.high} + s] & ${0xf8000000 | 0};
${TIME}`;

/**
 * A stack belongs to the latest event of the same CPU, context and task that has none yet. Its frames end at a mark of all ones, or where
 * their number says, which 5.10 does not have right in every configuration: the record bounds it.
 */
const STACK = `
if (size < M[${PLAN.leastStack} + p]) ${comeBack(EXIT.other)}
other = M[${STREAM.openRow} + s + context] - M[${AT.base}];
if (other < 0) ${comeBack(EXIT.other)}
if (M[${STREAM.openPid} + s + context] !== pid) ${comeBack(EXIT.other)}
at = start + M[${PLAN.frame} + p];
left = size - M[${PLAN.frame} + p] * 4 >> 3;
if (left < 0) left = 0;
value = M[${PLAN.frames} + p];
if (value >= 0) {
  value = M[start + value];
  if (value >>> 0 < left) left = value;
}
k = 0;
hash = 0;
B4: { L4: for (;;) {
  if (k === left) break B4;
  low = M[at + k * 2];
  high = M[1 + (at + k * 2)];
  if ((low & high) === -1) break B4;
  hash = Math.imul(hash ^ low, ${0x9e3779b1 | 0}) + high;
  k = k + 1;
} }
slot = (hash ^ hash >>> 15) & ${STACK_SLOTS - 1};
B5: { L5: for (;;) {
  page = slot * 4 + ${STACKS_AT};
  if (M[page] === 0) {
    M[${AT.slot}] = page;
    M[${AT.hash}] = hash;
    ${comeBack(EXIT.stack)}
  }
  if (M[1 + page] === hash && M[2 + page] === k * 2) {
    words = M[3 + page];
    value = 0;
    B6: { L6: for (;;) {
      if (value === k) break B5;
      if ((M[words + value * 2] ^ M[at + value * 2] | M[1 + (words + value * 2)] ^ M[1 + (at + value * 2)]) !== 0) break B6;
      value = value + 1;
    } }
  }
  slot = slot + 1 & ${STACK_SLOTS - 1};
} }
M[${STREAM.openRow} + s + context] = -1;
M[${ROW.stack} + other] = M[page];
M[${AT.stacked}] = M[${AT.stacked}] + 1;
M[${PLAN.count} + p] = M[${PLAN.count} + p] + 1;`;

/** The record that is due. */
const recordText = (dialect: Dialect): string => `
B3: {
  if (row === ${ROWS}) ${comeBack(EXIT.full)}
  p = M[${AT.planOf} + (${dialect.little ? 'M[start] & 0xffff' : 'M[start] >>> 16'})];
  flags = M[M[${PLAN.flags8} + p] + start] >>> M[${PLAN.flagsShift} + p] & M[${PLAN.flags8 + 1} + p];
  context = flags === 0 ? 0 : (flags & 0x40) !== 0 ? 3 : (flags & 0x08) !== 0 ? 2 : 1;
  pid = M[M[${PLAN.pid} + p] + start] | M[${PLAN.noPid} + p];
  if (size < M[${PLAN.least} + p]) {
    ${STACK}
    break B3;
  }
  if (M[${STREAM.missed} + s] !== 0) ${comeBack(EXIT.gap)}
  if (pid !== lastPid || who < 0) {
    at = s + (pid & ${WHO_SLOTS - 1}) * 2;
    if (M[${STREAM.whos} + at] !== pid || M[${STREAM.whos + 1} + at] === 0) ${comeBack(EXIT.who)}
    lastPid = pid;
    who = M[${STREAM.whos + 1} + at] - 1;
    M[${STREAM.lastPid} + s] = pid;
    M[${STREAM.lastWho} + s] = who;
  }
  ${SHAPE}
  ${PAGE}
  F[${ROW.time / 2} + row] = due;
  M[${ROW.page} + row] = page;
  M[${ROW.shape} + row] = shape;
  M[${ROW.who} + row] = who;
  at = M[${AT.base}] + row;
  M[${STREAM.openRow} + (s + context)] = at;
  M[${STREAM.openPid} + (s + context)] = pid;
  M[${STREAM.lastRow} + s] = at;
  M[${STREAM.rows} + s] = M[${STREAM.rows} + s] + 1;
  M[entry] = M[entry] + 1;
  if (due < ${double(AT.first)}) ${double(AT.first)} = due;
  if (due > ${double(AT.last)}) ${double(AT.last)} = due;
  M[${PLAN.count} + p] = M[${PLAN.count} + p] + 1;
  row = row + 1;
}`;

const FIELDS = ['val', 'ret', 'count', 'mapcount', 'flags', 'flagsHigh', 'mapping', 'mappingHigh'];

/** The number of the content of a record. */
const SHAPE = `
kind = M[${PLAN.kind} + p];
${FIELDS.map((name, at) => {
  const place = PLAN.fields + 2 * at;
  return `${name} = M[M[${place} + p] + start] & M[${place + 1} + p];\n`;
}).join('')}
hash = Math.imul(kind ^ count << 6 ^ val << 18, ${0x9e3779b1 | 0}) ^ Math.imul(flags ^ ret << 27, ${0x85ebca6b | 0}) ^
  Math.imul(mapping ^ mapcount << 3, ${0xc2b2ae35 | 0}) ^ Math.imul(flagsHigh ^ mappingHigh << 1, 0x27d4eb2f);
hash = Math.imul(hash ^ hash >>> 15, 0x2c1b3c6d);
slot = (hash ^ hash >>> 13) & ${SHAPE_SLOTS - 1};
B4: { L4: for (;;) {
  at = slot * ${SHAPE_SLOT_WORDS};
  entry = at + ${SHAPES_AT + SHAPE_ROWS};
  shape = M[${SHAPES_AT} + at] - 1;
  if (shape < 0) {
    M[${AT.slot}] = at + ${SHAPES_AT};
    ${comeBack(EXIT.shape)}
  }
  if ((M[${SHAPES_AT + 1} + at] ^ kind | ${FIELDS.map((name, i) => `M[${SHAPES_AT + 2 + i} + at] ^ ${name}`).join(' | ')}) === 0) break B4;
  slot = slot + 1 & ${SHAPE_SLOTS - 1};
} }`;

/** Neighbours stay together, eight to a cache line; the lines are scattered. Pages far apart differ in the product's upper half alone. */
const SLOT = `
hash = Math.imul(low >>> 3 ^ Math.imul(high, ${0x85ebca6b | 0}), ${0x9e3779b1 | 0});
slot = ((hash ^ hash >>> 15) << 3 | low & 7) & M[${AT.slotMask}];`;

/**
 * The number of the page of a record; -1 for none: a failed allocation is traced as -1UL, and no pfn has more than 52 bits. A slot is
 * 1 + the page and the low half of its pfn, so that a look-up touches one line of the cache.
 */
const PAGE = `
low = M[M[${PLAN.pfn} + p] + start];
high = M[M[${PLAN.pfnHigh} + p] + start] & M[${PLAN.pfnHigh + 1} + p];
page = -1;
B5: {
  if (high >>> 20 !== 0) break B5;
  if (low === -1) { if (M[${PLAN.pfnHigh + 1} + p] === 0) break B5; }
  page = lastPage;
  if (low === lastLow) { if (high === lastHigh) break B5; }
  ${SLOT}
  B6: { L6: for (;;) {
    at = M[${AT.slots}] + slot * 2;
    page = M[at] - 1;
    if (page < 0) {
      if (M[${AT.pages}] === M[${AT.pagesMax}]) ${comeBack(EXIT.pages)}
      page = M[${AT.pages}];
      M[${AT.pages}] = page + 1;
      M[at] = page + 1;
      M[1 + at] = low;
      at = M[${AT.pfns}] + page * 2;
      M[at] = low;
      M[1 + at] = high;
      if (high !== 0) M[${AT.wide}] = 1;
      break B6;
    }
    if (M[1 + at] === low) {
      if ((M[${AT.wide}] | high) === 0) break B6;
      if (M[1 + M[${AT.pfns}] + page * 2] === high) break B6;
    }
    slot = slot + 1 & M[${AT.slotMask}];
  } }
  lastLow = low;
  lastHigh = high;
  lastPage = page;
}`;

/** (): puts all pages into slots that are empty. */
const REHASH = `() => {
let page = 0, at = 0, slot = 0, hash = 0, low = 0, high = 0;
L0: for (;;) {
  if (page === M[${AT.pages}]) return 0;
  at = M[${AT.pfns}] + page * 2;
  low = M[at];
  high = M[1 + at];
  ${SLOT}
  B1: { L1: for (;;) {
    at = M[${AT.slots}] + slot * 2;
    if (M[at] === 0) break B1;
    slot = slot + 1 & M[${AT.slotMask}];
  } }
  page = page + 1;
  M[at] = page;
  M[1 + at] = low;
}
}`;

// SPDX-License-Identifier: Apache-2.0
/**
 * What `--page`, `--site`, `--task`, `--time` and `--kind` mean for a recording; and, where they fit nothing, what is there
 * instead. The choosing itself is src/conform/select.ts.
 */
import { InputError } from '../base/diagnostic.js';
import { nearest } from '../compiler/diagnostics.js';
import { indexPages, type PageIndex } from '../conform/page-index.js';
import type { RangeMap } from '../conform/ranges.js';
import { type Narrow, namesIn, pagesOfPointer, Selection } from '../conform/select.js';
import type { Sites } from '../conform/sites.js';
import { bareName } from '../spec/call-paths.js';
import { PAGE_KINDS, type PageKind, parsePageKind } from '../spec/rest.js';
import type { Recording } from '../trace/recording.js';

/** What of an opened recording is asked here. */
interface Opened {
  file: string;
  recording: Recording;
  ranges: RangeMap;
}

/** As the user wrote them; several of one are alternatives, of different ones all must hold. */
export interface NarrowTexts {
  page?: readonly string[];
  site?: readonly string[];
  task?: readonly string[];
  time?: string;
  kind?: readonly string[];
}

export const isNarrowed = ({ page, site, task, time, kind }: NarrowTexts): boolean =>
  time !== undefined || [page, site, task, kind].some((list) => list !== undefined && list.length > 0);

/** @throws InputError for a text that says nothing, or names what the recording does not have */
export function narrowOf(trace: Opened, texts: NarrowTexts): Narrow {
  const narrow: Narrow = {};
  const { page = [], site = [], task = [], time, kind = [] } = texts;
  if (page.length > 0) narrow.pfns = new Set(page.map((text) => pfnOf(trace, text)));
  if (kind.length > 0) narrow.kinds = kindsOf(trace, kind);
  const names = site.length + task.length > 0 ? namesIn(trace.recording) : undefined;
  if (site.length > 0) narrow.sites = sitesOf(trace, site, names!.functions);
  if (task.length > 0) narrow.tasks = tasksOf(trace, task, names!.tasks);
  if (time !== undefined) Object.assign(narrow, timeOf(trace, time));
  return narrow;
}

/** @throws InputError where nothing fits all that was asked for */
export function selectionOf(trace: Opened, narrow: Narrow, index: PageIndex, sites: Sites): Selection {
  const selection = new Selection(trace.recording, index, narrow, trace.ranges, sites);
  if (selection.pages > 0) return selection;
  const alone = Object.entries(parts(narrow)).map(([option, part]) => {
    const { events, pages } = new Selection(trace.recording, index, part, trace.ranges, sites);
    return `${option} alone fits ${events} events (pages: ${pages})`;
  });
  throw new InputError({
    code: 'RZ3026',
    message: `${trace.file} has no event of a page that fits all of it`,
    hint: alone.join('; '),
  });
}

function parts({ pfns, kinds, sites, tasks, from, to }: Narrow): Record<string, Narrow> {
  const time = { ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
  return {
    ...(pfns && { '--page': { pfns } }),
    ...(kinds && { '--kind': { kinds } }),
    ...(sites && { '--site': { sites } }),
    ...(tasks && { '--task': { tasks } }),
    ...((from !== undefined || to !== undefined) && { '--time': time }),
  };
}

/** A page number, or the page of a `struct page` pointer. @throws InputError where it is none, or has no event */
export function pfnOf({ recording, file }: Opened, text: string): number {
  const trimmed = text.trim();
  if (!/^(?:0x[0-9a-f]{1,16}|\d{1,15}|[0-9a-f]{16})$/i.test(trimmed)) {
    const hint = 'a page number such as 0x40603, or a struct page pointer such as 0xffffea0001018c00';
    throw new InputError({ code: 'RZ3014', message: `${JSON.stringify(text)} is no page`, hint });
  }
  const value = BigInt(/^[0-9a-f]{16}$/i.test(trimmed) ? `0x${trimmed}` : trimmed);
  if (value >= 1n << 52n) return pfnOfPointer(recording, file, value);
  const pfn = Number(value);
  const { pages, find } = indexPages(recording);
  if (find(pfn) >= 0) return pfn;
  let near = pages[0];
  for (const other of pages) if (Math.abs(other - pfn) < Math.abs(near - pfn)) near = other;
  const closest = near === undefined ? '' : `; the nearest page with one is 0x${near.toString(16)}`;
  throw new InputError({
    code: 'RZ3015',
    message: `${file} has no event of page 0x${pfn.toString(16)}`,
    hint: `the events of a large folio name its first page${closest}`,
  });
}

function pfnOfPointer(recording: Recording, file: string, pointer: bigint): number {
  const pages = pagesOfPointer(recording, pointer);
  if (pages.length === 1) return pages[0];
  const name = `0x${pointer.toString(16)}`;
  if (pages.length === 0) {
    const hint =
      pointer % 64n === 0n
        ? 'the page number in its low bits has no event; the events of a large folio name its first page'
        : 'a struct page lies at a multiple of 64 bytes';
    throw new InputError({ code: 'RZ3015', message: `${file} has no event of the page at ${name}`, hint });
  }
  const list = pages.slice(0, 8).map((pfn) => `0x${pfn.toString(16)}`);
  const hint = `the place of the memory map is random and not recorded: ask for one of ${list.join(', ')}`;
  throw new InputError({ code: 'RZ3015', message: `${name} may be ${pages.length} pages of ${file}`, hint });
}

function kindsOf({ recording, ranges, file }: Opened, texts: readonly string[]): Set<PageKind> {
  const wanted = texts.map((text) => {
    const kind = parsePageKind(text);
    if (kind) return kind;
    const near = nearest(text, PAGE_KINDS);
    const hint = `${near === undefined ? '' : `did you mean ${near}? `}kinds are ${PAGE_KINDS.join(', ')}`;
    throw new InputError({ code: 'RZ3023', message: `${JSON.stringify(text)} is no kind of page`, hint });
  });
  const there = new Set(Array.from(indexPages(recording).pages, (pfn) => ranges.kindOf(pfn)));
  if (wanted.some((kind) => there.has(kind))) return new Set(wanted);
  const known = ranges.ranges.length > 0 ? '' : '; name device memory with --meta or --zone-device';
  throw new InputError({
    code: 'RZ3023',
    message: `${file} has no event of ${wanted.join(' or ')} pages`,
    hint: `it has ${[...there].join(', ') || 'none'}${known}`,
  });
}

function sitesOf({ recording, file }: Opened, texts: readonly string[], known: ReadonlySet<string>): Set<string> {
  const wanted = texts.map((text) => bareName(text.trim()));
  const missing = wanted.find((name) => !known.has(name));
  if (missing === undefined) return new Set(wanted);
  const near = nearest(missing, known) ?? [...known].find((name) => name.includes(missing));
  const hint =
    recording.stacks.size === 0
      ? 'it has no stacks: trace-cmd record -T'
      : near === undefined
        ? 'no name is near; --json lists call paths'
        : `did you mean ${near}?`;
  throw new InputError({ code: 'RZ3024', message: `${file} has no call path with ${missing}`, hint });
}

/** A number is a pid, `name-7` is the pid 7, anything else a name. */
function tasksOf({ recording, file }: Opened, texts: readonly string[], known: ReadonlySet<string>) {
  const pids = new Set<number>();
  const names = new Set<string>();
  const seen = new Set<number>();
  const { events } = recording;
  for (let row = 0; row < events.length; row++) seen.add(events.pid(row));
  for (const text of texts) {
    const number = /^(?:.*-)?(\d{1,9})$/.exec(text)?.[1];
    if (known.has(text)) names.add(text);
    else if (number !== undefined && seen.has(Number(number))) pids.add(Number(number));
    else {
      const near = nearest(text, known) ?? [...known].find((name) => name.includes(text));
      const some = [...known].slice(0, 8).join(', ');
      const hint = near === undefined ? `it has ${some}` : `did you mean ${near}?`;
      throw new InputError({ code: 'RZ3025', message: `${file} has no event of task ${JSON.stringify(text)}`, hint });
    }
  }
  return { pids, names };
}

/** `17.8..17.9` as printed, an end may be left out; `+` counts from the first event. */
function timeOf({ recording, file }: Opened, text: string): Pick<Narrow, 'from' | 'to'> {
  const match = /^(\+?\d+(?:\.\d+)?)?\.\.(\+?\d+(?:\.\d+)?)?$/.exec(text.trim());
  const [from, to] = [match?.[1], match?.[2]];
  const { events, timeBase, unit } = recording;
  const first = events.length > 0 ? events.time[0] : 0;
  const last = events.length > 0 ? events.time[events.length - 1] : 0;
  const span = `${clock(first, recording)}..${clock(last, recording)}`;
  if (!match || (from === undefined && to === undefined)) {
    const hint = `FROM..TO as printed, in ${unit === 'ns' ? 'seconds' : 'ticks'}, or from the first event with +: ${span}`;
    throw new InputError({ code: 'RZ3022', message: `${JSON.stringify(text)} is no span of time`, hint });
  }
  const offset = (end: string) => {
    const value = unit === 'ns' ? nanoseconds(end.replace('+', '')) : BigInt(end.replace('+', '').split('.')[0]);
    return end.startsWith('+') ? first + Number(value) : Number(value - timeBase);
  };
  // what is printed is rounded to a microsecond
  const slack = unit === 'ns' ? 500 : 0;
  const span2 = {
    ...(from !== undefined && { from: offset(from) - slack }),
    ...(to !== undefined && { to: offset(to) + slack }),
  };
  const { from: begin = Number.NEGATIVE_INFINITY, to: end = Number.POSITIVE_INFINITY } = span2;
  if (begin <= end && begin <= last && end >= first) return span2;
  const message = begin > end ? `${text} ends before it begins` : `${file} has no event in ${text}`;
  throw new InputError({ code: 'RZ3022', message, hint: `it lasts from ${span.replace('..', ' to ')}` });
}

function nanoseconds(text: string): bigint {
  const [seconds, decimals = ''] = text.split('.');
  return BigInt(seconds) * 1_000_000_000n + BigInt(decimals.slice(0, 9).padEnd(9, '0'));
}

function clock(time: number, { timeBase, unit }: Recording): string {
  const absolute = timeBase + BigInt(Math.round(time));
  if (unit === 'ticks') return String(absolute);
  const micros = (absolute + 500n) / 1000n;
  return `${micros / 1_000_000n}.${String(micros % 1_000_000n).padStart(6, '0')}`;
}

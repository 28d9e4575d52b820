// SPDX-License-Identifier: Apache-2.0
/** Ranges of page numbers and the kind of memory in them; everything outside is ordinary. */
import { type PageKind, parsePageKind } from '../spec/rest.js';

export interface PfnRange {
  first: number;
  /** the last page, inclusive */
  last: number;
  kind: PageKind;
}

/** `0x40000-0x4ffff=fsdax` (both ends inclusive); undefined where it is not one. */
export function parseRange(text: string): PfnRange | undefined {
  const match = /^\s*(0x[0-9a-f]{1,13}|\d{1,15})\s*-\s*(0x[0-9a-f]{1,13}|\d{1,15})\s*=\s*(\w+)\s*$/i.exec(text);
  return match ? rangeOf(match[1], match[2], match[3]) : undefined;
}

/** A range from its parts as a meta.json has them. */
export function rangeOf(firstText: string, lastText: string, kindText: string): PfnRange | undefined {
  const first = Number(firstText);
  const last = Number(lastText);
  const kind = parsePageKind(kindText);
  if (kind === undefined || kind === 'ordinary' || !(first >= 0 && first <= last)) return undefined;
  return { first, last, kind };
}

/** Answers which kind a page is; of overlapping ranges the narrower wins, since one is a part of the other. */
export class RangeMap {
  readonly ranges: readonly PfnRange[];

  constructor(ranges: readonly PfnRange[]) {
    this.ranges = ranges.slice().sort((a, b) => a.last - a.first - (b.last - b.first));
  }

  kindOf(pfn: number): PageKind {
    for (const { first, last, kind } of this.ranges) if (pfn >= first && pfn <= last) return kind;
    return 'ordinary';
  }
}

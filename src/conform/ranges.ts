// SPDX-License-Identifier: Apache-2.0
/** Ranges of page numbers and the kind of memory in them; everything outside is ordinary. */
import { type PageKind, parsePageKind } from '../spec/rest.js';

export interface PfnRange {
  first: number;
  /** the last page, inclusive */
  last: number;
  kind: PageKind;
  /** set where nobody named the range: what shows that it is there (infer-ranges.ts), and how many pages of it were seen */
  inferred?: Inferred;
}

export interface Inferred {
  /** a kind of the same rules that it may be as well */
  or?: PageKind;
  signs: readonly RangeSign[];
  pages: number;
}

/** What showed that a page is device memory, or of which kind; src/cli has the sentences. */
export const RANGE_SIGNS = [
  'zone',
  'reserved',
  'made',
  'anon',
  'file',
  'bare',
  'managed',
  'zero',
  'compound',
  'names',
] as const;
export type RangeSign = (typeof RANGE_SIGNS)[number];

/** `0x40000-0x4ffff=fsdax` (both ends inclusive); undefined where it is not one. */
export function parseRange(text: string): PfnRange | undefined {
  const match = /^\s*(0x[0-9a-f]{1,13}|\d{1,15})\s*-\s*(0x[0-9a-f]{1,13}|\d{1,15})\s*=\s*(\w+)\s*$/i.exec(text);
  return match ? rangeOf(match[1], match[2], match[3]) : undefined;
}

/** A range from its parts as a meta.json has them; `ordinary` says that it is none of device memory. */
export function rangeOf(firstText: string, lastText: string, kindText: string): PfnRange | undefined {
  const first = Number(firstText);
  const last = Number(lastText);
  const kind = parsePageKind(kindText);
  if (kind === undefined || !(first >= 0 && first <= last)) return undefined;
  return { first, last, kind };
}

/** Answers which kind a page is; of overlapping ranges the narrower wins, since one is a part of the other. */
export class RangeMap {
  readonly ranges: readonly PfnRange[];

  constructor(ranges: readonly PfnRange[]) {
    this.ranges = ranges.slice().sort((a, b) => a.last - a.first - (b.last - b.first));
  }

  kindOf(pfn: number): PageKind {
    return this.rangeOf(pfn)?.kind ?? 'ordinary';
  }

  isInferred(pfn: number): boolean {
    return this.rangeOf(pfn)?.inferred !== undefined;
  }

  /** The narrowest range with the page. */
  rangeOf(pfn: number): PfnRange | undefined {
    for (const range of this.ranges) if (pfn >= range.first && pfn <= range.last) return range;
    return undefined;
  }
}

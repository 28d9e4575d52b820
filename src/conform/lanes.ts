// SPDX-License-Identifier: Apache-2.0
/** Pages one after the other with their events, counts and lives: what tables and timelines are made of. */
import type { KernelVersion } from '../spec/kernel-version.js';
import type { PageKind } from '../spec/rest.js';
import type { Recording } from '../trace/recording.js';
import { LIFE } from './lives.js';
import { countedEvent, type PageEvent } from './page-life.js';
import type { RangeMap } from './ranges.js';
import type { Selection } from './select.js';
import type { LivesOf } from './summary.js';

export interface Span {
  /** row of the event, -1 where it was under way when the recording began */
  begin: number;
  /** row of the event, -1 where it is open at the end or its end was not recorded */
  end: number;
  /** the life had not ended at the last event of the recording */
  open: boolean;
}

export interface Lane {
  pfn: number;
  kind: PageKind;
  /** of the page, in order */
  spans: Span[];
  /** of the page, those that were asked for */
  events: PageEvent[];
}

/** The lanes of the pages of `order` (numbers of the index); one at a time, since all of them may be too much to hold. */
export function* lanesOf(
  recording: Recording,
  { index, lives, counts, firstLife }: LivesOf,
  ranges: RangeMap,
  kernel: KernelVersion | undefined,
  order: Iterable<number>,
  selection?: Selection,
): Generator<Lane> {
  for (const page of order) {
    const spans: Span[] = [];
    for (let life = firstLife[page]; life < firstLife[page + 1]; life++) {
      const open = lives.end[life] < 0 && !(lives.marks[life] & LIFE.endUnseen);
      spans.push({ begin: lives.begin[life], end: lives.end[life], open });
    }
    const events: PageEvent[] = [];
    for (let at = index.starts[page]; at < index.starts[page + 1]; at++) {
      if (selection && !selection.fits(index.rows[at])) continue;
      const event = countedEvent(recording, index, counts, at, kernel);
      event.begins = spans.some(({ begin }) => begin === event.row);
      event.ends = spans.some(({ end }) => end === event.row);
      events.push(event);
    }
    yield { pfn: index.pages[page], kind: ranges.kindOf(index.pages[page]), spans, events };
  }
}

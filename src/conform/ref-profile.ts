// SPDX-License-Identifier: Apache-2.0
/**
 * Which functions moved the counts of a recording's pages, with which tracepoint and by how much: what a model of the kernel is held
 * against. The function is the first of the stack that is not the tracer's: where C inlined others into it, that is all there is to see.
 */
import { bareName } from '../spec/call-paths.js';
import { refTracepoint } from '../spec/ops.js';
import type { PageKind } from '../spec/rest.js';
import type { Recording } from '../trace/recording.js';
import { indexPages } from './page-index.js';
import type { RangeMap } from './ranges.js';
import type { Sites } from './sites.js';

export interface RefUse {
  kind: PageKind;
  function: string;
  /** `mod_unless`, as both event families end */
  tracepoint: string;
  /** `val` of the event: the change, or for stores and freezes the count */
  change: number;
  events: number;
  /** who called the function, and how often; most often first */
  callers: [name: string, events: number][];
}

/** The distinct uses of a recording, in the order in which they were met; events without a stack are none. */
export function refProfile(recording: Recording, ranges: RangeMap, sites: Sites): { uses: RefUse[]; bare: number } {
  const { events, kinds } = recording;
  const index = indexPages(recording);
  const tracepoints = kinds.map(({ name }) => refTracepoint(name));
  const byKey = new Map<string, { use: RefUse; callers: Map<string, number> }>();
  let bare = 0;
  for (let page = 0; page < index.pages.length; page++) {
    const kind = ranges.kindOf(index.pages[page]);
    for (let at = index.starts[page]; at < index.starts[page + 1]; at++) {
      const row = index.rows[at];
      const tracepoint = tracepoints[events.kind(row)];
      if (tracepoint === undefined) continue;
      const { frames } = sites.paths[sites.of(row)];
      if (frames.length === 0) {
        bare++;
        continue;
      }
      const change = events.val(row);
      const key = `${kind} ${frames[0]} ${tracepoint} ${change}`;
      let known = byKey.get(key);
      if (!known) {
        const use = { kind, function: bareName(frames[0]), tracepoint, change, events: 0, callers: [] };
        byKey.set(key, (known = { use, callers: new Map() }));
      }
      known.use.events++;
      const caller = bareName(frames[1] ?? '');
      known.callers.set(caller, (known.callers.get(caller) ?? 0) + 1);
    }
  }
  const uses = [...byKey.values()].map(({ use, callers }) => {
    return { ...use, callers: [...callers].sort((a, b) => b[1] - a[1]) };
  });
  return { uses, bare };
}

/** Functions that a stack of the recording shows, and so were not inlined where they stood. */
export function shownFunctions({ stacks }: Recording): Set<string> {
  const shown = new Set<string>();
  for (let stack = 0; stack < stacks.size; stack++)
    for (const frame of stacks.frames(stack)) shown.add(bareName(frame));
  for (const name of stacks.symbolNames?.() ?? []) shown.add(bareName(name));
  return shown;
}

// SPDX-License-Identifier: Apache-2.0
/** References by call path: how many each took and gave back, on which kind of page, and how many of its own are open at the end. */
import { bareName } from '../spec/call-paths.js';
import { insideKernel } from '../spec/entry-frames.js';
import type { KernelVersion } from '../spec/kernel-version.js';
import { OP, type Op, UNKNOWN } from '../spec/ops.js';
import { type PageKind, restRule } from '../spec/rest.js';
import type { Recording } from '../trace/recording.js';
import { Ledger } from './ledger.js';
import type { RangeMap } from './ranges.js';
import type { Sites } from './sites.js';
import type { LivesOf } from './summary.js';

export interface PathUse {
  kind: PageKind;
  /** the first function that is no wrapper around the count, empty without a stack */
  by: string;
  /** names without what compilers add, innermost first, as far as the kernel's entry; without a stack empty */
  path: readonly string[];
  events: number;
  /** operations that did nothing */
  failed: number;
  taken: number;
  given: number;
  /** references taken here that are open at the end, as far as puts could be matched to gets */
  open: number;
  pages: number;
}

/** Uses per call path and kind of page; only events that `fits` are counted. Most references first. */
export function pathUses(
  recording: Recording,
  lives: LivesOf,
  ranges: RangeMap,
  kernel: KernelVersion | undefined,
  sites: Sites,
  fits: (page: number, row: number) => boolean,
): PathUse[] {
  const { index, counts } = lives;
  const uses = new Uses(sites);
  const ledger = new Ledger(recording, index, counts, sites);
  for (let page = 0; page < index.pages.length; page++) {
    const rule = restRule(ranges.kindOf(index.pages[page]), kernel);
    if (rule) ledger.page(page, rule);
  }
  ledger.learn(false);
  for (let page = 0; page < index.pages.length; page++) {
    const kind = ranges.kindOf(index.pages[page]);
    const rule = restRule(kind, kernel);
    if (!rule) continue;
    let any = false;
    for (let at = index.starts[page]; at < index.starts[page + 1]; at++) {
      const row = index.rows[at];
      const op = index.effects.op[index.shapes[at]] as Op;
      if (op === OP.alloc || op === OP.free || !fits(page, row)) continue;
      any = true;
      const [before, after] = [counts.before[at], counts.after[at]];
      // a count that is stored where none was known is that of a page which nobody had
      const was = before === UNKNOWN && op === OP.set ? 0 : before;
      const moved = was === UNKNOWN || after === UNKNOWN ? 0 : after - was;
      const failed = (op === OP.modUnless || op === OP.freeze) && recording.events.ret(row) === 0;
      uses.add(kind, row, page, moved, failed);
    }
    if (!any) continue;
    ledger.page(page, rule, true);
    for (let at = 0; at < ledger.size; at++) {
      const row = ledger.rows[at];
      if (row >= 0 && fits(page, row)) uses.open(kind, row, ledger.amounts[at]);
    }
  }
  return uses.list();
}

/** The uses by kind and path; stacks that differ only outside of the kernel's entry are one path. */
class Uses {
  private readonly byKey = new Map<string, PathUse>();
  private readonly keyOfSite: string[] = [];
  private readonly lastPage = new Map<PathUse, number>();

  constructor(private readonly sites: Sites) {}

  add(kind: PageKind, row: number, page: number, moved: number, failed: boolean): void {
    const use = this.of(kind, row);
    use.events++;
    if (failed) use.failed++;
    if (moved > 0) use.taken += moved;
    else use.given -= moved;
    if (this.lastPage.get(use) === page) return;
    this.lastPage.set(use, page);
    use.pages++;
  }

  open(kind: PageKind, row: number, references: number): void {
    this.of(kind, row).open += references;
  }

  list(): PathUse[] {
    const moved = ({ taken, given }: PathUse) => taken + given;
    return [...this.byKey.values()].sort((a, b) => b.open - a.open || moved(b) - moved(a) || (a.by < b.by ? -1 : 1));
  }

  private of(kind: PageKind, row: number): PathUse {
    const site = this.sites.of(row);
    const key = `${kind} ${(this.keyOfSite[site] ??= this.pathOf(site).join('\n'))}`;
    let use = this.byKey.get(key);
    if (!use) {
      const by = bareName(this.sites.paths[site].holder);
      use = { kind, by, path: this.pathOf(site), events: 0, failed: 0, taken: 0, given: 0, open: 0, pages: 0 };
      this.byKey.set(key, use);
    }
    return use;
  }

  private pathOf(site: number): readonly string[] {
    return insideKernel(this.sites.paths[site].frames.map(bareName));
  }
}

// SPDX-License-Identifier: Apache-2.0
/**
 * Two recordings side by side, by what was found and by call path: never by page numbers or times, which differ from run to run.
 * Amounts are compared as rates, since one run may be longer than the other.
 */
import { bareName } from '../spec/call-paths.js';
import { insideKernel } from '../spec/entry-frames.js';
import type { PathUse } from './path-use.js';
import type { Suspect, Verdict } from './verdict.js';

/** A finding, told of in one of the recordings or in both. */
export interface FindingDiff {
  /** the stronger one, of B where both have it */
  suspect: Suspect;
  /** pages with it; 0 where that recording does not have it */
  pagesA: number;
  pagesB: number;
}

export interface UseDiff {
  kind: PathUse['kind'];
  by: string;
  path: readonly string[];
  takenA: number;
  takenB: number;
  givenA: number;
  givenB: number;
  openA: number;
  openB: number;
  /** operations (taken and given) for each second of the recording, or for each million of its events where time is in ticks */
  rateA: number;
  rateB: number;
  /** the difference cannot be chance: operations of a run vary by about their square root */
  differs: boolean;
}

/** so many standard deviations are no chance, and less than this factor is no news */
const DEVIATIONS = 4;
const FACTOR = 1.5;

const pathKey = (path: readonly string[]): string => insideKernel(path.map(bareName)).join('\n');

/** Findings by fault, kind of page and call path: those of B alone first, then of A alone, then of both. */
export function diffFindings(a: Verdict, b: Verdict): FindingDiff[] {
  const all = new Map<string, FindingDiff>();
  for (const [side, verdict] of [a, b].entries()) {
    for (const suspect of verdict.suspects) {
      const key = [suspect.fault, suspect.kind, bareName(suspect.site ?? ''), pathKey(suspect.path)].join(' ');
      let diff = all.get(key);
      if (!diff) all.set(key, (diff = { suspect, pagesA: 0, pagesB: 0 }));
      if (side === 0) diff.pagesA += suspect.count;
      else {
        diff.pagesB += suspect.count;
        diff.suspect = suspect;
      }
    }
  }
  const order = ({ pagesA, pagesB }: FindingDiff) => (pagesA === 0 ? 0 : pagesB === 0 ? 1 : 2);
  return [...all.values()].sort((x, y) => order(x) - order(y) || y.pagesB + y.pagesA - x.pagesB - x.pagesA);
}

/** Uses of both, those that differ first, device memory before ordinary, then by how much the rate does. @param lengthA, lengthB what rates are taken of, above 0 */
export function diffUses(a: readonly PathUse[], b: readonly PathUse[], lengthA: number, lengthB: number): UseDiff[] {
  const all = new Map<string, UseDiff>();
  for (const [side, uses] of [a, b].entries()) {
    for (const { kind, by, path, taken, given, open } of uses) {
      const key = `${kind} ${path.join('\n')}`;
      const found = all.get(key);
      const diff = found ?? { ...EMPTY, kind, by, path };
      if (!found) all.set(key, diff);
      if (side === 0) Object.assign(diff, { takenA: taken, givenA: given, openA: open });
      else Object.assign(diff, { takenB: taken, givenB: given, openB: open });
    }
  }
  for (const diff of all.values()) {
    const [inA, inB] = [diff.takenA + diff.givenA, diff.takenB + diff.givenB];
    diff.rateA = inA / lengthA;
    diff.rateB = inB / lengthB;
    diff.differs = isNews(inA, inB, lengthA / lengthB);
  }
  const moved = ({ rateA, rateB }: UseDiff) => Math.abs(rateB - rateA);
  const device = ({ kind }: UseDiff) => Number(kind !== 'ordinary');
  return [...all.values()].sort(
    (x, y) => Number(y.differs) - Number(x.differs) || device(y) - device(x) || moved(y) - moved(x),
  );
}

const EMPTY = { takenA: 0, takenB: 0, givenA: 0, givenB: 0, openA: 0, openB: 0, rateA: 0, rateB: 0, differs: false };

/** @param longer how many times longer A is */
function isNews(inA: number, inB: number, longer: number): boolean {
  const scaled = inB * longer;
  const deviation = Math.sqrt(inA + inB * longer * longer);
  if (Math.abs(scaled - inA) <= DEVIATIONS * deviation) return false;
  return Math.max(scaled, inA) >= FACTOR * Math.min(scaled, inA);
}

// SPDX-License-Identifier: Apache-2.0
/** A recording for other programs: its pages as lanes, those that are accused first, and where output goes without overwriting. */
import { open } from 'node:fs/promises';
import { InputError } from '../base/diagnostic.js';
import { type Lane, lanesOf } from '../conform/lanes.js';
import type { Narrow } from '../conform/select.js';
import { Sites } from '../conform/sites.js';
import { summarize } from '../conform/summary.js';
import { judge } from '../conform/verdict.js';
import type { OpenTrace } from './trace.js';
import { selectionOf } from './trace-narrow.js';

export interface Lanes {
  /** how many pages fit, and how many of them `lanes` gives */
  pages: number;
  given: number;
  lanes: Iterable<Lane>;
}

/**
 * The pages that fit, in the order of their first event; with a limit the accused ones first, then those with most events.
 * @throws InputError where nothing fits
 */
export function lanesFor(trace: OpenTrace, narrow: Narrow | undefined, limit = Number.POSITIVE_INFINITY): Lanes {
  const { recording, ranges, kernel } = trace;
  const lives = summarize(recording, ranges, kernel);
  const { index } = lives;
  const selection = narrow && selectionOf(trace, narrow, index, new Sites(recording));
  let order = Array.from(index.pages.keys()).filter((page) => selection?.chosen[page] !== 0);
  const pages = order.length;
  if (pages > limit) {
    const { suspects, weaker } = judge(recording, lives, ranges, kernel, selection?.chosen);
    const accused = new Set([...suspects, ...weaker].flatMap((suspect) => suspect.pages));
    const weight = (page: number) =>
      (accused.has(index.pages[page]) ? 2 ** 40 : 0) +
      (ranges.kindOf(index.pages[page]) === 'ordinary' ? 0 : 2 ** 36) +
      (index.starts[page + 1] - index.starts[page]);
    order = order.sort((a, b) => weight(b) - weight(a) || a - b).slice(0, limit);
  }
  return { pages, given: order.length, lanes: lanesOf(recording, lives, ranges, kernel, order, selection) };
}

/**
 * Writes pieces of text to a new file, or to one that is there with `force`.
 * @throws InputError RZ3030 for a file that is there, RZ3031 for one that cannot be written
 */
export async function writeOutput(path: string, pieces: Iterable<string>, force: boolean): Promise<void> {
  const file = await open(path, force ? 'w' : 'wx').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') {
      throw new InputError({ code: 'RZ3030', message: `${path} is there already`, hint: '--force overwrites it' });
    }
    throw new InputError({ code: 'RZ3031', message: `cannot write ${path}: ${error.message}` });
  });
  try {
    for (const piece of batches(pieces)) await file.write(piece);
  } catch (error) {
    throw new InputError({ code: 'RZ3031', message: `cannot write ${path}: ${(error as Error).message}` });
  } finally {
    await file.close();
  }
}

/** Pieces joined to at least 64 KiB each. */
export function* batches(pieces: Iterable<string>): Generator<string> {
  let batch: string[] = [];
  let size = 0;
  for (const piece of pieces) {
    batch.push(piece);
    size += piece.length;
    if (size < 1 << 16) continue;
    yield batch.join('');
    batch = [];
    size = 0;
  }
  if (size > 0) yield batch.join('');
}

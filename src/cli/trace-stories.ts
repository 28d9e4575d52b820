// SPDX-License-Identifier: Apache-2.0
/** Pages of equal lives as one line each, what a recording was narrowed to, and references by call path, as text. */
import type { TraceReport } from '../app/trace.js';
import type { PathUse } from '../conform/path-use.js';
import type { Story } from '../conform/stories.js';
import { count, grouped, hang, type Screen } from './terminal.js';
import { clean } from './trace-render.js';

type Step = Story['steps'][number];

/** @returns `label`, then at most `limit` stories, each one paragraph; [] where there are none */
export function storyLines(stories: readonly Story[], limit: number, { style, width }: Screen): string[] {
  if (stories.length === 0) return [];
  const lines = [style.bold('pages of equal lives')];
  for (const story of stories.slice(0, limit)) {
    lines.push(...hang(storyText(story), width - 2, 4).map((line) => `  ${line}`));
  }
  const rest = stories.slice(limit);
  if (rest.length > 0) {
    const pages = rest.reduce((sum, story) => sum + story.pages, 0);
    const more = `${count(pages, 'page')} with ${rest.length === 1 ? 'another story' : `${grouped(rest.length)} other stories`}`;
    lines.push(...hang(`${more}: --limit ${limit + rest.length} shows all`, width - 2, 4).map((line) => `  ${line}`));
  }
  return lines;
}

/** `4,096 fsdax pages, same story: +1 iomap_dio_bio_iter, -1 bio_release_pages; 2 lives each, ended (0x40000 …)` */
function storyText({ kind, pages, first, lives, open, count: held, steps, more }: Story): string {
  const who = pages === 1 ? `1 ${kind} page` : `${grouped(pages)} ${kind} pages, same story`;
  const told = steps.map(stepText).join(', ') + (more > 0 ? `, and ${count(more, 'step')} more` : '');
  const each = lives / pages;
  const how =
    lives === pages ? 'one life' : Number.isInteger(each) ? `${grouped(each)} lives` : `${each.toFixed(1)} lives`;
  const often = lives === 0 ? '' : `${how}${pages === 1 ? '' : ' each'}, `;
  const state = lives === 0 ? 'no life' : !open ? 'ended' : held === null ? 'open' : `open, counting ${held}`;
  const which = first.map((pfn) => `0x${pfn.toString(16)}`).slice(0, 3);
  return `${who}: ${told}; ${often}${state} (${which.join(' ')}${pages > which.length ? ' ...' : ''})`;
}

/** `+1 get_user_pages`; stores say what they store */
function stepText({ op, val, failed, by, repeated }: Step): string {
  const moved = `${val >= 0 ? '+' : ''}${val}`;
  const what = op === 'move' ? moved : op === 'alloc' || op === 'free' ? op : `${op} ${val}`;
  return `${what}${failed ? ' failed' : ''}${by === '' ? '' : ` ${clean(by)}`}${repeated ? ' (repeated)' : ''}`;
}

/** @returns what a narrowed report is about, one paragraph */
export function narrowedLines(report: TraceReport, asked: string, { style, width }: Screen): string[] {
  if (!report.narrowed) return [];
  const { events, pages } = report.narrowed;
  const text = `narrowed to ${clean(asked)}: ${count(events, 'event')} of ${count(pages, 'page')}`;
  return hang(`${text}; verdict and stories are those of these pages`, width, 9).map(style.bold);
}

/** @returns a table of references by call path, at most `limit`; [] where it was not narrowed */
export function pathLines(paths: readonly PathUse[], limit: number, { style, width }: Screen): string[] {
  if (paths.length === 0) return [];
  const head = `${'taken'.padStart(9)}${'given'.padStart(9)}${'open'.padStart(7)}${'pages'.padStart(8)}`;
  const lines = [style.bold(`references by call path\n${head}  kind and call path`)];
  for (const { kind, taken, given, open, pages, path, failed } of paths.slice(0, limit)) {
    const numbers = [grouped(taken).padStart(9), grouped(given).padStart(9), grouped(open).padStart(7)].join('');
    const where = path.length === 0 ? '(no stack)' : path.map(clean).join(' < ');
    const tried = failed > 0 ? `; ${grouped(failed)} failed` : '';
    const text = hang(`${kind} ${where}${tried}`, width - 35, 2);
    const indent = ' '.repeat(35);
    lines.push(`${numbers}${grouped(pages).padStart(8)}  ${text[0]}`, ...text.slice(1).map((line) => indent + line));
  }
  if (paths.length > limit)
    lines.push(`  ${count(paths.length - limit, 'path')} more: --limit ${paths.length} shows all`);
  return lines.flatMap((line) => line.split('\n'));
}

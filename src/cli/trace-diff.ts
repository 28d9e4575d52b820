// SPDX-License-Identifier: Apache-2.0
/** `refzero trace diff A B` as text: what only one of them leaks, and which call paths move references more often or less. */
import type { SideSummary, TraceDiff } from '../app/trace-diff.js';
import { count, grouped, hang, type Screen } from './terminal.js';
import { clean } from './trace-render.js';
import { headline } from './trace-verdict.js';

/** @param limit at most so many call paths; @returns text ended by a newline */
export function renderDiff(diff: TraceDiff, limit: number, screen: Screen): string {
  return `${[...sideLines('A', diff.a, screen), ...sideLines('B', diff.b, screen), '', ...findingLines(diff, screen), '', ...useLines(diff, limit, screen)].join('\n')}\n`;
}

function sideLines(
  name: string,
  { file, kernel, events, duration, unit, pages, stacks, lossy }: SideSummary,
  { width }: Screen,
): string[] {
  const length = unit === 'ns' ? ` in ${(duration / 1e9).toFixed(3)} s` : '';
  const more = `${stacks ? '' : '; no stacks'}${lossy ? '; events were lost' : ''}`;
  const what = `Linux ${kernel === null ? 'of unknown release' : clean(kernel)}, ${count(events, 'event')}${length}, ${count(pages, 'page')}${more}`;
  return hang(`${name}  ${clean(file)}: ${what}`, width, 3);
}

function findingLines({ findings }: TraceDiff, { style, width }: Screen): string[] {
  const news = findings.filter(({ pagesA }) => pagesA === 0).length;
  const gone = findings.filter(({ pagesB }) => pagesB === 0).length;
  const both = findings.length - news - gone;
  if (findings.length === 0) return [style.good('verdict: nobody is accused in either')];
  const parts = [`${count(news, 'finding')} only in B`, `${gone} only in A`, `${both} in both`];
  const lines = [(news > 0 ? style.bad : style.good)(`verdict: ${parts.join(', ')}`)];
  for (const { suspect, pagesA, pagesB } of findings) {
    const where = pagesA === 0 ? 'only in B' : pagesB === 0 ? 'only in A' : 'in both';
    const pages = pagesA > 0 && pagesB > 0 ? ` (${grouped(pagesA)} -> ${count(pagesB, 'page')})` : '';
    lines.push('', ...hang(`${where}: ${suspect.confidence}: ${headline(suspect)}${pages}`, width, 2));
    if (suspect.path.length === 0) continue;
    lines.push(...hang(`at ${suspect.path.map(clean).join(' < ')}`, width - 2, 2).map((line) => `  ${line}`));
  }
  return lines;
}

function useLines({ uses, per, a, b }: TraceDiff, limit: number, { style, width }: Screen): string[] {
  const differ = uses.filter(({ differs }) => differs);
  const paths = a.stacks && b.stacks ? 'call path' : 'kind of page';
  const same = uses.length - differ.length;
  const head = `references moved per ${per}, by ${paths}: ${grouped(differ.length)} differ, ${grouped(same)} as before`;
  const lines = hang(head, width, 2).map(style.bold);
  if (differ.length === 0) return lines;
  lines.push(`${'A'.padStart(10)}${'B'.padStart(10)}${'open A, B'.padStart(12)}  kind and call path`);
  for (const { rateA, rateB, openA, openB, kind, path } of differ.slice(0, limit)) {
    const numbers = `${rate(rateA).padStart(10)}${rate(rateB).padStart(10)}${`${grouped(openA)}, ${grouped(openB)}`.padStart(12)}`;
    const [first, ...rest] = hang(`${kind} ${path.map(clean).join(' < ') || '(no stack)'}`, width - 34, 2);
    lines.push(`${numbers}  ${first}`, ...rest.map((line) => `${' '.repeat(34)}${line}`));
  }
  if (differ.length > limit)
    lines.push(`  ${count(differ.length - limit, 'path')} more: --limit ${differ.length} shows all`);
  return lines;
}

const rate = (value: number): string => {
  if (value === 0) return '-';
  return value >= 100 ? grouped(Math.round(value)) : value.toPrecision(2);
};

// SPDX-License-Identifier: Apache-2.0
/** `refzero trace fidelity`: the figures and the list of what src/linux does not do yet, as text or Markdown. */
import type { FidelityTotals, FidelityUse, KernelFidelity, Standing } from '../app/fidelity.js';
import { count, grouped, hang, type Screen } from './terminal.js';
import { clean } from './trace-render.js';

const WHY: Record<Exclude<Standing, 'yes'>, string> = {
  absent: 'not there',
  otherwise: 'does not do this',
  foreign: 'not Linux',
};

/** @returns the figures of each kernel and, heaviest first, at most `limit` uses that are missing; ended by a newline */
export function renderFidelity(kernels: readonly KernelFidelity[], limit: number, screen: Screen): string {
  return `${kernels.map((kernel) => kernelLines(kernel, limit, screen).join('\n')).join('\n\n')}\n`;
}

function kernelLines(kernel: KernelFidelity, limit: number, { style, width }: Screen): string[] {
  const { release, model, recordings, skipped, totals, uses } = kernel;
  const lines = [
    style.bold(`Linux ${release} against src/linux as ${model}: ${count(recordings.length, 'recording')}`),
    ...skipped.flatMap(({ file, why }) =>
      hang(`left out: ${clean(file)}: ${why}`, width - 2, 2).map((line) => `  ${line}`),
    ),
    `${'pages'.padEnd(10)}${'distinct'.padStart(10)}${'done'.padStart(14)}${'events'.padStart(14)}${'done'.padStart(18)}`,
    ...totals.map((total) => totalLine(total)),
  ];
  const { shown, rest } = missingOf(uses, limit);
  if (shown.length === 0) return lines;
  lines.push('', style.bold('not done yet: device memory, then ordinary pages, heaviest first'));
  for (const use of shown) {
    const head = `${grouped(use.events).padStart(9)} ${use.kind.padEnd(9)}`;
    const [first, ...rest] = hang(useText(use), width - head.length - 1, 2);
    lines.push(`${head} ${first}`, ...rest.map((line) => `${' '.repeat(head.length + 1)}${line}`));
  }
  if (rest > 0) lines.push(`  ${count(rest, 'use')} more of ordinary pages: --limit ${limit + rest} shows all`);
  return lines;
}

/** All that is missing on device memory, and what is heaviest on ordinary pages. */
function missingOf(uses: readonly FidelityUse[], limit: number): { shown: FidelityUse[]; rest: number } {
  const missing = uses.filter(({ standing }) => standing === 'absent' || standing === 'otherwise');
  const ordinary = missing.filter(({ kind }) => kind === 'ordinary');
  const shown = [...missing.filter(({ kind }) => kind !== 'ordinary'), ...ordinary.slice(0, limit)];
  return { shown, rest: missing.length - shown.length };
}

function totalLine({ kind, distinct, yes, events, yesEvents }: FidelityTotals): string {
  const share = (part: number, whole: number) => `${grouped(part)} (${percent(part, whole)})`;
  return [
    kind.padEnd(10),
    grouped(distinct).padStart(10),
    share(yes, distinct).padStart(14),
    grouped(events).padStart(14),
    share(yesEvents, events).padStart(18),
  ].join('');
}

/** Never 100 % where something is missing. */
function percent(part: number, whole: number): string {
  if (whole === 0) return '-';
  const value = (part / whole) * 100;
  return part === whole ? '100 %' : `${Math.min(99.9, value).toFixed(value < 99 ? 0 : 1)} %`;
}

function useText({ function: name, tracepoint, change, caller, standing }: FidelityUse): string {
  const why = standing === 'yes' ? '' : `: ${WHY[standing]}`;
  return `${clean(name)} ${tracepoint} ${change > 0 ? '+' : ''}${change}${caller === '' ? '' : ` < ${clean(caller)}`}${why}`;
}

/** @returns the same as Markdown: a table of figures, and for each kernel the list; ended by a newline */
export function fidelityMarkdown(kernels: readonly KernelFidelity[], limit: number): string {
  const figures = kernels.flatMap(({ release, model, totals }) => {
    return totals.map(({ kind, distinct, yes, events, yesEvents }) => {
      const shares = `${grouped(distinct)} | ${grouped(yes)} (${percent(yes, distinct)}) | ${grouped(events)} | ${percent(yesEvents, events)}`;
      return `| ${release} | ${model} | ${kind} | ${shares} |`;
    });
  });
  const head = ['| kernel | held against | pages | distinct | done | events | done |', '|---|---|---|---|---|---|---|'];
  const lists = kernels.flatMap(({ release, uses }) => {
    const { shown, rest } = missingOf(uses, limit);
    if (shown.length === 0) return [];
    const rows = shown.map(({ function: name, tracepoint, change, caller, ...use }) => {
      const why = use.standing === 'absent' ? WHY.absent : WHY.otherwise;
      return `| ${grouped(use.events)} | ${use.kind} | \`${name}\` | ${tracepoint} ${change} | \`${caller}\` | ${why} |`;
    });
    return [
      '',
      `### ${release}`,
      '',
      '| events | pages | function | tracepoint, change | called by | src/linux |',
      '|---|---|---|---|---|---|',
      ...rows,
      ...(rest > 0 ? ['', `And ${grouped(rest)} more of ordinary pages, of fewer events each.`] : []),
    ];
  });
  return `${[...head, ...figures, ...lists].join('\n')}\n`;
}

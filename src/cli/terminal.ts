// SPDX-License-Identifier: Apache-2.0
/**
 * What is known of the place that output goes to: its width, whether it shows colours, and how to lay text in it.
 *
 * Not here: what is said (render*.ts, table.ts, errors.ts).
 */

/** Turns a text into the same text in a colour or weight; the identity where colours are off. */
export type Paint = (text: string) => string;

export interface Style {
  bold: Paint;
  dim: Paint;
  good: Paint;
  bad: Paint;
  warn: Paint;
  /** one of a few colours that are told apart well, the same for the same number */
  series(index: number): Paint;
}

export interface Screen {
  /** columns that may be used */
  width: number;
  style: Style;
}

const ESCAPE = '\u001b[';
/** control characters but for line ends and tabs, formats such as the turn of direction, and, to be let through, colours */
const UNPRINTABLE = /\p{Cc}\[[0-9;]*m|[^\P{Cc}\n\t]|[\p{Cf}\p{Zl}\p{Zp}]/gu;
const SERIES = [36, 35, 33, 34, 32, 96, 95];

const plain: Paint = (text) => text;

function code(open: string): Paint {
  return (text) => (text === '' ? '' : `${ESCAPE}${open}m${text}${ESCAPE}0m`);
}

export const PLAIN: Style = { bold: plain, dim: plain, good: plain, bad: plain, warn: plain, series: () => plain };

export const COLOURED: Style = {
  bold: code('1'),
  dim: code('2'),
  good: code('32'),
  bad: code('1;31'),
  warn: code('33'),
  series: (index) => code(String(SERIES[index % SERIES.length])),
};

/** The part of a tty.WriteStream that is looked at. */
export interface OutputStream {
  isTTY?: boolean;
  columns?: number;
}

/** @returns plain text at 80 columns for a file or pipe; the terminal's width (60 to 120) and colours otherwise */
export function screenOf(stream: OutputStream, env: Record<string, string | undefined>): Screen {
  if (stream.isTTY !== true) return { width: 80, style: env.FORCE_COLOR ? COLOURED : PLAIN };
  const width = Math.min(120, Math.max(60, stream.columns ?? 80));
  return { width, style: env.NO_COLOR || env.TERM === 'dumb' ? PLAIN : COLOURED };
}

/**
 * @returns lines of at most `width` characters, broken at spaces; a word that is longer than that stands alone.
 * `text` carries no colours.
 */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines;
}

/** `wrap`, with every line after the first indented by `indent` spaces more than the first. */
export function hang(text: string, width: number, indent: number): string[] {
  const [first, ...rest] = wrap(text, width);
  if (rest.length === 0) return [first];
  const others = wrap(text.slice(first.length + 1), width - indent);
  return [first, ...others.map((line) => ' '.repeat(indent) + line)];
}

/**
 * @returns the text without control characters, but for line ends, tabs and colours, and without what turns the direction of
 * writing: a scenario from a stranger must not drive the terminal
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (match) => (match.startsWith(ESCAPE) ? match : '?'));
}

/** @returns 1234567 as `1,234,567` */
export function grouped(value: number): string {
  return value.toString().replace(/\B(?=(\d{3})+$)/g, ',');
}

/** @returns a count in at most five characters: 1234 as `1234`, 12345 as `12.3k`, 1234567 as `1.23M` */
export function short(value: number): string {
  if (value < 10_000) return value.toString();
  const [scaled, unit] = value < 1e6 ? [value / 1e3, 'k'] : value < 1e9 ? [value / 1e6, 'M'] : [value / 1e9, 'G'];
  return `${scaled < 10 ? scaled.toFixed(2) : scaled < 100 ? scaled.toFixed(1) : scaled.toFixed(0)}${unit}`;
}

/** @returns seconds in at most five characters and their unit: `0.04s`, `3.2s`, `128s` */
export function seconds(value: number): string {
  return `${value < 1 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0)}s`;
}

/** @returns a size as `512 KiB`, `96 MiB`, `12.0 GiB` */
export function bytes(value: number): string {
  if (value < 2 ** 20) return `${Math.ceil(value / 2 ** 10)} KiB`;
  return value < 2 ** 30 ? `${Math.round(value / 2 ** 20)} MiB` : `${(value / 2 ** 30).toFixed(1)} GiB`;
}

/** @returns `1 state`, `2 states` */
export function count(value: number, noun: string): string {
  return `${grouped(value)} ${noun}${value === 1 ? '' : 's'}`;
}

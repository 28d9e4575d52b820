// SPDX-License-Identifier: Apache-2.0
/**
 * Documents whose commands are executed. A block ```console holds commands, each after `$ `, and below each what it
 * prints; a line `…` there stands for any lines. What differs from machine to machine (times, rates, threads, column widths) is
 * masked on both sides. A block ```ts is a program; a block ```text right after it is what that prints.
 */

export interface Command {
  line: number;
  command: string;
  /** what the document says it prints; undefined where it says nothing */
  printed?: string;
}

export interface Program {
  line: number;
  text: string;
  printed?: string;
}

interface Block {
  language: string;
  line: number;
  text: string;
  /** whether it stands right after the block before it, with nothing but empty lines between */
  follows: boolean;
}

function blocksOf(document: string): Block[] {
  const blocks: Block[] = [];
  const fences = /^```(\w*)\n([\s\S]*?)^```$/gm;
  let end = 0;
  for (let match = fences.exec(document); match; match = fences.exec(document)) {
    const line = document.slice(0, match.index).split('\n').length + 1;
    const follows = blocks.length > 0 && document.slice(end, match.index).trim() === '';
    blocks.push({ language: match[1], line, text: match[2], follows });
    end = fences.lastIndex;
  }
  return blocks;
}

/** @returns every command of the document's console blocks */
export function commandsIn(document: string): Command[] {
  return blocksOf(document)
    .filter(({ language }) => language === 'console')
    .flatMap(({ text, line }) => {
      const commands: Command[] = [];
      text.split('\n').forEach((content, index) => {
        const last = commands.at(-1);
        if (content.startsWith('$ ')) commands.push({ line: line + index, command: content.slice(2) });
        else if (last && (last.printed !== undefined || content !== ''))
          last.printed = last.printed === undefined ? content : `${last.printed}\n${content}`;
      });
      return commands;
    });
}

/** @returns every program of the document */
export function programsIn(document: string): Program[] {
  const blocks = blocksOf(document);
  return blocks.flatMap(({ language, line, text }, index) => {
    if (language !== 'ts') return [];
    const next = blocks[index + 1];
    return [{ line, text, ...(next?.follows && next.language === 'text' && { printed: next.text }) }];
  });
}

/** @returns the lines that are the same on every machine, for comparison */
export function masked(text: string): string[] {
  const lines = text.split('\n').map((line) =>
    line
      .replace(/\b\d[\d,.]*\s?(ns|µs|ms|s|seconds?)\b/g, 'TIME')
      .replace(/\b\d[\d,.]*\s?[kMG]?\/s\b/g, 'RATE')
      .replace(/\b\d+ threads?\b/g, 'THREADS')
      .replace(/\s+/g, ' ')
      .trim(),
  );
  while (lines.at(-1) === '') lines.pop();
  return lines;
}

/** @returns the first expected line that the output does not have in its place, or undefined where all agree */
export function firstDifference(expected: string, actual: string): { expected: string; actual: string } | undefined {
  const [want, have] = [masked(expected), masked(actual)];
  let at = 0;
  for (let index = 0; index < want.length; index++) {
    if (want[index] === '…') {
      const next = want[index + 1];
      if (next === undefined) return undefined;
      const found = have.indexOf(next, at);
      if (found < 0) return { expected: next, actual: have.slice(at).join('\n') };
      at = found;
    } else if (want[index] !== have[at++]) {
      return { expected: want[index], actual: have[at - 1] ?? '(nothing more)' };
    }
  }
  return at < have.length ? { expected: '(nothing more)', actual: have[at] } : undefined;
}

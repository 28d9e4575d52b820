// SPDX-License-Identifier: Apache-2.0
/** Who is gone, where births and exits of tasks were recorded: a page that a task took is a leak only then. */
import { expect, it } from 'vitest';
import { parseKernelVersion } from '../spec/kernel-version.js';
import { readRecording } from '../trace/read.js';
import { RangeMap } from './ranges.js';
import { summarize } from './summary.js';
import { judge } from './verdict.js';

const CODECS = { zstd: () => undefined, zlib: () => undefined };
const kernel = parseKernelVersion('6.12');
const ranges = new RangeMap([{ first: 0x40000, last: 0x4ffff, kind: 'fsdax' }]);

/** Events as `comm-pid event`, a millisecond apart. @returns the pages that somebody is accused of */
function accused(...events: string[]): number[] {
  const line = (event: string, at: number) => {
    const [, task, body] = /^(\S+) (.*)$/.exec(event) ?? [];
    const stack = body.startsWith('page_ref')
      ? `${task} [000] .....     1.${String(100000 + at)}: <stack trace>\n => taker\n`
      : '';
    return `${task} [000] .....     1.${String(100000 + at)}: ${body}\n${stack}`;
  };
  const recording = readRecording(new TextEncoder().encode(events.map(line).join('')), CODECS);
  expect(recording.diagnostics).toEqual([]);
  return judge(recording, summarize(recording, ranges, kernel), ranges, kernel).suspects.flatMap(({ pages }) => pages);
}

const TAKES = 'page_ref_mod: pfn=0x40001 flags= count=2 mapcount=0 mapping=0 mt=0 val=1';
const born = (pid: number, flags: string) => `task_newtask: pid=${pid} comm=x clone_flags=${flags} oom_score_adj=0`;
const PROCESS = '1200000';
const THREAD = '3d0f00';
const exits = (pid: number) => `x-${pid} sched_process_exit: comm=x pid=${pid} prio=120`;

it.each<[string, string[], number[]]>([
  ['the process was born, took and exited', [`sh-1 ${born(20, PROCESS)}`, `x-20 ${TAKES}`, exits(20)], [0x40001]],
  ['it still runs', [`sh-1 ${born(20, PROCESS)}`, `x-20 ${TAKES}`], []],
  ['it was there before: a thread may be left', [`sh-1 ${born(9, PROCESS)}`, `x-20 ${TAKES}`, exits(20)], []],
  [
    'a thread of it still runs',
    [`sh-1 ${born(20, PROCESS)}`, `x-20 ${born(21, THREAD)}`, `x-21 ${TAKES}`, exits(21)],
    [],
  ],
  [
    'all its threads exited',
    [`sh-1 ${born(20, PROCESS)}`, `x-20 ${born(21, THREAD)}`, `x-21 ${TAKES}`, exits(20), exits(21)],
    [0x40001],
  ],
  [
    'its number was given to another',
    [`sh-1 ${born(20, PROCESS)}`, exits(20), `sh-1 ${born(20, PROCESS)}`, `x-20 ${TAKES}`],
    [],
  ],
])('%s', (_, events, pages) => {
  expect(accused(...events)).toEqual(pages);
});
